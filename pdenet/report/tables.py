"""The numbers of a report: terms, scores, verdict, stages, dropped terms and settings.

Nothing is rounded here but in sentences, and no score is computed: `pdenet.pde.compare` does that.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pdenet.evaluation.evidence import Evidence
from pdenet.evaluation.score import error_percentiles
from pdenet.events import TermDropped
from pdenet.pde.expression import Monomial
from pdenet.pde.render import format_monomial, format_number
from pdenet.report.typeset import flat_terms
from pdenet.words import counted

__all__ = [
    "Score",
    "SettingGroup",
    "TermRow",
    "dropped_terms",
    "measured",
    "percent",
    "prediction",
    "scores",
    "setting_groups",
    "term_rows",
    "verdict",
]

_DEFINITIONS = (
    ("tpr", "TPR", "true terms found / (true terms + extra terms)"),
    ("recall", "recall", "true terms found / true terms"),
    ("precision", "precision", "true terms found / terms found"),
    ("e2", "E2", "‖w − w*‖ / ‖w*‖ over all coefficients, w found and w* true"),
    ("einf", "E∞", "largest |w − w*| / |w*| over the true terms; a missing term counts as 1"),
)


@dataclass(frozen=True)
class TermRow:
    """One term, found or true: its coefficients, standard error and relative error.

    kind: "true" (found and true), "extra", "missing", or "found" where no truth is known.
    """

    field: str
    monomial: Monomial
    found: float | None
    stderr: float | None
    truth: float | None
    relative_error: float | None
    kind: Literal["true", "extra", "missing", "found"]

    @property
    def term(self) -> str:
        """The monomial as exact text."""
        return format_monomial(self.monomial, "text")


@dataclass(frozen=True)
class Score:
    """A score, its name for readers and what it means."""

    key: str
    name: str
    value: float
    definition: str


@dataclass(frozen=True)
class SettingGroup:
    """Settings that belong together, values as text."""

    name: str
    values: tuple[tuple[str, str], ...]


def term_rows(evidence: Evidence) -> tuple[TermRow, ...]:
    """The terms by equation, as compared with the truth, or as found where there is none."""
    comparison = evidence.comparison
    if comparison is None:
        return tuple(
            TermRow(term.field, term.whole, term.value, term.stderr, None, None, "found")
            for term in flat_terms(evidence.found, evidence.stderr)
        )
    names = tuple(dict.fromkeys((*evidence.found.fields, *(row.field for row in comparison.rows))))
    rows = sorted(comparison.rows, key=lambda row: names.index(row.field))
    return tuple(
        TermRow(
            row.field,
            row.monomial,
            row.found,
            evidence.stderr.get(row.field, {}).get(row.monomial),
            row.truth,
            row.relative_error,
            row.kind,
        )
        for row in rows
    )


def scores(evidence: Evidence) -> tuple[Score, ...]:
    """The scores of the comparison, with their definitions; none without a truth."""
    if evidence.comparison is None:
        return ()
    return tuple(
        Score(key, name, float(getattr(evidence.comparison, key)), definition)
        for key, name, definition in _DEFINITIONS
    )


def verdict(evidence: Evidence) -> str:
    """What was found, in one sentence."""
    rows = term_rows(evidence)
    if evidence.comparison is None:
        fields = len(evidence.found.fields)
        where = "one equation" if fields == 1 else f"{fields} equations"
        return f"{counted(len(rows), 'term')} in {where}; the truth is not known."
    true = [row for row in rows if row.kind == "true"]
    missing = [row for row in rows if row.kind == "missing"]
    extra = [row for row in rows if row.kind == "extra"]
    total = len(true) + len(missing)
    start = (
        f"{len(true)} of {total} true terms" if missing else f"All {total} true terms"
        if total > 1 else "The true term"
    )  # fmt: skip
    parts = [start]
    if missing:
        parts.append(f"missing {_listed(missing)}")
    parts.append(f"{len(extra)} extra ({_listed(extra)})" if extra else "no extra")
    errors = [row.relative_error for row in true if row.relative_error is not None]
    sentence = ", ".join(parts)
    largest = "largest error of a term found" if missing else "largest coefficient error"
    return f"{sentence}; {largest} {percent(max(errors))}." if errors else (
        f"{sentence}."
    )  # fmt: skip


def prediction(evidence: Evidence) -> str:
    """How well held-out trajectories are predicted, in one sentence; empty if not measured."""
    name = "equation" if "equation" in evidence.errors else next(iter(evidence.errors), "")
    errors = np.asarray(evidence.errors.get(name, np.zeros((0, 0))), dtype=np.float64)
    if not errors.size:
        return ""
    times = np.asarray(evidence.error_times)
    unit = f" {evidence.units['t']}" if evidence.units.get("t") else ""
    median = error_percentiles(errors)[2]
    last = len(times) - 1
    moments = [(last, "{}")]
    if evidence.horizon is not None and 0 < evidence.horizon < times[last]:
        near = int(np.argmin(np.abs(times - evidence.horizon)))
        moments.insert(0, (near, "the training horizon ({})"))
    said = " and ".join(
        f"{percent(float(median[k]))} at {where.format(f't = {times[k]:.4g}{unit}')}"
        for k, where in moments
    )
    starts = "held-out starts" if evidence.held_out else "starts that were fitted as well"
    who = "The network" if name == "network" else f"Solved from {starts}, the found equation"
    sentence = (
        f"{who} is off by {said} (relative L2 error, median of "
        f"{counted(len(errors), 'trajectory')})."
    )
    if "noise" not in evidence.errors:
        return sentence
    alone = error_percentiles(np.asarray(evidence.errors["noise"]))[2]
    return f"{sentence} The noise of the data alone makes {percent(float(alone[last]))} there."


def dropped_terms(evidence: Evidence) -> tuple[TermDropped, ...]:
    """The terms that went, the closest calls (largest scaled coefficient) first."""

    def size(event: TermDropped) -> float:
        return -abs(event.scaled) if math.isfinite(event.scaled) else -math.inf

    return tuple(sorted(evidence.dropped, key=size))


def setting_groups(settings: Mapping[str, Any]) -> tuple[SettingGroup, ...]:
    """Nested settings as groups: plain values first, then one group for each mapping."""
    plain = tuple((str(k), _shown(v)) for k, v in settings.items() if not isinstance(v, Mapping))
    groups = [
        SettingGroup(str(name), tuple(_flat(value)))
        for name, value in settings.items()
        if isinstance(value, Mapping)
    ]
    return (*([SettingGroup("general", plain)] if plain else []), *groups)


def percent(value: float | None) -> str:
    """A ratio as a percentage with two significant digits: "0.21 %"."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    scaled = 100 * value
    digits = f"{scaled:.0f}" if abs(scaled) >= 99.5 else format_number(scaled, 2, "unicode")
    return f"{digits}\u202f%"


def measured(value: float | None, stderr: float | None) -> tuple[str, str]:
    """A coefficient and its standard error as a table shows them: two digits of the error, and the
    value as far as they reach; five digits where there is no error, a dash where there is no value.
    """
    if value is None or not math.isfinite(value):
        return "–", "–"
    if stderr is None or not math.isfinite(stderr) or stderr <= 0:
        return _filled(value, 5), "–"
    digits = 6 if value == 0 else 2 + math.floor(math.log10(abs(value))) - math.floor(
        math.log10(stderr)
    )  # fmt: skip
    return _filled(value, min(max(digits, 2), 12)), _filled(stderr, 2)


def _filled(value: float, digits: int) -> str:
    """The number with its last zeros: rounding to -1.0000 says more than -1."""
    mantissa, times, power = format_number(float(value), digits, "unicode").partition("·")
    count = len(mantissa.lstrip("−0.").replace(".", ""))
    if value and count < digits:
        mantissa += ("" if "." in mantissa else ".") + "0" * (digits - count)
    return mantissa + times + power


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _shown(value)


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, Mapping) and not value):
        return "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        joint = "; " if any(isinstance(item, Mapping) for item in value) else ", "
        return joint.join(map(_shown, value)) or "–"
    return str(value)


def _listed(rows: list[TermRow]) -> str:
    names = [f"{format_monomial(row.monomial, 'unicode')} in {row.field}_t" for row in rows[:4]]
    more = f" and {len(rows) - 4} more" if len(rows) > 4 else ""
    return ", ".join(names) + more
