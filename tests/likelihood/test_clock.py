"""Coordinates and times of rollouts, and coefficients that depend on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch

from pdenet.boundary import Open, Periodic
from pdenet.grid import Grid
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.fit.stability import closer, lost, speeds, steps_for
from pdenet.likelihood.refine import refine
from pdenet.likelihood.states.clock import Clock
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.spectral.window import Window

X, T = sympy.symbols("x t", real=True)
GRID = Grid((8,), (2 * math.pi,))


def test_functions_of_time_are_those_of_every_trajectory() -> None:
    clock = Clock.of(GRID, None, torch.tensor([0.0, 3.0], dtype=torch.float64), 0.5, 4)
    x = torch.from_numpy(GRID.coordinates()[0])
    wave = sympy.sin(X - T)
    found = clock.bases([wave, T**2], (2, 0.5))
    torch.testing.assert_close(found[wave], torch.stack([torch.sin(x - t) for t in (1.25, 4.25)]))
    torch.testing.assert_close(found[T**2].flatten(), clock.start.new_tensor([1.25**2, 4.25**2]))
    assert clock.part(slice(1, 2)).bases([T], (0, 0.0))[T].item() == 3.0
    assert clock.twice().bases([T], (0, 0.0))[T].flatten().tolist() == [0.0, 3.0, 0.0, 3.0]
    assert clock.to(x.float()).bases([wave], (0, 0.0))[wave].dtype == torch.float32
    at = clock.bases_at([wave], torch.tensor([0.1], dtype=torch.float64))[wave]
    torch.testing.assert_close(at[0], torch.sin(x - 0.1))


def test_a_window_of_frames_begins_when_it_does(small: Callable[..., object]) -> None:
    """The second half of a rollout, from its own state on, is the same."""
    problem = small("u_t = cos(3*t)*u_x + t*u", n=2, dt=0.1)
    whole = problem.dynamics.rollout(problem.starts, problem.coefficients, 5)
    clock = replace(problem.dynamics.clock, start=torch.full((2,), 0.2, dtype=torch.float64))
    later = replace(problem.dynamics, clock=clock)
    half = later.rollout(whole[:, 2], problem.coefficients, 3)
    torch.testing.assert_close(half, whole[:, 2:])


def test_coordinates_of_a_box_are_those_of_its_window_and_repeat_themselves_smoothly() -> None:
    pde, grid = PDE("u_t = u_xx"), Grid((40, 16), (3.9, 2.0), (5.0, 0.0), (True, False))
    ends = ((Open(), Open()), (Periodic(), Periodic()))
    window = Window.of(Problem(None, grid, ends, pde.fields))
    assert window is not None
    x, y = window.mesh(window.box.refine(4))
    assert np.allclose(x[: 4 * 39 + 1 : 4, 0], grid.coordinates()[0])
    assert np.allclose(y, window.box.refine(4).mesh()[1])
    around = np.concatenate([x[:, 0], x[:9, 0]])
    steps = np.diff(around) / (around[1] - around[0])
    assert np.abs(np.diff(steps)).max() < 0.5  # no jump, and no jump of the slope
    assert x.min() > 4.85 and x.max() < 9.05  # hardly beyond the window


@pytest.mark.filterwarnings("ignore")
def test_steps_are_asked_of_the_time_at_which_they_are_needed(small: Callable[..., object]) -> None:
    """A speed that grows with time asks for more steps than its first value."""
    problem = small("u_t = 40*t*u_x", n=1, dt=0.5)
    clock = replace(problem.dynamics.clock, frames=9)
    dynamics, theta = replace(problem.dynamics, clock=clock), problem.coefficients
    first, last = (speeds(dynamics, problem.starts, (n, 0.0), theta.tolist()) for n in (0, 8))
    assert first == [0.0]
    assert last[0] == pytest.approx(40 * 4 * 15)
    steps = steps_for(dynamics, problem.starts, theta, torch.ones(1, dtype=torch.float64))
    assert steps[0] >= 40 * 4 * 15 * 0.5 / 2.8
    assert lost(dynamics.in_steps((1,)), problem.starts, theta, 300) == [True]
    assert lost(dynamics.in_steps(steps), problem.starts, theta, 3) == [False]
    assert [closer(ratio) for ratio in (1.1, 16.0, 17.0, 1e30)] == [2, 2, 4, 8]


@pytest.mark.slow
def test_known_functions_of_time_are_fitted(small: Callable[..., object]) -> None:
    """Of a trajectory that is cut into windows too."""
    problem = small("u_t = -0.8*cos(2*t)*u_x + 0.1*u_xx + 0.5*sin(x)", n=4, dt=0.1)
    data = problem.data(17, 0.01)
    begun = PDE("u_t = -0.7*cos(2*t)*u_x + 0.12*u_xx + 0.4*sin(x)")
    found = refine(begun, data, problem.problem, 0.1, RefineConfig(choose=False, workers=1))
    for term, truth in problem.pde.numeric_terms()["u"].items():
        name = term * next(iter(found.pde.expansions()["u"][term]))
        value = float(next(iter(found.pde.expansions()["u"][term].values())))
        true = float(next(iter(problem.pde.expansions()["u"][term].values())))
        assert abs(value - true) < 4 * found.stderr["u"][name], (truth, value)
