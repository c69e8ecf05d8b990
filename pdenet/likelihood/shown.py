"""Unknown functions as they were found: values with standard errors, and formulas.

With C the covariance of the coefficients of a function f = Σ_k θ_k φ_k, its standard error at a
point is (φᵀ C φ)^(1/2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy
import torch
from torch import Tensor

from pdenet.library.product import evaluate
from pdenet.library.terms import Library
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.selection.ladder import is_short
from pdenet.likelihood.series import Series, is_formula
from pdenet.likelihood.unknowns import ranges_of, whole_of
from pdenet.pde.expression import number
from pdenet.pde.render import format_expression, format_monomial
from pdenet.results.fitted import FORCING, FittedCurve, FittedMap

__all__ = ["Shown", "shown"]

POINTS = 101
"""Of a curve over the values of a field."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Maps and curves of the unknown functions, and which terms a reader sees: all but those of
    functions that have no formula."""

    maps: tuple[FittedMap, ...]
    curves: tuple[FittedCurve, ...]
    plain: tuple[bool, ...]


REASON = "no few waves or powers describe it as well"
"""Why a function has no formula."""


def shown(
    series: Sequence[Series], library: Library, coefficients: Tensor, errors: Tensor, setup: Setup
) -> Shown:
    """The unknown functions of a fit of these terms. errors: covariance of its coefficients."""
    maps, curves = list[FittedMap](), list[FittedCurve]()
    plain = [True] * len(library.terms)
    place = {(term.field, term.name): k for k, term in enumerate(library.terms)}
    for each in series:
        terms = each.terms(library.names, library.ndim)
        pairs = zip(each.functions, terms, strict=True)
        own = [(f, place[t.field, t.name]) for f, t in pairs if (t.field, t.name) in place]
        if not each.unknown.arguments or not own:
            continue
        functions, places = [f for f, _ in own], [k for _, k in own]
        theta = coefficients[places].cpu() / each.scale
        spread = errors[places][:, places].cpu() / each.scale**2
        text: str | None = None
        if is_short(places) and is_formula(functions):
            parts = (number(float(c)) * f for c, f in zip(theta, functions, strict=True))
            text = format_expression(sympy.Add(*parts), "text", None)
        why = REASON if text is None else None
        for k in places:
            plain[k] = text is not None
        if each.of_field(library.names):
            curve = _curve(each, functions, theta, spread, setup)
            curves.append(replace(curve, formula=text, reason=why))
        else:
            found = _map(each, functions, theta, spread, setup)
            maps.append(replace(found, formula=text, reason=why))
    return Shown(tuple(maps), tuple(curves), tuple(plain))


def _values(
    functions: Sequence[sympy.Expr], theta: Tensor, spread: Tensor, mesh: dict[str, Tensor]
) -> tuple[np.ndarray, np.ndarray]:
    """Values and standard errors where the arguments have these values."""
    known: dict[sympy.Expr, Tensor | float] = {
        sympy.Symbol(name, real=True): values for name, values in mesh.items()
    }
    one = torch.ones_like(next(iter(mesh.values())))
    made = torch.stack([one * evaluate(function, known) for function in functions])
    values = torch.tensordot(theta, made, 1)
    variance = (torch.tensordot(spread, made, 1) * made).sum(0)
    return values.numpy(), variance.clamp_min(0).sqrt().numpy()


def _map(
    series: Series, functions: Sequence[sympy.Expr], theta: Tensor, spread: Tensor, setup: Setup
) -> FittedMap:
    unknown, ranges = series.unknown, ranges_of(setup)
    points = []
    for name in unknown.arguments:
        span = ranges[name]
        points.append(np.linspace(span.low, span.high, span.points, endpoint=not span.periodic))
    mesh = torch.meshgrid(*map(torch.from_numpy, points), indexing="ij")
    values, errors = _values(
        functions, theta, spread, dict(zip(unknown.arguments, mesh, strict=True))
    )
    term = FORCING if unknown.monomial == 1 else format_monomial(unknown.monomial)
    constant = all(function.is_number for function in functions)
    return FittedMap(
        unknown.field, term, "constant" if constant else "varying", values, None, errors, None,
        unknown.name, unknown.arguments, tuple(points),
    )  # fmt: skip


def _curve(
    series: Series, functions: Sequence[sympy.Expr], theta: Tensor, spread: Tensor, setup: Setup
) -> FittedCurve:
    unknown = series.unknown
    name, data = unknown.arguments[0], whole_of(setup)
    names = (*setup.fields, *(() if setup.acting is None else setup.acting.names))
    span = ranges_of(setup)[name]
    points = np.linspace(span.low, span.high, POINTS)
    values, errors = _values(functions, theta, spread, {name: torch.from_numpy(points)})
    seen = data.values[:, :, names.index(name)].flatten().cpu().numpy()
    half = (points[1] - points[0]) / 2
    edges = np.append(points - half, points[-1] + half)
    density = np.histogram(seen, edges)[0] / len(seen)
    monomial = unknown.monomial
    return FittedCurve(
        unknown.field, points, values, density, None, errors, None, unknown.name,
        "" if name == unknown.field else name,
        "" if monomial == 1 else format_monomial(monomial),
    )  # fmt: skip
