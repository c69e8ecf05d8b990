"""Values of a JSON record, taken strictly: each is of the kind that belongs there, or is refused.

JSON has no infinity and no NaN; where a number may be one, it stands as a text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pdenet.pde.expression import Monomial

__all__ = [
    "Names",
    "as_kind",
    "as_number",
    "as_table",
    "as_whole",
    "nested_numbers",
    "number_record",
]

_NOT_FINITE = ("inf", "-inf", "nan")

Names = Mapping[str, Mapping[str, Monomial]]
"""The terms of an equation by name: {field: {text: monomial}}."""


def as_kind(kind: type, value: Any) -> Any:
    """The value, if it is of this kind; whole numbers are numbers too."""
    found = float(value) if kind is float and type(value) is int else value
    if type(found) is not kind:
        raise ValueError(f"{str(value)[:40]!r} stands where a {kind.__name__} belongs")
    return found


def as_whole(value: Any, least: int, most: int) -> int:
    """A whole number in a range."""
    found: int = as_kind(int, value)
    if not least <= found <= most:
        raise ValueError(f"{str(found)[:40]} stands where {least} to {most} belongs")
    return found


def as_number(value: Any) -> float:
    """A number that need not be finite, from what `number_record` made of it."""
    number: float = float(value) if value in _NOT_FINITE else as_kind(float, value)
    return number


def number_record(value: float) -> float | str:
    """A number that need not be finite, as JSON can hold it."""
    return value if math.isfinite(value) else str(float(value))


def nested_numbers(value: Any) -> Any:
    """Nested lists of finite numbers, and nothing else."""
    if isinstance(value, list):
        return [nested_numbers(part) for part in value]
    return as_kind(float, value)


def as_table(value: Any, names: Names) -> dict[str, dict[Monomial, float]]:
    """A number for each of some terms, from {field: {text: number}}.

    Raises KeyError for a term that is not among `names`.
    """
    return {
        field: {names[field][text]: as_number(n) for text, n in as_kind(dict, own).items()}
        for field, own in as_kind(dict, value).items()
    }
