"""How large a step may be: the linearised PDE, the stencils' symbols, the scheme's region.

Around a state, u_t = F becomes w_t = Σ_J (∂F/∂u_J) w_J. With frozen coefficients a wave is
multiplied by λ(θ) = Σ_J c_J s_J(θ), s_J the symbol of the stencil of jet J. Each trajectory gets
the rectangle [-decay, 0] × [-rotation, rotation]i that holds all its λ, and the step h must keep h
times that rectangle inside the region |R(z)| ≤ 1 of the Runge-Kutta scheme.

For systems, decay and rotation are spectral radii of matrices that bound every coupling by its
largest absolute value on the grid; growth (Re λ > 0) is the equation's own and no reason for small
steps.

Reference: W. Hundsdorfer, J. Verwer, Numerical Solution of Time-Dependent
Advection-Diffusion-Reaction Equations (2003), section I.3.
"""

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdenet.errors import StabilityError
from pdenet.grid import Grid
from pdenet.pde.compile import compile_rhs
from pdenet.pde.definition import PDE
from pdenet.pde.jet import Jet
from simulators.operators import Operator
from simulators.rhs import (
    UPWIND,
    Order,
    RightHandSide,
    blocked_coordinates,
    central_operator,
    first_order_axis,
)
from simulators.stencils import upwind
from simulators.stepping import Scheme

__all__ = ["StabilityLimit", "largest_step", "require_substeps"]

_ANGLES = 129


class StabilityLimit:
    """Bounds λ of the linearised PDE at given states; one instance per right-hand side."""

    def __init__(self, rhs: RightHandSide, like: Tensor) -> None:
        pde, grid = rhs.pde, rhs.grid
        self._rhs, self._fields = rhs, len(pde.fields)
        coordinates = blocked_coordinates(grid, like)
        self._columns = []
        for jet in pde.jets:
            column = _derivative(pde, jet)
            if any(column.numeric_terms().values()):
                slope = compile_rhs(column, pde.jets, torch, coordinates)
                sided = rhs.order == UPWIND and first_order_axis(jet) is not None
                extent = _extent(jet, grid, rhs.order, sided)
                self._columns.append((pde.fields.index(jet.field), slope, extent, sided))

    def bounds(self, t: float, u: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(decay, rotation) of every trajectory of u, in 1/time."""
        jets = self._rhs.jets(t, u)
        size = self._fields
        shape = (u.shape[0], size, size, *jets.shape[2:])
        decay, rotation = jets.new_zeros(shape), jets.new_zeros(shape)
        for k, slope, (falls, rises, turns), sided in self._columns:
            c = slope(t, jets)
            radius = math.hypot(max(falls, rises), turns)
            for f in range(size):
                if f != k:
                    decay[:, f, k] += c[:, f].abs() * radius
                    rotation[:, f, k] += c[:, f].abs() * radius
                    continue
                damping = (
                    c[:, f].abs() * max(falls, rises)
                    if sided
                    else (c[:, f].clamp(min=0) * falls - c[:, f].clamp(max=0) * rises)
                )
                decay[:, f, f] += damping
                rotation[:, f, f] += c[:, f].abs() * turns
        return _radius(decay), _radius(rotation)


def _derivative(pde: PDE, jet: Jet) -> PDE:
    """∂F/∂(jet) of every equation; the linearisation of a PDE is again made of PDE values."""
    slopes = {field: rhs.diff(jet.symbol) for field, rhs in pde.rhs.items()}
    return PDE.from_expressions(slopes, pde.coordinates, dict(pde.parameters))


def _extent(jet: Jet, grid: Grid, order: Order, sided: bool) -> tuple[float, float, float]:
    """max(-Re s), max(Re s), max|Im s| of the operator of a jet over all waves, in 1/length^m."""
    stencils: Operator = (
        tuple(upwind() if count else None for count in jet.index)
        if sided
        else central_operator(jet.index, order)
    )
    theta = np.linspace(-np.pi, np.pi, 513 if grid.ndim < 3 else 97)
    symbol = np.ones(1, dtype=np.complex128)
    for stencil, dx in zip(stencils, grid.spacing, strict=True):
        if stencil is not None:
            line = stencil.symbol(theta) / dx**stencil.derivative
            symbol = np.multiply.outer(symbol, line).ravel()
    real, imaginary = symbol.real, symbol.imag
    scale = 1e-12 * float(np.abs(symbol).max())
    extent = (float((-real).max()), float(real.max()), float(np.abs(imaginary).max()))
    return tuple(value if value > scale else 0.0 for value in extent)  # type: ignore[return-value]


def _radius(bounds: Tensor) -> NDArray[np.float64]:
    """Spectral radius per trajectory of the matrix of largest values on the grid."""
    matrix = bounds.flatten(3).amax(3).double().cpu().numpy()
    if not np.all(np.isfinite(matrix)):
        return np.full(len(matrix), np.inf)
    return np.asarray(np.abs(np.linalg.eigvals(matrix)).max(axis=1), dtype=np.float64)


@cache
def _limits(scheme: Scheme) -> NDArray[np.float64]:
    """Largest step for decay = cos φ, rotation = sin φ on equidistant φ in [0, π/2]."""
    angles = np.linspace(0, np.pi / 2, _ANGLES)
    return np.array([scheme.limit(math.cos(a), math.sin(a)) for a in angles])


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
    advice = f"use substeps={needed} or more, or substeps=None to have it chosen"
    raise StabilityError(
        f"a step of {dt / substeps:.4g} (dt {dt:g} in {substeps} substeps) is unstable at time "
        f"{time:.4g}, where at most {limit:.4g} is allowed: {advice}"
    )
