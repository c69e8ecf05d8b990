"""Walls: ghost values beyond them, the points that they hold, and what they do to stability.

Beyond a wall a field is continued by the polynomial of degree p that has the values of the wall
point and of the points next to it; at a Neumann wall the condition ∂u/∂n = g takes the place of the
farthest of them. The values of that polynomial at the next `reach` points outside are linear in
those inside,

    u(-s) = Σ_j G_sj u(j) + h_s g dx,    s = 1 .. reach,  j = 0 .. p,

so the same central stencils serve every point, for any equation: nothing is assumed about the
symmetry of the solution, as a reflection would. At a Dirichlet wall the wall point is held at its
value; at a Neumann wall it evolves.

The degree is min(order, 5), and 3 beside upwind stencils. Measured with order 8, if nothing else is
said:

- Diffusion is stable for every degree up to the order. The largest eigenvalue grows at Neumann
  walls only, by 1.4 at degree 5 and by 1.9 at degree 8.
- Convection with diffusion is stable up to a cell Péclet number |c| dx/ν of 20 between any walls at
  degree 5, of 5 at degree 8; upwind, up to any at degree 3, but not up to 5 at degree 5.
- The error falls as dx^6.9 (diffusion, Dirichlet), dx^4.9 (diffusion, Neumann) and dx^5.3 (a
  boundary layer of convection and diffusion) at degree 5, and as dx^8 at degree 8. Orders 2 and 4
  keep their order at their degree.

Degree 5 is the highest that is stable wherever the grid resolves the solution. Without diffusion,
two conditions are one too many for the equation itself. tests/simulators/test_walls.py measures
orders and stability again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pdenet.boundary import (
    Boundaries,
    Boundary,
    Dirichlet,
    Neumann,
    Periodic,
    constant,
    why_not_simple,
)
from pdenet.errors import GridError
from pdenet.grid import Grid
from pdenet.pde.definition import PDE
from pdenet.words import counted
from simulators.stencils import Stencil, fornberg

__all__ = [
    "Closure",
    "Extent",
    "check_kinds",
    "check_orders",
    "check_size",
    "closures",
    "extent",
    "ghosts",
    "hold",
    "rest",
    "wall_matrix",
]

_DEGREE = 5
_LINE = 40  # points of the line whose matrix stands for that of any longer one


@dataclass(frozen=True)
class Closure:
    """What closes the lines along an axis with walls: both conditions, and the ghosts' degree."""

    lower: Boundary
    upper: Boundary
    degree: int

    @property
    def homogeneous(self) -> "Closure":
        """The same for a derivative along the wall, along which what is given is constant."""
        lower, upper = (
            Neumann() if isinstance(end, Neumann) else end for end in (self.lower, self.upper)
        )
        return replace(self, lower=lower, upper=upper)

    @property
    def mirrored(self) -> "Closure":
        """The same seen from the other side."""
        return replace(self, lower=self.upper, upper=self.lower)


def closures(boundaries: Boundaries, order: int) -> tuple[Closure | None, ...]:
    """The closure of each axis for stencils of that order of accuracy, None where it is periodic.

    order: of the central stencils; 3 where first derivatives are upwind-biased.
    """
    return tuple(
        None if isinstance(lower, Periodic) else Closure(lower, upper, min(order, _DEGREE))
        for lower, upper in boundaries
    )


def check_kinds(boundaries: Boundaries, axes: Sequence[str]) -> None:
    """Raise GridError for conditions that no solver here knows: open ends, Robin, values in time,
    other conditions for each field."""
    obstacle = why_not_simple(boundaries, axes)
    if obstacle:
        raise GridError(
            f"{obstacle}, and a simulation needs periodic axes or walls with one fixed value or "
            "derivative: use periodic, dirichlet or neumann"
        )


def check_orders(pde: PDE, boundaries: Boundaries) -> None:
    """Raise GridError for derivatives of more than second order towards a wall, too few axes, or
    conditions that no solver here knows.

    With such a derivative the equation needs more than one condition at each end.
    """
    if pde.ndim != len(boundaries):
        told = (
            f"the equation has {counted(pde.ndim, 'space dimension')}, the grid {len(boundaries)}: "
            f"give a grid with {counted(pde.ndim, 'axis', 'axes')}"
        )
        raise GridError(f"{told}, or the equation coordinates=('x', 'y') or alike", shell=told)
    check_kinds(boundaries, pde.coordinates)
    for jet in pde.jets:
        for axis, count, ends in zip(pde.coordinates, jet.index, boundaries, strict=True):
            if count > 2 and not isinstance(ends[0], Periodic):
                raise GridError(
                    f"{jet.name} needs more conditions at a wall along {axis} than one: "
                    f"use periodic boundaries along {axis}"
                )


@cache
def ghosts(
    condition: Boundary, degree: int, reach: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (reach, used) and offsets (reach,) of the ghosts before a lower wall.

    Row i is the ghost reach - i steps outside; columns are the points 0 .. used - 1, the wall point
    first. ghost = weights @ u[:used] + offsets * dx. For an upper wall reverse both axes.
    """
    points = tuple(range(degree + 1))
    lines, offsets = [], []
    slope = fornberg(1, points)
    for step in range(reach, 0, -1):
        line = fornberg(0, tuple(point + step for point in points))
        offset = 0.0
        if isinstance(condition, Neumann):
            # The last point's value follows from du/dx = -g at the wall, x pointing inwards.
            last = line[-1] / slope[-1]
            line = tuple(w - last * s for w, s in zip(line[:-1], slope[:-1], strict=True))
            offset = -float(last) * constant(condition.derivative)
        lines.append([float(weight) for weight in line])
        offsets.append(offset)
    return np.array(lines), np.array(offsets)


def wall_matrix(stencil: Stencil, closure: Closure, n: int) -> NDArray[np.float64]:
    """The n × n matrix of dxᵐ ∂ᵐ on a line between walls with homogeneous conditions.

    Points that a Dirichlet wall holds are left out, so it is smaller by one for each of those.
    """
    reach = stencil.reach
    continued = np.zeros((n + 2 * reach, n))
    continued[reach : reach + n] = np.eye(n)
    below, _ = ghosts(closure.lower, closure.degree, reach)
    above, _ = ghosts(closure.upper, closure.degree, reach)
    continued[:reach, : below.shape[1]] = below
    continued[n + reach :, n - above.shape[1] :] = above[::-1, ::-1]
    rows = np.lib.stride_tricks.sliding_window_view(continued, 2 * reach + 1, axis=0)
    matrix = rows @ stencil.dense(reach)
    free = slice(
        int(isinstance(closure.lower, Dirichlet)), n - int(isinstance(closure.upper, Dirichlet))
    )
    return np.asarray(matrix[free, free])


class Extent(NamedTuple):
    """A stencil's reach in the complex plane: max(-Re), max(Re), max|Im|, and its norm."""

    falls: float
    rises: float
    turns: float
    norm: float


def extent(stencil: Stencil, closure: Closure, n: int) -> Extent:
    """How far a stencil's matrix between walls reaches, for lines of n points, in units of dx⁻ᵐ.

    It is the numerical range {v*Mv : v*v = 1} in the norm of the trapezoidal rule, where a Neumann
    point counts half. The range of a sum lies in the sum of the ranges, which eigenvalues do not:
    near Neumann walls those of diffusion with convection exceed the sum by up to 8 %.
    """
    ways = {closure, closure.mirrored}
    found = [_extent(stencil, way, min(n, _LINE)) for way in ways]
    return Extent(*(max(numbers) for numbers in zip(*found, strict=True)))


@cache
def _extent(stencil: Stencil, closure: Closure, n: int) -> Extent:
    matrix = wall_matrix(stencil, closure, n)
    scale = np.ones(len(matrix))
    for place, end in ((0, closure.lower), (-1, closure.upper)):
        if isinstance(end, Neumann):
            scale[place] = math.sqrt(0.5)
    matrix = scale[:, None] * matrix / scale
    real = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    imaginary = np.linalg.eigvalsh((matrix - matrix.T) / 2j)
    return Extent(
        float(-real[0]), float(real[-1]), float(imaginary[-1]), float(np.linalg.norm(matrix, 2))
    )


def hold(u: Tensor, boundaries: Boundaries) -> None:
    """Give the points on Dirichlet walls their values, in place; u: (..., *space).

    Where walls meet, the one along the later axis decides.
    """
    first = u.ndim - len(boundaries)
    for axis, ends in enumerate(boundaries, start=first):
        for place, end in zip((0, -1), ends, strict=True):
            if isinstance(end, Dirichlet):
                u.select(axis, place).fill_(constant(end.value))


def rest(out: Tensor, boundaries: Boundaries) -> None:
    """Set the time derivatives of the points on Dirichlet walls to zero, in place."""
    first = out.ndim - len(boundaries)
    for axis, ends in enumerate(boundaries, start=first):
        for place, end in zip((0, -1), ends, strict=True):
            if isinstance(end, Dirichlet):
                out.select(axis, place).zero_()


def check_size(stencils: Sequence[Stencil], closure: Closure | None, grid: Grid, axis: int) -> None:
    """Raise GridError if an axis has fewer points than the stencils, or the ghosts, take."""
    span = 2 * max(stencil.reach for stencil in stencils) + 1
    needed = span if closure is None else max(span, closure.degree + 1)
    if grid.shape[axis] < needed:
        raise GridError(
            f"the grid has {counted(grid.shape[axis], 'point')} along {grid.axes[axis]}, but the "
            "stencils "
            f"span {needed}: use at least {counted(needed, 'point')} or a lower order"
        )
