"""The one check that values are finite, for what is written and for what is read."""

from collections.abc import Sequence

import numpy as np

from pdenet.errors import Advice, DataError
from pdenet.grid import LARGEST

__all__ = ["DIVERGED", "require_finite", "without_mask"]

DIVERGED = "remove that trajectory or simulate with a smaller time step"


def require_finite(
    states: np.ndarray,
    fields: Sequence[str],
    advice: Advice,
    *,
    first: tuple[int, int] = (0, 0),
    step: int = 1,
    missing: bool = False,
) -> None:
    """Raise DataError with the place of the first NaN or infinity in (n, frames, field, *space), or
    of the first value beyond `LARGEST`.

    advice: what to do about a NaN, for the message. first: numbers of the first trajectory and of
    the first frame; step: between frames. missing: NaN stands for a missing value and is no error.
    """
    if not states.size:
        return
    # Extremes are NaN if a value is, and cost no second array; float32 ends before LARGEST.
    most = min(LARGEST, float(np.finfo(states.dtype).max))
    low, high = (np.fmin, np.fmax) if missing else (np.minimum, np.maximum)
    with np.errstate(invalid="ignore"):
        if low.reduce(states, axis=None) >= -most and high.reduce(states, axis=None) <= most:
            return
        large = np.abs(states) > most
    bad = np.argwhere(large if missing else large | np.isnan(states))
    if not len(bad):
        return
    n, t, field, *point = (int(i) for i in bad[0])
    value = states[tuple(bad[0])]
    told = (
        f"{value} in trajectory {first[0] + n}, frame {first[1] + t * step}, field "
        f"{fields[field]}, point {tuple(point)}"
    )
    what = advice if np.isnan(value) else Advice(DIVERGED)
    if np.isfinite(value):
        what = Advice(f"at most {LARGEST:g} can be computed with: remove it, or choose other units")
    raise DataError(f"{told}: {what.python}", shell=f"{told}: {what.shell or what.python}")


def without_mask(states: np.ndarray) -> np.ndarray:
    """A plain array, NaN where a masked one has no value; what lies under a mask is no data."""
    if not isinstance(states, np.ma.MaskedArray):
        return np.asarray(states)
    if not np.ma.is_masked(states):
        return np.asarray(states.data)
    dtype = states.dtype if states.dtype.kind == "f" else np.float64
    return np.asarray(np.ma.filled(states.astype(dtype), np.nan))
