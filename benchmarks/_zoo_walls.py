"""Cases of the zoo between walls, whose conditions pdenet is told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from _walled import Walls
from _zoo_data import TAU, Zoo, enter

__all__: list[str] = []

POINTS = 65
GROWN = 0.1
"""Time before the first frame, in which what the first fields do at the walls becomes smooth."""


def _solved(
    walls: Walls,
    rate: Callable[[np.ndarray], np.ndarray],
    first: np.ndarray,
    dt: float,
    frames: int,
    truth: str,
) -> Zoo:
    """The data of one field; first fields (trajectory, x[, y]) as they are far from walls."""
    times = np.r_[0.0, GROWN + dt * np.arange(frames)]
    found = walls.evolve(walls.lifted(first), rate, times)[1:]
    boundary: tuple[str, ...] = (",".join(walls.ends),)
    lengths: tuple[float, ...] = (walls.length,)
    if walls.period:
        boundary, lengths = (*boundary, "periodic"), (*lengths, walls.period)
    seen = [walls.evenly(frame, POINTS if frame.ndim == 2 else 33) for frame in found]
    return Zoo(np.stack(seen, 1)[:, :, None], lengths, dt, ("u",), (truth,), boundary)


def _first(
    walls: Walls, rng: np.random.Generator, rms: float, mean: float = 0.0, count: int = 4
) -> np.ndarray:
    """Random fields (trajectory, x) from waves of one to five half periods."""
    m = np.arange(1, 6)
    sizes, phases = rng.standard_normal((count, 5)) / m, rng.uniform(0, TAU, (count, 5))
    angle = np.pi * m * walls.x[:, None] / walls.length
    found = np.einsum("cm,cxm->cx", sizes, np.cos(angle + phases[:, None]))
    size = np.sqrt((sizes**2).sum(1) / 2)
    return np.asarray(mean + rms * found / size[:, None])


@enter()
def wall_dirichlet(rng: np.random.Generator, fine: int) -> Zoo:
    walls = Walls(40 * fine, TAU, ("dirichlet=1", "dirichlet=0"))
    return _solved(
        walls,
        lambda u: -0.5 * walls.dx(u, 1) + 0.15 * walls.dx(u, 2),
        _first(walls, rng, 0.8),
        0.05,
        41,
        "u_t = -0.5*u_x + 0.15*u_xx",
    )


@enter()
def wall_burgers(rng: np.random.Generator, fine: int) -> Zoo:
    walls = Walls(72 * fine, TAU, ("dirichlet=0", "dirichlet=0"))
    return _solved(
        walls,
        lambda u: -u * walls.dx(u, 1) + 0.2 * walls.dx(u, 2),
        _first(walls, rng, 0.6),
        0.05,
        41,
        "u_t = -u*u_x + 0.2*u_xx",
    )


@enter()
def wall_neumann(rng: np.random.Generator, fine: int) -> Zoo:
    walls = Walls(40 * fine, TAU, ("neumann=0", "neumann=0"))
    return _solved(
        walls,
        lambda u: 0.1 * walls.dx(u, 2) + u - u**2,
        _first(walls, rng, 0.2, 0.6),
        0.06,
        41,
        "u_t = 0.1*u_xx + u - u**2",
    )


@enter()
def wall_robin(rng: np.random.Generator, fine: int) -> Zoo:
    walls = Walls(40 * fine, TAU, ("robin=2/1", "robin=2/1"))
    return _solved(
        walls,
        lambda u: -0.4 * walls.dx(u, 1) + 0.2 * walls.dx(u, 2),
        _first(walls, rng, 0.8),
        0.05,
        41,
        "u_t = -0.4*u_x + 0.2*u_xx",
    )


@enter()
def wall_channel_2d(rng: np.random.Generator, fine: int) -> Zoo:
    walls = Walls(24 * fine, TAU / 2, ("dirichlet=0", "dirichlet=0"), period=TAU)
    y = TAU / 32 * np.arange(32)
    across = np.stack([_first(walls, rng, 0.8, count=2) for _ in range(5)])
    m = np.arange(5)
    phases = rng.uniform(0, TAU, (2, 5))
    along = np.cos(m[:, None] * y + phases[..., None]) / np.maximum(m, 1)[:, None]
    return _solved(
        walls,
        lambda u: -0.6 * walls.dy(u, 1) + 0.05 * (walls.dx(u, 2) + walls.dy(u, 2)),
        np.einsum("mcx,cmy->cxy", across, along),
        0.08,
        16,
        "u_t = -0.6*u_y + 0.05*u_xx + 0.05*u_yy",
    )
