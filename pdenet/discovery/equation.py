"""The equation that was found, with its standard errors, as a value and as a record."""

from __future__ import annotations

import json
import os
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

__all__ = [
    "DiscoveredEquation",
    "FittedCurve",
    "FittedFilter",
    "FittedMap",
    "load_equation",
    "save_equation",
]

FORMAT = "pdenet-equation"
FORMAT_VERSION = 4
_OLDER: dict[int, dict[str, Any]] = {
    1: {"maps": [], "curves": [], "refinement": None},
    2: {"refinement": None},
    3: {},
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
    expression that stands for it in the equation, as text; None where no formula can be trusted:
    the map itself is then the answer, and the equation lacks this term. errors: the standard error
    at every point then, None where unknown. reason: why there is no formula.
    """

    field: str
    term: str
    kind: Literal["varying", "constant", "zero"]
    values: np.ndarray
    formula: str | None = None
    errors: np.ndarray | None = None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """The source f(u) of one equation as it was found, before any formula.

    field: whose equation, and the argument. points, values: u and f(u), over the range that the
    data visit (all but the rarest 0.1 % of values at either end); beyond it the formula is an
    extrapolation. density: share of the data's values near each point. formula, errors, reason: as
    in `FittedMap`.
    """

    field: str
    points: np.ndarray
    values: np.ndarray
    density: np.ndarray
    formula: str | None = None
    errors: np.ndarray | None = None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class DiscoveredEquation:
    """What the read-out found.

    pde: the equation in physical units. stderr: standard error of each coefficient, {field:
    {monomial, times its function of the coordinates: number}}. dropped: the terms that left, in
    order, with reasons. filters: the kernels that were fitted with the coefficients. steps: length
    of the fitted windows. misfit: held-out r.m.s. error of prediction over these windows, as a
    fraction of the r.m.s. change of the fields over them. maps, curves: coefficients that may vary
    in space, and sources, where the network has them. refinement: where the coefficients are of a
    maximum-likelihood fit, what else that found.
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
            "maps": [{**vars(m), **_lists(m, ("values", "errors"))} for m in self.maps],
            "curves": [{**vars(c), **_lists(c, (*_CURVE_ARRAYS, "errors"))} for c in self.curves],
            "refinement": self.refinement and refinement_record(self.refinement),
        }


_CURVE_ARRAYS = ("points", "values", "density")


def _lists(value: object, names: tuple[str, ...]) -> dict[str, Any]:
    """Arrays as lists, and None as it is."""
    arrays = {name: getattr(value, name) for name in names}
    return {name: None if array is None else array.tolist() for name, array in arrays.items()}


def save_equation(found: DiscoveredEquation, path: Path) -> None:
    """Write the record of an equation; the file is whole or as it was.

    Raises OutputError where it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        text = json.dumps(found.record(), indent=1, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(
            f"'{path}' cannot be written ({error.strerror or error}): free some space or choose "
            "another folder"
        ) from error


def load_equation(path: Path) -> DiscoveredEquation:
    """The equation in a record.

    Raises CheckpointError where it is missing or damaged.
    """
    try:
        record = as_kind(dict, json.loads(path.read_text(encoding="utf-8")))
        version = as_kind(int, record["format_version"])
        if record["format"] != FORMAT or version not in (*_OLDER, FORMAT_VERSION):
            raise ValueError(f"it is no {FORMAT} of version {FORMAT_VERSION}")
        return _from_record({**record, **_OLDER.get(version, {})})
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = "an entry is missing: " * isinstance(error, KeyError) + str(error)
        raise CheckpointError(
            f"'{path}' holds no equation that can be read ({' '.join(reason.split())}): run "
            "'pdenet extract' again"
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
    return DiscoveredEquation(
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
    )


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
    return FittedMap(field, term, kind, values, *_described(record, values))


def _curve(record: Any) -> FittedCurve:
    points, values, density = (
        np.array(nested_numbers(as_kind(list, record[name]))) for name in _CURVE_ARRAYS
    )
    if not points.shape == values.shape == density.shape or points.ndim != 1:
        raise ValueError("the points and values of a curve do not fit")
    field = as_kind(str, record["field"])
    return FittedCurve(field, points, values, density, *_described(record, values))


def _described(record: Any, values: np.ndarray) -> tuple[str | None, np.ndarray | None, str | None]:
    """The formula of a function, its errors at all of its values, and why it has no formula."""
    # Earlier formats have no errors and no reason.
    said = (record["formula"], record.get("reason"))
    formula, reason = (None if text is None else as_kind(str, text) for text in said)
    if record.get("errors") is None:
        return formula, None, reason
    errors = np.array(nested_numbers(as_kind(list, record["errors"])))
    if errors.shape != values.shape:
        raise ValueError("the values of a function and their errors do not fit")
    return formula, errors, reason
