"""The templates of a report, filled.

Each environment escapes every expression, so that a file name or a reason from outside cannot
become markup: HTML by Jinja's autoescape, Markdown and LaTeX by `finalize`, which sees every value
that a template prints.
"""

import math
from functools import lru_cache
from typing import Any

import jinja2

from pdenet.evaluation.evidence import Evidence
from pdenet.foreign import one_line
from pdenet.pde.render import format_monomial, format_number
from pdenet.report import escape, refined, summaries, tables, typeset
from pdenet.report.escape import Raw
from pdenet.report.fields import middle_plane, relative_error
from pdenet.report.figures import Plates
from pdenet.report.kernels import derivative_name

__all__ = ["render"]

# Dropped terms in sight; the rest is there when asked for.
_DROPPED_SHOWN = 10
# Decisions in sight, those that were close first.
_DECISIONS_SHOWN = 20
# Terms in sight; formulas of coefficients may have many.
_ROWS_SHOWN = 40
# LaTeX is full of braces: its templates mark expressions with (((...))) and blocks with ((*...*)).
_LATEX_MARKS: dict[str, Any] = {
    "variable_start_string": "(((",
    "variable_end_string": ")))",
    "block_start_string": "((*",
    "block_end_string": "*))",
    "comment_start_string": "((=",
    "comment_end_string": "=))",
}


def render(name: str, evidence: Evidence, *, plates: Plates | None = None) -> str:
    """The report through the template `name`, e.g. "report.html.j2"."""
    seconds = [value for value in evidence.seconds.values() if math.isfinite(value)]
    context: dict[str, Any] = {
        "e": evidence,
        "plates": plates,
        "rows": tables.term_rows(evidence),
        "rows_shown": _ROWS_SHOWN,
        "coefficients": summaries.coefficient_rows(evidence.coefficients),
        "sources": summaries.source_rows(evidence.sources),
        "scores": tables.scores(evidence),
        "verdict": tables.verdict(evidence),
        "prediction": tables.prediction(evidence),
        "dropped": tables.dropped_terms(evidence),
        "dropped_shown": _DROPPED_SHOWN,
        "settings": tables.setting_groups(evidence.settings),
        "found": typeset.equations(evidence.found, evidence.stderr, evidence.unknown),
        "truth": typeset.equations(evidence.truth) if evidence.truth is not None else (),
        "plane": middle_plane(evidence),
        "plane_error": _last_error(evidence),
        "total_seconds": evidence.seconds.get("total", sum(seconds)) if seconds else None,
    }
    return (
        _environment(name.split(".")[-2]).get_template(name).render(context, **_refined(evidence))
    )


def _refined(evidence: Evidence) -> dict[str, Any]:
    """What the templates say of a refinement."""
    refinement = evidence.refinement
    if refinement is None:
        return {"refined": None}
    rows = refined.refined_rows(evidence)
    return {
        "refined": refinement,
        "refined_rows": rows,
        "bootstrapped": any(row.bootstrap is not None for row in rows),
        "biased": any(row.bias is not None for row in rows),
        "judgement": refinement.judgement,
        "agreement": refined.agreement(refinement),
        "noise": refined.noise(refinement),
        "fitted": "; ".join(
            filter(None, (refined.setting(refinement), refined.acting(evidence.found)))
        ),
        "warnings": refined.warnings(refinement),
        "decisions": refined.decisions(refinement),
        "decisions_shown": _DECISIONS_SHOWN,
        "alternatives": refined.alternatives(refinement),
    }


def _last_error(evidence: Evidence) -> float | None:
    if not len(evidence.times):
        return None
    return relative_error(evidence.predicted[-1], evidence.observed[-1])


@lru_cache
def _environment(form: str) -> jinja2.Environment:
    finalize = {"html": escape.html, "md": escape.markdown, "tex": escape.latex}[form]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pdenet.report", "templates"),
        autoescape=form == "html",
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **(_LATEX_MARKS if form == "tex" else {}),
    )
    environment.filters.update(
        number=_number,
        found=lambda row: tables.measured(row.found, row.stderr)[0],
        stderr=lambda row: tables.measured(row.found, row.stderr)[1],
        percent=tables.percent,
        odds=refined.odds,
        ratio=lambda value: "–" if value is None else f"{value:.2f}",
        sentence=_sentence,
        tokens=typeset.tokens,
        left_side=typeset.left_side,
        derivative=derivative_name,
        data_uri=escape.data_uri,
        latex_left=lambda field: Raw(typeset.latex_left(field)),
        latex_lines=lambda equation: Raw(" \\\\\n".join(typeset.latex_lines(equation))),
        latex_text=lambda text: Raw(typeset.latex_text(text)),
        unicode_text=typeset.unicode_text,
        raw=Raw,
        latex_monomial=lambda monomial: Raw(format_monomial(monomial, "latex")),
        unicode_monomial=lambda monomial: format_monomial(monomial, "unicode"),
        code=lambda text: Raw(one_line(str(text).replace("`", "'"))),
    )
    return environment


def _sentence(words: str) -> str:
    """Words as a sentence: with a capital and a full stop."""
    return words[:1].upper() + words[1:] + "." * (not words.endswith("."))


def _number(value: float | None, digits: int = 6) -> str:
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return format_number(float(value), digits, "unicode")
