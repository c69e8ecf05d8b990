"""What happens around a window: splines, and the derivative of a rollout along them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.likelihood.states.latent import Latent, collocation, first_guess, spline_weights
from pdenet.likelihood.states.linearised import Linearised
from pdenet.pde import PDE
from pdenet.spectral.waves import Waves

FRAMES, POINTS, DT = 6, 40, 0.1


@pytest.fixture
def dynamics() -> tuple[Dynamics, torch.Tensor]:
    waves = Waves(Grid((POINTS,), (10.0,)), torch.zeros((), dtype=torch.float64))
    library, values = Library.of(PDE.from_text("u_t = -u*u_x + 0.1*u_xx", ("x",)))
    rate = torch.zeros(POINTS, dtype=torch.float64)
    rate[30:] = torch.linspace(0, torch.pi, 10).sin().square()
    latent = Latent.of(waves, rate, DT, FRAMES)
    return Dynamics(library, waves, DT, 2, (2, 2), latent=latent), values


def unknowns(waves: Waves, *lead: int) -> torch.Tensor:
    torch.manual_seed(0)
    return waves.modes(torch.randn(*lead, 1 + FRAMES + 2, POINTS, dtype=torch.float64))


@given(st.floats(0, 1))
def test_splines_add_up_to_one_and_keep_a_line(part):
    weights = spline_weights(part)
    assert sum(weights) == pytest.approx(1)
    assert sum(w * k for k, w in zip((-1, 0, 1, 2), weights, strict=True)) == pytest.approx(part)


def test_splines_at_the_frames():
    found = collocation(4)
    assert found.shape == (4, 6)
    assert torch.allclose(
        found @ torch.arange(-1.0, 5, dtype=torch.float64), torch.arange(4.0).double()
    )


def test_the_derivative_is_that_of_the_rollout(dynamics):
    dynamics, values = dynamics
    waves = dynamics.waves
    at, way = unknowns(waves, 2), unknowns(waves, 2, 3)
    line = Linearised.of(dynamics, at, values, FRAMES)
    step = 1e-6
    found = line.tangent(way)[:, 0]
    ahead, behind = (
        dynamics.rollout(at + sign * step * way[:, 0], values, FRAMES) for sign in (1, -1)
    )
    assert torch.allclose((ahead - behind) / (2 * step), found, atol=1e-6)


def test_the_adjoint_is_the_transpose(dynamics):
    dynamics, values = dynamics
    waves = dynamics.waves
    at, way = unknowns(waves, 2), unknowns(waves, 2, 3)
    line = Linearised.of(dynamics, at, values, FRAMES)
    frames = waves.modes(torch.randn(2, 3, FRAMES, 1, POINTS, dtype=torch.float64))
    there = waves.gram(line.tangent(way).flatten(2, 3), frames.flatten(2, 3))
    assert torch.allclose(there, waves.gram(way, line.adjoint(frames)))
    assert torch.allclose(line.gradient(frames)[0], line.adjoint(frames))


def test_single_precision_is_near(dynamics):
    dynamics, values = dynamics
    at, way = unknowns(dynamics.waves, 2), unknowns(dynamics.waves, 2, 1)
    exact, single = (
        Linearised.of(dynamics, at, values, FRAMES, each).tangent(way) for each in (False, True)
    )
    assert float((exact - single).abs().max()) < 1e-4 * float(exact.abs().max())


def test_fields_are_drawn_to_what_they_are_drawn_to(dynamics):
    dynamics, values = dynamics
    waves = dynamics.waves
    steady = torch.full((1, FRAMES, 1, POINTS), 3.0, dtype=torch.float64)
    at, variance = first_guess(steady, steady, torch.full((1, 1), 0.01, dtype=torch.float64), waves)
    start = waves.modes(torch.zeros(1, 1, POINTS, dtype=torch.float64))
    frames = waves.points(
        dynamics.part(slice(0, 1)).rollout(torch.cat([start, at], 1), values, FRAMES)
    )
    there = frames[0, -1, 0]
    assert float(there[35]) > 2 and abs(float(there[10])) < 0.2
    assert variance.shape == at.shape and bool((variance > 0).all())
