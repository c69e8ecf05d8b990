"""Coefficients in space and sources in words: rows of a table, a line each, and sentences.

Nothing is measured here: `pdenet.evaluation.coefficients` does that.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pdenet.evaluation.coefficients import Coefficient, Source
from pdenet.pde.compare import FieldError, root_mean_square
from pdenet.pde.render import format_number
from pdenet.report.tables import percent
from pdenet.results import FittedCurve, FittedMap

__all__ = [
    "CoefficientRow",
    "SourceRow",
    "coefficient_line",
    "coefficient_rows",
    "extrapolation",
    "source_line",
    "source_rows",
]

_KINDS = {"varying": "varies", "constant": "constant", "zero": "vanishes"}
# Spread of values, against their size, below which they are one number.
_ONE_NUMBER = 1e-9


@dataclass(frozen=True)
class CoefficientRow:
    """The coefficient of one term as a table shows it, and what is said about its formula.

    found, truth: a number, or r.m.s. and range of what varies. error: relative to the truth in the
    L2 norm, or the r.m.s. of the error where the truth is zero.
    """

    coefficient: Coefficient
    kind: str
    found: str
    truth: str
    error: str
    note: str

    @property
    def field(self) -> str:
        """Whose equation."""
        return self.coefficient.fitted.field

    @property
    def term(self) -> str:
        """What the coefficient multiplies, as text."""
        return self.coefficient.fitted.term

    @property
    def varies(self) -> bool:
        """Whether there is a map to be seen."""
        return self.coefficient.fitted.kind == "varying"

    @property
    def gone(self) -> bool:
        """Whether it vanishes, and rightly so as far as is known: not worth a row."""
        truth = self.coefficient.truth
        return self.coefficient.fitted.kind == "zero" and (truth is None or not np.any(truth))

    @property
    def name(self) -> str:
        """c(x, y), or what it was called."""
        return f"{self.coefficient.fitted.name or 'c'}({', '.join(self.coefficient.places)})"


@dataclass(frozen=True)
class SourceRow:
    """The source of one equation as a table shows it, and what is said about its formula."""

    source: Source
    low: str
    high: str
    error: str
    note: str

    @property
    def field(self) -> str:
        """Whose equation."""
        return self.source.fitted.field

    @property
    def name(self) -> str:
        """f(u)."""
        return self.source.name


def coefficient_rows(coefficients: Iterable[Coefficient]) -> tuple[CoefficientRow, ...]:
    """The rows of all coefficients."""
    return tuple(
        CoefficientRow(
            coefficient=each,
            kind=_KINDS[each.fitted.kind],
            found=_size(each.fitted.values),
            truth="–" if each.truth is None else _size(each.truth),
            error=_error(each.error),
            note=_note(each),
        )
        for each in coefficients
    )


def source_rows(sources: Iterable[Source]) -> tuple[SourceRow, ...]:
    """The rows of all sources."""
    rows = []
    for each in sources:
        note = "" if each.formula_text() else f"{_answer('curve', each.fitted)} "
        if each.formula_error is not None:
            note = f"The formula is off by {_error(each.formula_error)}. "
        said = extrapolation(each)
        note += f"{said[0].upper()}{said[1:]}."
        rows.append(SourceRow(each, _short(each.low), _short(each.high), _error(each.error), note))
    return tuple(rows)


def coefficient_line(coefficient: Coefficient, *, system: bool) -> str:
    """One line: "coefficient a(y) of u_x: varies, 0.6 + 0.5·cos(y), L2 error 1.2 %".

    system: whether there is more than one equation, so that it must be named.
    """
    fitted = coefficient.fitted
    where = f" in {fitted.field}_t" if system else ""
    formula = coefficient.formula_text()
    if formula is None:
        formula = f"{_size(fitted.values)}{_spread(fitted)}, no formula{_why(fitted)}"
    named = f" {fitted.name}({', '.join(coefficient.places)})" if fitted.name else ""
    what = f"coefficient{named} of {fitted.term}" if fitted.multiplied else f"forcing{named}"
    parts = [f"{what}{where}: {_KINDS[fitted.kind]}", formula]
    return ", ".join([*parts, *_errors(coefficient.error, coefficient.formula_error)])


def source_line(source: Source) -> str:
    """One line: "source f(u): 15·sin(u), L2 error 0.4 %; beyond u in [-3, 3] ...".."""
    formula = source.formula_text()
    if formula is None:
        values = _size(source.fitted.values)
        formula = f"a curve, {values}{_spread(source.fitted)}, no formula{_why(source.fitted)}"
    found = [f"source {source.name}: {formula}"]
    first = ", ".join([*found, *_errors(source.error, source.formula_error)])
    return f"{first}; {extrapolation(source)}"


def extrapolation(source: Source) -> str:
    """Where nothing was seen: "beyond u in [−3.1, 3.2] the formula is an extrapolation"."""
    what = "the curve" if source.fitted.formula is None else "the formula"
    field = source.fitted.of
    span = f"[{_short(source.low)}, {_short(source.high)}]"
    return f"beyond {field} in {span} {what} is an extrapolation"


def _errors(found: FieldError | None, formula: FieldError | None) -> list[str]:
    if found is None:
        return []
    said = f" (formula {_error(formula)})" if formula is not None else ""
    return [f"L2 error {_error(found)}{said}"]


def _error(error: FieldError | None) -> str:
    if error is None:
        return "–"
    if np.isfinite(error.l2):
        return percent(error.l2)
    return f"{format_number(error.rms, 2, 'unicode')} (r.m.s.)"


def _why(fitted: FittedMap | FittedCurve) -> str:
    return f" ({fitted.reason})" if fitted.reason else ""


def _spread(fitted: FittedMap | FittedCurve) -> str:
    """Its standard errors in words, where they are known."""
    if fitted.errors is None:
        return ""
    return f", standard error {_short(root_mean_square(fitted.errors))} (r.m.s.)"


def _answer(what: str, fitted: FittedMap | FittedCurve) -> str:
    """Why there is no formula, and what the answer is then."""
    because = f": {fitted.reason}" if fitted.reason else ""
    return f"No formula can be trusted{because}. The {what} is the answer{_spread(fitted)}."


def _note(coefficient: Coefficient) -> str:
    fitted = coefficient.fitted
    if fitted.kind != "varying":
        return ""
    if fitted.formula is not None:
        error = coefficient.formula_error
        return f"The formula is off by {_error(error)}." if error is not None else ""
    return _answer("map", fitted)


def _size(values: np.ndarray) -> str:
    """One number, or the r.m.s. and the range of what varies."""
    low, high = float(np.min(values)), float(np.max(values))
    if high - low <= _ONE_NUMBER * max(abs(low), abs(high)):
        return format_number(float(np.mean(values)), 5, "unicode")
    return f"r.m.s. {_short(root_mean_square(values))}, from {_short(low)} to {_short(high)}"


def _short(value: float) -> str:
    return format_number(value, 3, "unicode")
