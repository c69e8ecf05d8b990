"""Boundary conditions as text: what a command line reads, and what is shown."""

import math
from collections.abc import Mapping, Sequence

from pdenet.boundary.conditions import (
    Boundaries,
    Boundary,
    Dirichlet,
    Ends,
    Neumann,
    Open,
    PerField,
    Periodic,
    Robin,
    Side,
    Values,
    check_boundaries,
    numbers_of,
)
from pdenet.errors import GridError
from pdenet.words import counted

__all__ = ["gather", "join", "parse", "to_text"]

_HOW = (
    "is no boundary: type e.g. dirichlet=0, neumann=0, robin=2/0.5, x:open, y:periodic, "
    "x:dirichlet=0,open for the lower and the upper end, or x:u:dirichlet=0 for one field"
)


def parse(text: str) -> tuple[str, Ends]:
    """An axis ("" for all) and the conditions at its ends, from text as on a command line.

    The text is `[AXIS:]CONDITION[,CONDITION]`, or `AXIS:FIELD:CONDITION[,CONDITION]` for one field.
    A condition is `periodic`, `open`, `dirichlet[=VALUE]`, `neumann[=VALUE]` or
    `robin=COEFFICIENT[/VALUE]`; one condition is for both ends, of two the first is for the lower
    one. A value that is not given is 0.
    Raises GridError for any other text.

    >>> parse("y:dirichlet=0,neumann=-1.5")
    ('y', (Dirichlet(value=0.0), Neumann(derivative=-1.5)))
    """
    *named, rest = (part.strip() for part in text.split(":"))
    ends = [_condition(part.strip(), text) for part in rest.split(",")]
    if len(ends) > 2 or len(named) > 2 or not all(named):
        raise GridError(f"{text!r} {_HOW}")
    lower, upper = ends[0], ends[-1]
    if len(named) < 2:
        return named[0] if named else "", (lower, upper)
    axis, field = named
    return axis, (_of_field(field, lower, text), _of_field(field, upper, text))


def _of_field(field: str, side: Periodic | Side, text: str) -> PerField:
    if isinstance(side, Periodic):
        raise GridError(f"{text!r}: an axis is periodic for all fields or for none")
    return PerField(((field, side),))


def _condition(text: str, whole: str) -> Periodic | Side:
    name, equals, rest = (part.strip() for part in text.partition("="))
    first, slash, second = (part.strip() for part in rest.partition("/"))
    wrong = GridError(f"{whole!r} {_HOW}")
    try:
        numbers = [float(part) for part in (first, second)[: 1 + bool(slash)]] if equals else []
    except ValueError:
        raise wrong from None
    if not all(map(math.isfinite, numbers)):
        raise wrong
    match name.lower(), numbers:
        case "periodic", []:
            return Periodic()
        case "open", []:
            return Open()
        case "dirichlet", [] | [_]:
            return Dirichlet(*numbers)
        case "neumann", [] | [_]:
            return Neumann(*numbers)
        case "robin", [_] | [_, _]:
            return Robin(*numbers)
    raise wrong


def to_text(boundary: Boundary) -> str:
    """A condition as `parse` reads it: "periodic", "open", "dirichlet=0.5", "robin=2/0.5".

    Values in time, which text has no form for, are counted: "dirichlet=(21 values, 0 to 1)".
    Conditions by field are "u:dirichlet=0 v:open".
    """
    if isinstance(boundary, PerField):
        return " ".join(f"{name}:{to_text(side)}" for name, side in boundary.conditions)
    numbers = "/".join(map(_number, numbers_of(boundary).values()))
    return "=".join([type(boundary).__name__.lower(), *([numbers] if numbers else [])])


def _number(value: Values) -> str:
    if isinstance(value, tuple):
        return f"({counted(len(value), 'value')}, {min(value):g} to {max(value):g})"
    return f"{value:g}"


def gather(given: Sequence[tuple[str, Ends]], axes: Sequence[str]) -> dict[str, Ends]:
    """The conditions of the axes that were given any, from what `parse` read.

    What names an axis goes before what is for all; conditions of several fields of one axis come
    together. Raises GridError for an axis that is not there, or is given twice.
    """
    found: dict[str, Ends] = {}
    for axis, ends in given:
        if axis and axis not in axes:
            raise GridError(f"there is no axis {axis!r} for a boundary: axes are {', '.join(axes)}")
        found[axis] = _together(axis, found[axis], ends) if axis in found else ends
    return {axis: found.get(axis, found[""]) for axis in axes} if "" in found else found


def _together(axis: str, first: Ends, second: Ends) -> Ends:
    """The conditions of further fields beside those of the first ones."""
    both = []
    for one, other in zip(first, second, strict=True):
        if not isinstance(one, PerField) or not isinstance(other, PerField):
            raise GridError(f"the boundary of {axis or 'all axes'} is given twice: leave one out")
        both.append(PerField((*one.conditions, *other.conditions)))
    lower, upper = both
    return lower, upper


def join(
    given: Sequence[tuple[str, Ends]],
    axes: Sequence[str],
    rest: Mapping[str, Ends] | None = None,
) -> Boundaries:
    """The boundaries of all axes, from what `parse` read.

    rest: what holds where nothing is given, by axis.
    Raises GridError for an axis that is not there, or is given twice or not at all.
    """
    ends = {**(rest or {}), **gather(given, axes)}
    missing = [axis for axis in axes if axis not in ends]
    if missing:
        raise GridError(
            f"no boundary is given for {', '.join(missing)}: add e.g. {missing[0]}:periodic"
        )
    return check_boundaries(tuple(ends[axis] for axis in axes), len(axes))
