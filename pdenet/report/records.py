"""A found equation and its report as plain values, for `--json` and for programs.

    {"equations": [...], "terms": [{"field", "term", "coefficient", "stderr", "truth",
     "relative_error"}], "scores": {"tpr", "recall", "precision", "e2", "einf", "extra", "missing"},
     "seconds": {...}}

Numbers are those that are stored, unrounded; JSON has no NaN, so what is not finite is None.
"""

import math
from collections.abc import Mapping
from typing import Any

from pdenet.pde import PDE
from pdenet.pde.compare import Comparison, compare
from pdenet.pde.expression import Monomial
from pdenet.pde.render import format_monomial
from pdenet.report.evidence import Evidence

__all__ = ["document", "record"]

_SCORES = ("tpr", "recall", "precision", "e2", "einf")


def document(
    found: PDE,
    stderr: Mapping[str, Mapping[Monomial, float]],
    comparison: Comparison | None,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """The object above. Without a comparison every score is None, and so is every "truth";
    "coefficient" is None for a term that is missing, "truth" for one that is extra."""
    known = comparison is not None
    return {
        "equations": list(found.equations()),
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
    }


def record(evidence: Evidence) -> dict[str, Any]:
    """The object above, of a report."""
    return document(evidence.found, evidence.stderr, evidence.comparison, evidence.seconds)


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
