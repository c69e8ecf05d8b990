"""Whether the data of the zoo are what they are said to be: `zoo.py --check`.

Every case is solved a second time with twice the points and half the steps; the r.m.s. change over
the standard deviation has to stay below `LARGEST`, a hundredth of 1 % noise. Fields have to change
over the record and to be alive at its end, windows must not look periodic to `pdenet.seam`, and
the boxes they are compared with have to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from _zoo_data import ZOO

from pdenet.seam import faults

__all__ = ["Checked", "checked"]

LARGEST = 1e-4
ALIVE = 0.15
"""Least r.m.s. of a last frame about its mean, over that of the first, and the least change over
the record as a share of the standard deviation."""


@dataclass(frozen=True)
class Checked:
    """One case. change: by the finer solver; first, last: r.m.s. about the mean of the first and
    the last frame, of each field; moved: r.m.s. change from the first to the last frame over the
    standard deviation, the least of the fields; open_axes: those that are seen not to close."""

    name: str
    shape: tuple[int, ...]
    change: float
    first: tuple[float, ...]
    last: tuple[float, ...]
    moved: float
    open_axes: tuple[int, ...]
    fault: str

    def __str__(self) -> str:
        sizes = " ".join(f"{a:.2g}→{b:.2g}" for a, b in zip(self.first, self.last, strict=True))
        said = self.fault or "ok"
        return (
            f"{self.name:30s} {'x'.join(map(str, self.shape)):22s} change {self.change:.1e}  "
            f"rms {sizes:24s} moved {self.moved:.2f}  open {list(self.open_axes)}  {said}"
        )


def checked(name: str, draw: int = 0) -> Checked:
    """What is found of a case."""
    case, finer = (ZOO[name].make(draw, fine) for fine in (1, 2))
    axes = tuple(k for k in range(case.states.ndim) if k != 2)
    std = np.nanstd(case.states, axis=axes)
    off = np.sqrt(np.nanmean((finer.states - case.states) ** 2, axis=axes)) / std
    first, last = (
        tuple(
            map(
                float, np.nanstd(case.states[:, k], axis=tuple(a - (a > 2) for a in axes if a != 1))
            )
        )
        for k in (0, -1)
    )
    step = case.states[:, -1] - case.states[:, 0]
    moved = np.sqrt(np.nanmean(step**2, axis=tuple(a - (a > 2) for a in axes if a != 1))) / std
    ndim = case.states.ndim - 3
    open_axes = tuple(fault.axis for fault in faults(case.states, [True] * ndim))
    wanted = [k for k in range(ndim) if case.boundary[k] == "open"]
    periodic = {k for k in range(ndim) if case.boundary[k] == "periodic"}
    faulty = {
        "the solver is too coarse": off.max() > LARGEST,
        "the fields die": any(b < ALIVE * a for a, b in zip(first, last, strict=True)),
        "the fields rest": moved.min() < ALIVE,
        "a window looks periodic": not set(wanted) <= set(open_axes),
        "a periodic axis does not close": bool(periodic & set(open_axes)),
    }
    return Checked(
        name,
        case.states.shape,
        float(off.max()),
        first,
        last,
        float(moved.min()),
        open_axes,
        ", ".join(each for each, holds in faulty.items() if holds),
    )
