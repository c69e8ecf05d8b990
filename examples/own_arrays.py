"""From arrays of your own to an equation: no file, no simulator, no configuration.

    python examples/own_arrays.py

The arrays here are sums of decaying, travelling waves, so that the answer is known exactly:

    u(t, x) = Σₖ aₖ exp(−D k² t) cos(k (x − c t) + φₖ)   solves   u_t = −c·u_x + D·u_xx

Any measurement takes their place: an array of shape (trajectory, frame, field, x[, y[, z]]), the
size of the domain, and the time between two frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from pdenet import PDE, Grid, discover
from pdenet.errors import PDENetError
from pdenet.pde.compare import compare

SPEED, DIFFUSION = 0.8, 0.1
TRUTH = PDE("u_t = -c*u_x + D*u_xx", c=SPEED, D=DIFFUSION)


def measure(
    grid: Grid, *, trajectories: int, frames: int, dt: float, noise: float, seed: int
) -> np.ndarray:
    """The waves with noise, shape (trajectory, frame, field, x)."""
    random = np.random.default_rng(seed)
    (x,) = grid.coordinates()
    times = dt * np.arange(frames)[:, None]
    states = np.zeros((trajectories, frames, 1, len(x)))
    for trajectory in states:
        for k in range(1, 6):
            size, phase = random.normal(), random.uniform(0, 2 * np.pi)
            decay = np.exp(-DIFFUSION * k**2 * times)
            trajectory[:, 0] += size * decay * np.cos(k * (x - SPEED * times) + phase)
    scale = noise * states[:, :1].std(axis=(1, 2, 3), keepdims=True)
    return states + scale * random.standard_normal(states.shape)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, discover, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trajectories", type=int, default=12)
    parser.add_argument("--frames", type=int, default=31)
    parser.add_argument("--points", type=int, default=64)
    parser.add_argument("--noise", type=float, default=0.001, help="relative to std(u) at t = 0")
    options = parser.parse_args(arguments)

    grid = Grid(shape=(options.points,), lengths=(2 * np.pi,))
    dt = 0.02
    states = measure(
        grid,
        trajectories=options.trajectories,
        frames=options.frames,
        dt=dt,
        noise=options.noise,
        seed=0,
    )
    print(f"data of shape (trajectory, frame, field, x) = {states.shape}")

    result = discover(states, grid=grid, dt=dt, fields=("u",), seed=0)
    print("found:", result.equation.unicode())

    scores = compare(result.equation, TRUTH)
    print("truth:", TRUTH.unicode())
    for row in scores.rows:
        print(f"  {row.monomial!s:6} found {row.found}  true {row.truth}")
    print(f"largest error of a true term: {100 * scores.einf:.2g} %")
    return 0 if scores.exact else 1


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except PDENetError as error:
        raise SystemExit(f"own_arrays: {error}") from None
