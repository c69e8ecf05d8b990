"""What may hold at a side of an axis, and how the two sides and the grid have to agree.

`Periodic` joins the sides. `Dirichlet` fixes u = value, `Neumann` the outward derivative ∂u/∂n
(−∂u/∂x at the lower side, ∂u/∂x at the upper one), `Robin` ∂u/∂n + coefficient u = value: these are
walls. `Open` is a side of which nothing is known, as where a window was cut out of a larger field.
`PerField` gives every field a condition of its own. Boundary conditions are no part of a PDE:
`pdenet.problem.Problem` joins the two.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import SupportsFloat, TypeAlias

from pdenet.errors import GridError
from pdenet.words import counted

__all__ = [
    "Boundaries",
    "Boundary",
    "Dirichlet",
    "Ends",
    "Neumann",
    "Open",
    "PerField",
    "Periodic",
    "Robin",
    "Values",
    "check_boundaries",
    "check_frames",
    "constant",
    "endpoints",
    "for_field",
    "numbers_of",
    "open_ends",
    "periodic",
    "why_not_simple",
]

Values: TypeAlias = float | tuple[float, ...]
"""One number for all times, or one for each frame."""


@dataclass(frozen=True)
class Periodic:
    """The two sides of the axis are one point."""


@dataclass(frozen=True)
class Open:
    """Nothing is known of the field at this side: the data simply end here."""


@dataclass(frozen=True)
class Dirichlet:
    """The field has this value at the side, in its own units; one number or one for each frame."""

    value: Values = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _numbers(self.value, "Dirichlet value"))


@dataclass(frozen=True)
class Neumann:
    """The derivative along the outward normal, in units of the field per length; one number or one
    for each frame."""

    derivative: Values = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "derivative", _numbers(self.derivative, "Neumann derivative"))


@dataclass(frozen=True)
class Robin:
    """∂u/∂n + coefficient u = value, n outwards, as where heat passes through a wall.

    coefficient: in 1 / length. value: in units of the field per length. Each is one number or one
    for each frame.
    """

    coefficient: Values
    value: Values = 0.0

    def __post_init__(self) -> None:
        for name in ("coefficient", "value"):
            object.__setattr__(self, name, _numbers(getattr(self, name), f"Robin {name}"))


Side: TypeAlias = Open | Dirichlet | Neumann | Robin
"""What one field may have at a side that is not joined to the other one."""


@dataclass(frozen=True)
class PerField:
    """A condition for each field by name; fields that are not named are `Open`.

    conditions: pairs of a name and Open, Dirichlet, Neumann or Robin; kept in the order of names.
    Raises GridError for anything else, and for a name that comes twice.
    """

    conditions: tuple[tuple[str, Side], ...]

    def __post_init__(self) -> None:
        try:
            pairs = sorted(((name, side) for name, side in self.conditions), key=lambda p: p[0])
        except (TypeError, ValueError):
            pairs = []
        good = all(
            isinstance(name, str) and name and isinstance(side, Open | Dirichlet | Neumann | Robin)
            for name, side in pairs
        )
        if not pairs or not good:
            raise GridError(
                "conditions by field are pairs of a name and Open, Dirichlet, Neumann or Robin, "
                f'e.g. PerField((("u", Dirichlet(0.0)),)), not {self.conditions!r:.80}'
            )
        names = [name for name, _ in pairs]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise GridError(
                f"the condition of {twice[0]} is given twice at one side: leave one out"
            )
        object.__setattr__(self, "conditions", tuple(pairs))


Boundary: TypeAlias = Periodic | Side | PerField
Ends: TypeAlias = tuple[Boundary, Boundary]
"""The conditions at the lower and at the upper side of an axis."""
Boundaries: TypeAlias = tuple[Ends, ...]
"""For each axis the conditions at its lower and at its upper side."""


def periodic(ndim: int) -> Boundaries:
    """Periodic conditions along each of `ndim` axes."""
    return ((Periodic(), Periodic()),) * ndim


def open_ends(flags: Sequence[bool]) -> Boundaries:
    """Open at both sides where the flag of an axis is true, periodic elsewhere."""
    return tuple((Open(), Open()) if flag else (Periodic(), Periodic()) for flag in flags)


def for_field(boundary: Boundary, name: str) -> Periodic | Side:
    """What holds for the field `name` at a side.

    >>> for_field(PerField((("u", Dirichlet(1.0)),)), "v")
    Open()
    """
    if not isinstance(boundary, PerField):
        return boundary
    return dict(boundary.conditions).get(name, Open())


def numbers_of(side: Boundary) -> dict[str, Values]:
    """The numbers of a condition by name, e.g. {"value": 0.0}; those of `PerField` are not here."""
    if isinstance(side, PerField):
        return {}
    return {each.name: getattr(side, each.name) for each in fields(side)}


def check_boundaries(boundaries: Boundaries, ndim: int) -> Boundaries:
    """The boundaries, checked: a pair for each axis, finite, and periodic at both sides or none."""
    pairs = tuple(tuple(pair) for pair in boundaries)
    if len(pairs) != ndim or any(len(pair) != 2 for pair in pairs):
        raise GridError(
            f"boundary conditions come in {counted(ndim, 'pair')}, one for each axis, not "
            f"{boundaries!r}"
        )
    for lower, upper in pairs:
        for end in (lower, upper):
            if not isinstance(end, Periodic | Open | Dirichlet | Neumann | Robin | PerField):
                raise GridError(
                    f"{end!r} is no boundary condition: use Periodic, Open, Dirichlet, Neumann, "
                    "Robin or PerField"
                )
            if not all(map(math.isfinite, _all_numbers(end))):
                raise GridError(f"{end} must hold a finite number")
        if isinstance(lower, Periodic) != isinstance(upper, Periodic):
            raise GridError(f"an axis is periodic at both ends or at none, not {lower} and {upper}")
    return tuple((lower, upper) for lower, upper in pairs)


def check_frames(boundaries: Boundaries, frames: int) -> None:
    """Raise GridError where a condition has values in time, and not one for each of `frames`."""
    for end in (end for pair in boundaries for end in pair):
        for side in _sides(end):
            for name, value in numbers_of(side).items():
                if isinstance(value, tuple) and len(value) != frames:
                    raise GridError(
                        f"the {name} of a {type(side).__name__} condition has "
                        f"{counted(len(value), 'number')}, the data have "
                        f"{counted(frames, 'frame')}: give one number for all times, or one for "
                        "each frame"
                    )


def endpoints(boundaries: Boundaries) -> tuple[bool, ...]:
    """For each axis whether it is not periodic: its grid then has a point at the far end too."""
    return tuple(not isinstance(lower, Periodic) for lower, _ in boundaries)


def constant(value: Values) -> float:
    """The number of a condition that does not change in time. Raises GridError where it does."""
    if isinstance(value, tuple):
        raise GridError(
            f"a condition has {counted(len(value), 'number')} in time, and one number for all "
            "times is needed here"
        )
    return value


def why_not_simple(boundaries: Boundaries, axes: Sequence[str]) -> str:
    """The first side, in words, where more is asked than a solver or a network can do, which know
    periodic axes and walls with one fixed value or derivative for all fields; "" where none is.

    >>> why_not_simple(((Open(), Dirichlet(0.0)),), ("x",))
    'x is open at its lower end'
    """
    for axis, pair in zip(axes, boundaries, strict=True):
        for where, end in zip(("lower", "upper"), pair, strict=True):
            if isinstance(end, Open):
                return f"{axis} is open at its {where} end"
            if isinstance(end, PerField):
                return f"{axis} has another condition for each field at its {where} end"
            if isinstance(end, Robin):
                return f"{axis} has a Robin condition at its {where} end"
            if any(isinstance(value, tuple) for value in numbers_of(end).values()):
                return f"{axis} has a condition that changes in time at its {where} end"
    return ""


def _numbers(given: object, name: str) -> Values:
    """One float, or one for each frame."""
    found: Values = ()
    try:
        if isinstance(given, Iterable) and not isinstance(given, str):
            found = tuple(float(number) for number in given)
        elif isinstance(given, SupportsFloat):
            found = float(given)
    except (TypeError, ValueError, OverflowError):
        found = ()
    if found == ():
        raise GridError(f"{name} {given!r:.40} must be a number, or one number for each frame")
    return found


def _sides(end: Boundary) -> tuple[Periodic | Side, ...]:
    """The condition, or those of the fields."""
    return tuple(s for _, s in end.conditions) if isinstance(end, PerField) else (end,)


def _all_numbers(end: Boundary) -> list[float]:
    every = [value for side in _sides(end) for value in numbers_of(side).values()]
    return [n for value in every for n in (value if isinstance(value, tuple) else (value,))]
