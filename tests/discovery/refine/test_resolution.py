"""Where a field outgrows its grid."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pdenet.discovery.refine.config import RefineConfig
from pdenet.discovery.refine.resolution import resolved_frames
from pdenet.discovery.refine.setup import Setup
from pdenet.discovery.refine.waves import Waves
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem

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
    assert resolved_frames(data, sigma, waves) == 20


def test_a_front_leaves_it_and_the_frames_before_are_kept() -> None:
    data, grid = steepening((32,), 20, 0.2, 0), Grid((32,), (2 * math.pi,))
    sigma = torch.full((3, 1), LEVEL, dtype=torch.float64)
    found = resolved_frames(data, sigma, Waves(grid, data))
    assert 4 < found < 16
    exact = resolved_frames(data, 1e-3 * sigma, Waves(grid, data))
    assert exact == 0
    problem = Problem.periodic(PDE("u_t = u_x"), grid)
    for speed, enough in ((0.15, True), (0.3, False)):
        data = steepening((32,), 20, speed, 0)
        setup = Setup.of(data, problem, 0.1, RefineConfig(noise=LEVEL))
        found = resolved_frames(data, setup.shown, setup.waves)
        assert (9 <= found < 20) == enough
        assert setup.resolved().data.shape[1] == (found if enough else 20)
