"""An equation whose maps and curves have no formula, as one that a solver can take.

A curve of values at points of [a, b] becomes its chord and sines, a map a product of waves on each
axis, harmonics on a periodic one, half waves between walls:

    f(u) ≈ f(a) + s (u − a) + Σ_k b_k sin(k π (u − a)/(b − a)),
    c(x, y) ≈ Σ_kl c_kl g_k(x) h_l(y).

Nothing in it cancels, and outside [a, b] it stays near its chord. It is made to compute with, and
nowhere shown: its numbers mean nothing by themselves.

Reference: C. Lanczos, Discourse on Fourier Series (1966), section 16 (sines after the chord is
taken away fall off as k⁻³).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import sympy

from pdenet.boundary import Boundaries, Periodic
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.expression import number
from pdenet.results.equation import DiscoveredEquation
from pdenet.results.fitted import FittedCurve, FittedMap, product_of

__all__ = ["solvable"]

SINES = 24
"""Sines of a curve."""

WAVES = 8
"""Highest multiple of the lowest frequency of an axis; splines on ten pieces hold no higher."""

TERMS = 80
"""Most waves of a map: the largest ones."""

SHARE = 1e-5
"""Waves smaller than this share of the largest are left out."""


def solvable(found: DiscoveredEquation, grid: Grid, boundaries: Boundaries) -> PDE:
    """The equation with series for its maps and curves that have no formula; itself without any.

    grid, boundaries: of the data that it was found in.
    """
    if not found.unknown:
        return found.pde
    terms: dict[str, sympy.Expr] = {
        field: sympy.Add(*(_number(value) * monomial for monomial, value in table.items()))
        for field, table in found.pde.numeric_terms().items()
    }
    for each in found.maps:
        if each.kind == "varying" and each.formula is None:
            terms[each.field] += product_of(each.term) * _series(each, grid, boundaries)
    for curve in found.curves:
        if curve.formula is None:
            terms[curve.field] += product_of(curve.term) * _sines(curve)
    return PDE.from_expressions(terms, found.pde.coordinates)


def _number(value: float | sympy.Expr) -> sympy.Expr:
    return number(value) if isinstance(value, float) else value


def _sines(curve: FittedCurve) -> sympy.Expr:
    u = sympy.Symbol(curve.of, real=True)
    low, high = float(curve.points[0]), float(curve.points[-1])
    slope = float(curve.values[-1] - curve.values[0]) / (high - low)
    left = curve.values - curve.values[0] - slope * (curve.points - low)
    k = np.arange(1, min(SINES, len(curve.points) - 2) + 1)
    waves = np.sin(np.pi * k * (curve.points[:, None] - low) / (high - low))
    sizes = np.linalg.lstsq(waves, left, rcond=None)[0]
    parts = [
        number(float(size))
        * sympy.sin(number(float(n) * math.pi / (high - low)) * (u - number(low)))
        for n, size in zip(k, sizes, strict=True)
    ]
    chord = number(float(curve.values[0]) - slope * low) + number(slope) * u
    return chord + sympy.Add(*parts)


def _series(fitted: FittedMap, grid: Grid, boundaries: Boundaries) -> sympy.Expr:
    """The largest waves of a map."""
    values, names = fitted.values, []
    for name, points in fitted.places(grid).items():
        length, joined = float(points[-1] - points[0]), False
        if name in grid.axes:  # in time nothing comes again
            axis = grid.axes.index(name)
            length, joined = grid.lengths[axis], isinstance(boundaries[axis][0], Periodic)
        x = sympy.Symbol(name, real=True)
        waves = list(_waves(x, points, float(points[0]), length, joined))
        names.append([name for name, _ in waves])
        columns = np.stack([column for _, column in waves], 1)
        # Each product takes the first remaining axis of points and puts one of waves last.
        values = np.tensordot(values, np.linalg.pinv(columns), axes=([0], [1]))
    order = np.argsort(-np.abs(values), axis=None)[:TERMS]
    kept = [k for k in order if abs(values.flat[k]) >= SHARE * np.abs(values).max()]
    products = list(itertools.product(*names))
    return sympy.Add(*(number(float(values.flat[k])) * sympy.Mul(*products[k]) for k in kept))


def _waves(
    x: sympy.Symbol, points: np.ndarray, low: float, length: float, joined: bool
) -> Iterator[tuple[sympy.Expr, np.ndarray]]:
    """Waves of one axis, and their values there; no more than the points can tell apart."""
    yield sympy.Integer(1), np.ones(len(points))
    most = min(WAVES, (len(points) - 1) // (2 if joined else 1))
    for k in range(1, most + 1):
        frequency = k * (2 if joined else 1) * math.pi / length
        argument, at = number(frequency) * (x - number(low)), frequency * (points - low)
        yield sympy.cos(argument), np.cos(at)
        if joined:
            yield sympy.sin(argument), np.sin(at)
