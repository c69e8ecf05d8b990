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

from pdenet.boundary import Boundaries
from pdenet.grid import Grid
from pdenet.pde.compile import compile_rhs
from pdenet.pde.definition import PDE
from pdenet.pde.jet import Jet
from pdenet.pde.monomial import jet_powers
from pdenet.problem import boundaries_on
from simulators.operators import Derivatives, Operator, block_length, operator
from simulators.stencils import upwind
from simulators.walls import check_orders, closures, rest

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
_UPWIND_ORDER = 3


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

    weight: a function of the coordinates; jets: positions in the list of jets.
    """

    field: int
    coefficient: float
    weight: Tensor | None
    jets: tuple[int, ...]


class TermSum:
    """The right-hand sides of a PDE, evaluated in place from views of the jets.

    jets: the jets that the views hold, at least those of the PDE.
    coordinates: as `blocked_coordinates` makes them.
    """

    def __init__(
        self, pde: PDE, jets: Sequence[Jet], coordinates: Sequence[Tensor], scratch: Tensor
    ) -> None:
        self._products, others = _split(pde, jets, coordinates, scratch)
        some = any(others.numeric_terms().values())
        self._places = [list(jets).index(jet) for jet in others.jets]
        self._rest = compile_rhs(others, others.jets, torch, coordinates) if some else None
        self._scratch = scratch

    def __call__(self, t: float, views: Sequence[Tensor], out: Tensor) -> None:
        """Write the sums into out (batch, field, *blocked); views: (batch, *blocked) each.

        An out with fewer fields than the PDE takes the first ones.
        """
        if self._rest is None:
            out.zero_()
        else:
            nothing = out.new_empty((out.shape[0], 0, *out.shape[2:]))
            used = [views[place] for place in self._places]
            jets = torch.stack(used, dim=1) if used else nothing
            values = self._rest(t, jets)
            out.copy_(values[:, : out.shape[1]])
        columns = out.unbind(1)
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


class RightHandSide:
    """u_t = F of one PDE for states (batch, field, *space) of one shape.

    Calls write into the given output and overwrite the buffers of the last call.
    The points on Dirichlet walls have u_t = 0; others, corners too, evolve by F.
    Raises GridError if the grid is too small for the stencils, or does not fit its boundaries.
    """

    def __init__(
        self,
        pde: PDE,
        grid: Grid,
        order: Order,
        like: Tensor,
        boundaries: Boundaries | None = None,
    ) -> None:
        """like: a state (batch, field, *space); its shape, dtype and device are adopted.

        boundaries: at the ends of every axis; None where all are periodic.
        """
        pde.require_closed()
        self.pde, self.grid, self.order = pde, grid, order
        self.boundaries = boundaries_on(grid, boundaries)
        check_orders(pde, self.boundaries)
        self.walls = closures(self.boundaries, _UPWIND_ORDER if order == UPWIND else int(order))
        operators = {jet.index: central_operator(jet.index, order) for jet in pde.jets}
        unique = list(dict.fromkeys(operators.values()))
        channels = (like.shape[0], like.shape[1])
        self._derivatives = Derivatives(
            unique, grid, channels, walls=self.walls, dtype=like.dtype, device=like.device
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
        self.scratch = torch.empty_like(self._derivatives.blocked(like)[:, 0])
        self.coordinates = blocked_coordinates(grid, like)
        self._terms = TermSum(pde, pde.jets, self.coordinates, self.scratch)
        self._winds = _winds(self, like) if order == UPWIND else []

    def views(self, t: float, u: Tensor) -> list[Tensor]:
        """The jets of the PDE at u, in the order of `pde.jets`, as views (batch, *blocked)."""
        self._derivatives(u)
        state = self._derivatives.blocked(u)
        columns = [
            state[:, field] if fixed is None else fixed
            for fixed, (_, field) in zip(self._fixed, self._places, strict=True)
        ]
        if self._winds:
            central = list(columns)
            for wind in self._winds:
                for place, column in wind(t, u, central):
                    columns[place] = column
        return columns

    def __call__(self, t: float, u: Tensor, out: Tensor) -> None:
        """Write F(t, u) into out; both contiguous (batch, field, *space)."""
        self._terms(t, self.views(t, u), self._derivatives.blocked(out))
        rest(out, self.boundaries)


class _Wind:
    """One-sided first derivatives along one axis, chosen by the sign of the wind."""

    def __init__(self, rhs: "RightHandSide", axis: int, like: Tensor) -> None:
        pde, grid = rhs.pde, rhs.grid
        stencil = upwind(_UPWIND_ORDER)
        sides: list[Operator] = [
            tuple(side if k == axis else None for k in range(grid.ndim))
            for side in (stencil, stencil.mirrored())
        ]
        channels = (like.shape[0], like.shape[1])
        self._sides = Derivatives(
            sides, grid, channels, walls=rhs.walls, dtype=like.dtype, device=like.device
        )
        self._jets = [
            (place, pde.fields.index(jet.field))
            for place, jet in enumerate(pde.jets)
            if first_order_axis(jet) == axis
        ]
        index = tuple(int(k == axis) for k in range(grid.ndim))
        slopes = {f: pde.rhs[f].diff(Jet(f, index).symbol) for f in pde.fields}
        derivative = PDE.from_expressions(slopes, pde.coordinates, dict(pde.parameters))
        self._slope = TermSum(derivative, pde.jets, rhs.coordinates, rhs.scratch)
        self._slopes = torch.empty_like(self._sides.blocked(like))

    def __call__(self, t: float, u: Tensor, views: list[Tensor]) -> list[tuple[int, Tensor]]:
        """(position in pde.jets, derivative) of every first derivative along the axis."""
        backward, forward = self._sides(u)
        self._slope(t, views, self._slopes)
        chosen = torch.where(self._slopes < 0, backward, forward)
        return [(place, chosen[:, field]) for place, field in self._jets]


def _winds(rhs: "RightHandSide", like: Tensor) -> list[_Wind]:
    axes = {first_order_axis(jet) for jet in rhs.pde.jets} - {None}
    return [_Wind(rhs, axis, like) for axis in range(rhs.grid.ndim) if axis in axes]


def _split(
    pde: PDE, jets: Sequence[Jet], coordinates: Sequence[Tensor], like: Tensor
) -> tuple[list[_Product], PDE]:
    """The terms that are products of jets, and the PDE of all others."""
    products: list[_Product] = []
    rest: dict[str, dict[sympy.Expr, float | sympy.Expr]] = {field: {} for field in pde.fields}
    time = sympy.Symbol("t", real=True)
    for k, (field, terms) in enumerate(pde.numeric_terms().items()):
        for monomial, coefficient in terms.items():
            factors = _factors(monomial, pde, jets)
            if factors is None:
                rest[field][monomial] = coefficient
            elif not isinstance(coefficient, sympy.Expr):
                products.append(_Product(k, float(coefficient), None, factors))
            elif time in coefficient.free_symbols:
                rest[field][monomial] = coefficient
            else:
                weight = _weight(pde, field, coefficient, coordinates, like)
                products.append(_Product(k, 1.0, weight, factors))
    return products, PDE.from_terms(rest, pde.coordinates)


def _factors(monomial: sympy.Expr, pde: PDE, jets: Sequence[Jet]) -> tuple[int, ...] | None:
    """Positions of the jets whose product the monomial is; None if it is something else."""
    powers = jet_powers(monomial, pde.fields, pde.ndim)
    if powers is None:
        return None
    return tuple(jets.index(jet) for jet, power in powers for _ in range(power))


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
