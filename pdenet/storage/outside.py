"""Points where the equation does not hold: what stands for them, and what is refused."""

import numpy as np

from pdenet.errors import DataError

__all__ = ["checked_mask"]


def checked_mask(outside: object, shape: tuple[int, ...]) -> np.ndarray | None:
    """The mask as a bool array of the grid's `shape`; None where no point is outside.

    outside: true or false (or 1 and 0) for each point of the grid; None for none.
    Raises DataError for another shape, for other values, and where no point is left.
    """
    if outside is None:
        return None
    try:
        mask = np.asarray(outside)
    except ValueError:
        mask = np.empty(0, object)
    if mask.dtype.kind not in "biu" or not np.isin(mask, (0, 1)).all():
        raise DataError(
            "outside is true or false for each point of the grid (true where the equation does "
            f"not hold), not {mask.dtype}: give e.g. a comparison such as x**2 + y**2 < r**2"
        )
    if mask.shape != shape:
        raise DataError(
            f"outside has shape {mask.shape}, the grid {shape}: give one value for each point of "
            "the grid, the same at all times"
        )
    if mask.all():
        raise DataError(
            "outside is true at every point, so that nothing is left to be used: it is true where "
            "the equation does not hold, so give the opposite"
        )
    return mask.astype(bool) if mask.any() else None
