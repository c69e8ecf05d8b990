"""The window that was measured, in a periodic box that is larger than it.

The equation holds inside the window; of what is around it nothing is known. States live on a box
that repeats itself, the window and a pad of some points along every axis that is not periodic: a
field that is smooth up to the edge of the window has a smooth continuation through the pad. There,
and where a mask says that the equation does not hold, fields are drawn towards unknown ones
(`latent`) at the rate

    χ(x) = sin²(π/2 min(1, d/w)),

d the distance to the nearest point of the window, w the width of the edge.

Source: Nordström, Nordin, Henningson, SIAM J. Sci. Comput. 20 (1999) 1365-1393 (fringe regions).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy.fft import next_fast_len
from scipy.ndimage import distance_transform_edt, map_coordinates
from torch import Tensor

from pdenet.boundary import Periodic
from pdenet.grid import Grid
from pdenet.problem import Problem

__all__ = ["Window"]

PAD = 12
"""Points of a pad, at least: the box takes as many as a fast transform has."""

EDGE = 4.0
"""Points over which the rate rises from none to all of it."""

TAPER = 1 / 4
"""Share of the shortest side of the window over which test functions fall to zero at its edge. They
are infinitely smooth, so that noise of short waves does not come into long ones with derivatives;
the rest of the window keeps its full weight."""


@dataclass(frozen=True, eq=False)
class Window:
    """A window in its box.

    box: the periodic grid of the states, of the spacing of the data. inside: the points of the box
    where the equation holds, (*space).
    """

    box: Grid
    inside: Tensor
    shape: tuple[int, ...]

    @classmethod
    def of(cls, problem: Problem, outside: Tensor | None = None) -> Window | None:
        """Of the grid of a problem; None where all axes are periodic and nothing is outside."""
        grid = problem.grid
        walled = [not isinstance(ends[0], Periodic) for ends in problem.boundaries]
        if not any(walled) and (outside is None or not bool(outside.any())):
            return None
        shape = tuple(
            _even(n + PAD) if wall else n for n, wall in zip(grid.shape, walled, strict=True)
        )
        lengths = tuple(n * step for n, step in zip(shape, grid.spacing, strict=True))
        inside = torch.zeros(shape, dtype=torch.bool)
        there = tuple(slice(0, n) for n in grid.shape)
        inside[there] = True if outside is None else ~outside.cpu()
        return cls(Grid(shape, lengths, grid.origin), inside, grid.shape)

    def placed(self, data: Tensor) -> Tensor:
        """Data (.., *window) in the box, NaN around them and where the equation does not hold."""
        found = data.new_full((*data.shape[: -self.box.ndim], *self.box.shape), math.nan)
        where: tuple[Any, ...] = (..., *(slice(0, n) for n in self.shape))
        found[where] = data
        return torch.where(self.inside.to(data.device), found, math.nan)

    @cached_property
    def _away(self) -> np.ndarray:
        """Steps to the nearest point inside, on the box, which repeats itself."""
        return self._distance(~self.inside.numpy())

    def _distance(self, there: np.ndarray) -> np.ndarray:
        """Steps to the nearest point that is not there, as far as anybody asks."""
        reach = [min(n, math.ceil(self._width) + 1) for n in self.box.shape]
        wide = np.pad(there, [(r, r) for r in reach], mode="wrap")
        found = distance_transform_edt(wide)
        return np.asarray(
            found[tuple(slice(r, r + n) for r, n in zip(reach, there.shape, strict=True))]
        )

    @property
    def _width(self) -> float:
        """Steps over which test functions fall to zero."""
        return max(EDGE, TAPER * min(self.shape))

    def rate(self, grid: Grid) -> Tensor:
        """χ on the box or a grid finer than it, (*space)."""
        factor = grid.shape[0] // self.box.shape[0]
        places = np.meshgrid(*(np.arange(n) / factor for n in grid.shape), indexing="ij")
        away = map_coordinates(self._away, places, order=1, mode="grid-wrap")
        share = np.minimum(1.0, away / EDGE)
        return torch.from_numpy(np.sin(np.pi / 2 * share) ** 2)

    def mesh(self, grid: Grid) -> tuple[np.ndarray, ...]:
        """The coordinates of the points of the box, or of a grid finer than it, (*space) each. In a
        pad they lead from the end of the window back to its beginning,

            x = b + P z + (a − b − P) (10 z³ − 15 z⁴ + 6 z⁵),    z = 0 at the end b, 1 at a,

        with two smooth derivatives, so that what depends on them repeats itself as the states do.
        """
        along = list(grid.coordinates())
        for axis, (n, x) in enumerate(zip(self.shape, along, strict=True)):
            if n < self.box.shape[axis]:
                low, high = x[0], x[0] + (n - 1) * self.box.spacing[axis]
                width = self.box.lengths[axis] - (high - low)
                z = np.clip((x - high) / width, 0, 1)
                back = (low - high - width) * z**3 * (10 - 15 * z + 6 * z**2)
                along[axis] = np.where(x > high, high + width * z + back, x)
        return tuple(np.meshgrid(*along, indexing="ij"))

    @cached_property
    def taper(self) -> Tensor:
        """A smooth function that is zero outside, for test functions, on the box; the mean of its
        square is one, so that noise times it has the variance of noise."""
        share = np.clip(self._distance(self.inside.numpy()) / self._width, 0, 1)
        with np.errstate(divide="ignore", over="ignore"):
            found = 1 / (1 + np.exp(1 / share - 1 / (1 - share)))
        return torch.from_numpy(found / np.sqrt(np.mean(found**2)))


def _even(least: int) -> int:
    """The smallest even number of points from this one on whose transform is fast."""
    return 2 * int(next_fast_len(-(-least // 2)))
