"""First frames without their noise."""

import math
from dataclasses import replace

import pytest
import torch

from pdenet.boundary import Dirichlet, Neumann, Periodic, periodic
from pdenet.grid import Grid
from pdenet.noise.first_frames import Smoothing


def waves(shape, frames=5, windows=3, speed=0.3):
    """Windows of a moving sum of long waves, (window, frame, 2, *space)."""
    grid = Grid(shape, (2 * math.pi,) * len(shape))
    mesh = [torch.from_numpy(axis) for axis in grid.mesh()]
    phase = torch.arange(windows, dtype=torch.float64)[:, None] + speed * torch.arange(frames)
    phase = phase.reshape(windows, frames, *[1] * len(shape))
    u = torch.sin(mesh[0] + phase) + 0.5 * torch.cos(2 * mesh[-1] - phase)
    return torch.stack([u, 1 + u**2], 2)


@pytest.mark.parametrize("shape", [(64,), (32, 48), (31, 40), (12, 12, 14)])
def test_most_of_the_noise_goes_and_the_signal_stays(shape):
    clean = waves(shape)
    generator = torch.Generator().manual_seed(0)
    noise = 0.02 * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    grid = Grid.square(2, len(shape))
    smoothing = Smoothing.of(clean + noise, replace(grid, shape=shape), periodic(len(shape)))
    found = smoothing.starts(clean + noise)
    before, after = noise[:, 0], found[:, 0] - clean[:, 0]
    assert after.square().mean() < 0.5 * before.square().mean()
    torch.testing.assert_close(found[:, 1:], (clean + noise)[:, 1:], rtol=0, atol=0)


def test_frames_without_noise_stay_as_they_are():
    clean = waves((32, 32))
    torch.testing.assert_close(
        Smoothing.of(clean, Grid.square(32, 2), periodic(2)).starts(clean),
        clean,
        rtol=0,
        atol=1e-12,
    )


def test_constant_frames_stay_constant():
    still = torch.ones(2, 4, 1, 16, dtype=torch.float64)
    torch.testing.assert_close(
        Smoothing.of(still, Grid.square(16, 1), periodic(1)).starts(still), still
    )


@pytest.mark.parametrize("wall", [Dirichlet(0.5), Neumann()])
@pytest.mark.parametrize("channel", [False, True])
def test_between_walls(wall, channel):
    x = torch.linspace(0, math.pi, 41, dtype=torch.float64)[:, None]
    y = (2 * math.pi / 32) * torch.arange(32, dtype=torch.float64) if channel else x.T
    shape = torch.sin(x) if isinstance(wall, Dirichlet) else torch.cos(x)
    other = torch.cos(y) if channel or isinstance(wall, Neumann) else torch.sin(y)
    growth = 1 + 0.1 * torch.arange(5, dtype=torch.float64)
    clean = 0.5 + (growth[:, None, None] * shape * other)[None, :, None]
    generator = torch.Generator().manual_seed(0)
    noise = 0.02 * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    boundaries = ((wall, wall), (Periodic(), Periodic()) if channel else (wall, wall))
    shape, lengths = (41, 32 if channel else 41), (math.pi, (2 if channel else 1) * math.pi)
    grid = Grid(shape, lengths, endpoint=(True, not channel))
    found = Smoothing.of(clean + noise, grid, boundaries).starts(clean + noise)
    assert (found - clean)[:, 0].square().mean() < 0.3 * noise[:, 0].square().mean()


def test_walls_that_cannot_be_continued_leave_the_frame_but_hold():
    u = torch.randn(2, 4, 1, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    boundaries = ((Dirichlet(0.0), Dirichlet(1.0)),)
    found = Smoothing.of(u, Grid((9,), (1.0,), endpoint=True), boundaries).starts(u)
    assert torch.equal(found[:, 1:], u[:, 1:]) and torch.equal(found[..., 1:-1], u[..., 1:-1])
    assert bool((found[:, 0, :, 0] == 0).all()) and bool((found[:, 0, :, -1] == 1).all())
