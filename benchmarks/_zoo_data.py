"""What the cases of the zoo share: a case, its registry, noise, periodic boxes and open windows.

    ZOO["window_kdv"].make(draw=0)          # clean data of `Zoo`; draw: of the initial fields
    ZOO["window_kdv"].make(draw=0, fine=2)  # the same solved with half the steps: for checks
    noisy(case, "0.1", draw)                # its states with 10 % noise

A law (`Law`) is solved by the spectral solver of the benchmarks on a periodic box (`View`). A
window is cut out of a box `boxes` times as long along each axis, of which nothing is told; the box
that is its partner has as many points, the same steps and fields of the same wave lengths and size.

Noises, by name: a number is the share of the standard deviation of each field, over all its values
("0", "0.1"); "x0.1" multiplies every value by 1 + 0.1 N(0, 1); "counts" are Poisson counts of which
a field of 1 has `COUNTS`, over `COUNTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from _spectral import Box, evolve

__all__ = ["TAU", "ZOO", "Entry", "Law", "View", "Zoo", "enter", "minus_k2", "noisy", "simulated"]
__all__ += ["COUNTS", "MULTIPLIED", "waves"]

TAU = 2 * np.pi
COUNTS = 50.0
MULTIPLIED = "x0.1"
"""The name of 10 % multiplicative noise."""


@dataclass(frozen=True)
class Zoo:
    """Clean data and what is right about them.

    states: (trajectory, frame, field, *space), NaN in a hole. lengths: of the axes, from the first
    to the last point where an axis is no period. truth: the equations as text, "family" where more
    than one equation explains the data, None where no equation does. boundary: for each axis
    "periodic", "open" or the conditions at its ends, as `pdenet.boundary.parse` reads them.
    outside: where in space the equation does not hold, or None.
    """

    states: np.ndarray
    lengths: tuple[float, ...]
    dt: float
    fields: tuple[str, ...]
    truth: tuple[str, ...] | str | None
    boundary: tuple[str, ...]
    outside: np.ndarray | None = None

    @property
    def endpoint(self) -> tuple[bool, ...]:
        """For each axis whether its last point is no repeat of the first one."""
        return tuple(each != "periodic" for each in self.boundary)

    @property
    def is_periodic(self) -> bool:
        """Whether every axis is."""
        return not any(self.endpoint)


@dataclass(frozen=True)
class Entry:
    """A case by name. partner: of a window, the box it is compared with. more: noises beside the
    usual ones; only: noises instead of them."""

    solve: Callable[[np.random.Generator, int], Zoo]
    partner: str | None = None
    more: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    def make(self, draw: int, fine: int = 1) -> Zoo:
        """The clean data. fine: how many times more points and steps the solver takes."""
        name = [ord(letter) for letter in self.solve.__name__]
        return self.solve(np.random.default_rng([draw, *name]), fine)


ZOO: dict[str, Entry] = {}
Solve = Callable[[np.random.Generator, int], Zoo]


def enter(
    partner: str | None = None, more: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> Callable[[Solve], Solve]:
    """Enter a case under the name of its function."""

    def entered(solve: Solve) -> Solve:
        ZOO[solve.__name__] = Entry(solve, partner, more, only)
        return solve

    return entered


@dataclass(frozen=True)
class Law:
    """u_t = L u + N(u): truth as text, L at the modes and N at the points of a box, first fields.

    first: (field, *space), from a box, random numbers and how many times longer than its view the
    box is, which is what numbers of waves are multiplied by (`waves`).
    """

    truth: tuple[str, ...] | str | None
    linear: Callable[[Box], np.ndarray]
    rest: Callable[[Box, np.ndarray], np.ndarray] | None
    first: Callable[[Box, np.random.Generator, int], np.ndarray]
    fields: tuple[str, ...] = ("u",)


@dataclass(frozen=True)
class View:
    """What is seen of a box: points and lengths, as if the view were periodic; frames.

    steps: of the solver between two frames. finer: its points for each that is seen. boxes: its
    lengths over those of the view, 1 for a periodic box. grown: time before the first frame.
    """

    shape: tuple[int, ...]
    lengths: tuple[float, ...]
    dt: float
    frames: int
    trajectories: int
    steps: int = 10
    finer: int = 2
    boxes: int = 1
    grown: float = 0.0

    def window(self, boxes: int = 3) -> View:
        """The same view, cut out of a larger box."""
        return replace(self, boxes=boxes)

    def box(self, fine: int = 1) -> Box:
        """The box of the solver."""
        points = tuple(n * self.finer * self.boxes * fine for n in self.shape)
        return Box(points, tuple(length * self.boxes for length in self.lengths))


def simulated(law: Law, view: View, rng: np.random.Generator, fine: int = 1) -> Zoo:
    """The data that are seen of a law in a view."""
    box, rest = view.box(fine), law.rest
    linear = law.linear(box)
    kept = (..., *(slice(0, n * view.finer * fine, view.finer * fine) for n in view.shape))

    def nonlinear(u: np.ndarray, t: float) -> np.ndarray:
        return np.zeros_like(u) if rest is None else rest(box, u)

    found, h = [], view.dt / view.steps / fine
    for _ in range(view.trajectories):
        u = law.first(box, rng, view.boxes)
        if view.grown:
            early = np.array([0.0, view.grown])
            u = evolve(box, u, early, linear, nonlinear, round(view.grown / h))[-1]
        times = view.dt * np.arange(view.frames)
        found.append(evolve(box, u, times, linear, nonlinear, view.steps * fine)[kept])
    open_ends = view.boxes > 1
    lengths = tuple(
        length * (n - open_ends) / n for n, length in zip(view.shape, view.lengths, strict=True)
    )
    boundary = ("open" if open_ends else "periodic",) * len(view.shape)
    return Zoo(np.array(found), lengths, view.dt, law.fields, law.truth, boundary)


def waves(
    low: float, high: float, rms: float, power: float = 1.0, mean: float = 0.0
) -> Callable[[Box, np.random.Generator, int], np.ndarray]:
    """Random first fields of one field: waves with `low` to `high` periods a view, amplitudes
    falling as a power, of this r.m.s. about a mean."""

    def first(box: Box, rng: np.random.Generator, boxes: int) -> np.ndarray:
        field = box.random(rng, low * boxes, high * boxes, power)
        return np.asarray(mean + rms * field / field.std())[None]

    return first


def minus_k2(box: Box) -> np.ndarray:
    """The Laplacian at the modes of one field."""
    return np.asarray(-sum(k**2 for k in box.k))[None]


def noisy(case: Zoo, noise: str, draw: int) -> np.ndarray:
    """The states with noise of that name."""
    rng = np.random.default_rng([draw, 77])
    if noise == "counts":
        return np.asarray(rng.poisson(COUNTS * np.maximum(case.states, 0.0)) / COUNTS)
    draws = rng.standard_normal(case.states.shape)
    if noise.startswith("x"):
        return np.asarray(case.states * (1 + float(noise[1:]) * draws))
    axes = tuple(k for k in range(case.states.ndim) if k != 2)
    sigma = float(noise) * np.nanstd(case.states, axis=axes, keepdims=True)
    return np.asarray(case.states + sigma * draws)
