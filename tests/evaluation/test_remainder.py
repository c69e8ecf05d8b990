"""What terms weigh in data, and what stands in a network, against numbers that are known."""

import logging
import math

import numpy as np
import pytest
import torch

from pdenet.boundary import Dirichlet
from pdenet.evaluation.remainder import (
    dropped_weights,
    kept_weights,
    network_coefficients,
    with_shares,
)
from pdenet.events import TermDropped
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.readout import assign
from pdenet.results import DiscoveredEquation
from pdenet.storage import create, open_data
from pdenet.training.progress import Progress
from pdenet.training.run import Run, network_for, read_run

WAVE = PDE("u_t = -0.5*u_x + 0.25*u*u_x + 0.2*cos(x)*u_xx", coordinates=("x",))


def file_of(path, problem, states, dt=0.01):
    times = dt * np.arange(states.shape[1])
    with create(path, problem, trajectories=len(states), times=times, metadata={}) as writer:
        writer.append(states)
    return path


@pytest.fixture
def wave(tmp_path):
    """u = sin(x - t) at 64 points: every r.m.s. is known."""
    grid = Grid.square(64, 1)
    times = 0.01 * np.arange(9)
    states = np.sin(grid.mesh()[0] - times[:, None])[None, :, None].repeat(5, axis=0)
    return file_of(tmp_path / "wave.h5", Problem.periodic(WAVE, grid), states)


def test_shares_of_a_wave(wave):
    with open_data(wave) as data:
        weighed = {str(w.monomial): w.share for w in with_shares(kept_weights(WAVE), data)}
    # r.m.s.: u_x 1/√2, u u_x = sin(2 (x - t))/2 1/√8, and u_t 1/√2; cos(x) sin(x - t) at t ≈ 0.
    assert weighed["u_x"] == pytest.approx(0.5, rel=1e-3)
    assert weighed["u*u_x"] == pytest.approx(0.25 / 2, rel=1e-3)
    assert weighed["u_xx*cos(x)"] == pytest.approx(0.2 / 2, rel=0.02)


def test_shares_between_walls_are_those_inside(tmp_path):
    """u = exp(t) (1 - x²) is no periodic function: at the walls the differences would be wild."""
    grid = Grid((65,), (2.0,), origin=(-1.0,), endpoint=True)
    times = 0.01 * np.arange(5)
    (x,) = grid.mesh()
    states = (np.exp(times)[:, None] * (1 - x**2))[None, :, None].repeat(5, axis=0)
    pde = PDE("u_t = 0.5*u_xx + u")
    path = file_of(
        tmp_path / "walls.h5", Problem(pde, grid, ((Dirichlet(), Dirichlet()),), ("u",)), states
    )
    with open_data(path) as data:
        shares = {str(w.monomial): w.share for w in with_shares(kept_weights(pde), data)}
    rate = math.sqrt(np.square(1 - x**2).mean())
    assert shares["u_xx"] == pytest.approx(0.5 * 2 / rate, rel=0.01)


def test_data_that_rest_have_no_shares(tmp_path):
    states = np.ones((5, 4, 1, 16))
    path = file_of(tmp_path / "rest.h5", Problem.periodic(WAVE, Grid.square(16, 1)), states)
    with open_data(path) as data:
        weights = with_shares(kept_weights(PDE("u_t = 3*u^2")), data)
    assert [weight.share for weight in weights] == [None]


def dropped(field, text, coefficient):
    return TermDropped(field, text, coefficient, 0.1, "small")


def test_dropped_terms_are_read_and_what_cannot_be_read_is_told(caplog):
    pde = PDE("u_t = u_x", "v_t = v_x")
    events = (
        dropped("u", "u**2*v_x", 0.5),
        dropped("v", "u_x", -2.0),
        dropped("v", "what is this", 1.0),
        dropped("u", "v", 0.0),
        dropped("u", "sin(x)*u_x", 1e-300),
    )
    with caplog.at_level(logging.WARNING):
        found = dropped_weights(DiscoveredEquation(pde, {}, events))
    assert [(w.field, str(w.monomial), w.value) for w in found] == [
        *(("u", "u**2*v_x", 0.5), ("v", "u_x", -2.0), ("u", "u_x*sin(x)", 1e-300)),
    ]
    assert len(caplog.records) == 1


def test_coefficients_are_those_in_the_weights(trained, data):
    """A network that was set to an equation says that equation."""
    pde = PDE("u_t = 0.125*u_xx - 0.75*u_x")
    current = read_run(trained)
    with open_data(data) as opened:
        generator = torch.Generator().manual_seed(0)
        model = network_for(opened, current.config, generator)
        assign(model.symnet, model.filters.jets, pde)
        own = Run(trained.parent / "assigned", current.config, current.data)
        own.folder.mkdir()
        (own.folder / "config.json").write_text((trained / "config.json").read_text())
        own.save(model, generator, lambda event: None)(Progress())
        found = network_coefficients(own.folder, opened, opened.problem.pde)
    assert {str(m): value for m, value in found["u"].items()} == pytest.approx(
        {"u_x": -0.75, "u_xx": 0.125}
    )
