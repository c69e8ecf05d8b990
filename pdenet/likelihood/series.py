"""Unknown functions as sums of known ones: a(x) = Σ_k θ_k φ_k(x), linear in what is unknown.

Along a periodic axis φ are 1 and waves, cos(2π k x/L) and sin(2π k x/L). Along an axis with ends,
in time and over the values of a field they are powers up to the third, and Legendre's polynomials
P_k((x − c)/h) of higher degree on the interval c ± h; where the interval lies far from zero, so
that powers look alike on it, P_k from the first on. Functions of several coordinates are products.
Each has a level, the number of its wave or its degree, of a product their sum; how many levels
there are is for the data to say (`ladder`).

Source: Boyd, Chebyshev and Fourier Spectral Methods (2001), chapters 2 and 4: both converge faster
than any power of 1/k for smooth functions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import sympy

from pdenet.library.product import Product
from pdenet.library.terms import Library, Part, Term
from pdenet.pde.expression import number
from pdenet.pde.unknown import OpenPDE, UnknownTerm

__all__ = ["Range", "Series", "along", "is_formula", "opened", "series_of"]

WAVES, DEGREE = 8, 16
"""The highest wave, and the highest degree."""

FEWEST = 3
"""Points for each function along an axis, at least."""

MOST = 25
"""Functions of one unknown, at most: each costs as much as a term."""

POWERS = 3
"""The highest power that is taken as it is."""

FAR = 1.5
"""Distance of the middle of an interval from zero, in half widths, up to which powers are taken."""


@dataclass(frozen=True)
class Range:
    """What the data span along an axis, in time or of a field: from low to high, where one is the
    other where it is periodic, with so many points."""

    low: float
    high: float
    points: int
    periodic: bool = False


@dataclass(frozen=True, eq=False)
class Series:
    """An unknown function, or number, and the functions that it is a sum of, with their levels."""

    unknown: UnknownTerm
    functions: tuple[sympy.Expr, ...]
    levels: tuple[int, ...]

    def terms(self, names: tuple[str, ...], ndim: int) -> list[Term]:
        """The terms of the equation that its functions make, each with the coefficient that it has
        there."""
        unknown, found = self.unknown, []
        _, basis = unknown.factor.as_coeff_Mul()
        own = sympy.Symbol(unknown.arguments[0], real=True) if self.of_field(names) else None
        part = None if not unknown.arguments else unknown.text
        for function, level in zip(self.functions, self.levels, strict=True):
            inside = own is not None
            monomial = unknown.monomial * (function if inside else 1)
            factor = basis * (1 if inside else function)
            product = Product.of(monomial, names, ndim, factor)
            term = Term(unknown.field, monomial, product)
            found.append(term if part is None else replace(term, part=Part(part, level)))
        return found

    def of_field(self, names: tuple[str, ...]) -> bool:
        """Whether it is a function of a field."""
        return bool(self.unknown.arguments) and self.unknown.arguments[0] in names

    def holds(self, term: Term) -> bool:
        """Whether a term without a function of the coordinates is a part of what it may be."""
        own = {sympy.Symbol(name, real=True) for name in self.unknown.arguments}
        ratio = term.monomial / self.unknown.monomial
        return term.field == self.unknown.field and ratio.free_symbols <= own

    @property
    def scale(self) -> float:
        """The number that the function is multiplied with in the equation."""
        return float(self.unknown.factor.as_coeff_Mul()[0])


def along(name: str, span: Range) -> Iterator[tuple[int, sympy.Expr]]:
    """The functions of one coordinate or field, with their levels."""
    x = sympy.Symbol(name, real=True)
    yield 0, sympy.Integer(1)
    if span.periodic:
        for k in range(1, min(WAVES, span.points // (2 * FEWEST)) + 1):
            argument = number(2 * math.pi * k / (span.high - span.low)) * x
            yield k, sympy.cos(argument)
            yield k, sympy.sin(argument)
        return
    middle, half = (span.low + span.high) / 2, (span.high - span.low) / 2
    near = abs(middle) <= FAR * half
    inside = number(1 / half) * (x - number(middle))
    for k in range(1, min(DEGREE, span.points // FEWEST) + 1):
        yield k, x**k if near and k <= POWERS else _legendre(k, inside)


def _legendre(degree: int, at: sympy.Expr) -> sympy.Expr:
    """P_k, as a sum of powers."""
    s = sympy.Symbol("s")
    found: sympy.Expr = sympy.legendre(degree, s)
    return sympy.Add(*(part.xreplace({s: at}) for part in sympy.Add.make_args(found)))


def series_of(unknown: UnknownTerm, ranges: Mapping[str, Range]) -> Series:
    """The functions of an unknown: all products up to a level, of which `MOST` are no less."""
    each = [list(along(name, ranges[name])) for name in unknown.arguments]
    products = [
        (sum(level for level, _ in chosen), sympy.Mul(*(function for _, function in chosen)))
        for chosen in itertools.product(*each)
    ]
    products.sort(key=lambda pair: pair[0])
    highest = 0
    for level in range(1, products[-1][0] + 1):
        if sum(at <= level for at, _ in products) <= MOST:
            highest = level
    kept = [pair for pair in products if pair[0] <= highest]
    levels, functions = zip(*kept, strict=True)
    return Series(unknown, functions, levels)


def opened(
    equation: OpenPDE, ranges: Mapping[str, Range]
) -> tuple[Library, list[float], tuple[Series, ...]]:
    """All terms of an equation with unknowns; the coefficients of those that are known, NaN of
    others; and the series of the unknowns. What two of them share, as the constants of g(x) and of
    h(t), belongs to the first."""
    library, values = Library.of(equation.pde, in_time=True)
    series = tuple(series_of(each, ranges) for each in equation.unknown)
    terms, known = list(library.terms), values.tolist()
    names = {(term.field, term.name) for term in terms}
    for each in series:
        for term in each.terms(library.names, library.ndim):
            if (term.field, term.name) not in names:
                names.add((term.field, term.name))
                terms.append(term)
                known.append(math.nan)
    return replace(library, terms=tuple(terms)), known, series


def is_formula(functions: list[sympy.Expr]) -> bool:
    """Whether these say something to a reader: waves and powers do, polynomials around a middle do
    not."""
    return not any(function.has(sympy.Add) for function in functions)
