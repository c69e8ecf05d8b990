"""Walls as observations: what is known of the fields at a side of the window.

At a wall a u + b ∂u/∂n = g, n outwards, with a and b as its condition says: Dirichlet (1, 0),
Neumann (0, 1), Robin (coefficient, 1), all divided by |a| + |b|/Δx so that they are in units of the
field. Each is one more observation at every point of the wall and every frame, known `KNOWN` times
as well as a measured value: beyond that the noise of the others decides. They take the place of the
first points of the pad behind the wall, where nothing is measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pdenet.boundary import Boundary, Dirichlet, Neumann, Robin, Values, for_field
from pdenet.errors import DiscoveryError
from pdenet.problem import Problem
from pdenet.spectral.window import Window

__all__ = ["KNOWN", "Side", "Walls"]

KNOWN = 10.0
"""How much better a wall is known than a measured value."""


@dataclass(frozen=True, eq=False)
class Side:
    """One wall. axis: of space, from 0. place, slot: of the wall and of its observations along the
    axis, on the grid of the data. plain, slope: a, and b times the sign of the outward normal, for
    each field, shaped to broadcast to (field, *space without the axis)."""

    axis: int
    place: int
    slot: int
    plain: Tensor
    slope: Tensor


@dataclass(frozen=True, eq=False)
class Walls:
    """All walls of a window. told: `KNOWN` where there is an observation of one, otherwise 0,
    (field, *grid of the data)."""

    sides: tuple[Side, ...]
    told: Tensor

    @classmethod
    def placed(
        cls, data: Tensor, window: Window, problem: Problem, given: Sequence[str]
    ) -> tuple[Tensor, Walls | None]:
        """Data in the box (trajectory, frame, field, *space) with what walls say, and the walls;
        None where there is none. given: fields without an equation, of which walls say nothing.

        Raises DiscoveryError for coefficients of a Robin condition that change in time.
        """
        told, sides, data = torch.zeros_like(data[0, 0]), list[Side](), data.clone()
        ndim = window.box.ndim
        for axis, ends in enumerate(problem.boundaries):
            last = window.shape[axis]
            for end, sign, place, slot in (
                (ends[0], -1.0, 0, window.box.shape[axis] - 1),
                (ends[1], 1.0, last - 1, last),
            ):
                step = window.box.spacing[axis]
                each = [
                    None if name in given else _numbers(for_field(end, name), step)
                    for name in problem.fields
                ]
                if not any(numbers is not None for numbers in each):
                    continue
                table = data.new_tensor([n[:2] if n else (0.0, 0.0) for n in each])
                shaped = table.T.reshape([2, -1] + [1] * (ndim - 1))
                sides.append(Side(axis, place, slot, shaped[0], sign * shaped[1]))
                inside = window.inside.to(data.device).select(axis, place)
                for field, numbers in enumerate(each):
                    if numbers is not None:
                        plane = data[:, :, field].select(axis + 2, slot)
                        values = data.new_tensor(numbers[2]).reshape([-1] + [1] * (ndim - 1))
                        plane.copy_(torch.where(inside, values, math.nan))
                        told[field].select(axis, slot).copy_(KNOWN * inside)
        return data, cls(tuple(sides), told) if sides else None

    def of(self, fields: list[int]) -> Walls:
        """Of some fields."""
        sides = (
            replace(side, plain=side.plain[fields], slope=side.slope[fields]) for side in self.sides
        )
        return Walls(tuple(sides), self.told[fields])

    def observe(self, values: Tensor, slopes: dict[int, Tensor]) -> None:
        """Write a u + b ∂u/∂n to values (.., field, *grid of the data), which hold u. slopes: its
        derivative along every axis of `across`."""
        for side in self.sides:
            axis = side.axis - self.told.dim() + 1
            found = side.plain * values.select(axis, side.place)
            if side.axis in slopes:
                found = found + side.slope * slopes[side.axis].select(axis, side.place)
            values.select(axis, side.slot).copy_(found)

    def transposed(self, values: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """The transpose of `observe`: what comes to u and to its derivatives."""
        values, slopes = values.clone(), {axis: torch.zeros_like(values) for axis in self.across}
        for side in reversed(self.sides):
            axis = side.axis - self.told.dim() + 1
            seen = values.select(axis, side.slot).clone()
            values.select(axis, side.slot).zero_()
            values.select(axis, side.place).add_(side.plain * seen)
            if side.axis in slopes:
                slopes[side.axis].select(axis, side.place).add_(side.slope * seen)
        return values, slopes

    @cached_property
    def across(self) -> tuple[int, ...]:
        """The axes along which a slope is known."""
        return tuple(sorted({side.axis for side in self.sides if bool(side.slope.any())}))


def _numbers(end: Boundary, step: float) -> tuple[float, float, Values] | None:
    """a, b and g of a condition; None where nothing is known. step: Δx."""
    if isinstance(end, Dirichlet):
        return 1.0, 0.0, end.value
    if isinstance(end, Neumann):
        return 0.0, step, _times(step, end.derivative)
    if isinstance(end, Robin):
        if isinstance(end.coefficient, tuple):
            raise DiscoveryError(
                "the coefficient of a Robin condition changes in time, and an equation can be "
                "found beside a constant one only: give one number, or leave the side open"
            )
        scale = 1 / (abs(end.coefficient) + 1 / step)
        return end.coefficient * scale, scale, _times(scale, end.value)
    return None


def _times(scale: float, values: Values) -> Values:
    return tuple(scale * v for v in values) if isinstance(values, tuple) else scale * values
