"""Where a refinement starts: the terms that a regression of the data in weak form proposes.

Nothing but the data chooses how they are filtered. Gaps are filled first with the most probable
field under the spectrum that the rest shows. All products of up to two jets, and of three fields,
are then fitted by least squares (`weak_form`), and terms leave for as long as held-out trajectories
are described as well (`pdenet.readout.select`). What the filter takes away biases the coefficients
a little, and at low noise the integrals over frames do; what leaves last is handed on to be judged
through rollouts.

Source: Brunton, Proctor, Kutz, PNAS 113 (2016) 3932-3937 (regression on a library).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from pdenet.library.product import Product
from pdenet.library.terms import Library, Term
from pdenet.likelihood.fit.information import inverse
from pdenet.likelihood.selection.dependent import dependent
from pdenet.likelihood.selection.linear import linear_equations
from pdenet.likelihood.selection.relations import Relation, relations
from pdenet.likelihood.selection.weak_form import Squares, WeakForm, Whole, weak_form
from pdenet.likelihood.states.given import Given
from pdenet.noise.filling import filled
from pdenet.noise.observations import Observations
from pdenet.noise.spectrum import Shells
from pdenet.pde.jet import Jet, sorted_jets
from pdenet.spectral.waves import Waves

__all__ = ["Ranked", "differentiates", "low_products", "rank_terms"]

CANDIDATES, MOST = 5, 14
"""Least and largest number of terms of each equation that are handed on, to be judged through
rollouts; with them all derivatives of its own field, which noise hides best."""

CLASSES = ((2, False), (3, False), (4, False), (5, False), (6, False), (4, True), (6, True))
"""The highest order of a derivative, and whether derivatives stand in products of three, in turn,
for as long as the data ask for more."""

EXPLAINED = 2.0
"""Squared residual in weak form over its variance up to which an equation explains the data: the
variance is known to a factor of about that (what the filter takes away is not in it)."""

WORTH = 2.0
"""Factor by which a higher order must lower the variance that is left to be worth it."""

STILL = 0.1
"""Size of a field beside its mean, below which u u_x is so near to a multiple of u_x that a fit of
one says little of the other."""

UNTOLD = 10.0
"""Difference of χ² below which two terms are one: less than the least that any term must gain."""

SOME = 8
"""Trajectories by which classes of products are told apart, about."""

LONGEST = 20
"""Terms of the longest equation that a regression may choose."""

MOST_PRODUCTS = 400
"""Products that are looked at, at most: orders with more are left out."""

ROUNDS = 3
"""Of weighted least squares: V depends on the coefficients."""

SIZES = (2, 3, 4, 6)
"""Numbers of terms of each equation to start with where the regression's own choice comes to
nothing; all of them mild. Short equations lack terms, which the judgement through rollouts adds."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """Terms from a regression: those to start with and others worth a closer look.

    library: all of them. starts: coefficients of several equations, that of the regression first,
    then the linear one that every wave by itself shows, then from the shortest to the longest, zero
    for terms that are not in them. pool: products that
    were looked at. order: of the highest derivative among them. excess: what each field's equation
    leaves, squared, over what noise would. same: derivatives of given fields that are others.
    steady: fields that vary far less than their mean, and that.
    """

    library: Library
    starts: tuple[Tensor, ...]
    pool: int
    order: int
    excess: tuple[float, ...]
    relations: tuple[Relation, ...]
    tried: tuple[str, ...]
    same: tuple[str, ...] = ()
    steady: tuple[tuple[str, float], ...] = ()


def low_products(
    fields: tuple[str, ...],
    ndim: int,
    order: int,
    cubic: bool = False,
    without: frozenset[Jet] = frozenset(),
    constant: frozenset[str] = frozenset(),
) -> tuple[Product, ...]:
    """The constant, all products of up to two jets, and those of three fields.

    order: of the highest derivative; above 2 it is also that of all derivatives in a product
    together, since of the many others none is known from an equation. cubic: three jets with
    derivatives too, of order 2 together: u² u_x, u u_x², u² u_xx. without: jets that are left
    out. constant: fields that are no factor."""
    jets = [jet for jet in Jet.all(fields, ndim, order) if jet not in without]
    plain = [jet for jet in jets if jet.order == 0]
    pairs = combinations_with_replacement(jets, 2)
    found: list[tuple[Jet, ...]] = [(), *((jet,) for jet in jets)]
    found += [pair for pair in pairs if _total(pair) <= order or _highest(pair) <= 2]
    three = combinations_with_replacement(jets if cubic else plain, 3)
    found += [triple for triple in three if _total(triple) <= 2]
    factors = {jet for jet in plain if jet.field in constant}
    found = [chosen for chosen in found if len(chosen) < 2 or not factors & set(chosen)]
    return tuple(Product(sorted_tuple(chosen, fields)) for chosen in found)


def _total(jets: Iterable[Jet]) -> int:
    return sum(jet.order for jet in jets)


def _highest(jets: Iterable[Jet]) -> int:
    return max((jet.order for jet in jets), default=0)


def sorted_tuple(jets: Iterable[Jet], fields: tuple[str, ...]) -> tuple[Jet, ...]:
    """Jets in their order, repeated ones beside each other."""
    chosen = list(jets)
    return tuple(jet for jet in sorted_jets(set(chosen), fields) for _ in range(chosen.count(jet)))


def rank_terms(
    seen: Observations,
    waves: Waves,
    dt: float,
    order: int,
    fields: tuple[str, ...],
    acting: Given | None = None,
    taper: Tensor | None = None,
) -> Ranked:
    """The terms of every field's equation, from data (trajectory, frame, field, *space).

    order: of derivatives, at most; it is no higher than the data ask for. acting: fields without an
    equation that act in these. taper: of a window, as in `weak_form`.
    """
    complete, sigma = filled(seen, waves, Shells(waves)).values, seen.sigma
    given = () if acting is None else acting.names
    if acting is not None:
        complete = torch.cat([complete, waves.points(acting.frames[:, : complete.shape[1]])], 2)
        sigma = torch.cat([sigma, acting.error], 1)
    steady, still, constant = _steady(complete, sigma, (*fields, *given))
    data = Whole(complete, sigma, waves, dt, taper)

    def rung(highest: int, cubic: bool, rows: slice) -> _Rung | None:
        lower = min(highest, order)
        same = {} if acting is None else dependent(acting, lower)
        products = low_products(
            (*fields, *given), waves.grid.ndim, lower, cubic, frozenset(same), constant
        )
        if (highest, cubic) != CLASSES[0] and (highest > order or len(products) > MOST_PRODUCTS):
            return None
        form = weak_form(data.part(rows), fields, products, given)
        chosen = tuple(_choose(form, f) for f in range(len(fields)))
        return _Rung(highest, cubic, form, chosen, tuple(same.values()))

    lowest = rung(*CLASSES[0], every := slice(None))
    assert lowest is not None
    related = relations(lowest.form, steady)

    def ranked(rung: _Rung, tried: list[_Rung]) -> Ranked:
        places = [k for k, p in enumerate(rung.form.products) if p.linear is not None]
        own = [k for k in places if rung.form.products[k].jets[0].field in fields]
        jets = [rung.form.products[k].jets[0] for k in own]
        linear = rung.form.gain.new_zeros(len(fields), len(rung.form.products))
        if taper is None:  # waves of a window are not those of its fields
            linear[:, own] = linear_equations(complete, sigma, waves, dt, fields, jets)
        found = _ranked(rung, linear, related, _words(tried))
        return replace(found, steady=tuple(still.items()))

    if lowest.excess < EXPLAINED:
        return ranked(lowest, [lowest])
    # Some trajectories show which class of products it is; all of them, which products.
    some = slice(None, None, max(1, len(complete) // SOME))
    rungs = [lowest if some.step == 1 else rung(*CLASSES[0], some)]
    for each in CLASSES[1:]:
        rungs.append(rung(*each, some))
        found = rungs[-1]
        if found is not None and found.excess < EXPLAINED:
            break
    tried = [each for each in rungs if each is not None]
    best = _enough(tried)
    if best is tried[0]:
        best = lowest
    elif some.step > 1:
        best = rung(best.order, best.cubic, every) or best
    return ranked(best, tried)


def _steady(
    values: Tensor, sigma: Tensor, names: tuple[str, ...]
) -> tuple[frozenset[str], dict[str, float], frozenset[str]]:
    """Fields that vary less than their mean; those that vary far less, and that; and those that
    vary so little beside it that all data together cannot tell u u_x from a multiple of u_x: χ²
    would differ by less than `UNTOLD`."""
    flat = values.movedim(2, 0).flatten(1)
    mean, variance = flat.mean(1), flat.var(1)
    share = variance / mean.square().clamp_min(1e-300)
    known = variance / sigma.square().mean(0).clamp_min(1e-300) * flat.shape[1]
    each = list(zip(names, mean.tolist(), share.tolist(), (share * known).tolist(), strict=True))
    steady = frozenset(name for name, _, ratio, _ in each if ratio < 1)
    still = {name: middle for name, middle, ratio, _ in each if ratio < STILL**2}
    return steady, still, frozenset(name for name, *_, told in each if told < UNTOLD)


def _words(rungs: list[_Rung]) -> tuple[str, ...]:
    """The classes of products that were looked at, to be read."""
    highest = max(rung.order for rung in rungs if not rung.cubic)
    three = [rung.order for rung in rungs if rung.cubic]
    return (
        f"products of up to two derivatives of order {highest} or less, and of three fields",
        *(
            f"products of three with two derivatives, beside orders up to {order}"
            for order in three
        ),
    )


@dataclass(frozen=True, eq=False)
class _Chosen:
    """The equation of one field that a regression chooses.

    path: its products, the one that leaves last first. kept: how many of them are in the equation.
    squares: the sums of the last round. surprise: its −2 log likelihood and the price of its terms.
    excess: squared residual over its variance. count: of independent numbers.
    """

    path: list[int]
    kept: int
    squares: Squares
    surprise: float
    excess: float


@dataclass(frozen=True, eq=False)
class _Rung:
    """What one class of products says."""

    order: int
    cubic: bool
    form: WeakForm
    chosen: tuple[_Chosen, ...]
    same: tuple[str, ...] = ()

    @property
    def excess(self) -> float:
        """The largest of any field's equation."""
        return max(each.excess for each in self.chosen)


def _choose(form: WeakForm, field: int) -> _Chosen:
    """The equation of a field: rounds of weighted least squares. In each of them products leave one
    by one, and of all equations on the way the likeliest stays, by Schwarz' criterion

        −2 log L + n (log N + 2 log P)."""
    everything = list(range(len(form.products)))
    _, variance, _ = form.surprise(field, form.gain.new_zeros(len(everything)))
    found: _Chosen | None = None
    for _ in range(ROUNDS):
        squares = form.squares(field, variance)
        price = math.log(max(squares.count, 3.0)) + 2 * math.log(len(everything))
        path = _path(squares, everything)
        tried = []
        for kept in range(min(LONGEST, len(path)) + 1):
            surprise, noise, excess = form.surprise(field, _wide(squares, path[:kept], len(path)))
            tried.append((surprise + price * kept, kept, noise, excess))
        least, kept, variance, excess = min(tried, key=lambda each: each[0])
        if found is None or least < found.surprise:
            found = _Chosen(path, kept, squares, least, excess)
    assert found is not None
    return found


def _wide(squares: Squares, kept: list[int], size: int) -> Tensor:
    """Least-squares coefficients of these products among all."""
    matrix, right = squares.matrix.sum(0), squares.gradient.sum(0)
    found = torch.zeros(size, dtype=right.dtype, device=right.device)
    if kept:
        found[kept] = inverse(matrix[kept][:, kept]) @ right[kept]
    return found


def _path(squares: Squares, some: list[int]) -> list[int]:
    """These products, the one that leaves last first: always that leaves whose loss costs least."""
    matrix, right = squares.matrix.sum(0)[some][:, some], squares.gradient.sum(0)[some]
    kept, left = list(range(len(some))), list[int]()
    while kept:
        solved = inverse(matrix[kept][:, kept])
        cost = (solved @ right[kept]).square() / solved.diagonal().clamp_min(1e-300)
        cost[solved.diagonal() <= 0] = 0  # what the data do not see costs nothing
        left.append(kept.pop(int(cost.argmin())))
    return [some[k] for k in left[::-1]]


def _enough(rungs: list[_Rung]) -> _Rung:
    """The lowest order that no higher one makes `WORTH` times as likely, for each number."""
    found = rungs[0]
    for rung in rungs[1:]:
        gains = [
            (before.surprise - after.surprise) / max(after.squares.count, 1.0)
            for before, after in zip(found.chosen, rung.chosen, strict=True)
        ]
        if max(gains) > math.log(WORTH):
            found = rung
    return found


def _ranked(
    rung: _Rung, linear: Tensor, found: tuple[Relation, ...], tried: tuple[str, ...]
) -> Ranked:
    """The terms of one order that are worth a closer look, with those of relations, and equations
    to start with. linear: coefficients of one more, (field, product)."""
    form, terms = rung.form, list[Term]()
    products, fields, given = form.products, form.fields, form.names[len(form.fields) :]
    mild = [k for k, product in enumerate(products) if _is_mild(product)]
    starts: list[list[float]] = [[] for _ in range(2 + len(SIZES))]
    for name, each, row in zip(fields, rung.chosen, linear, strict=True):
        gentle = _path(each.squares, mild)
        own = [k for k, product in enumerate(products) if differentiates(product, name)]
        bound = {p for relation in found if relation.field == name for p in relation.products}
        own += [k for k, product in enumerate(products) if product in bound]
        own += row.nonzero()[:, 0].tolist()
        chosen = sorted({*each.path[: _between(each.kept)], *gentle[:CANDIDATES], *own})
        terms += [Term(name, products[k].monomial, products[k]) for k in chosen]
        firsts = [each.path[: each.kept], *(gentle[:size] for size in SIZES)]
        wide = [_wide(each.squares, first, len(products)) for first in firsts]
        for start, values in zip(starts, [wide[0], row, *wide[1:]], strict=True):
            start += values[chosen].tolist()
    like = form.gain
    return Ranked(
        Library(fields, len(products[1].jets[0].index), tuple(terms), given=given),
        tuple(torch.tensor(start, dtype=torch.float64).to(like) for start in starts),
        len(products),
        rung.order,
        tuple(each.excess for each in rung.chosen),
        found,
        tried,
        rung.same,
    )


def differentiates(product: Product, field: str) -> bool:
    """Whether this is a derivative of the field of order one or two, and nothing else."""
    return (
        len(product.jets) == 1 and product.jets[0].field == field and 0 < product.jets[0].order < 3
    )


def _is_mild(product: Product) -> bool:
    """Whether it is linear or holds no derivative above the first: with a coefficient that is a
    little off such terms do not make an equation unstable."""
    return len(product.jets) <= 1 or all(jet.order <= 1 for jet in product.jets)


def _between(number: int) -> int:
    """As many candidates as a regression asks for, within limits."""
    return min(max(number, CANDIDATES), MOST)
