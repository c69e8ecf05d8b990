"""The one check that values are finite, for what is written and for what is read."""

from collections.abc import Sequence

import numpy as np

from pdenet.errors import DataError

__all__ = ["require_finite"]


def require_finite(
    states: np.ndarray, fields: Sequence[str], trajectory: int = 0, frame: int = 0, step: int = 1
) -> None:
    """Raise DataError with the place of the first NaN or infinity in (n, frames, field, *space).

    trajectory, frame: the numbers of the first of each; step: between frames.
    """
    # A sum is not finite if a term is not, and costs no second array; it may also overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(states.sum()):
            return
    bad = np.argwhere(~np.isfinite(states))
    if not len(bad):
        return
    n, t, field, *point = (int(i) for i in bad[0])
    raise DataError(
        f"{states[tuple(bad[0])]} in trajectory {trajectory + n}, frame {frame + t * step}, field "
        f"{fields[field]}, point {tuple(point)}: remove that trajectory or simulate with a "
        "smaller time step"
    )
