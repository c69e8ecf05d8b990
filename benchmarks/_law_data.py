"""Data whose noise is not additive: Burgers' equation, multiplied, and Fisher's, counted.

    make("burgers", "multiplicative", 0.1, seed=0)

Solved by Fourier modes and ETDRK4 (`_spectral`) on finer grids, nothing of pdenet. Trajectories are
the same for every draw of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from _spectral import Box, evolve
from torch import Tensor

from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem

__all__ = ["LAWS", "TRUTHS", "Drawn", "make"]

TRUTHS = {"burgers": "u_t = -u*u_x + 0.1*u_xx", "fisher": "u_t = 0.1*u_xx + u - u**2"}

LAWS = ("additive", "multiplicative", "counts")

FINER, ROWS = 4, 8
"""Steps of the solver's grid in one of the data; trajectories."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """One draw of data: (trajectory, frame, field, *space), and the standard deviation of the noise
    of each value where it is known."""

    data: Tensor
    problem: Problem
    dt: float
    truth: PDE
    sigma: Tensor


def make(case: str, law: str, level: float, seed: int) -> Drawn:
    """A case with noise: additive, level · std(first frame) · N(0, 1); multiplicative,
    u (1 + level · N(0, 1)); counts, Poisson's of mean u / level over 1 / level, so that the
    variance is level · u."""
    clean, problem, dt = _clean(case)
    generator = np.random.default_rng([seed, 17])
    if law == "counts":
        drawn = generator.poisson(clean.clip(0) / level) * level
        sigma = np.sqrt(level * clean.clip(0))
    else:
        size = clean[:, :1].std(axis=-1, keepdims=True)
        sigma = level * (np.abs(clean) if law == "multiplicative" else size + 0 * clean)
        drawn = clean + sigma * generator.standard_normal(clean.shape)
    truth = PDE(TRUTHS[case])
    return Drawn(torch.from_numpy(drawn), problem, dt, truth, torch.from_numpy(sigma))


@cache
def _clean(case: str) -> tuple[np.ndarray, Problem, float]:
    points, length, frames, dt, steps = {
        "burgers": (64, 2 * np.pi, 25, 0.1, 40),
        "fisher": (64, 16.0, 25, 0.15, 20),
    }[case]
    box = Box((FINER * points,), (length,))
    first = _first(case, box, np.random.default_rng(5))
    (k,) = box.k
    if case == "burgers":
        symbol = -0.1 * k**2
        rate = lambda u, t: -u * box.d(u, 1)  # noqa: E731
    else:
        symbol = 1 - 0.1 * k**2
        rate = lambda u, t: -(u**2)  # noqa: E731
    times = dt * np.arange(frames)
    states = np.stack([evolve(box, f[None], times, symbol[None], rate, steps) for f in first])
    grid = Grid((points,), (length,))
    return states[..., ::FINER], Problem.periodic(PDE(TRUTHS[case]), grid), dt


def _first(case: str, box: Box, generator: np.random.Generator) -> np.ndarray:
    """First states: a mean and few waves, or smooth heaps on nothing, (trajectory, point)."""
    (x,), (length,) = box.x, box.lengths
    if case == "burgers":
        found = np.zeros((ROWS, len(x)))
        for j in range(1, 3):
            a, b = generator.normal(size=(2, ROWS, 1)) / (2 * j)
            found += a * np.cos(j * x) + b * np.sin(j * x)
        return found + generator.normal(size=(ROWS, 1))
    found = np.zeros((ROWS, len(x)))
    for j in range(1, 7):
        a, b = generator.normal(size=(2, ROWS, 1)) / j**0.5
        found += a * np.cos(2 * np.pi * j * x / length) + b * np.sin(2 * np.pi * j * x / length)
    return 0.05 + 0.6 / (1 + np.exp(1.0 - found))
