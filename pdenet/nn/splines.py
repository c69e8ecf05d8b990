"""Uniform B-splines: smooth piecewise polynomials on a mesh of equal pieces.

    s(x) = Σ_m w_m B_m(x),     B_m of degree d on [low, high] cut into n pieces,

n + d functions, or n on a periodic axis, where those that leave at one end come in at the other.

Reference: C. de Boor, A Practical Guide to Splines, revised ed., chapter IX.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import BSpline
from torch import Tensor

from pdenet.errors import ConfigError
from pdenet.words import counted

__all__ = ["functions", "knots", "values_at"]


def functions(pieces: int, degree: int, periodic: bool) -> int:
    """How many B-splines there are."""
    return pieces if periodic else pieces + degree


def knots(low: float, high: float, pieces: int, degree: int) -> np.ndarray:
    """The knots of all B-splines that reach into [low, high], equally spaced.

    Raises ConfigError for an empty interval, no pieces or a negative degree.
    """
    if not (high > low and pieces >= 1 and degree >= 0):
        raise ConfigError(
            f"splines of degree {degree} on {counted(pieces, 'piece')} of [{low}, {high}] do not "
            "exist: give "
            "at least one piece and a degree of at least 0"
        )
    step = (high - low) / pieces
    row: np.ndarray = low + step * np.arange(-degree, pieces + degree + 1)
    row[degree + pieces] = high  # which rounding may miss, and then `high` itself lies outside
    return row


def values_at(
    points: np.ndarray, low: float, high: float, pieces: int, degree: int, *, periodic: bool
) -> Tensor:
    """The value of every B-spline at every point, (point, function), float64.

    points: in [low, high].
    """
    row = knots(low, high, pieces, degree)
    design = BSpline.design_matrix(points, row, degree).toarray()
    if periodic:
        wrapped = np.zeros((len(points), pieces))
        for m in range(design.shape[1]):
            wrapped[:, m % pieces] += design[:, m]
        design = wrapped
    return torch.from_numpy(design)
