"""How far predictions are from what was observed.

    e(t) = ‖û(t) − u(t)‖ / ‖u(t)‖,      ‖u‖² = Σ over fields and points of u²,

of every trajectory by itself; over trajectories percentiles are looked at, because a few that blow
up would rule a mean. Reference: the figures of Long, Lu, Dong, J. Comput. Phys. 399 (2019) 108925.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

from pdenet.evaluation.forecast import Forecast

__all__ = ["PERCENTILES", "error_percentiles", "errors_of", "fields_of", "relative_errors"]

PERCENTILES = (0, 25, 50, 75, 100)
"""Those that are shown: all, the middle half, and the median."""


def relative_errors(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """‖û − u‖/‖u‖ of every trajectory and frame, (trajectory, frame)."""
    axes = tuple(range(2, observed.ndim))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        size = np.sqrt((observed**2).sum(axis=axes))
        errors: np.ndarray = np.sqrt(((predicted - observed) ** 2).sum(axis=axes)) / size
    return errors


def errors_of(
    forecast: Forecast,
    start: np.ndarray,
    observed: np.ndarray,
    stored: Sequence[int],
    progress: Callable[[float], None] | None = None,
) -> np.ndarray:
    """The relative errors of a forecast, (trajectory, stored frame).

    start: the first frames. observed: (trajectory, stored frame, field, *space), the truth at the
    frames whose numbers are `stored`, ascending. progress: called with the fraction done.
    Trajectories go in groups that fit the cache; no frame of the forecast is kept.
    """
    size = forecast.together
    errors = np.full((len(start), len(stored)), np.nan)
    for first in range(0, len(start), size):
        members = slice(first, first + size)
        for place, frame in enumerate(_at(forecast.frames(start[members]), stored)):
            known = observed[members, place : place + 1]
            errors[members, place] = relative_errors(frame[:, None], known)[:, 0]
            if progress is not None:
                share = len(known) / len(start)
                progress(first / len(start) + share * (place + 1) / len(stored))
    return errors


def fields_of(forecast: Forecast, start: np.ndarray, stored: Sequence[int]) -> np.ndarray:
    """The forecast from one first frame (field, *space): (stored frame, field, *space)."""
    return np.stack([frame[0] for frame in _at(forecast.frames(start[None]), stored)])


def _at(frames: Iterator[np.ndarray], stored: Collection[int]) -> Iterator[np.ndarray]:
    """The frames of these numbers; none beyond the last of them is computed."""
    wanted, last = frozenset(stored), max(stored)
    for number, frame in enumerate(frames):
        if number in wanted:
            yield frame
        if number == last:
            return


def error_percentiles(errors: np.ndarray) -> np.ndarray:
    """Percentiles 0, 25, 50, 75, 100 over trajectories, (5, time); inf where runs blew up.

    errors: (trajectory, time), NaN or inf once a trajectory has blown up.
    """
    huge = 1e300
    finite = np.where(np.isfinite(errors), errors, huge)
    percentiles = np.percentile(finite, PERCENTILES, axis=0)
    return np.where(percentiles > 1e-3 * huge, np.inf, percentiles)
