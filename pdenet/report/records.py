"""The report as plain values, for `--json` and for programs.

    {"equations": [...], "terms": [{"field", "term", "coefficient", "stderr", "truth",
     "relative_error"}], "scores": {"tpr", "recall", "precision", "e2", "einf", "extra", "missing"},
     "seconds": {...}}

Numbers are those that are stored, unrounded; JSON has no NaN, so what is not finite is None.
"""

import math
from typing import Any

from pdenet.pde.render import format_monomial
from pdenet.report.evidence import Evidence
from pdenet.report.tables import term_rows

__all__ = ["record"]

_SCORES = ("tpr", "recall", "precision", "e2", "einf")


def record(evidence: Evidence) -> dict[str, Any]:
    """The object above. Without a truth every score is None; "coefficient" is None for a term that
    is missing, "truth" for one that is extra."""
    return {
        "equations": list(evidence.found.equations()),
        "terms": [
            {
                "field": row.field,
                "term": row.term,
                "coefficient": _number(row.found),
                "stderr": _number(row.stderr),
                "truth": _number(row.truth),
                "relative_error": _number(row.relative_error),
            }
            for row in term_rows(evidence)
        ],
        "scores": _scores(evidence),
        "seconds": {str(name): _number(value) for name, value in evidence.seconds.items()},
    }


def _scores(evidence: Evidence) -> dict[str, Any]:
    comparison = evidence.comparison
    if comparison is None:
        return dict.fromkeys((*_SCORES, "extra", "missing"))
    pairs = {
        name: [
            {"field": field, "term": format_monomial(monomial, "text")}
            for field, monomial in getattr(comparison, name)
        ]
        for name in ("extra", "missing")
    }
    return {**{name: _number(getattr(comparison, name)) for name in _SCORES}, **pairs}


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
