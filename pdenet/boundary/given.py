"""What somebody hands over in Python as boundaries: text, conditions, or either by axis."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pdenet.boundary.conditions import (
    Boundary,
    Dirichlet,
    Ends,
    Neumann,
    Open,
    PerField,
    Periodic,
    Robin,
    check_boundaries,
)
from pdenet.boundary.text import gather, parse
from pdenet.errors import GridError

__all__ = ["Given", "chosen"]

One: TypeAlias = str | Boundary
Given: TypeAlias = (
    str | Boundary | Sequence[str | tuple[str, Ends]] | Mapping[str, One | tuple[One, One]]
)
"""Text as `parse` reads it, or several; a condition for all sides; or for each axis text, a
condition, or both of its ends."""

_KINDS = Periodic | Open | Dirichlet | Neumann | Robin | PerField


def chosen(given: Given | None, axes: Sequence[str]) -> dict[str, Ends]:
    """The conditions of the axes that were given any, by axis; {} for None.

    Raises GridError for what is no boundary, names an axis that is not there, or joins one end of
    an axis alone.

    >>> chosen({"x": (Open(), "dirichlet=1")}, ("x", "y"))
    {'x': (Open(), Dirichlet(value=1.0))}
    """
    found = gather(_listed(given), axes)
    for ends in found.values():
        check_boundaries((ends,), 1)
    return found


def _listed(given: Any) -> list[tuple[str, Ends]]:
    if given is None:
        return []
    if isinstance(given, str):
        return [parse(given)]
    if isinstance(given, _KINDS):
        return [("", (given, given))]
    if isinstance(given, Mapping):
        return [(str(axis), _ends(item)) for axis, item in given.items()]
    if isinstance(given, Sequence) and all(map(_is_named, given)):
        return [parse(each) if isinstance(each, str) else (each[0], each[1]) for each in given]
    raise _refused(given)


def _is_named(each: Any) -> bool:
    """Whether it is text, or what `parse` makes of text."""
    pair = isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], str)
    return isinstance(each, str) or (pair and isinstance(each[1], tuple) and len(each[1]) == 2)


def _ends(item: Any) -> Ends:
    """Both ends of one axis, from one condition for both or one for each."""
    if isinstance(item, str):
        axis, ends = parse(item)
        if axis:
            raise GridError(f"{item!r} names an axis, and stands for one already: leave {axis} out")
        return ends
    if isinstance(item, _KINDS):
        return item, item
    if isinstance(item, Sequence) and len(item) == 2:
        return _one(item[0]), _one(item[1])
    raise _refused(item)


def _one(item: Any) -> Boundary:
    lower, upper = _ends(item) if isinstance(item, str | _KINDS) else (None, None)
    if lower is None or lower != upper:
        raise _refused(item)
    return lower


def _refused(item: object) -> GridError:
    return GridError(
        f"{item!r:.60} is no boundary: give text such as 'x:open' or a list of such, Open(), "
        "Dirichlet(0.0) or another condition for all sides, or for each axis one of them or both "
        "ends, e.g. {'x': (Open(), Dirichlet(0.0))}"
    )
