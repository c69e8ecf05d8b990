"""Boundary conditions as data: what holds at the two ends of an axis.

Periodic joins the ends; Dirichlet fixes u = value; Neumann fixes the outward derivative
∂u/∂n = derivative (−∂u/∂x at the lower end, ∂u/∂x at the upper one). Boundary conditions are no
part of a PDE: `pdenet.problem.Problem` joins the two.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

from pdenet.errors import GridError
from pdenet.words import counted

__all__ = [
    "Boundaries",
    "Boundary",
    "Dirichlet",
    "Neumann",
    "Periodic",
    "check_boundaries",
    "endpoints",
    "from_json",
    "join",
    "parse",
    "periodic",
    "to_json",
    "to_text",
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

_HOW = (
    "is no boundary: type e.g. dirichlet=0, neumann=0, y:periodic, "
    "or x:dirichlet=0,dirichlet=1 for the lower and the upper end"
)


def periodic(ndim: int) -> Boundaries:
    """Periodic conditions along each of `ndim` axes."""
    return ((Periodic(), Periodic()),) * ndim


def check_boundaries(boundaries: Boundaries, ndim: int) -> Boundaries:
    """The boundaries, checked: a pair for each axis, finite, and periodic at both ends or none."""
    pairs = tuple(tuple(pair) for pair in boundaries)
    if len(pairs) != ndim or any(len(pair) != 2 for pair in pairs):
        raise GridError(
            f"boundary conditions come in {counted(ndim, 'pair')}, one for each axis, not "
            f"{boundaries!r}"
        )
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


def endpoints(boundaries: Boundaries) -> tuple[bool, ...]:
    """For each axis whether it has walls: its grid then has a point at the far end too."""
    return tuple(not isinstance(lower, Periodic) for lower, _ in boundaries)


def parse(text: str) -> tuple[str, tuple[Boundary, Boundary]]:
    """An axis ("" for all) and the conditions at its ends, from text as on a command line.

    The text is `[AXIS:]CONDITION[,CONDITION]`, a condition is `periodic`, `dirichlet[=VALUE]` or
    `neumann[=VALUE]`; one condition is for both ends, of two the first is for the lower one. A
    value that is not given is 0.
    Raises GridError for any other text.

    >>> parse("y:dirichlet=0,neumann=-1.5")
    ('y', (Dirichlet(value=0.0), Neumann(derivative=-1.5)))
    """
    axis, colon, rest = text.rpartition(":")
    ends = [_condition(part.strip(), text) for part in rest.split(",")]
    if len(ends) > 2 or (colon and not axis.strip()):
        raise GridError(f"{text!r} {_HOW}")
    return axis.strip(), (ends[0], ends[-1])


def to_text(boundary: Boundary) -> str:
    """A condition as `parse` reads it: "periodic", "dirichlet=0.5", "neumann=0"."""
    name = type(boundary).__name__.lower()
    return "=".join([name, *(f"{value:g}" for value in asdict(boundary).values())])


def join(given: Sequence[tuple[str, tuple[Boundary, Boundary]]], axes: Sequence[str]) -> Boundaries:
    """The boundaries of some axes, from what `parse` read; what names an axis goes first.

    Raises GridError for an axis that is not there, or is given twice or not at all.
    """
    for axis in {axis for axis, _ in given}:
        if axis and axis not in axes:
            raise GridError(f"there is no axis {axis!r} for a boundary: axes are {', '.join(axes)}")
        if sum(axis == other for other, _ in given) > 1:
            raise GridError(f"the boundary of {axis or 'all axes'} is given twice: leave one out")
    ends = dict(given)
    missing = [axis for axis in axes if axis not in ends and "" not in ends]
    if missing:
        raise GridError(
            f"no boundary is given for {', '.join(missing)}: add e.g. {missing[0]}:periodic"
        )
    pairs = tuple(ends[axis] if axis in ends else ends[""] for axis in axes)
    return check_boundaries(pairs, len(axes))


def _condition(text: str, whole: str) -> Boundary:
    name, equals, number = (part.strip() for part in text.partition("="))
    kind = _KINDS.get(name.lower())
    try:
        value = float(number) if equals else 0.0
    except ValueError:
        value = math.nan
    if kind is None or not math.isfinite(value) or (equals and kind is Periodic):
        raise GridError(f"{whole!r} {_HOW}")
    return kind(value) if kind is Dirichlet or kind is Neumann else Periodic()


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
