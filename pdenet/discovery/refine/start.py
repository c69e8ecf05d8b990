"""Where a refinement starts: the terms that a regression of the data in weak form proposes.

Nothing but the data chooses how they are filtered. Gaps are filled first with the most probable
field under the spectrum that the rest shows. All products of up to two jets, and of three fields,
are then fitted by least squares (`weak`), and terms leave for as long as held-out trajectories are
described as well (`pdenet.discovery.select`). What the filter takes away biases the coefficients a
little, and at low noise the integrals over frames do; what leaves last is handed on to be judged
through rollouts.

Source: Brunton, Proctor, Kutz, PNAS 113 (2016) 3932-3937 (regression on a library).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import sympy
import torch
from torch import Tensor

from pdenet.discovery.fit import Normal
from pdenet.discovery.product import Product
from pdenet.discovery.refine.eliminate import conjugate_gradients
from pdenet.discovery.refine.information import inverse
from pdenet.discovery.refine.observe import Observations
from pdenet.discovery.refine.prior import Shells, spectrum_of_data
from pdenet.discovery.refine.waves import Waves
from pdenet.discovery.refine.weak import weak_form
from pdenet.discovery.select import eliminate
from pdenet.discovery.terms import Library, Term
from pdenet.pde.jet import Jet, sorted_jets

__all__ = ["Ranked", "filled", "low_products", "rank_terms"]

CANDIDATES, MOST = 5, 14
"""Least and largest number of terms of each equation that are handed on, to be judged through
rollouts; with them all derivatives of its own field, which noise hides best."""

FILLINGS = 4
"""How often the spectrum is taken anew from what was filled in with it."""

SIZES = (2, 3, 4, 6)
"""Numbers of terms of each equation to start with where the regression's own choice comes to
nothing; all of them mild. Short equations lack terms, which the judgement through rollouts adds."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """Terms from a regression: those to start with and others worth a closer look.

    library: all of them. starts: coefficients of several equations, that of the regression first,
    then from the shortest to the longest, zero for terms that are not in them. pool: products that
    were looked at.
    """

    library: Library
    starts: tuple[Tensor, ...]
    pool: int


def low_products(fields: tuple[str, ...], ndim: int, order: int) -> tuple[Product, ...]:
    """The constant, all products of up to two jets, and those of three fields."""
    jets = Jet.all(fields, ndim, order)
    plain = [jet for jet in jets if jet.order == 0]
    found: list[tuple[Jet, ...]] = [()]
    found += [(jet,) for jet in jets]
    found += list(combinations_with_replacement(jets, 2))
    found += list(combinations_with_replacement(plain, 3))
    return tuple(Product(sorted_tuple(chosen, fields)) for chosen in found)


def sorted_tuple(jets: Iterable[Jet], fields: tuple[str, ...]) -> tuple[Jet, ...]:
    """Jets in their order, repeated ones beside each other."""
    chosen = list(jets)
    return tuple(jet for jet in sorted_jets(set(chosen), fields) for _ in range(chosen.count(jet)))


def filled(seen: Observations, waves: Waves, shells: Shells) -> Observations:
    """The data with gaps filled in time, and where a point is never seen with the most probable
    field, each frame for itself."""
    seen = seen.bridged()
    if bool((seen.seen > 0).all()):
        return seen
    found = seen
    for _ in range(FILLINGS):
        spectrum = shells.spread(spectrum_of_data(found, waves, shells))
        found = _most_probable(seen, waves, spectrum)
    return found


def _most_probable(seen: Observations, waves: Waves, spectrum: Tensor) -> Observations:
    """The data with gaps replaced by the most probable field under a spectrum."""
    precision = 1 / spectrum[:, None]
    precision.flatten(3)[..., 0] = 0
    weight = seen.weight.square()
    share = weight.flatten(3).mean(3).reshape([*weight.shape[:3]] + [1] * waves.grid.ndim)
    inverse = 1 / (share + precision).clamp_min(1e-300)
    right = waves.modes(seen.values * weight)
    accuracy = 1e-8 * waves.inner(right, inverse * right)
    found, _ = conjugate_gradients(
        lambda x: waves.modes(waves.points(x) * weight) + precision * x,
        right,
        torch.zeros_like(right),
        lambda x: inverse * x,
        waves.inner,
        100,
        accuracy,
    )
    return replace(seen, values=waves.points(found), seen=torch.ones_like(seen.seen))


def rank_terms(
    seen: Observations, waves: Waves, dt: float, order: int, fields: tuple[str, ...]
) -> Ranked:
    """The terms of every field's equation, from data (trajectory, frame, field, *space)."""
    products = low_products(fields, waves.grid.ndim, order)
    complete = filled(seen, waves, Shells(waves)).values
    normals = weak_form(complete, seen.sigma, waves, dt, fields, products)
    everything = list(range(len(products)))
    mild = [k for k in everything if _is_mild(products[k])]
    terms: list[Term] = []
    starts: list[list[float]] = [[] for _ in range(1 + len(SIZES))]
    for name, normal in zip(fields, normals, strict=True):
        every, many = _path(normal, everything)
        last, some = _path(normal, mild)
        own = [k for k, product in enumerate(products) if _differentiates(product, name)]
        chosen = sorted({*every[: _between(many)], *last[: _between(some)], *own})
        terms += [_term(name, products[k]) for k in chosen]
        firsts = [every[:many], *(last[:number] for number in SIZES)]
        for start, first in zip(starts, firsts, strict=True):
            fitted = _fitted(normal, first)
            start += [fitted.get(k, 0.0) for k in chosen]
    library = Library(fields, waves.grid.ndim, tuple(terms))
    return Ranked(
        library,
        tuple(torch.tensor(start, dtype=torch.float64).to(waves.like) for start in starts),
        len(products),
    )


def _differentiates(product: Product, field: str) -> bool:
    """Whether this is a derivative of the field, and nothing else."""
    return len(product.jets) == 1 and product.jets[0].field == field and product.jets[0].order > 0


def _term(field: str, product: Product) -> Term:
    return Term(field, sympy.Mul(*(jet.symbol for jet in product.jets)), product)


def _fitted(normal: Normal, kept: list[int]) -> dict[int, float]:
    """The least-squares coefficients of these products."""
    matrix, right = normal.matrix.sum(0), normal.gradient.sum(0)
    found = inverse(matrix[kept][:, kept]) @ right[kept] if kept else right[:0]
    return dict(zip(kept, found.tolist(), strict=True))


def _is_mild(product: Product) -> bool:
    """Whether it is linear or holds no derivative above the first: with a coefficient that is a
    little off such terms do not make an equation unstable."""
    return len(product.jets) <= 1 or all(jet.order <= 1 for jet in product.jets)


def _path(normal: Normal, some: list[int]) -> tuple[list[int], int]:
    """These products, the one that leaves last first, and how many stay for the sake of held-out
    trajectories."""
    n = len(normal.matrix)
    held = [k for k in range(n) if k % 5 == 4] or list(range(n))
    train = [k for k in range(n) if k not in held] or list(range(n))
    matrix = normal.matrix[:, some][:, :, some]
    size = matrix.mean(0).diagonal().clamp_min(1e-300).sqrt()
    matrix, gradient = matrix / size / size[:, None], normal.gradient[:, some] / size
    own, other = (Normal(matrix[k], gradient[k], normal.misfit[k]) for k in (train, held))
    leaving, path = eliminate(torch.zeros_like(size), len(some), own, other)
    return [some[step.dropped] for step in path][::-1], len(some) - len(leaving)


def _between(number: int) -> int:
    """As many candidates as a regression asks for, within limits."""
    return min(max(number, CANDIDATES), MOST)
