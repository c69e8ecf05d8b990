"""The equation that was found, with its standard errors, as a value and as a record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pdenet.discovery.refine.result import Refinement
from pdenet.discovery.refined import refinement_from, refinement_record
from pdenet.discovery.strict import as_kind, as_table, nested_numbers, number_record
from pdenet.errors import CheckpointError, OutputError
from pdenet.events import TermDropped
from pdenet.pde import PDE
from pdenet.pde.expression import Monomial
from pdenet.pde.render import format_monomial
from pdenet.storage.atomic import reason, replace_file
from pdenet.storage.records import read_json

__all__ = [
    "DiscoveredEquation",
    "FittedCurve",
    "FittedFilter",
    "FittedMap",
    "load_equation",
    "save_equation",
]

FORMAT = "pdenet-equation"
FORMAT_VERSION = 3
_OLDER: dict[int, dict[str, Any]] = {
    1: {"maps": [], "curves": [], "refinement": None},
    2: {"refinement": None},
}
"""What records of earlier formats, which are still read, lack."""


@dataclass(frozen=True, eq=False)
class FittedFilter:
    """A fitted kernel beside the classical difference of its size, both in units of the grid."""

    name: str
    learned: np.ndarray
    frozen: np.ndarray


@dataclass(frozen=True, eq=False)
class FittedMap:
    """The coefficient of one term as it was found on the grid, before any formula.

    field: whose equation. term: what it multiplies, as text ("u_x"). kind: how it was found to be.
    values: (*space), in physical units; constant for "constant", 0 for "zero". formula: the
    expression that stands for it in the equation, as text; None where no formula predicts held-out
    data as well as the map, and the equation has a series instead.
    """

    field: str
    term: str
    kind: Literal["varying", "constant", "zero"]
    values: np.ndarray
    formula: str | None = None


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """The source f(u) of one equation as it was found, before any formula.

    field: whose equation, and the argument. points, values: u and f(u), over the range that the
    data visit (all but the rarest 0.1 % of values at either end); beyond it the formula is an
    extrapolation. density: share of the data's values near
    each point. formula: as in `FittedMap`.
    """

    field: str
    points: np.ndarray
    values: np.ndarray
    density: np.ndarray
    formula: str | None = None


@dataclass(frozen=True, eq=False)
class DiscoveredEquation:
    """What the read-out found.

    pde: the equation in physical units. stderr: standard error of each coefficient, {field:
    {monomial, times its function of the coordinates: number}}. dropped: the terms that left, in
    order, with reasons. filters: the kernels that were fitted with the coefficients. steps: length
    of the fitted windows. misfit: held-out r.m.s. error of prediction over these windows, as a
    fraction of the r.m.s. change of the fields over them. maps, curves: coefficients that may vary
    in space, and sources, where the network has them. refinement: where the coefficients are of a
    maximum-likelihood fit, what else that found. origin: what it was read from, where a run folder
    keeps it.
    """

    pde: PDE
    stderr: Mapping[str, Mapping[Monomial, float]]
    dropped: tuple[TermDropped, ...] = ()
    filters: tuple[FittedFilter, ...] = ()
    steps: int = 0
    misfit: float = float("nan")
    seconds: Mapping[str, float] = field(default_factory=dict)
    maps: tuple[FittedMap, ...] = ()
    curves: tuple[FittedCurve, ...] = ()
    refinement: Refinement | None = None
    origin: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As JSON: exact numbers, from which `load_equation` makes the same value."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "equations": list(self.pde.equations()),
            "coordinates": list(self.pde.coordinates),
            "stderr": {
                name: {format_monomial(m): number_record(value) for m, value in table.items()}
                for name, table in self.stderr.items()
            },
            "dropped": [vars(event) for event in self.dropped],
            "filters": [
                {"name": f.name, "learned": f.learned.tolist(), "frozen": f.frozen.tolist()}
                for f in self.filters
            ],
            "steps": self.steps,
            "misfit": self.misfit if np.isfinite(self.misfit) else None,
            "seconds": dict(self.seconds),
            "maps": [{**vars(m), "values": m.values.tolist()} for m in self.maps],
            "curves": [{**vars(c), **_lists(c, _CURVE_ARRAYS)} for c in self.curves],
            "refinement": self.refinement and refinement_record(self.refinement),
        }


_CURVE_ARRAYS = ("points", "values", "density")


def _lists(value: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(value, name).tolist() for name in names}


def save_equation(
    found: DiscoveredEquation, path: Path, origin: Mapping[str, str] | None = None
) -> None:
    """Write the record of an equation; the file is whole or as it was. origin: of the value.

    Raises OutputError where it cannot be written.
    """
    found.pde.require_readable()
    record = {**found.record(), "origin": dict(found.origin if origin is None else origin)}
    text = json.dumps(record, indent=1, allow_nan=False)
    try:
        replace_file(path, f"{text}\n".encode())
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {reason(error)}") from error


def load_equation(path: Path) -> DiscoveredEquation:
    """The equation in a record.

    Raises CheckpointError where it is missing or damaged.
    """
    try:
        record = as_kind(dict, read_json(path))
        version = as_kind(int, record["format_version"])
        if record["format"] != FORMAT or version not in (*_OLDER, FORMAT_VERSION):
            raise ValueError(f"it is no {FORMAT} of version {FORMAT_VERSION}")
        return _from_record({**record, **_OLDER.get(version, {})})
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = "an entry is missing: " * isinstance(error, KeyError) + str(error)
        raise CheckpointError(
            f"'{path}' holds no equation that can be read ({' '.join(reason.split())}): read it "
            "from its run again"
        ) from error


def _from_record(record: dict[str, Any]) -> DiscoveredEquation:
    equations = (as_kind(str, text) for text in as_kind(list, record["equations"]))
    coordinates = tuple(as_kind(str, name) for name in as_kind(list, record["coordinates"]))
    pde = PDE(*equations, coordinates=coordinates)
    named = {
        name: {format_monomial(m * b): m * b for m, bases in table.items() for b in bases}
        for name, table in pde.expansions().items()
    }
    seconds, refinement = as_kind(dict, record["seconds"]), record["refinement"]
    found = DiscoveredEquation(
        pde=pde,
        stderr=as_table(record["stderr"], named),
        dropped=tuple(map(_dropped, as_kind(list, record["dropped"]))),
        filters=tuple(map(_filter, as_kind(list, record["filters"]))),
        steps=as_kind(int, record["steps"]),
        misfit=float("nan") if record["misfit"] is None else as_kind(float, record["misfit"]),
        seconds={name: as_kind(float, value) for name, value in seconds.items()},
        maps=tuple(map(_map, as_kind(list, record["maps"]))),
        curves=tuple(map(_curve, as_kind(list, record["curves"]))),
        refinement=None if refinement is None else refinement_from(refinement, named),
        origin=_origin(record.get("origin")),
    )
    parts = (found.dropped, found.maps, found.curves)
    for name in (part.field for each in parts for part in each):
        if name not in pde.fields:
            raise ValueError(f"{name[:40]!r} is no field of the equation")
    if any(part.values.ndim != pde.ndim for part in found.maps):
        raise ValueError(f"a coefficient is given on no grid of {pde.ndim} axes")
    return found


def _origin(record: Any) -> dict[str, str]:
    return {name: as_kind(str, text) for name, text in as_kind(dict, record or {}).items()}


def _dropped(record: Any) -> TermDropped:
    kinds = {"coefficient": float, "scaled": float}
    found = {
        name: as_kind(kinds.get(name, str), value) for name, value in as_kind(dict, record).items()
    }
    return TermDropped(**found)


def _filter(record: Any) -> FittedFilter:
    learned, frozen = (np.array(nested_numbers(record[name])) for name in ("learned", "frozen"))
    if learned.shape != frozen.shape:
        raise ValueError(f"kernels of shapes {learned.shape} and {frozen.shape} do not fit")
    return FittedFilter(as_kind(str, record["name"]), learned, frozen)


def _map(record: Any) -> FittedMap:
    kind = as_kind(str, record["kind"])
    if kind not in ("varying", "constant", "zero"):
        raise ValueError(f"a coefficient is of no kind {kind!r}")
    values = np.array(nested_numbers(as_kind(list, record["values"])))
    field, term = (as_kind(str, record[name]) for name in ("field", "term"))
    return FittedMap(field, term, kind, values, _formula(record))


def _curve(record: Any) -> FittedCurve:
    points, values, density = (
        np.array(nested_numbers(as_kind(list, record[name]))) for name in _CURVE_ARRAYS
    )
    if not points.shape == values.shape == density.shape or points.ndim != 1:
        raise ValueError("the points and values of a curve do not fit")
    if len(points) < 2:
        raise ValueError("a curve has fewer than two points")
    return FittedCurve(as_kind(str, record["field"]), points, values, density, _formula(record))


def _formula(record: Any) -> str | None:
    return None if record["formula"] is None else as_kind(str, record["formula"])
