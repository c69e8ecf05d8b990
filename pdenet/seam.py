"""Whether an axis that is said to be periodic closes: the seam against neighbouring points.

On a periodic axis of N points the step from point N − 1 to point 0 is one like any other. Where the
data are a window of a larger field, lie between walls, or have time and space exchanged, it is a
jump: u(N − 1) and u(0) are a whole domain apart, all other neighbours Δx. Three measures are taken
of every step from point i to i + 1, the odd differences of order m = 1, 3 and 5 around it,

    E_m(i) = mean of |Δᵐu|² over trajectories, frames and all other axes,

each trajectory divided by its own mean first. A jump J adds J² times 1, 4 and 36 to them, a smooth
field (Δx)²ᵐ, noise σ² times 2, 20 and 252. So the step across the seam is compared with what the
data themselves do elsewhere, whatever their spectrum and noise. The seam is open where

- some E_m across the seam is `LIMIT`² times the largest E_m elsewhere, and
- the jump stands alone: E_1 is `ALONE`² times that of the steps on either side. A resolved front,
  or a kink of a periodic field (x² cos πx on [−1, 1]), may lie on the seam, and is no jump.

Both have to hold for the median of three parts of the time, so that a front which starts on the
seam, or crosses it, does not count. A periodic field with a jump within one step that lies on the
seam of all trajectories and stays there is the one thing that looks the same.

Where the end point of the period is stored twice, the step across the seam is zero, it alone, and
those beside it, which lead on in one direction, are not. Where a field is symmetric about the seam,
or rests on both sides, it is zero too, but so is the mean of the steps beside it.

How often both are right is measured by benchmarks/seam.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["ALONE", "FEWEST", "LIMIT", "Fault", "equal_ends", "faults"]

ORDERS = (1, 3, 5)
PARTS = 3

LIMIT, ALONE = 3.0, 2.0
"""Ratios of amplitudes, of the seam to the largest elsewhere and to both neighbours."""

FEWEST = 12
"""Points of an axis below which there are too few steps to compare with."""

EQUAL, ROUNDING = 1e-6, 1e-6
"""A step across the seam that is none, relative to the mean of those beside it; and the least such
mean that is more than rounding (of float32), relative to the largest value."""

Energies = np.ndarray


@dataclass(frozen=True)
class Fault:
    """A seam that is none. axis: number of the space axis. field: number of the field.

    repeated: whether the first point is stored a second time, after the last one. jump: r.m.s. step
    across the seam, in units of the field. steps: the jump over the largest r.m.s. step between
    neighbouring points elsewhere. beside: the jump over the larger of the steps on either side.
    """

    axis: int
    field: int
    repeated: bool
    jump: float
    steps: float
    beside: float


def faults(states: np.ndarray, periodic: Sequence[bool]) -> list[Fault]:
    """The seams that do not close, at most one for each axis: the field in which it is worst.

    states: (trajectory, frame, field, *space), NaN where a value is missing. periodic: for each
    space axis whether it is said to be. Axes of fewer than `FEWEST` points are not judged.
    """
    found = []
    for axis, joined in enumerate(periodic):
        if not joined or states.shape[3 + axis] < FEWEST:
            continue
        each = [
            fault
            for field in range(states.shape[2])
            if (fault := _fault(np.moveaxis(states[:, :, field], 2 + axis, 2), axis, field))
        ]
        if each:
            found.append(max(each, key=lambda fault: fault.steps))
    return found


def equal_ends(states: np.ndarray, periodic: Sequence[bool]) -> list[int]:
    """The axes along which the first and the last point agree to the last digit and change in time.

    The end point of the period may then be stored twice. It need not: a field that is symmetric
    about the middle of the seam has equal ends too, and where its slope vanishes there, `faults`
    cannot tell the two apart.
    """
    found = []
    for axis, joined in enumerate(periodic):
        along = np.moveaxis(states, 3 + axis, 0)
        first, last = along[0], along[-1]
        changes = (first[:, 1:] != first[:, :-1]).any()
        if joined and changes and (first == last).all():
            found.append(axis)
    return found


def _fault(values: np.ndarray, axis: int, field: int) -> Fault | None:
    """values: (trajectory, frame, point of the axis, *others)."""
    values = values.reshape(*values.shape[:3], -1).astype(float, copy=False)
    parts = np.array_split(np.arange(values.shape[1]), min(PARTS, values.shape[1]))
    energies = {order: _energies(values, order, parts) for order in ORDERS}
    ratios = [
        _over(each[:, -1], each[:, _elsewhere(order, each)]) for order, each in energies.items()
    ]
    first = energies[1]
    alone = _over(first[:, -1], first[:, [-2, 0]])
    is_open = max(ratios) > LIMIT**2 and alone > ALONE**2
    if not is_open and not _is_repeated(values):
        return None
    step = values[:, :, 0] - values[:, :, -1]
    jump = float(np.sqrt(np.mean(step[np.isfinite(step)] ** 2)))
    return Fault(axis, field, not is_open, jump, ratios[0] ** 0.5, alone**0.5)


def _energies(values: np.ndarray, order: int, parts: Sequence[np.ndarray]) -> Energies:
    """E_m in every part of the time, (part, step); step i is from point i to i + 1, the last one is
    the seam. NaN where no difference is complete."""
    found = values
    for _ in range(order):
        found = np.roll(found, -1, axis=2) - found
    found = np.roll(found, order // 2, axis=2)
    seen = np.isfinite(found)
    squares = np.where(seen, found, 0.0) ** 2
    together = []
    for part in parts:
        counts = seen[:, part].sum(axis=(1, 3))
        each = squares[:, part].sum(axis=(1, 3)) / np.where(counts, counts, np.nan)
        inner = each[:, _elsewhere(order, each)]
        scale = np.nansum(inner, axis=1) / np.maximum(np.isfinite(inner).sum(axis=1), 1)
        each = each[scale > 0] / scale[scale > 0, None]
        known = np.isfinite(each).sum(axis=0)
        together.append(np.nansum(each, axis=0) / np.where(known, known, np.nan))
    return np.array(together)


def _elsewhere(order: int, energies: Energies) -> slice:
    """The steps whose differences do not reach across the seam."""
    return slice(order // 2, energies.shape[1] - 1 - order // 2)


def _over(seam: np.ndarray, others: np.ndarray) -> float:
    """E_m of the seam over the largest of others, the median of the parts; 0 where none is known,
    infinity beside steps that are all zero."""
    largest = np.where(np.isfinite(others), others, 0.0).max(axis=1)
    known = np.isfinite(seam) & np.isfinite(others).any(axis=1)
    if not known.any():
        return 0.0
    pairs = zip(seam[known], largest[known], strict=True)
    return float(np.median([a / b if b > 0 else np.inf if a > 0 else 0.0 for a, b in pairs]))


def _is_repeated(values: np.ndarray) -> bool:
    """Whether the last point is the first one once more: a step that is zero in every frame while
    those beside it lead on, and the only one. A field with plateaus has more of them."""
    step = np.roll(values, -1, axis=2) - values
    beside = (np.roll(step, 1, axis=2) + np.roll(step, -1, axis=2)) / 2
    seen = np.isfinite(step) & np.isfinite(beside)
    if not seen[:, :, -1].any():
        return False
    rounding = ROUNDING * float(np.abs(values[np.isfinite(values)]).max())
    along = (0, 1, 3)
    counts = np.maximum(seen.sum(axis=along), 1)
    size = np.sqrt((np.where(seen, beside, 0.0) ** 2).sum(axis=along) / counts)
    largest = np.where(seen, np.abs(step), 0.0).max(axis=along)
    zero = (size > rounding) & (largest <= EQUAL * size)
    return bool(zero[-1]) and int(zero.sum()) == 1
