"""What the small data sets of the benchmark of kinds share: a case, its noise, its solver.

    @kind(noise=0.01)
    def heat(rng, noise): return Case(...)

    CASES["heat"](noise=0.1, seed=3)      # states (trajectory, frame, field, *space) and the answer

Noise is a fraction of the standard deviation of each field, over all its values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from _spectral import Box, evolve

__all__ = ["CASES", "LINE", "TAU", "Case", "K", "X", "burgers", "frames", "kind", "noisy", "solved"]

TAU = 2 * np.pi
FINER = 2
"""Points of the solver for each point of the data, along each axis."""
LINE = Box((FINER * 64,), (TAU,))
K, X = LINE.k[0], LINE.x[0]


@dataclass(frozen=True)
class Case:
    """Data and what is right about them.

    truth: the equations as text, () where nothing holds. answer: "exact" where the data decide for
    exactly these terms, "family" where more than one equation explains them, "none" where no
    equation of constant coefficients with few jets does. note: what the case is there for.
    still: the fields do not change beyond their noise. later: what the tool would need does not
    exist yet, so that a refusal is right too. given: fields that pdenet is told to have no equation
    of their own.
    """

    states: np.ndarray
    lengths: tuple[float, ...]
    dt: float
    fields: tuple[str, ...]
    truth: tuple[str, ...]
    answer: str
    note: str
    still: bool = False
    later: bool = False
    given: tuple[str, ...] = ()


Make = Callable[[np.random.Generator, float], Case]
CASES: dict[str, Callable[..., Case]] = {}


def kind(noise: float) -> Callable[[Make], Make]:
    """Enter a case by its name. noise: its level where no other is asked for."""

    def enter(make: Make) -> Make:
        usual = noise

        def case(noise: float | None = None, seed: int = 0) -> Case:
            name = [ord(letter) for letter in make.__name__]
            rng = np.random.default_rng([seed, *name])
            return make(rng, usual if noise is None else noise)

        case.noise = usual  # type: ignore[attr-defined]
        CASES[make.__name__] = case
        return make

    return enter


def noisy(states: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """States with additive noise, and with their gaps."""
    axes = tuple(k for k in range(states.ndim) if k != 2)
    sigma = noise * np.nanstd(states, axis=axes, keepdims=True)
    return np.asarray(states + sigma * rng.standard_normal(states.shape))


def solved(
    box: Box,
    firsts: Sequence[np.ndarray],
    times: np.ndarray,
    linear: np.ndarray,
    rest: Callable[[np.ndarray, float], np.ndarray] | None = None,
    steps: int = 10,
) -> np.ndarray:
    """Trajectories (trajectory, frame, field, *space) on every second point of the box."""
    nothing = rest or (lambda u, t: np.zeros_like(u))
    found = np.array([evolve(box, np.atleast_2d(u), times, linear, nothing, steps) for u in firsts])
    return found[(..., *(slice(None, None, FINER),) * len(box.shape))]


def frames(dt: float, count: int) -> np.ndarray:
    """The times of the frames."""
    return dt * np.arange(count)


def burgers(u: np.ndarray, t: float) -> np.ndarray:
    """−u u_x on the line."""
    return -u * LINE.d(u, 1)
