"""Boundary conditions as data: what holds at the two ends of an axis.

Periodic joins the ends; Dirichlet fixes u = value; Neumann fixes the outward derivative
∂u/∂n = derivative (−∂u/∂x at the lower end, ∂u/∂x at the upper one). Boundary conditions are no
part of a PDE: `pdenet.problem.Problem` joins the two.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias

from pdenet.errors import GridError

__all__ = [
    "Boundaries",
    "Boundary",
    "Dirichlet",
    "Neumann",
    "Periodic",
    "check_boundaries",
    "from_json",
    "periodic",
    "to_json",
]


@dataclass(frozen=True)
class Periodic:
    """The two ends of the axis are one point."""


@dataclass(frozen=True)
class Dirichlet:
    """The field has this value at the end, in its own units."""

    value: float = 0.0


@dataclass(frozen=True)
class Neumann:
    """The derivative along the outward normal has this value at the end."""

    derivative: float = 0.0


Boundary: TypeAlias = Periodic | Dirichlet | Neumann
# For each axis the condition at its lower and at its upper end.
Boundaries: TypeAlias = tuple[tuple[Boundary, Boundary], ...]

_KINDS: dict[str, type[Periodic] | type[Dirichlet] | type[Neumann]] = {
    "periodic": Periodic,
    "dirichlet": Dirichlet,
    "neumann": Neumann,
}


def periodic(ndim: int) -> Boundaries:
    """Periodic conditions along each of `ndim` axes."""
    return ((Periodic(), Periodic()),) * ndim


def check_boundaries(boundaries: Boundaries, ndim: int) -> Boundaries:
    """The boundaries, checked: a pair for each axis, finite, and periodic at both ends or none."""
    pairs = tuple(tuple(pair) for pair in boundaries)
    if len(pairs) != ndim or any(len(pair) != 2 for pair in pairs):
        raise GridError(f"{ndim} axes need {ndim} pairs of boundary conditions, not {boundaries!r}")
    for lower, upper in pairs:
        for end in (lower, upper):
            if not isinstance(end, Periodic | Dirichlet | Neumann):
                raise GridError(
                    f"{end!r} is no boundary condition: use Periodic, Dirichlet, Neumann"
                )
            if not all(math.isfinite(value) for value in asdict(end).values()):
                raise GridError(f"{end} must hold a finite number")
        if isinstance(lower, Periodic) != isinstance(upper, Periodic):
            raise GridError(f"an axis is periodic at both ends or at none, not {lower} and {upper}")
    return tuple((lower, upper) for lower, upper in pairs)


def to_json(boundary: Boundary) -> dict[str, str | float]:
    """The condition as a JSON object, e.g. {"kind": "dirichlet", "value": 0.0}."""
    return {"kind": type(boundary).__name__.lower(), **asdict(boundary)}


def from_json(record: Mapping[str, object]) -> Boundary:
    """The condition that `to_json` wrote. Raises GridError for anything else."""
    values = {key: value for key, value in record.items() if key != "kind"}
    kind = _KINDS.get(str(record.get("kind")))
    names = set() if kind is None else set(kind.__dataclass_fields__)
    numbers = {k: float(v) for k, v in values.items() if isinstance(v, int | float)}
    if kind is None or numbers.keys() != names or values.keys() != names:
        raise GridError(
            f"{dict(record)!r} is no boundary condition: use kind periodic, dirichlet (value) or "
            "neumann (derivative)"
        )
    return kind(**numbers)
