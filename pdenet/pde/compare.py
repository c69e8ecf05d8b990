"""How far a found PDE is from the true one; the only place where a score is computed.

Terms are compared after expansion: w is the coefficient of one product of jets and coordinate
functions in one equation, w* the true one. With TP terms in both, FN only in the truth, FP only in
what was found:

    TPR = TP/(TP+FN+FP)     recall = TP/(TP+FN)     precision = TP/(TP+FP)
    E2 = |w − w*| / |w*| over the union of terms, absent ones being 0
    Einf = max |w − w*| / |w*| over the true terms; a missing one counts 1

What is known by its values, a coefficient c(x, y) or a source f(u), is compared point by point:

    L2 = ‖c − c*‖ / ‖c*‖     r.m.s. error = (mean (c − c*)²)^(1/2)

Reference for TPR, E2 and Einf: D. A. Messenger, D. M. Bortz, Weak SINDy for partial differential
equations, J. Comput. Phys. 443 (2021) 110525, §4.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import sympy

from pdenet.errors import EquationError
from pdenet.pde.definition import PDE
from pdenet.pde.expression import Monomial

__all__ = ["Comparison", "FieldError", "Row", "compare", "field_error", "root_mean_square"]


@dataclass(frozen=True)
class Row:
    """One term of one equation: its coefficient in what was found and in the truth.

    `relative_error` is |found − truth|/|truth|, 1 for a missing term and None for an extra one.
    """

    field: str
    monomial: Monomial
    found: float | None
    truth: float | None
    relative_error: float | None
    kind: Literal["true", "extra", "missing"]


@dataclass(frozen=True)
class Comparison:
    """A found PDE beside the true one, term by term, and the scores (all relative, none in %).

    rows: the true terms in the order of the truth, then the extra ones, for each field.
    extra, missing: (field, monomial) of terms only in what was found, only in the truth.
    """

    rows: tuple[Row, ...]
    e2: float
    einf: float
    tpr: float
    recall: float
    precision: float
    extra: tuple[tuple[str, Monomial], ...]
    missing: tuple[tuple[str, Monomial], ...]

    @property
    def exact(self) -> bool:
        """Whether exactly the true terms were found, whatever their coefficients."""
        return not self.extra and not self.missing


@dataclass(frozen=True)
class FieldError:
    """How far values are from the true ones at the same points.

    l2: relative, not in %; infinite where the truth is zero everywhere and the values are not.
    rms: of the error, in the units of the values. truth_rms: of the true values.
    """

    l2: float
    rms: float
    truth_rms: float


def compare(found: PDE, truth: PDE) -> Comparison:
    """Compare a found PDE with the true one.

    Coefficients that depend on x, y, z or t are split into products of coordinate functions, so
    that sin(x)*u_x is a term with a float. Only fields that have an equation in both are compared:
    where one was given there is none. Raises EquationError when the two have different fields or
    coordinates.
    """
    if set(found.names) != set(truth.names) or found.coordinates != truth.coordinates:
        raise EquationError(
            f"cannot compare {', '.join(found.names)} in ({', '.join(found.coordinates)}) with "
            f"{', '.join(truth.names)} in ({', '.join(truth.coordinates)}): fields and "
            "coordinates must be the same"
        )
    ours, theirs = _flat(found), _flat(truth)
    rows = [
        _row(field, monomial, ours[field].get(monomial), theirs[field].get(monomial))
        for field in truth.fields
        if field in ours
        for monomial in {**theirs[field], **ours[field]}
    ]
    extra = tuple((row.field, row.monomial) for row in rows if row.kind == "extra")
    missing = tuple((row.field, row.monomial) for row in rows if row.kind == "missing")
    hits = len(rows) - len(extra) - len(missing)
    error = math.hypot(*((row.found or 0.0) - (row.truth or 0.0) for row in rows))
    size = math.hypot(*(row.truth or 0.0 for row in rows))
    return Comparison(
        rows=tuple(rows),
        e2=_ratio(error, size, math.inf if error else 0.0),
        einf=max((row.relative_error for row in rows if row.relative_error is not None), default=0),
        tpr=_ratio(hits, len(rows), 1.0),
        recall=_ratio(hits, hits + len(missing), 1.0),
        precision=_ratio(hits, hits + len(extra), 1.0),
        extra=extra,
        missing=missing,
    )


def field_error(found: np.ndarray, truth: np.ndarray) -> FieldError:
    """The errors of values at every point, all points with the same weight.

    found, truth: of one shape, in the same units.
    """
    rms, size = root_mean_square(found - truth), root_mean_square(truth)
    return FieldError(_ratio(rms, size, math.inf if rms else 0.0), rms, size)


def root_mean_square(values: np.ndarray) -> float:
    """(mean v²)^(1/2) over all points."""
    return float(np.sqrt(np.mean(np.square(values))))


def _flat(pde: PDE) -> dict[str, dict[sympy.Expr, float]]:
    return {
        field: {
            monomial * basis: value
            for monomial, bases in expansion.items()
            for basis, value in bases.items()
        }
        for field, expansion in pde.expansions().items()
    }


def _row(field: str, monomial: sympy.Expr, found: float | None, truth: float | None) -> Row:
    if truth is None:
        return Row(field, monomial, found, None, None, "extra")
    if found is None:
        return Row(field, monomial, None, truth, 1.0, "missing")
    return Row(field, monomial, found, truth, abs(found - truth) / abs(truth), "true")


def _ratio(part: float, whole: float, otherwise: float) -> float:
    return part / whole if whole else otherwise
