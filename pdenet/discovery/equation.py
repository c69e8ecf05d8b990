"""The equation that was found, with its standard errors, as a value and as a record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pdenet.discovery.caution import CAUTIONS
from pdenet.discovery.fitted import (
    FittedCurve,
    FittedMap,
    Unknown,
    complete_lines,
    curve_from,
    curve_record,
    map_from,
    map_record,
    product_of,
    unknown_functions,
    without,
)
from pdenet.discovery.refine.result import Refinement
from pdenet.discovery.refined import refinement_from, refinement_record
from pdenet.discovery.strict import as_kind, as_table, nested_numbers, number_record
from pdenet.errors import CheckpointError, OutputError
from pdenet.events import TermDropped
from pdenet.pde import PDE
from pdenet.pde.compare import compare
from pdenet.pde.expression import Monomial
from pdenet.pde.monomial import jet_powers
from pdenet.pde.render import Style, format_monomial, format_value
from pdenet.storage.atomic import reason, replace_file
from pdenet.storage.records import read_json

__all__ = [
    "DiscoveredEquation",
    "FittedFilter",
    "load_equation",
    "save_equation",
]

FORMAT = "pdenet-equation"
FORMAT_VERSION = 6
_OLDER: dict[int, dict[str, Any]] = {
    1: {"maps": [], "curves": [], "refinement": None, "cautions": []},
    2: {"refinement": None, "cautions": []},
    3: {"cautions": []},
    4: {"cautions": []},
    5: {},
}
"""What records of earlier formats, which are still read, lack. Before version 6 maps had no name,
and were of the whole grid; curves were sources of their own field."""


@dataclass(frozen=True, eq=False)
class FittedFilter:
    """A fitted kernel beside the classical difference of its size, both in units of the grid."""

    name: str
    learned: np.ndarray
    frozen: np.ndarray


@dataclass(frozen=True, eq=False)
class DiscoveredEquation:
    """What the read-out or a refinement found; `print` shows equations, errors and verdict.

    pde: the equation in physical units, without the maps and curves that have no formula
    (`unknown`). stderr: standard error of each coefficient, {field:
    {monomial, times its function of the coordinates: number}}. dropped: the terms that left, in
    order, with reasons. filters: the kernels that were fitted with the coefficients. steps: length
    of the fitted windows. misfit: held-out r.m.s. error of prediction over these windows, as a
    fraction of the r.m.s. change of the fields over them. maps, curves: coefficients that may vary
    in space, and sources, where the network has them. refinement: where the coefficients are of a
    maximum-likelihood fit, what else that found. cautions: what standard errors leave out
    (`pdenet.discovery.caution`). origin: what it was read from, where a run folder
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
    cautions: tuple[str, ...] = ()
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def unknown(self) -> dict[str, tuple[Unknown, ...]]:
        """What the right-hand side of each field holds beside `pde`: maps and curves that no
        formula stands for. Fields without any are left out."""
        return unknown_functions(self.maps, self.curves, self.pde.coordinates)

    def lines(self, style: Style = "text") -> tuple[str, ...]:
        """The equations, a line each, complete: u_t = 0.3*u_xx + f(u), where f has no formula."""
        return complete_lines(self.pde, self.unknown, style)

    def __str__(self) -> str:
        """The equations, each coefficient with its standard error, and what a refinement says."""
        rows = compare(self.pde, self.pde).rows
        told = [*self.lines("unicode"), ""]
        for row in rows:
            error = self.stderr.get(row.field, {}).get(row.monomial)
            value = format_value(row.found or 0.0, error, "unicode")
            told.append(f"{row.field}_t  {format_monomial(row.monomial, 'unicode'):8}  {value}")
        known = self.refinement
        if known is not None:
            chi2 = format_value(known.chi2, known.chi2_error, "unicode")
            told.append(f"χ² = {chi2} per degree of freedom")
            told.append(f"{known.verdict}: {known.reason}" if known.reason else known.verdict)
        return "\n".join(told)

    def _named(self) -> dict[str, list[str]]:
        return {name: [each.text() for each in every] for name, every in self.unknown.items()}

    def record(self) -> dict[str, Any]:
        """As JSON: exact numbers, from which `load_equation` makes the same value."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "equations": list(self.pde.equations()),
            "coordinates": list(self.pde.coordinates),
            **({"given": list(self.pde.given)} if self.pde.given else {}),
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
            "unknown": self._named(),
            "maps": list(map(map_record, self.maps)),
            "curves": list(map(curve_record, self.curves)),
            "refinement": self.refinement and refinement_record(self.refinement),
            "cautions": list(self.cautions),
        }


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
        told = f"'{path}' holds no equation that can be read ({' '.join(reason.split())}): read it"
        raise CheckpointError(
            f"{told} from its run again",
            shell=f"{told} again with 'pdenet extract {path.parent}'",
        ) from error


def _from_record(record: dict[str, Any]) -> DiscoveredEquation:
    equations = (as_kind(str, text) for text in as_kind(list, record["equations"]))
    coordinates = tuple(as_kind(str, name) for name in as_kind(list, record["coordinates"]))
    given = tuple(as_kind(str, name) for name in as_kind(list, record.get("given", [])))
    pde = PDE(*equations, coordinates=coordinates, given=given)
    named = {
        name: {format_monomial(m * b): m * b for m, bases in table.items() for b in bases}
        for name, table in pde.expansions().items()
    }
    seconds, refinement = as_kind(dict, record["seconds"]), record["refinement"]
    if record["format_version"] < 4 and isinstance(refinement, dict):
        refinement = {"families": [], "tried": [], **refinement}
    found = DiscoveredEquation(
        pde=pde,
        stderr=as_table(record["stderr"], named),
        dropped=tuple(map(_dropped, as_kind(list, record["dropped"]))),
        filters=tuple(map(_filter, as_kind(list, record["filters"]))),
        steps=as_kind(int, record["steps"]),
        misfit=float("nan") if record["misfit"] is None else as_kind(float, record["misfit"]),
        seconds={name: as_kind(float, value) for name, value in seconds.items()},
        maps=tuple(map(map_from, as_kind(list, record["maps"]))),
        curves=tuple(map(curve_from, as_kind(list, record["curves"]))),
        refinement=None if refinement is None else refinement_from(refinement, named),
        cautions=tuple(map(_caution, as_kind(list, record["cautions"]))),
        origin=_origin(record.get("origin")),
    )
    _check_of(found)
    if record["format_version"] < 4:
        # In these a long series stood for what has no formula.
        return replace(found, pde=without(pde, found.unknown))
    if record["unknown"] != found._named():
        raise ValueError("what it names as unknown is not what its maps and curves leave unknown")
    return found


def _origin(record: Any) -> dict[str, str]:
    return {name: as_kind(str, text) for name, text in as_kind(dict, record or {}).items()}


def _caution(name: Any) -> str:
    if not isinstance(name, str) or name not in CAUTIONS:
        raise ValueError(f"{str(name)[:40]!r} is none of {', '.join(CAUTIONS)}")
    return name


def _check_of(found: DiscoveredEquation) -> None:
    """Raise ValueError for a term, a map or a curve that cannot belong to the equation."""
    pde = found.pde
    for name in (each.field for part in (found.dropped, found.maps, found.curves) for each in part):
        if name not in pde.fields:
            raise ValueError(f"{name[:40]!r} is no field of the equation")
    for each in found.maps:
        if jet_powers(product_of(each.term), pde.names, pde.ndim) is None:
            raise ValueError(
                f"a map is the coefficient of {each.term[:40]!r}, which is no derivative"
            )
        if not each.axes and each.values.ndim != pde.ndim:
            raise ValueError(f"a coefficient is given on no grid of {pde.ndim} axes")


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
