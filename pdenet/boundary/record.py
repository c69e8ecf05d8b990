"""Boundary conditions as JSON, as a file keeps them."""

from collections.abc import Mapping
from typing import Any

from pdenet.boundary.conditions import (
    Boundary,
    Dirichlet,
    Neumann,
    Open,
    PerField,
    Periodic,
    Robin,
    Side,
    numbers_of,
)
from pdenet.errors import GridError

__all__ = ["from_json", "to_json"]

_KINDS: dict[str, type[Periodic | Side]] = {
    kind.__name__.lower(): kind for kind in (Periodic, Open, Dirichlet, Neumann, Robin)
}
_EACH = "per field"


def to_json(boundary: Boundary) -> dict[str, Any]:
    """The condition as a JSON object, e.g. {"kind": "dirichlet", "value": 0.0}.

    Values in time are a list; conditions by field are {"kind": "per field", "fields": {"u": ..}}.
    """
    if isinstance(boundary, PerField):
        return {"kind": _EACH, "fields": {name: to_json(s) for name, s in boundary.conditions}}
    found = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in numbers_of(boundary).items()
    }
    return {"kind": type(boundary).__name__.lower(), **found}


def from_json(record: Mapping[str, object]) -> Boundary:
    """The condition that `to_json` wrote. Raises GridError for anything else."""
    if isinstance(record, Mapping) and record.get("kind") == _EACH:
        each = record.get("fields")
        if record.keys() == {"kind", "fields"} and isinstance(each, Mapping):
            return PerField(tuple((str(name), _side(item)) for name, item in each.items()))
        raise _refused(record)
    return _plain(record)


def _side(record: object) -> Side:
    found = _plain(record)
    if isinstance(found, Periodic):
        raise _refused(record)
    return found


def _plain(record: object) -> Periodic | Side:
    if not isinstance(record, Mapping):
        raise _refused(record)
    kind = _KINDS.get(str(record.get("kind")))
    values = {str(key): value for key, value in record.items() if key != "kind"}
    names = set() if kind is None else set(kind.__dataclass_fields__)
    if kind is None or values.keys() != names or not all(map(_is_number, values.values())):
        raise _refused(record)
    return kind(**values)


def _is_number(value: object) -> bool:
    """Whether it is a number, or a list of them that is not empty."""
    if isinstance(value, list):
        return bool(value) and all(type(each) in (int, float) for each in value)
    return type(value) in (int, float)


def _refused(record: object) -> GridError:
    told = dict(record) if isinstance(record, Mapping) else record
    return GridError(
        f"{told!r:.80} is no boundary condition: use kind periodic, open, dirichlet (value), "
        "neumann (derivative), robin (coefficient, value) or per field (fields)"
    )
