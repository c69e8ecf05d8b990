"""Where a refinement starts when noise hides the derivatives: terms from smoothed data.

Nothing but the data chooses how they are smoothed. In time a quadratic is fitted to the widest run
of frames that it describes within the noise; its middle is the state, its slope u_t, both with a
known share of the noise. In space a Wiener filter keeps of each wave what its shell shows to be
signal (`prior`), the same for both, so that a linear term is not attenuated against u_t. Gaps are
filled first with the most probable field under that spectrum. All products of up to two jets, and
of three fields, are then fitted to u_t at many points by least squares, and terms leave for as long
as held-out trajectories are described as well (`pdenet.discovery.select`). The filter's bias
remains in the coefficients; what leaves last is handed on to be judged through rollouts.

Sources: Savitzky, Golay, Anal. Chem. 36 (1964) 1627-1639; Wiener, Extrapolation, Interpolation, and
Smoothing of Stationary Time Series (1949), chapter III; Brunton, Proctor, Kutz, PNAS 113 (2016)
3932-3937 (regression on a library).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import sympy
import torch
from torch import Tensor

from pdenet.discovery.fit import Normal
from pdenet.discovery.product import Product, values_of
from pdenet.discovery.refine.eliminate import conjugate_gradients
from pdenet.discovery.refine.fit import inverse
from pdenet.discovery.refine.observe import Observations
from pdenet.discovery.refine.prior import Shells, spectrum_of_data
from pdenet.discovery.refine.waves import Waves
from pdenet.discovery.select import eliminate
from pdenet.discovery.terms import Library, Term
from pdenet.pde.jet import Jet, sorted_jets

__all__ = ["Ranked", "filled", "low_products", "rank_terms", "smoothed"]

WINDOWS = (21, 17, 13, 9, 7, 5, 3)
"""Runs of frames that a quadratic may be fitted to."""

EXCESS = 0.05
"""Share of the noise's variance by which a quadratic may miss the data."""

POINTS = 2**16
"""Points of all trajectories at which the regression looks."""

CANDIDATES = 6
"""Terms of each equation that are handed on, at least, to be judged through rollouts; with them all
derivatives of its own field, which noise hides best."""

SIZES = (2, 3, 4, 6)
"""Numbers of terms of each equation to start with. The filter's bias looks like terms of a few per
cent, and rollouts of long equations with such coefficients blow up; short ones lack terms, which
the judgement through rollouts adds."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """Terms from a regression: those to start with and others worth a closer look.

    library: all of them. starts: coefficients of several equations, from the shortest to
    the longest, zero for terms that are not in them.
    """

    library: Library
    starts: tuple[Tensor, ...]


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


def smoothed(seen: Observations, waves: Waves, dt: float) -> tuple[Tensor, Tensor]:
    """States and their time derivatives, (trajectory, moment, field, *waves) each.

    waves: of the grid of the data.
    """
    shells = Shells(waves)
    seen = filled(seen, waves, shells)
    values, sigma = seen.values, seen.sigma
    width = _width(values, sigma)
    state, slope = _quadratic(width, values)
    frames = range(width // 2, values.shape[1] - width // 2, max(1, width // 3))
    runs = torch.stack([values[:, f - width // 2 : f + width // 2 + 1] for f in frames], 1)
    u = waves.modes(torch.einsum("w,bnw...->bn...", state, runs))
    rate = waves.modes(torch.einsum("w,bnw...->bn...", slope / dt, runs))
    power = u.abs().square() / waves.grid.size
    floor = (sigma.square() * state.square().sum())[:, None, :, None]
    found = shells.mean(power)
    gain = shells.spread(((found - floor) / found.clamp_min(1e-300)).clamp(0, 1))
    return u * gain, rate * gain


def filled(seen: Observations, waves: Waves, shells: Shells) -> Observations:
    """The data with gaps replaced by the most probable field, each frame for itself."""
    if not bool((seen.seen < 1).any()):
        return seen
    spectrum = shells.spread(spectrum_of_data(seen, waves, shells))[:, None]
    precision = 1 / spectrum
    precision.flatten(3)[..., 0] = 0
    weight = seen.weight.square()
    right = waves.modes(seen.values * weight)
    share = weight.flatten(3).mean(3).reshape([*weight.shape[:3]] + [1] * waves.grid.ndim)
    inverse = 1 / (share + precision).clamp_min(1e-300)
    found = conjugate_gradients(
        lambda x: waves.modes(waves.points(x) * weight) + precision * x,
        right,
        torch.zeros_like(right),
        lambda x: inverse * x,
        waves.inner,
        iterations=60,
        tolerance=1e-3,
    )
    return replace(seen, values=waves.points(found), seen=torch.ones_like(seen.seen))


def _width(values: Tensor, sigma: Tensor) -> int:
    """The widest run of frames that a quadratic describes within the noise."""
    frames = values.shape[1]
    usable = [width for width in WINDOWS if width <= frames] or [frames - 1 + frames % 2]
    noise = sigma.square().mean()
    for width in usable[:-1]:
        first = (frames - width) // 2
        run = values[:, first : first + width]
        basis = _basis(width, values)
        left = run - torch.einsum("wk,kv,bv...->bw...", basis, torch.linalg.pinv(basis), run)
        if float(left.square().mean() * width / (width - 3)) < (1 + EXCESS) * float(noise):
            return width
    return usable[-1]


def _basis(width: int, like: Tensor) -> Tensor:
    time = torch.arange(width).to(like) - (width - 1) / 2
    return torch.stack([torch.ones_like(time), time, time.square()], 1)


def _quadratic(width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the frames of a run in the middle of its quadratic, and in the slope there."""
    rows = torch.linalg.pinv(_basis(width, like))
    return rows[0], rows[1]


def rank_terms(
    seen: Observations, waves: Waves, dt: float, order: int, fields: tuple[str, ...]
) -> Ranked:
    """The terms of every field's equation, from data (trajectory, frame, field, *space)."""
    products = low_products(fields, waves.grid.ndim, order)
    states, rates = smoothed(seen, waves, dt)
    matrix, right, square = _normal(states, rates, waves, fields, products)
    n = len(matrix)
    held = [k for k in range(n) if k % 5 == 4] or list(range(n))
    train = [k for k in range(n) if k not in held] or list(range(n))
    terms: list[Term] = []
    starts: list[list[float]] = [[] for _ in SIZES]
    for f, name in enumerate(fields):
        size = matrix.mean(0).diagonal().clamp_min(1e-300).sqrt()
        scaled = Normal(matrix / size / size[:, None], right[:, f] / size, square[:, f])
        at = torch.zeros_like(size)
        leaving, path = eliminate(at, len(products), _of(scaled, train), _of(scaled, held))
        last = [step.dropped for step in path][::-1]
        own = [k for k, product in enumerate(products) if _differentiates(product, name)]
        kept = [k for k in range(len(products)) if k not in leaving]
        chosen = sorted({*kept, *last[:CANDIDATES], *own})
        terms += [_term(name, products[k]) for k in chosen]
        for start, number in zip(starts, SIZES, strict=True):
            fitted = _fitted(matrix.sum(0), right[:, f].sum(0), last[:number])
            start += [fitted.get(k, 0.0) for k in chosen]
    library = Library(fields, waves.grid.ndim, tuple(terms))
    return Ranked(
        library, tuple(states.new_tensor(start, dtype=rates.real.dtype) for start in starts)
    )


def _differentiates(product: Product, field: str) -> bool:
    """Whether this is a derivative of the field, and nothing else."""
    return len(product.jets) == 1 and product.jets[0].field == field and product.jets[0].order > 0


def _term(field: str, product: Product) -> Term:
    return Term(field, sympy.Mul(*(jet.symbol for jet in product.jets)), product)


def _fitted(matrix: Tensor, right: Tensor, kept: list[int]) -> dict[int, float]:
    """The least-squares coefficients of these products."""
    found = inverse(matrix[kept][:, kept]) @ right[kept] if kept else right[:0]
    return dict(zip(kept, found.tolist(), strict=True))


def _of(normal: Normal, rows: list[int]) -> Normal:
    return Normal(normal.matrix[rows], normal.gradient[rows], normal.misfit[rows])


def _normal(
    states: Tensor,
    rates: Tensor,
    waves: Waves,
    fields: tuple[str, ...],
    products: tuple[Product, ...],
) -> tuple[Tensor, Tensor, Tensor]:
    """For each trajectory MᵀM (product, product), Mᵀu_t (field, product) and u_tᵀu_t (field,),
    means over points, with M the products at these points."""
    jets = sorted_jets({jet for product in products for jet in product.jets}, fields)
    symbols = torch.stack([waves.symbol(jet.index) for jet in jets])
    owners = torch.tensor([fields.index(jet.field) for jet in jets], device=states.device)
    n = states.shape[0]
    points = states.shape[1] * waves.grid.size
    step = max(1, points * n // POINTS)
    found = []
    for row in range(n):
        values = waves.points(states[row].index_select(1, owners) * symbols)
        values = values.movedim(1, 0).flatten(1)[:, row % step :: step]
        change = waves.points(rates[row]).movedim(1, 0).flatten(1)[:, row % step :: step]
        value_of = values_of(values[None], jets, {})
        columns = torch.stack([value_of(product)[0] for product in products])
        count = columns.shape[1]
        found.append(
            (
                columns @ columns.T / count,
                change @ columns.T / count,
                change.square().sum(1) / count,
            )
        )
    matrix, right, square = (torch.stack(parts) for parts in zip(*found, strict=True))
    return matrix, right, square
