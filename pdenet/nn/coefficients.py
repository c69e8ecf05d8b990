"""Coefficients that vary in space: smooth piecewise polynomials on a coarse mesh, trained.

    c_k(x, y) = Σ_mn w_kmn B_m(x) B_n(y),

B-splines B of one degree on equal pieces of every axis, periodic where the axis is.

Reference: Long, Lu, Ma, Dong, "PDE-Net", ICML 2018, section 3.1 (degree 2 on a 20 × 20 mesh).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from pdenet.boundary import Boundaries, Periodic, periodic
from pdenet.errors import ConfigError
from pdenet.grid import Grid
from pdenet.nn import splines
from pdenet.words import counted

__all__ = ["CoefficientMaps"]


class CoefficientMaps(nn.Module):
    """`count` functions on a grid, zero at the start.

    pieces: of every axis. degree: of the polynomials. boundaries: periodic axes have periodic
    splines; all axes by default.

    `weights` (count, functions along x[, y[, z]]) is trained; `forward()` gives the values on the
    grid, (count, *space).
    Good values: 8 to 20 pieces of degree 2 or 3, several grid points to a piece.
    Raises ConfigError where a mesh has more functions along an axis than the grid has points.
    """

    def __init__(
        self,
        count: int,
        grid: Grid,
        pieces: int,
        degree: int,
        boundaries: Boundaries | None = None,
    ) -> None:
        super().__init__()
        self.count, self.pieces, self.degree = count, pieces, degree
        self.degree = degree
        self.axes: list[tuple[np.ndarray, float, float, bool]] = []
        sizes = []
        assert grid.origin is not None
        for axis, (low, high) in enumerate(boundaries or periodic(grid.ndim)):
            joined = isinstance(low, Periodic) and isinstance(high, Periodic)
            size = splines.functions(pieces, degree, joined)
            if size > grid.shape[axis]:
                most = grid.shape[axis] - (0 if joined else degree)
                raise ConfigError(
                    f"a coefficient mesh of {counted(pieces, 'piece')} of degree {degree} has "
                    f"{counted(size, 'unknown')} "
                    f"along {grid.axes[axis]}, where the data have "
                    f"{counted(grid.shape[axis], 'point')}: use "
                    f"at most {counted(most, 'piece')}"
                )
            start, stop = grid.origin[axis], grid.origin[axis] + grid.lengths[axis]
            points = grid.coordinates()[axis].clip(start, stop)
            self.axes.append((points, start, stop, joined))
            values = splines.values_at(points, start, stop, pieces, degree, periodic=joined)
            self.register_buffer(f"basis_{axis}", values, persistent=False)
            sizes.append(size)
        self.weights = nn.Parameter(torch.zeros(count, *sizes, dtype=torch.float64))

    def forward(self) -> Tensor:
        """The values of all functions, (count, *space)."""
        values: Tensor = self.weights
        # Each product takes the first remaining axis of functions and puts one of points last.
        for axis in range(self.weights.dim() - 1):
            values = torch.tensordot(values, getattr(self, f"basis_{axis}"), dims=([1], [1]))
        return values

    def fit(self, k: int, values: Tensor) -> None:
        """Bring function k as near to `values` (*space) as the mesh allows, by least squares."""
        with torch.no_grad():
            self.weights[k] = self.nearest(values)

    def nearest(self, values: Tensor) -> Tensor:
        """The weights of the function that comes nearest to `values` (*space)."""
        for axis in range(self.weights.dim() - 1):
            inverse = torch.linalg.pinv(getattr(self, f"basis_{axis}"))
            values = torch.tensordot(values.to(inverse), inverse, dims=([0], [1]))
        return values

    def unresolved(self, values: Tensor) -> Tensor:
        """How far a function of `values` (*space) may be from what it was fitted to, (*space)."""
        return splines.unresolved(values, self.axes, self.pieces, self.degree)

    def design(self) -> Tensor:
        """The value of every function at every point of the grid, (point, weight)."""
        found = torch.ones(1, 1).to(self.weights)
        for axis in range(self.weights.dim() - 1):
            found = torch.kron(found, getattr(self, f"basis_{axis}"))
        return found

    def extra_repr(self) -> str:
        """Sizes."""
        return f"count={self.count}, pieces={self.pieces}, degree={self.degree}"
