"""A found equation and its report as plain values, for `--json` and for programs.

    {"equations": [...], "given": [fields without one],
     "terms": [{"field", "term", "coefficient", "stderr", "truth",
     "relative_error"}], "scores": {"tpr", "recall", "precision", "e2", "einf", "extra", "missing"},
     "seconds": {...},
     "maps": [{"field", "term", "kind", "l2_error", "rms", "rms_error", "formula", "reason",
               "values", "errors"}],
     "sources": [{"field", "low", "high", "l2_error", "formula", "reason", "points", "values",
                  "errors"}],
     "caution": None or what the standard errors leave out, in words,
     "refinement": None or {"converged", "chi2", "sigma", "bound", "decisions", "alternatives",
     "verdict", ...: all of `pdenet.results.refinement.Refinement`}}

A map is the coefficient of a term on the grid, "varying", "constant" or "zero"; a source is f(u)
for u from "low" to "high", beyond which its formula is an extrapolation. "l2_error" and
"rms_error" are those of the values that were found: relative in the L2 norm, and in their units.
Where no "formula" can be trusted, for a "reason", the equations show the function by its name, and
"values" (and "points") with their standard "errors" are the answer; else these are None.

Numbers are those that are stored, unrounded; JSON has no NaN, so what is not finite is None.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pdenet.evaluation.coefficients import Coefficient, Source
from pdenet.evaluation.evidence import Evidence
from pdenet.pde import PDE
from pdenet.pde.compare import Comparison, compare
from pdenet.pde.expression import Monomial
from pdenet.pde.render import format_monomial
from pdenet.results import FittedCurve, FittedMap, Unknown, complete_lines
from pdenet.results.record import refinement_record
from pdenet.results.refinement import Refinement

__all__ = ["document", "record"]

_SCORES = ("tpr", "recall", "precision", "e2", "einf")


def document(
    found: PDE,
    stderr: Mapping[str, Mapping[Monomial, float]],
    comparison: Comparison | None,
    seconds: Mapping[str, float],
    maps: Sequence[Coefficient] = (),
    sources: Sequence[Source] = (),
    refinement: Refinement | None = None,
    unknown: Mapping[str, tuple[Unknown, ...]] | None = None,
) -> dict[str, Any]:
    """The object above. Without a comparison every score is None, and so is every "truth";
    "coefficient" is None for a term that is missing, "truth" for one that is extra."""
    known = comparison is not None
    return {
        "equations": list(complete_lines(found, unknown or {})),
        "given": list(found.given),
        "terms": [
            {
                "field": row.field,
                "term": format_monomial(row.monomial),
                "coefficient": _number(row.found),
                "stderr": _number(stderr.get(row.field, {}).get(row.monomial)),
                "truth": _number(row.truth) if known else None,
                "relative_error": _number(row.relative_error) if known else None,
            }
            for row in (comparison or compare(found, found)).rows
        ],
        "scores": _scores(comparison),
        "seconds": {str(name): _number(value) for name, value in seconds.items()},
        "maps": [_map(each) for each in maps],
        "sources": [_source(each) for each in sources],
        "refinement": refinement and refinement_record(refinement, exact=False),
    }


def record(evidence: Evidence) -> dict[str, Any]:
    """The object above, of a report."""
    found = document(
        evidence.found,
        evidence.stderr,
        evidence.comparison,
        evidence.seconds,
        evidence.coefficients,
        evidence.sources,
        evidence.refinement,
        evidence.unknown,
    )
    return {**found, "caution": evidence.caution or None}


def _map(found: Coefficient) -> dict[str, Any]:
    error = found.error
    return {
        "field": found.fitted.field,
        "term": found.fitted.term,
        "kind": found.fitted.kind,
        "l2_error": _number(error.l2 if error else None),
        "rms": _number(found.rms),
        "rms_error": _number(error.rms if error else None),
        **_function(found.fitted, ("values", "errors")),
    }


def _source(found: Source) -> dict[str, Any]:
    return {
        "field": found.fitted.field,
        "low": _number(found.low),
        "high": _number(found.high),
        "l2_error": _number(found.error.l2 if found.error else None),
        **_function(found.fitted, ("points", "values", "errors")),
    }


def _function(fitted: FittedMap | FittedCurve, names: tuple[str, ...]) -> dict[str, Any]:
    """The formula, or why there is none and the arrays of these names."""
    answer = fitted.formula is None and getattr(fitted, "kind", "varying") == "varying"
    arrays = {name: getattr(fitted, name) if answer else None for name in names}
    return {
        "formula": fitted.formula,
        "reason": fitted.reason,
        **{name: None if array is None else array.tolist() for name, array in arrays.items()},
    }


def _scores(comparison: Comparison | None) -> dict[str, Any]:
    if comparison is None:
        return dict.fromkeys((*_SCORES, "extra", "missing"))
    pairs = {
        name: [
            {"field": field, "term": format_monomial(monomial)}
            for field, monomial in getattr(comparison, name)
        ]
        for name in ("extra", "missing")
    }
    return {**{name: _number(getattr(comparison, name)) for name in _SCORES}, **pairs}


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
