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

CANDIDATES, MOST = 5, 14
"""Least and largest number of terms of each equation that are handed on, to be judged through
rollouts; with them all derivatives of its own field, which noise hides best."""

FILLINGS = 4
"""How often the spectrum is taken anew from what was filled in with it."""

FILLED = 0.05
"""Weight of a value that was filled in beside one that was observed."""

SIZES = (2, 3, 4, 6)
"""Numbers of terms of each equation to start with where the rollout of the regression's own choice
comes to nothing; all of them mild. Short equations lack terms, which the judgement through rollouts
adds."""


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


def smoothed(seen: Observations, waves: Waves, dt: float) -> tuple[Tensor, Tensor]:
    """States and their time derivatives, (trajectory, moment, field, *waves) each.

    waves: of the grid of the data.
    """
    shells = Shells(waves)
    complete = filled(seen, waves, shells).values
    width = _width(complete, seen)
    frames = range(width // 2, complete.shape[1] - width // 2, max(1, width // 3))
    found = [_run(complete, seen, frame - width // 2, width) for frame in frames]
    u = waves.modes(torch.stack([run.state for run in found], 1))
    rate = waves.modes(torch.stack([run.slope for run in found], 1) / dt)
    share = torch.stack([run.noise for run in found], 1)
    floor = (seen.sigma.square()[:, None] * share)[..., None]
    power = shells.mean(u.abs().square() / waves.grid.size)
    gain = shells.spread(((power - floor) / power.clamp_min(1e-300)).clamp(0, 1))
    return u * gain, rate * gain


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


def _width(complete: Tensor, seen: Observations) -> int:
    """The widest run of frames that a quadratic describes within the noise, or the one that it
    describes best."""
    frames = complete.shape[1]
    usable = [width for width in WINDOWS if width <= frames] or [frames - 1 + frames % 2]
    noise = float(seen.sigma.square().mean())
    left = {}
    for width in usable[:-1]:  # three frames are described exactly
        left[width] = float(_run(complete, seen, (frames - width) // 2, width).left)
        if left[width] < (1 + EXCESS) * noise:
            return width
    return min(left, key=lambda width: left[width], default=usable[-1])


@dataclass(frozen=True, eq=False)
class _Run:
    """The quadratic through a run of frames: its value and slope (per frame) in the middle, the
    share of the noise's variance in the value (trajectory, field), and the variance of what is
    left, one number."""

    state: Tensor
    slope: Tensor
    noise: Tensor
    left: Tensor


def _run(complete: Tensor, seen: Observations, first: int, width: int) -> _Run:
    """The quadratic through frames of data whose gaps are filled, at every point for itself."""
    values, known = complete[:, first : first + width], seen.seen[:, first : first + width]
    time = torch.arange(width).to(values) - (width - 1) / 2
    basis = torch.stack([torch.ones_like(time), time, time.square()], 1)
    weight = known + FILLED * (1 - known)
    # The same matrix at every point where nothing is missing.
    whole = bool((known > 0).all())
    weighted = weight[:1, :, :1].flatten(3)[..., :1] if whole else weight
    inside = torch.linalg.inv(torch.einsum("bw...,wk,wl->b...kl", weighted, basis, basis))
    right = torch.einsum("bw...,wk->b...k", weight * values, basis)
    if whole:
        inside = inside.reshape([1] * (right.dim() - 1) + [3, 3])
    fitted = (inside @ right[..., None])[..., 0]
    left = (values - torch.einsum("wk,b...k->bw...", basis, fitted)) * known
    # As many numbers are fitted at every point, of which some frames are missing.
    free = (known.sum() - 3 * known[:, 0].numel()).clamp_min(0.1 * known.sum())
    noise = inside[..., 0, 0].expand(right.shape[:-1]).flatten(2).mean(2)
    return _Run(fitted[..., 0], fitted[..., 1], noise, left.square().sum() / free)


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
    everything = list(range(len(products)))
    mild = [k for k in everything if _is_mild(products[k])]
    terms: list[Term] = []
    starts: list[list[float]] = [[] for _ in range(1 + len(SIZES))]
    for f, name in enumerate(fields):
        share = right[:, f], square[:, f]
        every, many = _path(matrix, *share, everything, train, held)
        last, some = _path(matrix, *share, mild, train, held)
        own = [k for k, product in enumerate(products) if _differentiates(product, name)]
        chosen = sorted({*every[: _between(many)], *last[: _between(some)], *own})
        terms += [_term(name, products[k]) for k in chosen]
        for start, number in zip(starts, (_between(some), *SIZES), strict=True):
            fitted = _fitted(matrix.sum(0), right[:, f].sum(0), last[:number])
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


def _fitted(matrix: Tensor, right: Tensor, kept: list[int]) -> dict[int, float]:
    """The least-squares coefficients of these products."""
    found = inverse(matrix[kept][:, kept]) @ right[kept] if kept else right[:0]
    return dict(zip(kept, found.tolist(), strict=True))


def _is_mild(product: Product) -> bool:
    """Whether it is linear or holds no derivative above the first: with a coefficient that is a
    little off such terms do not make an equation unstable."""
    return len(product.jets) <= 1 or all(jet.order <= 1 for jet in product.jets)


def _path(
    matrix: Tensor,
    right: Tensor,
    square: Tensor,
    some: list[int],
    train: list[int],
    held: list[int],
) -> tuple[list[int], int]:
    """These products, the one that leaves last first, and how many stay for the sake of held-out
    trajectories."""
    size = matrix.mean(0).diagonal()[some].clamp_min(1e-300).sqrt()
    scaled = matrix[:, some][:, :, some] / size / size[:, None]
    normal = Normal(scaled, right[:, some] / size, square)
    at = torch.zeros_like(size)
    leaving, path = eliminate(at, len(some), _of(normal, train), _of(normal, held))
    return [some[step.dropped] for step in path][::-1], len(some) - len(leaving)


def _between(number: int) -> int:
    """As many candidates as a regression asks for, within limits."""
    return min(max(number, CANDIDATES), MOST)


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
