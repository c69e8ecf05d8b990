"""How large a step may be: the linearised PDE, the stencils' symbols, the scheme's region.

Around a state, u_t = F becomes w_t = Σ_J (∂F/∂u_J) w_J. With frozen coefficients a wave is
multiplied by λ(θ) = Σ_J c_J s_J(θ), s_J the symbol of the stencil of jet J; between walls the
numerical range of the stencil's matrix joins the symbol's values. Each trajectory gets
the rectangle [-decay, 0] × [-rotation, rotation]i that holds all its λ, and the step h must keep h
times that rectangle inside the region |R(z)| ≤ 1 of the Runge-Kutta scheme.

For systems, decay and rotation are spectral radii of matrices that bound every coupling by its
largest absolute value on the grid; growth (Re λ > 0) is the equation's own and no reason for small
steps.

Reference: W. Hundsdorfer, J. Verwer, Numerical Solution of Time-Dependent
Advection-Diffusion-Reaction Equations (2003), section I.3.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdenet.errors import StabilityError
from pdenet.pde.definition import PDE
from pdenet.pde.jet import Jet
from pdenet.words import counted
from simulators.operators import Operator
from simulators.rhs import (
    UPWIND,
    RightHandSide,
    TermSum,
    central_operator,
    first_order_axis,
)
from simulators.stencils import upwind
from simulators.stepping import Scheme
from simulators.walls import Extent, extent

__all__ = ["StabilityLimit", "largest_step", "require_substeps"]

_ANGLES = 65


@dataclass(frozen=True)
class _Slope:
    """∂F_row/∂(jet of field column), and what its stencil makes of it per unit.

    value: the slope where it is constant, else `terms` computes it.
    falls, rises, turns: decay for a positive and for a negative slope, and rotation.
    """

    row: int
    column: int
    value: float | None
    terms: TermSum
    falls: float
    rises: float
    turns: float


class StabilityLimit:
    """Bounds λ of the linearised PDE at given states; one instance per right-hand side."""

    def __init__(self, rhs: RightHandSide) -> None:
        self._rhs, self._size = rhs, len(rhs.pde.fields)
        self._slopes = [slope for jet in rhs.pde.jets for slope in _slopes(rhs, jet)]

    def bounds(self, t: float, u: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(decay, rotation) of every trajectory of u, in 1/time."""
        views, size = self._rhs.views(t, u), self._size
        scratch = torch.empty_like(self._rhs.scratch)[:, None]
        matrices = np.zeros((2, u.shape[0], size, size))
        for row, column in {(slope.row, slope.column) for slope in self._slopes}:
            decay, rotation = torch.zeros_like(scratch), torch.zeros_like(scratch)
            for slope in self._slopes:
                if (slope.row, slope.column) != (row, column):
                    continue
                if slope.value is not None:
                    c = slope.value
                    decay += max(c, 0.0) * slope.falls - min(c, 0.0) * slope.rises
                    rotation += abs(c) * slope.turns
                    continue
                slope.terms(t, views, scratch)
                rotation.add_(scratch.abs(), alpha=slope.turns)
                decay.add_(scratch.clamp(min=0), alpha=slope.falls)
                decay.sub_(scratch.clamp(max=0), alpha=slope.rises)
            for matrix, bound in zip(matrices, (decay, rotation), strict=True):
                matrix[:, row, column] = bound.flatten(1).amax(1).double().cpu().numpy()
        return _radius(matrices[0]), _radius(matrices[1])


def _slopes(rhs: RightHandSide, jet: Jet) -> list[_Slope]:
    """∂F/∂(jet) of every equation that depends on it; a linearised PDE is made of PDE values."""
    pde = rhs.pde
    sided = rhs.order == UPWIND and first_order_axis(jet) is not None
    falls, rises, turns = _extent(jet, rhs, sided)
    column = pde.fields.index(jet.field)
    found = []
    for row, field in enumerate(pde.fields):
        slope = pde.rhs[field].diff(jet.symbol)
        if slope == 0:
            continue
        value = float(slope) if slope.is_number else None
        terms = _scalar_terms(rhs, field, slope)
        # The side is chosen by the sign of the wind, so that an own first derivative damps both
        # ways; a coupling may act in any direction of the complex plane.
        either, radius = max(falls, rises), math.hypot(max(falls, rises), turns)
        if row != column:
            found.append(_Slope(row, column, value, terms, radius, radius, radius))
        elif sided:
            found.append(_Slope(row, column, value, terms, either, either, turns))
        else:
            found.append(_Slope(row, column, value, terms, falls, rises, turns))
    return found


def _scalar_terms(rhs: RightHandSide, field: str, expression: sympy.Expr) -> TermSum:
    """One expression in the jets of a PDE, as the equation of a field in a system of its own."""
    pde = rhs.pde
    others = {name: sympy.Integer(0) for name in pde.fields if name != field}
    system = PDE.from_expressions(
        {field: expression, **others}, pde.coordinates, dict(pde.parameters)
    )
    return TermSum(system, pde.jets, rhs.coordinates, rhs.scratch)


def _extent(jet: Jet, rhs: RightHandSide, sided: bool) -> tuple[float, float, float]:
    """max(-Re s), max(Re s), max|Im s| of the operator of a jet over all waves, in 1/length^m.

    Along an axis with walls what the stencil does between them counts as well; of a mixed
    derivative that meets a wall the norm is taken, for each of the three.
    """
    grid = rhs.grid
    stencils: Operator = (
        tuple(upwind() if count else None for count in jet.index)
        if sided
        else central_operator(jet.index, rhs.order)
    )
    theta = np.linspace(-np.pi, np.pi, 513 if grid.ndim < 3 else 97)
    symbol, norm = np.ones(1, dtype=np.complex128), 1.0
    between: list[Extent] = []
    for stencil, dx, closure, n in zip(stencils, grid.spacing, rhs.walls, grid.shape, strict=True):
        if stencil is None:
            continue
        scale = dx**-stencil.derivative
        line = scale * stencil.symbol(theta)
        symbol = np.multiply.outer(symbol, line).ravel()
        largest = float(np.abs(line).max())
        if closure is not None:
            found = extent(stencil, closure, n)
            between.append(Extent(*(scale * number for number in found)))
            largest = max(largest, scale * found.norm)
        norm *= largest
    waves = (float((-symbol.real).max()), float(symbol.real.max()), float(symbol.imag.max()))
    if between and jet.order > 1 and max(jet.index) < jet.order:
        return norm, norm, norm
    found = between[0] if between else Extent(*waves, norm)
    small = 1e-12 * norm
    falls, rises, turns = (max(pair) for pair in zip(waves, found[:3], strict=True))
    return tuple(x if x > small else 0.0 for x in (falls, rises, turns))  # type: ignore[return-value]


def _radius(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spectral radius of each matrix; infinite where an entry is not finite."""
    finite = np.isfinite(matrices).all(axis=(1, 2))
    radius = np.full(len(matrices), np.inf)
    if finite.any():
        radius[finite] = np.abs(np.linalg.eigvals(matrices[finite])).max(axis=1)
    return radius


@cache
def _limits(scheme: Scheme) -> NDArray[np.float64]:
    """Largest step for decay = cos φ, rotation = sin φ on equidistant φ in [0, π/2]."""
    angles = np.linspace(0, np.pi / 2, _ANGLES)
    return scheme.limits(np.cos(angles), np.sin(angles))


def largest_step(scheme: Scheme, decay: float, rotation: float) -> float:
    """The largest stable step, from a table of directions (the smaller of two neighbours)."""
    size = math.hypot(decay, rotation)
    if not size > 0:
        return math.inf
    if not math.isfinite(size):
        return 0.0
    position = math.atan2(rotation, decay) / (math.pi / 2) * (_ANGLES - 1)
    table = _limits(scheme)
    return float(min(table[math.floor(position)], table[math.ceil(position)]) / size)


def require_substeps(dt: float, substeps: int, limit: float, time: float) -> None:
    """Raise StabilityError if dt/substeps exceeds the limit, saying what is allowed."""
    if dt / substeps <= limit:
        return
    needed = math.ceil(dt / limit) if limit > 0 else 0
    told = (
        f"a step of {dt / substeps:.4g} (dt {dt:g} in {counted(substeps, 'substep')}) is unstable "
        f"at time {time:.4g}, where at most {limit:.4g} is allowed: use"
    )
    raise StabilityError(
        f"{told} substeps={needed} or more, or substeps=None to have it chosen",
        shell=f"{told} --substeps {needed} or more, or leave it out to have it chosen",
    )
