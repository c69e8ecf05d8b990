"""What may vary where no equation with constant coefficients explains the data.

Of every term of the equation that comes nearest, the coefficient may vary along an axis or in time,
and a force that depends on one of these may be missing: each a group of a few functions beside the
terms there are, judged together in weak form (`weak`). With V that of the residuals without any, so
that what is not explained counts as noise, a group of m functions is worth

    ΔSquares − m (log n + 2 log P),

P groups to draw from (`choose`). The best one is proposed; rollouts decide, with the terms and the
number of functions chosen anew.

Source: Rudy, Alla, Brunton, Kutz, SIAM J. Appl. Dyn. Syst. 18 (2019) 643-660 (groups of terms for
coefficients that vary).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import sympy
from torch import Tensor

from pdenet.discovery.product import ONE, Product
from pdenet.discovery.refine.series import Range, Series, series_of
from pdenet.discovery.refine.setup import Setup
from pdenet.discovery.refine.unknowns import gain, ranges_of, whole_of
from pdenet.discovery.refine.weak import WeakForm, weak_form
from pdenet.discovery.terms import Library, Term
from pdenet.pde import PDE
from pdenet.pde.jet import AXES
from pdenet.pde.unknown import OpenPDE, UnknownTerm

__all__ = ["varied"]

LEVELS = 2
"""Levels of functions by which a group is judged: most of what varies smoothly is in them."""

NAMES, FORCES = ("a", "b", "c", "d", "k", "m"), ("g", "h", "s")
"""What coefficients and forces are called, those that no field is called."""


def varied(library: Library, series: Sequence[Series], setup: Setup) -> OpenPDE | None:
    """The equation with these terms, numbers unknown, and with one more unknown function; None
    where none is worth it. series: the unknown functions that it has already."""
    plain = [term for term in library.terms if term.part is None]
    functions = [each.unknown for each in series if each.unknown.arguments]
    used = {*library.names, *(each.name for each in functions)}
    data, ranges = whole_of(setup), ranges_of(setup)
    best: tuple[float, UnknownTerm] | None = None
    for field, name in enumerate(library.fields):
        own = [term for term in library.terms if term.field == name]
        groups = list(_groups(own, name, library, ranges, used))
        if not groups:
            continue
        terms = [term for _, every in groups for term in every]
        products = tuple(dict.fromkeys(term.product for term in (*own, *terms)))
        form = weak_form(data, library.fields, products, library.given)
        place = {product: k for k, product in enumerate(products)}
        base = [place[term.product] for term in own]
        for unknown, worth in _worth(form, field, base, groups, place):
            if worth > 0 and (best is None or worth > best[0]):
                best = worth, unknown
    if best is None:
        return None
    free = [
        UnknownTerm(f"number_{k}", (), term.field, term.monomial, term.product.basis)
        for k, term in enumerate(plain)
        if not (term.field == best[1].field and term.name == best[1].monomial)
    ]
    nothing = PDE.from_terms(
        {name: {} for name in library.fields}, AXES[: library.ndim], given=library.given
    )
    return OpenPDE(nothing, (*functions, best[1], *free))


def _groups(
    terms: Sequence[Term], field: str, library: Library, ranges: dict[str, Range], used: set[str]
) -> Iterator[tuple[UnknownTerm, list[Term]]]:
    """What may vary in the equation of a field, and the terms of the first levels of each."""
    there = {term.name for term in terms}
    monomials = [term.monomial for term in terms if term.product.basis == ONE]
    for monomial in dict.fromkeys((*monomials, sympy.Integer(1))):
        names = FORCES if monomial == 1 else NAMES
        name = next((each for each in names if each not in used), "")
        for axis in (*AXES[: library.ndim], "t"):
            if name:
                unknown = UnknownTerm(name, (axis,), field, monomial, ONE)
                made = series_of(unknown, ranges)
                few = [term for term in made.terms(library.names, library.ndim) if _is_low(term)]
                new = [term for term in few if term.name not in there]
                if new:
                    yield unknown, new


def _is_low(term: Term) -> bool:
    return term.part is not None and term.part.level <= LEVELS


def _worth(
    form: WeakForm,
    field: int,
    base: list[int],
    groups: list[tuple[UnknownTerm, list[Term]]],
    place: dict[Product, int],
) -> Iterator[tuple[UnknownTerm, float]]:
    """By how much more than its price each group lowers the squares."""
    nothing: Tensor = form.gain.new_zeros(len(form.products))
    variance = form.surprise(field, nothing)[1]
    for _ in range(2):  # V of the best equation without any of them
        squares = form.squares(field, variance)
        now, kept = gain(squares, nothing, base)
        there = nothing.clone()
        there[base] = kept
        variance = form.surprise(field, there)[1]
    squares = form.squares(field, variance)
    now, _ = gain(squares, nothing, base)
    price = math.log(max(squares.count, 3.0)) + 2 * math.log(len(groups))
    for unknown, terms in groups:
        own = [place[term.product] for term in terms]
        after, _ = gain(squares, nothing, [*base, *own])
        yield unknown, after - now - price * len(own)
