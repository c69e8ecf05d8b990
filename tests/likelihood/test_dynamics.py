"""Rollouts, their derivatives and the transposes of these."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.likelihood.fit.stability import steps_for
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.likelihood.states.linearised import Linearised
from pdenet.pde import PDE
from pdenet.spectral.waves import Waves

EQUATIONS = {
    "burgers": ("u_t = -u*u_x + 0.1*u_xx",),
    "linear": ("u_t = -0.7*u_x + 0.05*u_xx - 0.01*u_xxx",),
    "system": ("u_t = -u*u_x + 0.1*v_xx + u*v", "v_t = 0.1*v_xx - u_x**2 + v - v**3"),
    "function": ("u_t = 0.1*u_xx + sin(u)*u_x",),
    "varying": ("u_t = cos(x)*u_x + 0.3*sin(2*x)*u_x + 0.1*u_xx",),
    "in time": ("u_t = 0.05*cos(5*t)*u_xx + 0.1*u_xx + sin(x - t)*u**2 + exp(-t)*cos(x)",),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_tangent_is_the_derivative_and_the_adjoint_its_transpose(
    small: Callable[..., object], name: str
) -> None:
    problem = small(*EQUATIONS[name], n=2)
    dynamics, theta, start = problem.dynamics, problem.coefficients, problem.starts
    line = Linearised.of(dynamics, start, theta, 4)
    generator = torch.Generator().manual_seed(2)
    fields, waves = start.shape[1], dynamics.waves
    x = waves.modes(torch.randn((2, 3, fields, 32), generator=generator, dtype=torch.float64))
    y = waves.modes(torch.randn((2, 3, 4, fields, 32), generator=generator, dtype=torch.float64))
    moved = line.tangent(x)
    step = 1e-5
    found = dynamics.rollout(start + step * x[:, 0], theta, 4)
    found = (found - dynamics.rollout(start - step * x[:, 0], theta, 4)) / (2 * step)
    torch.testing.assert_close(found, moved[:, 0], rtol=1e-6, atol=1e-6 * float(x.abs().max()))
    left = waves.inner(moved, y).sum(2)
    back, along = line.gradient(y)
    torch.testing.assert_close(left, waves.inner(x, back), rtol=1e-10, atol=1e-8)
    torch.testing.assert_close(back, line.adjoint(y))
    slopes = line.sensitivities(range(len(theta)))
    expected = waves.inner(slopes[:, None], y[:, :, None]).sum(3)
    torch.testing.assert_close(along, expected, rtol=1e-10, atol=1e-8)


@pytest.mark.parametrize("name", EQUATIONS)
def test_sensitivities_are_derivatives_along_coefficients(
    small: Callable[..., object], name: str
) -> None:
    """To the order of the scheme: L stays what it was where the rollout was linearised."""
    problem = small(*EQUATIONS[name], n=2, dt=0.005)
    dynamics, theta, start = problem.dynamics, problem.coefficients, problem.starts
    slopes = Linearised.of(dynamics, start, theta, 3).sensitivities(range(len(theta)))
    step = 1e-6
    for j in range(len(theta)):
        change = torch.zeros_like(theta)
        change[j] = step
        found = dynamics.rollout(start, theta + change, 3)
        found = (found - dynamics.rollout(start, theta - change, 3)) / (2 * step)
        size = float(found.abs().max())
        torch.testing.assert_close(slopes[:, j], found, rtol=1e-4, atol=1e-5 * size)


def test_the_scheme_is_of_order_four(small: Callable[..., object]) -> None:
    problem = small("u_t = -u*u_x + 0.1*u_xx", shape=(64,), dt=0.1, n=1)

    def at(substeps: int) -> torch.Tensor:
        dynamics = replace(problem.dynamics, substeps=substeps)
        return dynamics.rollout(problem.starts, problem.coefficients, 3)[:, -1]

    exact = at(64)
    errors = [float((at(n) - exact).abs().max()) for n in (2, 4, 8)]
    orders = [math.log2(a / b) for a, b in pairwise(errors)]
    assert min(orders) > 3.6


def test_diffusion_is_exact_whatever_the_step(small: Callable[..., object]) -> None:
    problem = small("u_t = 0.3*u_xx", dt=0.7, n=1)
    found = problem.dynamics.rollout(problem.starts, problem.coefficients, 2)[:, 1]
    k = problem.dynamics.waves.numbers[0]
    torch.testing.assert_close(found, problem.starts * (-0.3 * 0.7 * k**2).exp())


@given(st.integers(4, 9), st.integers(4, 9), st.integers(0, 2), st.integers(0, 2))
def test_the_inner_product_is_that_of_the_points(n: int, m: int, a: int, b: int) -> None:
    waves = Waves(Grid((n, m), (1.0, 2.0)), torch.zeros((), dtype=torch.float64))
    generator = torch.Generator().manual_seed(n * 10 + m)
    u, v = torch.randn((2, 1, n, m), generator=generator, dtype=torch.float64)
    uh, vh = waves.modes(u), waves.modes(v)
    torch.testing.assert_close(waves.inner(uh, vh), (u * v).sum())
    # The transpose of a derivative is its conjugate.
    symbol = waves.symbol((a, b))
    left = waves.inner(waves.modes(waves.points(symbol * uh)), vh)
    torch.testing.assert_close(left, waves.inner(uh, waves.modes(waves.points(symbol.conj() * vh))))


@pytest.mark.parametrize(("shape", "other"), [((8,), (16,)), ((8, 6), (16, 12)), ((9,), (27,))])
def test_waves_move_between_grids(shape: tuple[int, ...], other: tuple[int, ...]) -> None:
    lengths = (6.283185307179586,) * len(shape)
    zero = torch.zeros((), dtype=torch.float64)
    coarse, fine = Waves(Grid(shape, lengths), zero), Waves(Grid(other, lengths), zero)
    mesh = torch.meshgrid(*(torch.from_numpy(x) for x in coarse.grid.coordinates()), indexing="ij")
    u = (1 + torch.cos(2 * mesh[0]) + torch.sin(mesh[-1]))[None]
    wide = fine.points(coarse.resampled(coarse.modes(u), fine))
    steps = tuple(slice(None, None, b // a) for a, b in zip(shape, other, strict=True))
    torch.testing.assert_close(wide[(slice(None), *steps)], u)
    back = fine.resampled(coarse.resampled(coarse.modes(u), fine), coarse)
    torch.testing.assert_close(coarse.points(back), u)


@given(
    shape=st.lists(st.integers(2, 9), min_size=1, max_size=3).map(tuple),
    factors=st.tuples(*[st.integers(2, 3)] * 3),
    seed=st.integers(0, 2**32),
)
def test_any_values_are_kept_by_a_finer_grid(
    shape: tuple[int, ...], factors: tuple[int, ...], seed: int
) -> None:
    """The highest wave too: a state of which the finer model shows nothing is moved without end."""
    zero, lengths = torch.zeros((), dtype=torch.float64), (1.0,) * len(shape)
    other = tuple(n * factor for n, factor in zip(shape, factors, strict=False))
    coarse, fine = Waves(Grid(shape, lengths), zero), Waves(Grid(other, lengths), zero)
    u = torch.randn((2, *shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    wide = fine.points(coarse.resampled(coarse.modes(u), fine))
    steps = tuple(slice(None, None, b // a) for a, b in zip(shape, other, strict=True))
    torch.testing.assert_close(wide[(slice(None), *steps)], u)


def test_on_a_finer_grid_short_waves_act_on_nothing() -> None:
    """Waves 50 and 60 of 128 points make 110, which is 18 there."""
    library, coefficients = Library.of(PDE("u_t = -u*u_x"))
    grid, zero = Grid((128,), (1.0,)), torch.zeros((), dtype=torch.float64)
    plain = Dynamics(library.on(grid, zero), Waves(grid, zero), 0.1, 4)
    start = torch.zeros((1, 1, 65), dtype=torch.complex128)
    start[..., 50] = start[..., 60] = 0.1
    ends = [
        each.rollout(start, coefficients, 2)[0, 1, 0]
        for each in (plain, replace(plain, dealiased=True))
    ]
    assert ends[0][18].abs() > 1e-5
    assert torch.equal(ends[1], start[0, 0])


def test_on_a_finer_grid_products_of_long_waves_are_whole() -> None:
    library, coefficients = Library.of(PDE("u_t = -u*u_x"))
    grid, zero = Grid((128,), (1.0,)), torch.zeros((), dtype=torch.float64)
    plain = Dynamics(library.on(grid, zero), Waves(grid, zero), 1e-3, 1)
    start = torch.zeros((1, 1, 65), dtype=torch.complex128)
    start[..., 3] = start[..., 17] = 0.1
    one, two = (
        each.rollout(start, coefficients, 2) for each in (plain, replace(plain, dealiased=True))
    )
    torch.testing.assert_close(one, two, rtol=0, atol=1e-8)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3, 1e6])
def test_steps_do_not_depend_on_units(scale: float) -> None:
    """Prey in thousands, or as a share: the same steps of time."""
    pde = PDE(
        f"p_t = p - {scale!r}*p*q + 0.05*p_xx",
        f"q_t = -q + {1 / scale!r}*p*q/{scale!r} + 0.02*q_xx",
    )
    # With P = scale² p and Q = q / scale: P_t = P - scale² P Q / scale, and so on.
    library, coefficients = Library.of(pde)
    grid, zero = Grid((32,), (2 * math.pi,)), torch.zeros((), dtype=torch.float64)
    dynamics = Dynamics(library.on(grid, zero), Waves(grid, zero), 0.2, 1)
    x = torch.arange(32, dtype=torch.float64) * 2 * math.pi / 32
    states = torch.stack([scale**2 * (3 + torch.sin(x)), (2 + torch.cos(x)) / scale])[None]
    steps = steps_for(
        dynamics, dynamics.waves.modes(states), coefficients, torch.ones(1, dtype=torch.float64)
    )
    assert steps == (1,)


@pytest.mark.filterwarnings("ignore")
def test_a_rollout_ends_where_nothing_finite_is_left(small: Callable[..., object]) -> None:
    """Frames are the same as without that, and the rest is not computed."""
    problem = small("u_t = u**3", n=2, dt=1.0)
    dynamics, values = problem.dynamics.at(problem.coefficients)
    calls = list[int]()
    whole = dynamics.run(problem.starts, values, 40, lambda *_: calls.append(1))
    assert not bool(whole[:, -1].isfinite().any())
    found = problem.dynamics.rollout(problem.starts, problem.coefficients, 40)
    assert found.shape == whole.shape
    finite = whole.isfinite()
    assert torch.equal(found.isfinite(), finite)
    assert torch.equal(found[finite], whole[finite])
