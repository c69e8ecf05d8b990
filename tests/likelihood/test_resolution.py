"""Where a field outgrows its grid."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pdenet.grid import Grid
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.states.resolution import resolved_frames
from pdenet.noise.observations import Observations
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.spectral.waves import Waves

LEVEL = 0.01


def steepening(shape: tuple[int, ...], frames: int, speed: float, seed: int) -> Tensor:
    """Three trajectories of tanh(s sin x)/s with noise, as steep as s = e^(speed t)."""
    grid = Grid(shape, (2 * math.pi,) * len(shape))
    x = torch.from_numpy(grid.mesh()[0]).expand(shape)
    steep = (speed * torch.arange(frames, dtype=torch.float64)).exp()
    clean = torch.stack([torch.tanh(s * torch.sin(x)) / s.sqrt() for s in steep])
    generator = torch.Generator().manual_seed(seed)
    size = (3, frames, 1, *shape)
    return clean[None, :, None] + LEVEL * torch.randn(
        size, generator=generator, dtype=torch.float64
    )


@pytest.mark.parametrize("shape", [(32,), (16, 16), (12, 8, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_smooth_fields_stay_on_their_grid(shape: tuple[int, ...], seed: int) -> None:
    data = steepening(shape, 20, 0.0, seed)
    waves = Waves(Grid(shape, (2 * math.pi,) * len(shape)), data)
    sigma = torch.full((3, 1), LEVEL, dtype=torch.float64)
    assert resolved_frames(Observations.of(data, sigma), waves) == 20


def test_a_front_leaves_it_and_the_frames_before_are_kept() -> None:
    data, grid = steepening((32,), 20, 0.2, 0), Grid((32,), (2 * math.pi,))
    sigma = torch.full((3, 1), LEVEL, dtype=torch.float64)
    found = resolved_frames(Observations.of(data, sigma), Waves(grid, data))
    assert 4 < found < 16
    exact = resolved_frames(Observations.of(data, 1e-3 * sigma), Waves(grid, data))
    assert exact == 0
    problem = Problem.periodic(PDE("u_t = u_x"), grid)
    for speed, enough in ((0.15, True), (0.3, False)):
        data = steepening((32,), 20, speed, 0)
        setup = Setup.of(data, problem, 0.1, RefineConfig(noise=LEVEL))
        found = resolved_frames(Observations.of(data, setup.shown), setup.waves)
        assert (9 <= found < 20) == enough
        assert setup.resolved().data.shape[1] == (found if enough else 20)


def test_waves_beyond_a_grid_are_seen_where_they_are() -> None:
    """A front that the grid cuts holds more beyond it than its noise; of a smooth field there is no
    more than what its noise could hide."""
    grid = Grid((32,), (2 * math.pi,))
    problem = Problem.periodic(PDE("u_t = u_x"), grid)
    smooth, steep = (steepening((32,), 4, speed, 0) for speed in (0.0, 1.0))
    data = torch.cat([smooth, steep.flip(1)])
    setup = Setup.of(data, problem, 0.1, RefineConfig(noise=LEVEL))
    beyond = (setup.beyond(grid) / setup.sigma.square()).flatten()
    assert float(beyond[3:].amin()) > 2 * float(beyond[:3].amax())
    assert float(beyond[3:].amin()) > 1
    assert bool((setup.beyond(grid.refine(4)) < 0.1 * setup.beyond(grid))[3:].all())
    data[0, 0, 0, 3] = math.nan  # what fills a gap looks like short waves
    setup = Setup.of(data, problem, 0.1, RefineConfig(noise=LEVEL))
    assert float(setup.beyond(grid).amax()) == 0


def test_states_are_as_fine_as_settings_and_memory_allow() -> None:
    grid = Grid((32,), (2 * math.pi,))
    problem = Problem.periodic(PDE("u_t = u_x"), grid)
    setup = Setup.of(steepening((32,), 4, 1.0, 0), problem, 0.1, RefineConfig(noise=LEVEL))
    once = setup.finer(grid, 1)
    assert once is not None and once.shape == (64,)
    twice = setup.finer(once, 1)
    assert twice is not None and setup.finer(twice, 1) is None
    assert setup.finer(grid, 10**9) is None
