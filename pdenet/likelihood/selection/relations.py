"""Relations between products that hold on the data whatever the equation: a travelling wave has
some.

A single wave obeys u_xx = −k² u, a soliton u_xx = a u − b u², a front u_x = a u − b u². Any
multiple of such a relation can be added to an equation, and the data cannot tell: what is
identified then is a family. Each derivative of a field is regressed on few other products in weak
form, both sides with their noise (`weak_form`); a relation holds where it leaves no more than that
noise, although the derivative by itself stands far above it, or where it does not even stand out by
itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.library.product import Product
from pdenet.likelihood.fit.information import inverse
from pdenet.likelihood.selection.weak_form import WeakForm
from pdenet.pde.jet import Jet

__all__ = ["Relation", "relations"]

HOLDS = 2.0
"""Squares that a relation leaves, over what its noise would, up to which it holds."""

VISIBLE = 100.0
"""The same of the derivative alone, from which on it is seen at all."""

LEAST = 1e-3
"""Least noise of a wave, beside the mean: derivatives have no mean, and so no noise of one."""

ROUNDS = 3
"""Of weighted least squares."""

MOST_TERMS = 4
"""Products on the other side of a relation, at most: a moving soliton of Schroedinger's equation
has so many; with more, anything is related."""

MOST_TRIED = 40
"""Products of which all sums of so few are tried, at most."""


@dataclass(frozen=True)
class Relation:
    """Σ_j c_j p_j = 0 on the data. field: whose derivative comes first, with coefficient 1."""

    field: str
    products: tuple[Product, ...]
    coefficients: tuple[float, ...]

    @property
    def elaborate(self) -> Product:
        """The product of most factors, and of those the one of highest order: an equation without
        it is the simplest of a family."""
        return max(self.products, key=lambda each: (len(each.jets), each.order))


def relations(form: WeakForm, steady: frozenset[str] = frozenset()) -> tuple[Relation, ...]:
    """The relations that hold, from the lowest derivative to the highest. steady: fields that vary
    less than their mean, as temperatures in kelvin do: u u_x is nearly a multiple of u_x there,
    which is no relation."""
    found: list[Relation] = []
    for place, product in enumerate(form.products):
        jet = product.linear
        if jet is not None and jet.order > 0 and jet.field in form.fields:
            known = {other.products[0] for other in found}
            known |= {p for p in form.products if _multiplies(p, jet, steady)}
            relation = _relation(form, place, jet, known)
            found += [] if relation is None else [relation]
    return tuple(sorted(found, key=lambda each: len(each.products[0].jets[0].name)))


def _multiplies(product: Product, jet: Jet, steady: frozenset[str]) -> bool:
    """Whether a product is that derivative times steady fields."""
    others = list(product.jets)
    if jet not in others:
        return False
    others.remove(jet)
    return bool(others) and all(each.order == 0 and each.field in steady for each in others)


def _relation(form: WeakForm, lead: int, jet: Jet, known: set[Product]) -> Relation | None:
    """The shortest relation of one derivative to others; known: those that do not count."""
    field, size = form.fields.index(jet.field), len(form.products)
    alone = torch.zeros(size, dtype=form.gain.dtype, device=form.gain.device)
    alone[lead] = 1.0
    seen = _excess(form, field, alone)
    if seen < HOLDS:  # as where nothing changes along y
        return Relation(jet.field, (form.products[lead],), (1.0,))
    if not seen > VISIBLE:
        return None
    others = [
        k
        for k, product in enumerate(form.products)
        if k != lead and product not in known and product.order <= jet.order
    ]
    matrix, right = _sums(form, field, lead, others, _noise(form, alone))
    for count in range(1, MOST_TERMS + 1):
        some = [others[k] for k in _best(matrix, right, count)]
        if _excess(form, field, _fitted(form, field, alone, some)) < HOLDS:
            return _shortest(form, field, alone, some)
    return None


def _fitted(form: WeakForm, field: int, alone: Tensor, some: list[int]) -> Tensor:
    """Coefficients of a relation of one product to some others: the variance depends on them."""
    (lead,), vector = alone.nonzero()[:, 0].tolist(), alone
    for _ in range(ROUNDS if some else 0):
        matrix, right = _sums(form, field, lead, some, _noise(form, vector))
        vector = alone.clone()
        vector[some] = -inverse(matrix) @ right
    return vector


def _shortest(form: WeakForm, field: int, alone: Tensor, some: list[int]) -> Relation:
    """The relation without products that it holds without."""
    for place in list(some):
        fewer = [k for k in some if k != place]
        if fewer and _excess(form, field, _fitted(form, field, alone, fewer)) < HOLDS:
            some = fewer
    vector = _fitted(form, field, alone, some)
    places = [int(alone.argmax()), *some]
    products = tuple(form.products[k] for k in places)
    return Relation(form.fields[field], products, tuple(vector[places].tolist()))


def _noise(form: WeakForm, vector: Tensor) -> Tensor:
    """The variance of Σ_j c_j p_j; a little even of waves of which the derivative has none."""
    variance = form.right_noise(vector)
    return variance + LEAST * variance.mean().clamp_min(1e-300)


def _sums(
    form: WeakForm, field: int, lead: int, others: list[int], variance: Tensor
) -> tuple[Tensor, Tensor]:
    """The normal equations of one product by others."""
    weight = form.trust(field) * (form.degrees / form.points / variance).sqrt()
    total = torch.zeros(len(others), len(others) + 1, dtype=form.gain.dtype, device=weight.device)
    for row in range(len(form.tested)):
        columns = torch.view_as_real(form.tested[row, [*others, lead]] * weight[row]).flatten(1)
        total += columns[:-1] @ columns.T
    return total[:, :-1], total[:, -1]


def _best(matrix: Tensor, right: Tensor, count: int) -> list[int]:
    """The products, so many, that leave least of another one: of all sums of those that say most by
    themselves."""
    size = matrix.diagonal().clamp_min(1e-300).sqrt()
    scaled, aim = matrix / size / size[:, None], right / size
    order = aim.abs().argsort(descending=True)[:MOST_TRIED]
    sums = torch.combinations(order, min(count, len(order)))
    blocks = scaled[sums[:, :, None], sums[:, None]]
    # Like products make a block singular: such a sum says no more than a shorter one.
    blocks = blocks + 1e-12 * torch.eye(blocks.shape[-1], dtype=blocks.dtype, device=blocks.device)
    gains = (aim[sums] * torch.linalg.solve(blocks, aim[sums])).sum(1)
    chosen: list[int] = sums[gains.argmax()].tolist()
    return chosen


def _excess(form: WeakForm, field: int, vector: Tensor) -> float:
    """Squares of Σ_j c_j p_j over the variance of their noise."""
    variance = _noise(form, vector)
    (kept,) = vector.nonzero(as_tuple=True)
    tested = form.tested.index_select(1, kept)
    left = torch.einsum("p,npmk->nmk", vector[kept].to(tested), tested)
    share = (form.trust(field).square() * form.degrees).expand_as(variance)
    total = (share / form.points * left.abs().square() / variance).sum()
    return float(total / share.sum().clamp_min(1e-300))
