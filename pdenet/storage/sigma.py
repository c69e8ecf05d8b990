"""Standard deviations of every value: what stands for them, and what is refused."""

from collections.abc import Sequence

import numpy as np

from pdenet.errors import DataError

__all__ = ["checked_sigma", "require_positive"]


def checked_sigma(sigma: object, shape: Sequence[int]) -> np.ndarray:
    """Standard deviations of values (trajectory, frame, field, *space), of that shape, float64.

    sigma: one number, one for each field, or an array that broadcasts to the shape, in the units of
    the fields; NaN only where values are missing, which is asked where both are read.
    Raises DataError for another shape, and for numbers that are not above 0.
    """
    try:
        found = np.asarray(sigma)
    except ValueError:
        found = np.empty(0, object)
    if found.dtype.kind not in "iuf":
        raise DataError(
            "sigma holds standard deviations, in the units of the fields, and not "
            f"{found.dtype}: give numbers above 0"
        )
    found = found.astype(np.float64)
    if found.shape == (shape[2],):
        found = found.reshape(-1, *(1,) * (len(shape) - 3))
    try:
        whole = np.broadcast_to(found, tuple(shape))
    except ValueError:
        raise DataError(
            f"sigma has shape {found.shape}, the values {tuple(shape)} (trajectory, frame, field, "
            "*space): give one number, one for each field, or an array that broadcasts to the "
            "values, with 1 for an axis along which it does not change"
        ) from None
    require_positive(found, "sigma")
    return whole


def require_positive(sigma: np.ndarray, place: str) -> None:
    """Raise DataError for standard deviations that are not above 0 and finite, or NaN."""
    wrong = ~((sigma > 0) & (sigma < np.inf)) & ~np.isnan(sigma)
    if wrong.any():
        raise DataError(
            f"{place} holds {sigma[wrong].ravel()[0]:.4g}, and {int(wrong.sum())} such of "
            f"{sigma.size}: a standard deviation is above 0 and finite; where a value is not known "
            "at all make the value NaN"
        )
