"""The record of a refinement: exact, so that reading it gives the same value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pdenet.pde.render import format_monomial
from pdenet.results.refinement import VERDICTS, Alternative, Decision, Refinement
from pdenet.storage.values import Names, as_kind, as_number, as_table, number_record

__all__ = ["refinement_from", "refinement_record"]


def refinement_record(refinement: Refinement, *, exact: bool = True) -> dict[str, Any]:
    """A refinement as JSON, from which `refinement_from` makes the same value.

    exact: what is not finite is "inf", "-inf" or "nan"; None otherwise.
    """
    record: dict[str, Any] = _plain(refinement, exact)
    return record


def _plain(value: Any, exact: bool) -> Any:
    if is_dataclass(value):
        return {entry.name: _plain(getattr(value, entry.name), exact) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else format_monomial(key): _plain(inner, exact)
            for key, inner in value.items()
        }
    if isinstance(value, tuple):
        return [_plain(inner, exact) for inner in value]
    if isinstance(value, float):
        return number_record(value) if exact or math.isfinite(value) else None
    return value


def refinement_from(record: Any, names: Names) -> Refinement:
    """The refinement in a record. names: the terms of the equation that it belongs to.

    Raises ValueError, KeyError or TypeError where something is missing or of another kind.
    """
    record = as_kind(dict, record)
    sigma = as_kind(dict, record["sigma"])
    verdict = as_kind(str, record["verdict"])
    if verdict not in VERDICTS:
        raise ValueError(f"a verdict is one of {', '.join(VERDICTS)}, not {verdict[:40]!r}")
    return Refinement(
        converged=as_kind(bool, record["converged"]),
        iterations=as_kind(int, record["iterations"]),
        chi2=as_number(record["chi2"]),
        chi2_error=as_number(record["chi2_error"]),
        sigma={name: as_number(value) for name, value in sigma.items()},
        noise_given=as_kind(bool, record["noise_given"]),
        values=as_kind(int, record["values"]),
        unknowns=as_number(record["unknowns"]),
        shape=tuple(as_kind(int, points) for points in as_kind(list, record["shape"])),
        substeps=as_kind(int, record["substeps"]),
        bound=as_table(record["bound"], names),
        bootstrap=as_table(record["bootstrap"], names),
        bias=as_table(record["bias"], names),
        decisions=tuple(map(_decision, as_kind(list, record["decisions"]))),
        alternatives=tuple(map(_alternative, as_kind(list, record["alternatives"]))),
        families=tuple(as_kind(str, each) for each in as_kind(list, record["families"])),
        tried=tuple(as_kind(str, each) for each in as_kind(list, record["tried"])),
        verdict=verdict,
        reason=as_kind(str, record["reason"]),
        # Older records have neither.
        laws={name: _law(parts) for name, parts in as_kind(dict, record.get("laws", {})).items()},
        decides=as_kind(str, record.get("decides", "")),
    )


def _law(record: Any) -> tuple[float, float, float]:
    additive, multiplicative, counts = map(as_number, as_kind(list, record))
    if not all(0 <= part < math.inf for part in (additive, multiplicative, counts)):
        raise ValueError("a part of the law of the noise is not a finite number from 0 up")
    return additive, multiplicative, counts


def _decision(record: Any) -> Decision:
    record = as_kind(dict, record)
    held_out = record["held_out"]
    return Decision(
        field=as_kind(str, record["field"]),
        term=as_kind(str, record["term"]),
        kept=as_kind(bool, record["kept"]),
        coefficient=as_number(record["coefficient"]),
        gain=as_number(record["gain"]),
        needed=as_number(record["needed"]),
        held_out=None if held_out is None else as_number(held_out),
        reason=as_kind(str, record["reason"]),
    )


def _alternative(record: Any) -> Alternative:
    record = as_kind(dict, record)
    return Alternative(
        equations=tuple(as_kind(str, text) for text in as_kind(list, record["equations"])),
        odds=as_number(record["odds"]),
        gain=as_number(record["gain"]),
        terms=as_kind(int, record["terms"]),
        change=as_kind(str, record["change"]),
    )
