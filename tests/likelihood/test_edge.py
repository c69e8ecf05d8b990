"""The preconditioner of what is unknown around a window."""

from dataclasses import replace

import pytest
import torch

from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.likelihood.fit.edge import SHARE, Edge, size
from pdenet.likelihood.fit.normal_equations import damped
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.likelihood.states.latent import Latent, collocation
from pdenet.likelihood.states.linearised import Linearised
from pdenet.noise.observations import Observations
from pdenet.pde import PDE
from pdenet.spectral.waves import Waves

FRAMES, DT, SIGMA = 6, 0.1, 0.01


def window(shape: tuple[int, ...], inside: int) -> tuple[Waves, Latent, torch.Tensor]:
    """A window of so many points along each axis."""
    waves = Waves(Grid(shape, tuple(n / 4 for n in shape)), torch.zeros((), dtype=torch.float64))
    away = torch.zeros(shape, dtype=torch.float64)
    for axis, n in enumerate(shape):
        steps = torch.arange(n, dtype=torch.float64)
        steps = torch.minimum(steps - inside + 1, n - steps).clamp_min(0)
        away = torch.maximum(
            away, steps.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        )
    rate = (torch.pi / 2 * (away / 4).clamp_max(1)).sin().square()
    return waves, Latent.of(waves, rate, DT, FRAMES), away == 0


def spectrum(waves: Waves, latent: Latent, trajectories: int = 1) -> torch.Tensor:
    """Of all that is unknown of one field: longer waves are larger, and slow ones in time."""
    fall = torch.exp(-waves.radius)
    times = torch.cat([torch.ones(1), torch.linspace(0, -2, latent.times)]).exp().double()
    each = waves.grid.size * times.reshape([-1] + [1] * waves.grid.ndim) * fall
    return each.expand(trajectories, *each.shape).clone()


def observations(waves: Waves, inside: torch.Tensor, trajectories: int = 1) -> Observations:
    data = torch.zeros(trajectories, FRAMES, 1, *waves.grid.shape, dtype=torch.float64)
    data[..., ~inside] = torch.nan
    return Observations.of(data, torch.full((trajectories, 1), SIGMA, dtype=torch.float64))


@pytest.mark.parametrize("shape, inside", [((40,), 28), ((20, 22), 10)])
def test_it_is_the_inverse_of_what_it_says(shape, inside):
    waves, latent, there = window(shape, inside)
    seen, variance = observations(waves, there, 2), spectrum(waves, latent, 2)
    diagonal = torch.rand(2, 1, *waves.shape, dtype=torch.float64) + 1
    found = Edge.of(latent, seen, diagonal, variance)
    torch.manual_seed(0)
    x = waves.modes(torch.randn(2, 3, 1 + latent.times, *shape, dtype=torch.float64))
    shapes = (collocation(FRAMES) @ latent.shapes).square().sum(0)
    weight = torch.zeros(shape, dtype=torch.float64).flatten()
    weight[latent.edge] = SHARE / SIGMA**2
    told = waves.modes(waves.points(x[:, :, 1:]) * weight.reshape(shape))
    told = told * shapes.reshape([-1] + [1] * len(shape))
    image = x / variance[:, None]
    image[:, :, 1:] += told
    image[:, :, :1] += diagonal[:, None] * x[:, :, :1]
    assert torch.allclose(found(image), x, atol=1e-6 * float(x.abs().max()))


def test_it_is_symmetric_and_positive():
    waves, latent, there = window((40,), 28)
    seen, variance = observations(waves, there), spectrum(waves, latent)
    assert size(latent, 1) == 3 * 8 * latent.times * len(latent.edge) ** 2
    found = Edge.of(latent, seen, torch.ones(1, 1, *waves.shape).double(), variance)
    torch.manual_seed(1)
    x = waves.modes(torch.randn(1, 9, 1 + latent.times, 40, dtype=torch.float64))
    matrix = waves.gram(x, found(x))[0]
    assert torch.allclose(matrix, matrix.T)
    assert float(torch.linalg.eigvalsh(matrix).min()) > 0


def test_with_it_the_data_say_of_no_direction_far_more_than_it_says():
    """The largest eigenvalue of M H, by its powers, where without M it is that of H/P."""
    waves, latent, there = window((40,), 28)
    seen, variance = observations(waves, there), spectrum(waves, latent)
    library, values = Library.of(PDE.from_text("u_t = -u*u_x + 0.1*u_xx", ("x",)))
    dynamics = Dynamics(library, waves, DT, 2, (2,), latent=latent)
    torch.manual_seed(2)
    at = waves.modes(torch.randn(1, 1 + latent.times, 40, dtype=torch.float64)) * variance.sqrt()
    line = Linearised.of(dynamics, at / at.abs().max(), values, FRAMES)
    edge = Edge.of(latent, seen, damped(dynamics, values, seen), variance)

    def apply(x: torch.Tensor) -> torch.Tensor:
        frames = seen.sample(waves, line.tangent(x)) * seen.weight[:, None]
        return (
            line.adjoint(seen.spread(waves, frames * seen.weight[:, None])) + x / variance[:, None]
        )

    def largest(inverse) -> float:
        x = waves.modes(torch.randn(1, 1, 1 + latent.times, 40, dtype=torch.float64))
        for _ in range(30):
            size = float(waves.inner(x, x).sqrt())
            x = inverse(apply(x / size))
        return float(waves.inner(x, x).sqrt())

    assert largest(edge) < 30
    assert largest(lambda x: variance[:, None] * x) > 1000


def test_a_field_that_was_never_seen_has_the_prior_alone():
    waves, latent, there = window((40,), 28)
    seen, variance = observations(waves, ~there & there), spectrum(waves, latent)
    found = Edge.of(latent, seen, torch.ones(1, 1, *waves.shape).double(), variance)
    x = waves.modes(torch.randn(1, 1, 1 + latent.times, 40, dtype=torch.float64))
    assert torch.allclose(found(x)[:, :, 1:], variance[:, None, 1:] * x[:, :, 1:])


def test_of_the_first_frames_alone():
    """A fit begins with few frames; what is unknown around the window is of all of them."""
    waves, latent, there = window((40,), 28)
    seen, variance = observations(waves, there).until(2), spectrum(waves, latent)
    found = Edge.of(latent, seen, torch.ones(1, 1, *waves.shape).double(), variance)
    x = waves.modes(torch.randn(1, 1, 1 + latent.times, 40, dtype=torch.float64))
    assert float(waves.inner(x, found(x))) > 0


@pytest.mark.parametrize("sigma", [1e-9, 1e-15])
def test_data_without_noise_do_not_break_it(sigma):
    waves, latent, there = window((40,), 28)
    seen = replace(observations(waves, there), sigma=torch.full((1, 1), sigma).double())
    diagonal = torch.ones(1, 1, *waves.shape).double()
    found = Edge.of(latent, seen, diagonal, spectrum(waves, latent))
    x = waves.modes(torch.randn(1, 4, 1 + latent.times, 40, dtype=torch.float64))
    matrix = waves.gram(x, found(x))[0]
    assert bool(matrix.isfinite().all()) and float(torch.linalg.eigvalsh(matrix).min()) > 0
