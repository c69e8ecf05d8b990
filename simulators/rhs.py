"""The right-hand side of a PDE on a grid: derivatives by stencils, then the terms in place.

Almost every term of a PDE is a coefficient (a number, or a function of the coordinates) times a
product of jets; these are added in place by fused multiply-adds. What is left (sin(u), coefficients
that depend on time) goes through `compile_rhs`, as does everything in the test of both.

Upwind: every first derivative u_a of a field u along an axis a is taken from the side from which
the field's own wind comes, w = -∂F_u/∂u_a at that point and time: backward-biased where w > 0,
forward-biased elsewhere. For -u u_x - v u_y this is the wind (u, v) in both equations of Burgers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

from pdenet.grid import Grid
from pdenet.pde.compile import compile_rhs
from pdenet.pde.definition import PDE
from pdenet.pde.jet import Jet
from pdenet.pde.monomial import jet_powers
from simulators.operators import Derivatives, Operator, block_length, operator
from simulators.stencils import upwind

__all__ = [
    "UPWIND",
    "Order",
    "RightHandSide",
    "blocked_coordinates",
    "central_operator",
    "first_order_axis",
]

#: Order of accuracy of the central stencils, or "upwind".
Order = int | str
UPWIND = "upwind"
_CENTRAL_BESIDE_UPWIND = 4


def blocked_coordinates(grid: Grid, like: Tensor) -> tuple[Tensor, ...]:
    """The coordinates as arrays that broadcast against (batch, *blocked)."""
    arrays = []
    for axis, points in enumerate(grid.coordinates()):
        shape = [1] * (1 + 2 * grid.ndim)
        block = block_length(grid.shape[axis])
        shape[1 + 2 * axis], shape[2 + 2 * axis] = grid.shape[axis] // block, block
        arrays.append(torch.from_numpy(points).to(like).view(shape))
    return tuple(arrays)


def central_operator(index: Sequence[int], order: Order) -> Operator:
    """The central operator of a multi-index; beside upwind stencils it is of order 4."""
    return operator(index, _CENTRAL_BESIDE_UPWIND if order == UPWIND else int(order))


def first_order_axis(jet: Jet) -> int | None:
    """The axis of a first derivative u_x, u_y, u_z; None for all other jets."""
    return jet.index.index(1) if jet.order == 1 else None


@dataclass(frozen=True)
class _Product:
    """coefficient · weight · Π jets, added to one field.

    weight: a function of the coordinates; jets: positions in `pde.jets`.
    """

    field: int
    coefficient: float
    weight: Tensor | None
    jets: tuple[int, ...]


class RightHandSide:
    """u_t = F of one PDE for states (batch, field, *space) of one shape.

    Calls write into the given output and overwrite the buffers of the last call.
    Raises GridError if the grid is too small for the stencils.
    """

    def __init__(self, pde: PDE, grid: Grid, order: Order, like: Tensor) -> None:
        """like: a state (batch, field, *space); its shape, dtype and device are adopted."""
        self.pde, self.grid, self.order = pde, grid, order
        operators = {jet.index: central_operator(jet.index, order) for jet in pde.jets}
        unique = list(dict.fromkeys(operators.values()))
        channels = (like.shape[0], like.shape[1])
        self._derivatives = Derivatives(
            unique, grid, channels, dtype=like.dtype, device=like.device
        )
        # A jet is column `field` of derivative `place`; the views of the derivatives stay the same.
        self._places = [
            (unique.index(operators[jet.index]), pde.fields.index(jet.field)) for jet in pde.jets
        ]
        views = [self._derivatives.views[place] for place, _ in self._places]
        self._fixed = [
            None if view is None else view[:, field]
            for view, (_, field) in zip(views, self._places, strict=True)
        ]
        coordinates = blocked_coordinates(grid, like)
        self._products, rest = _split(pde, coordinates, like)
        self._rest = compile_rhs(rest, pde.jets, torch, coordinates) if _has_terms(rest) else None
        self._winds = _winds(pde, grid, like) if order == UPWIND else []
        self._scratch = torch.empty_like(self._derivatives.blocked(like)[:, 0])

    def views(self, t: float, u: Tensor) -> list[Tensor]:
        """The jets of the PDE at u, in the order of `pde.jets`, as views (batch, *blocked)."""
        self._derivatives(u)
        state = self._derivatives.blocked(u)
        columns = [
            state[:, field] if fixed is None else fixed
            for fixed, (_, field) in zip(self._fixed, self._places, strict=True)
        ]
        if self._winds:
            central = torch.stack(columns, dim=1)
            for wind in self._winds:
                for place, column in wind(t, u, central):
                    columns[place] = column
        return columns

    def jets(self, t: float, u: Tensor) -> Tensor:
        """The jets of the PDE at u, (batch, variable, *blocked)."""
        return torch.stack(self.views(t, u), dim=1)

    def __call__(self, t: float, u: Tensor, out: Tensor) -> None:
        """Write F(t, u) into out; both contiguous (batch, field, *space)."""
        views = self.views(t, u)
        target = self._derivatives.blocked(out)
        if self._rest is None:
            target.zero_()
        else:
            target.copy_(self._rest(t, torch.stack(views, dim=1)))
        columns = target.unbind(1)
        for product in self._products:
            self._add(columns[product.field], product, [views[jet] for jet in product.jets])

    def _add(self, target: Tensor, product: _Product, factors: list[Tensor]) -> None:
        if product.weight is not None:
            factors = [product.weight, *factors]
        if not factors:
            target.add_(product.coefficient)
        elif len(factors) == 1:
            target.add_(factors[0], alpha=product.coefficient)
        else:
            *first, last = factors
            partial = first[0]
            for factor in first[1:]:
                partial = torch.mul(partial, factor, out=self._scratch)
            target.addcmul_(partial, last, value=product.coefficient)


class _Wind:
    """One-sided first derivatives along one axis, chosen by the sign of the wind."""

    def __init__(self, pde: PDE, axis: int, grid: Grid, like: Tensor) -> None:
        stencil = upwind()
        sides: list[Operator] = [
            tuple(side if k == axis else None for k in range(grid.ndim))
            for side in (stencil, stencil.mirrored())
        ]
        channels = (like.shape[0], like.shape[1])
        self._sides = Derivatives(sides, grid, channels, dtype=like.dtype, device=like.device)
        self._jets = [
            (place, pde.fields.index(jet.field))
            for place, jet in enumerate(pde.jets)
            if first_order_axis(jet) == axis
        ]
        index = tuple(int(k == axis) for k in range(grid.ndim))
        slopes = {f: pde.rhs[f].diff(Jet(f, index).symbol) for f in pde.fields}
        derivative = PDE.from_expressions(slopes, pde.coordinates, dict(pde.parameters))
        coordinates = blocked_coordinates(grid, like)
        self._slope = compile_rhs(derivative, pde.jets, torch, coordinates)

    def __call__(self, t: float, u: Tensor, jets: Tensor) -> list[tuple[int, Tensor]]:
        """(position in pde.jets, derivative) of every first derivative along the axis."""
        backward, forward = self._sides(u)
        chosen = torch.where(self._slope(t, jets) < 0, backward, forward)
        return [(place, chosen[:, field]) for place, field in self._jets]


def _winds(pde: PDE, grid: Grid, like: Tensor) -> list[_Wind]:
    axes = {first_order_axis(jet) for jet in pde.jets} - {None}
    return [_Wind(pde, axis, grid, like) for axis in range(grid.ndim) if axis in axes]


def _split(pde: PDE, coordinates: Sequence[Tensor], like: Tensor) -> tuple[list[_Product], PDE]:
    """The terms that are products of jets, and the PDE of all others."""
    products: list[_Product] = []
    rest: dict[str, dict[sympy.Expr, float | sympy.Expr]] = {field: {} for field in pde.fields}
    time = sympy.Symbol("t", real=True)
    for k, (field, terms) in enumerate(pde.numeric_terms().items()):
        for monomial, coefficient in terms.items():
            factors = _factors(monomial, pde)
            if factors is None or time in sympy.sympify(coefficient).free_symbols:
                rest[field][monomial] = coefficient
            elif isinstance(coefficient, float):
                products.append(_Product(k, coefficient, None, factors))
            else:
                weight = _weight(pde, field, coefficient, coordinates, like)
                products.append(_Product(k, 1.0, weight, factors))
    return products, PDE.from_terms(rest, pde.coordinates)


def _factors(monomial: sympy.Expr, pde: PDE) -> tuple[int, ...] | None:
    """Positions of the jets whose product the monomial is; None if it is something else."""
    powers = jet_powers(monomial, pde.fields, pde.ndim)
    if powers is None:
        return None
    return tuple(pde.jets.index(jet) for jet, power in powers for _ in range(power))


def _weight(
    pde: PDE, field: str, coefficient: sympy.Expr, coordinates: Sequence[Tensor], like: Tensor
) -> Tensor:
    """A coefficient as an array that broadcasts against (batch, *blocked)."""
    source = PDE.from_terms({field: {sympy.Integer(1): coefficient}}, pde.coordinates)
    shape = torch.broadcast_shapes(*(c.shape for c in coordinates))
    jet = Jet(field, (0,) * pde.ndim)
    nothing = like.new_zeros((1, 1, *shape[1:]))
    values: Tensor = compile_rhs(source, [jet], torch, tuple(coordinates))(0.0, nothing)
    return values[:, 0].expand(shape).contiguous()


def _has_terms(pde: PDE) -> bool:
    return any(pde.numeric_terms().values())
