"""Uniform B-splines: smooth piecewise polynomials on a mesh of equal pieces.

    s(x) = Σ_m w_m B_m(x),     B_m of degree d on [low, high] cut into n pieces,

n + d functions, or n on a periodic axis, where those that leave at one end come in at the other.

Reference: C. de Boor, A Practical Guide to Splines, revised ed., chapter IX.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.interpolate import BSpline
from scipy.ndimage import maximum_filter1d
from torch import Tensor

from pdenet.errors import ConfigError
from pdenet.words import counted

__all__ = ["functions", "knots", "unresolved", "values_at"]


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


def unresolved(
    values: Tensor, axes: Sequence[tuple[np.ndarray, float, float, bool]], pieces: int, degree: int
) -> Tensor:
    """How far splines of so many pieces may be from the smooth function that they were fitted to,
    at every point: |s − s'| / (2^(degree + 1) − 1) with s' the nearest ones of half the pieces, as
    their error falls with that power of the size of a piece; the largest within a piece, because
    it changes sign from piece to piece.

    values: (*space), those of s. axes: points, low, high and whether it is periodic, of each.
    Source: L. F. Richardson, Phil. Trans. R. Soc. A 210 (1911) 307-357.
    """
    rough = values
    for axis, (points, low, high, periodic) in enumerate(axes):
        half = max(1, pieces // 2)
        basis = values_at(points, low, high, half, degree, periodic=periodic).to(values)
        projector = basis @ torch.linalg.pinv(basis)
        rough = torch.tensordot(projector, rough, dims=([1], [axis])).movedim(0, axis)
    found = (values - rough).abs().cpu().numpy() / (2 ** (degree + 1) - 1)
    for axis, (points, *_, periodic) in enumerate(axes):
        size = 2 * math.ceil(len(points) / pieces) + 1
        mode = "wrap" if periodic else "nearest"
        found = maximum_filter1d(found, size, axis, mode=mode)
    return torch.from_numpy(found).to(values)
