"""What least squares leave of data with gaps: noise, where the fitted functions hold the signal.

Of n values to which p functions are fitted, white noise leaves a sum of squares of σ² (n − p) on
average, wherever the values are. Two families of functions are tried, each from few to many:
polynomials of time at every point for itself, which need no resolution in space, and products of
waves in space and polynomials of time, which need few values at a point. One factorisation of the
normal equations, or of the functions, gives what all smaller sets of a family leave.

Reference: Golub, Van Loan, Matrix Computations, 4th ed. (2013), section 5.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from pdenet.noise.floor import chebyshev

__all__ = ["by_least_squares"]

VALUES = 2**12
"""Values that waves are fitted to."""

FUNCTIONS = 512
"""Most products of waves and polynomials, as far as three quarters of the values are as many."""

POINT_VALUES = 2**17
"""Values of all points that polynomials of time are fitted to."""

FRAMES = (8, 16)
DEGREE = 6
"""Frames of one polynomial of time at most, in two families, and its highest degree."""

STEPS = 16
"""Sizes of each set of products that are looked at."""

HIGHEST = 40
"""Most functions of one axis."""

RATIOS = (0.25, 1.0, 4.0, 16.0)
"""How high degrees in time are for each wave in space."""

JUDGES = 2
JUDGED = 2**13
"""The functions are chosen, for all trajectories, by so many of them at least, and by more as long
as they hold no more values together."""

FEWEST = 8
"""Degrees of freedom from which on what is left of a trajectory counts."""


def by_least_squares(values: Tensor, periodic: Sequence[bool]) -> tuple[Tensor, Tensor]:
    """σ² of each trajectory of a field, and its degrees of freedom, (trajectory,) each.

    values: (trajectory, frame, *space), NaN where missing, some values in each trajectory.
    periodic: which space axes are. Of all sets of functions those that leave more per degree of
    freedom than the best one, by more than twice its error, hold less than the signal; of the
    others the one that leaves most degrees of freedom is taken. Trajectories of which too little is
    left count as noise altogether.
    """
    number = values.isfinite().flatten(1).sum(1).to(values)
    judges = max(JUDGES, int(JUDGED / number.mean()))
    most = number.argsort(descending=True, stable=True)[:judges]
    left = torch.stack([_remainders(each, periodic) for each in values[most]])
    power, count = left[:, 0], left[:, 1]
    half = count.clamp_min(1) / 2
    level = (power / (2 * half)).clamp_min(1e-300).log() - half.digamma() + half.log()
    typical = level.masked_fill(count < FEWEST, torch.inf).mean(0)
    total = count.sum(0)
    allowed = (typical + 2 * (2 / total.clamp_min(1)).sqrt()).amin()
    best = int(total.masked_fill(typical > allowed, -1.0).argmax())
    left = torch.stack([_remainders(each, periodic, best)[:, 0] for each in values])
    mean = values.flatten(1).nanmean(1).reshape([-1] + [1] * (values.dim() - 1))
    whole = torch.stack([(values - mean).square().flatten(1).nansum(1), number - 1], 1)
    left = torch.where((left[:, 1] >= FEWEST)[:, None], left, whole)
    freedom = left[:, 1].clamp_min(1)
    # Of a single value nothing is known but what the other trajectories say.
    variance = torch.where(left[:, 1] > 0, left[:, 0] / freedom, (left[:, 0] / freedom).amax())
    return variance, freedom


def _remainders(values: Tensor, periodic: Sequence[bool], only: int | None = None) -> Tensor:
    """Sums of squares that are left of (frame, *space) and their degrees of freedom, (2, set of
    functions): the same sets for all data of one shape, or one of them."""
    values = values - values[values.isfinite()].mean()
    families: list[tuple[int, Callable[[int | None], Tensor]]] = [
        *((DEGREE + 1, partial(_by_points, values, frames)) for frames in FRAMES),
        *((STEPS, partial(_by_waves, values, periodic, ratio)) for ratio in RATIOS),
    ]
    if only is None:
        return torch.cat([left(None) for _, left in families], 1)
    before = 0
    while only - before >= families[0][0]:
        before += families.pop(0)[0]
    place = only - before
    return families[0][1](place)[:, place : place + 1]


def _by_points(values: Tensor, frames: int, last: int | None = None) -> Tensor:
    """With a polynomial of time of degree 0, 1, ... at each point, in pieces of so many frames.
    last: as below, of no use here."""
    series = values.flatten(1)
    series = series[:, :: max(1, series.numel() // POINT_VALUES)]
    power = values.new_zeros(DEGREE + 1)
    count = torch.zeros_like(power)
    degrees = torch.arange(DEGREE + 1, device=values.device)
    for piece in series.tensor_split(-(-len(series) // frames)):
        seen = piece.isfinite()
        y = torch.where(seen, piece, 0.0)
        s = torch.linspace(-1, 1, len(piece), dtype=values.dtype, device=values.device)
        functions = chebyshev(s, DEGREE) * seen.T[..., None]
        # As many rows as columns at least, so that there is a column for each degree.
        rows = max(0, DEGREE + 1 - len(piece))
        basis = torch.linalg.qr(torch.nn.functional.pad(functions, (0, 0, 0, rows))).Q
        taken = torch.einsum("npk,pn->nk", basis[:, : len(piece)], y).square().cumsum(1)
        left = (y.square().sum(0)[:, None] - taken).clamp_min(0)
        free = seen.sum(0)[:, None] - 1 - degrees
        power += (left * (free > 0)).sum(0)
        count += free.clamp_min(0).sum(0)
    return torch.stack([power, count])


def _by_waves(values: Tensor, periodic: Sequence[bool], ratio: float, last: int | None) -> Tensor:
    """With products of waves and polynomials of time, more and more of them. last: the set beyond
    which nobody asks."""
    places = values.isfinite().nonzero()
    generator = torch.Generator().manual_seed(0)
    some = torch.randperm(len(places), generator=generator)[:VALUES].to(places.device)
    places = places[some]
    y = values[tuple(places.T)]
    most = min(FUNCTIONS, 3 * len(y) // 4)
    if most < STEPS:
        return values.new_zeros(2, STEPS)
    size = torch.arange(1, STEPS + 1, device=y.device) * most // STEPS
    functions = _products(places, values, periodic, ratio, int(size[-1 if last is None else last]))
    size = size.clamp_max(functions.shape[1])
    normal = functions.T @ functions
    normal.diagonal().mul_(1 + 1e-12)
    factor, _ = torch.linalg.cholesky_ex(normal)
    right = (functions.T @ y)[:, None]
    taken = torch.linalg.solve_triangular(factor, right, upper=False)[:, 0].square().cumsum(0)
    left = (y.square().sum() - taken[size - 1]).clamp_min(0)
    return torch.stack([left, (len(y) - size).to(values)])


def _products(
    places: Tensor, values: Tensor, periodic: Sequence[bool], ratio: float, most: int
) -> Tensor:
    """The first products of a function for each axis at these places, (value, function): those in
    which the largest number of one axis is least, where numbers in time count 1/ratio."""
    axes: list[Tensor] = []
    cost = torch.zeros((), dtype=values.dtype, device=values.device)
    for axis, n in enumerate(values.shape):
        number = torch.arange(min(n - n % 2, HIGHEST) or 1, device=values.device)
        s = torch.arange(n, dtype=values.dtype, device=values.device)
        if axis > 0 and periodic[axis - 1]:
            number = number[: len(number) - 1 + len(number) % 2]
            wave = (number + 1) // 2
            # 1, sin, cos, sin, cos, ...
            every = (2 * math.pi / n * s[:, None] * wave + math.pi / 2 * (number % 2 == 0)).sin()
        else:
            wave = number
            every = torch.linalg.qr(chebyshev(2 * s / max(1, n - 1) - 1, len(number) - 1)).Q
        axes.append(every[places[:, axis]])
        cost = torch.maximum(cost[..., None], wave / ratio if axis == 0 else wave)
    order = cost.flatten().argsort(stable=True)[:most]
    chosen = torch.unravel_index(order, cost.shape)
    result = axes[0][:, chosen[0]]
    for functions, index in zip(axes[1:], chosen[1:], strict=True):
        result = result * functions[:, index]
    return result
