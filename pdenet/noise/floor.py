"""The floor of a spectrum in space and time: white noise seen where the signal is not.

An orthonormal transform leaves white noise white. Frames are transformed along periodic axes by
Fourier's, along time and axes between walls by polynomials that are orthonormal on their points.
Signals that are resolved in space or in time fill the low part of this spectrum, or some waves of
it; noise fills all of it, with the variance σ² in each coefficient. The spectrum is cut into bands
along each axis, and of the blocks that these make those count which agree with the lowest one,

    σ² = Σ |coefficient|² / number of coefficients,

so that no shape of the signal's spectrum is assumed: a band, a ring or one wave leave out what they
touch. Blocks beside one that holds signal do not count, because its flanks are below what one
block can show, and together they are not. Signal can only raise it. Noise that is correlated in
space, as in data that were smoothed or interpolated, is white in time alone: where waves have
floors of their own over half of the bands of time, far above the lowest one, σ² is their mean.

Source: Gram, J. reine angew. Math. 94 (1883) 41-73 (orthogonal polynomials on points); Paulson,
Ann. Math. Stat. 13 (1942) 233-235 (whether two variances agree).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["BANDS", "agreeing", "band_of", "blocks_of", "by_spectrum", "chebyshev", "pieces_of"]

BANDS = {1: 8, 2: 5, 3: 4}
"""Bands along time and each axis of space, by the number of space axes: up to 256 blocks."""

LONGEST = 64
"""Points of the pieces that an axis without a period is cut into: polynomials of a higher degree
on equal steps are not what they should be."""

LIMIT = 3.0
"""Standard deviations above the floor from which on a block holds signal: of 64 to 256 blocks of
noise alone 0.1 % are left out, which moves σ² by less than a thousandth of its error."""

MOST_STEPS = 100

FEWEST_BANDS = 4
"""Bands of time from which on noise is told from signal by them alone."""

ABOVE = 10.0
"""Ratio of variances from which on noise counts as correlated in space. A mean over neighbours
makes it 30 to 50; signals that travel by more than a point a frame were seen to make it 3."""


def chebyshev(s: Tensor, degree: int) -> Tensor:
    """Chebyshev's polynomials up to a degree at places in [-1, 1], (place, degree + 1)."""
    columns = [torch.ones_like(s), s]
    while len(columns) <= degree:
        columns.append(2 * s * columns[-1] - columns[-2])
    return torch.stack(columns[: degree + 1], 1)


def by_spectrum(values: Tensor, seen: Tensor, periodic: Sequence[bool]) -> tuple[Tensor, Tensor]:
    """σ² of each trajectory of a field, and its degrees of freedom, (trajectory,) each.

    values: (trajectory, frame, *space). seen: which frames are without gaps, one at least,
    (trajectory, frame). periodic: which space axes are.
    """
    variance, freedom = values.new_zeros(len(values)), values.new_zeros(len(values))
    times = torch.arange(values.shape[1], dtype=values.dtype, device=values.device)
    number = seen.sum(1)
    for frames in number.unique().tolist():
        rows = (number == frames).nonzero().flatten()
        found = [blocks_of(values[row, seen[row]], times[seen[row]], periodic) for row in rows]
        power = torch.stack([power for power, _ in found])
        count = found[0][1]
        chosen = agreeing(power, count)
        freedom[rows] = count[chosen].sum()
        variance[rows] = power[:, chosen].sum(1) / freedom[rows]
        own, squares = _by_waves(power, count)
        above = float((own / variance[rows].clamp_min(1e-300)).log().mean()) > math.log(ABOVE)
        if above and not bool((_surprise(values[rows], seen[rows], periodic) < own / 2).any()):
            variance[rows], freedom[rows] = own, squares
    return variance, freedom


def _surprise(values: Tensor, seen: Tensor, periodic: Sequence[bool]) -> Tensor:
    """What the last two frames do not say of the next, as a variance of each value, (trajectory,).

    Every wave is predicted from itself, by two numbers that are the same for all trajectories. Of
    noise that is white in time all is left, or more, of a wave that turns by half a period from
    frame to frame nothing.
    """
    axes = [axis for axis, closed in enumerate(periodic, start=2) if closed]
    frames = torch.where(seen.reshape([*seen.shape] + [1] * len(periodic)), values, 0.0)
    modes = torch.fft.fftn(frames, dim=axes, norm="ortho") if axes else frames
    known = (seen[:, 2:] & seen[:, 1:-1] & seen[:, :-2]).flatten().to(modes)
    before, last, now = (
        modes[:, k : modes.shape[1] - 2 + k].flatten(0, 1).flatten(1) * known[:, None]
        for k in range(3)
    )
    past = torch.stack([before, last], -1).movedim(1, 0)
    matrix, right = past.mH @ past, past.mH @ now.T[..., None]
    left = now - (past @ (torch.linalg.pinv(matrix, hermitian=True) @ right))[..., 0].T
    each = left.abs().square().unflatten(0, (len(values), -1)).flatten(1).sum(1)
    count = known.real.unflatten(0, (len(values), -1)).sum(1)
    free = count * (1 - 2 / known.real.sum().clamp_min(3))
    found: Tensor = each / (free.clamp_min(1e-300) * now.shape[1])
    return found


def _by_waves(power: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """σ² of noise that is white in time alone, and its degrees of freedom, (trajectory,) each.

    Each band of waves has its own floor, if at least half of the bands of time agree with it: the
    power of a signal changes from one to the next.
    """
    bands, own = power.shape[1], power.flatten(2)
    total, number = own.new_zeros(len(own)), own.new_zeros(len(own))
    for waves, values in zip(count.flatten(1).T, own.movedim(2, 0), strict=True):
        chosen = agreeing(values, waves, distant=False)
        if bands >= FEWEST_BANDS and int(chosen.sum()) * 2 >= bands:
            total += values[:, chosen].sum(1) / waves[chosen].sum() * waves.sum()
            number += waves[chosen].sum()
    return total / count.sum(), number


def blocks_of(frames: Tensor, times: Tensor, periodic: Sequence[bool]) -> tuple[Tensor, Tensor]:
    """Sums of squares of the coefficients of (frame, *space) in each block, and how many they are,
    (*block) each."""
    bands, found, sides = BANDS[len(periodic)], frames, []
    for axis, closed in enumerate((False, *periodic)):
        n = found.shape[axis]
        if closed:
            sides.append(band_of(n, bands, found, waves=True))
        else:
            places = torch.arange(n, dtype=found.dtype, device=found.device) if axis else times
            found, side = _in_pieces(found, axis, places, bands)
            sides.append(side)
    axes = [axis for axis, closed in enumerate(periodic, start=1) if closed]
    power = (torch.fft.fftn(found, dim=axes, norm="ortho") if axes else found).abs().square()
    count = torch.ones((), dtype=power.dtype, device=power.device)
    for side in sides:
        power = torch.tensordot(power, side, dims=([0], [0]))  # the next axis comes first
        count = count[..., None] * side.sum(0)
    return power, count


def _in_pieces(values: Tensor, axis: int, places: Tensor, bands: int) -> tuple[Tensor, Tensor]:
    """Coefficients of polynomials along an axis, piece by piece, and the band of each. The rest
    that fills no piece is left out."""
    pieces, size = _cut(len(places))
    cut = values.narrow(axis, 0, pieces * size).movedim(axis, -1).unflatten(-1, (pieces, size))
    found = []
    for k in range(pieces):
        found.append(cut[..., k, :] @ _basis(places[k * size : (k + 1) * size]))
    side = band_of(size, bands, values).repeat(pieces, 1)
    return torch.cat(found, -1).movedim(-1, axis), side


def pieces_of(places: Tensor) -> tuple[int, Tensor]:
    """How many pieces an axis of evenly spaced places is cut into, and the polynomials of each,
    (place, degree)."""
    pieces, size = _cut(len(places))
    return pieces, _basis(places[:size])


def _cut(n: int) -> tuple[int, int]:
    """How many pieces, and how many places in each."""
    pieces = -(-n // LONGEST)
    return pieces, n // pieces


def _basis(places: Tensor) -> Tensor:
    """Orthonormal polynomials on places, (place, degree)."""
    own = places - places[0]
    points = 2 * own / own[-1].clamp_min(1e-300) - 1
    found: Tensor = torch.linalg.qr(chebyshev(points, len(places) - 1)).Q
    return found


def band_of(n: int, bands: int, like: Tensor, waves: bool = False) -> Tensor:
    """Which band each of n degrees or waves is in, as ones and zeros, (n, band)."""
    place = torch.arange(n, device=like.device)
    if waves:
        place, n = torch.minimum(place, n - place), n // 2 + 1
    number = min(bands, n)
    chosen = (place * number // n).clamp_max(number - 1)
    return torch.nn.functional.one_hot(chosen, number).to(like.dtype)


def agreeing(power: Tensor, count: Tensor, distant: bool = True) -> Tensor:
    """Which blocks are noise alone, (*block).

    power: sums of squares, (trajectory, *block). count: how many they are made of, (*block). Each
    trajectory has a level of its own; whether a block agrees is asked of all of them together.
    distant: whether blocks beside one that holds signal are left out.
    """
    n, half = len(power), count / 2
    level = (power / count).clamp_min(1e-300)
    # Means of logarithms of few squares are low by a known amount.
    typical = (level.log() - half.digamma() + half.log()).mean(0)
    variance = torch.polygamma(1, half) / n
    lowest = typical + 2 * variance.sqrt()
    chosen = lowest == lowest.amin()
    for _ in range(MOST_STEPS):
        precision = (chosen / variance).sum()
        away = typical - (typical * chosen / variance).sum() / precision
        found = away <= LIMIT * (variance + 1 / precision).sqrt()
        if bool((found == chosen).all()):
            break
        chosen = found
    return _apart(power, count, chosen) if distant else chosen


def _apart(power: Tensor, count: Tensor, chosen: Tensor) -> Tensor:
    """Of blocks that may be noise alone those that are, and are not beside any that is not."""
    n = len(power)
    for _ in range(MOST_STEPS):
        own = (power * chosen).flatten(1).sum(1) / (count * chosen).sum()
        own = own.clamp_min(1e-300).reshape([-1] + [1] * count.dim())
        relative, total = (power / own).sum(0), n * (count * chosen).sum()
        found = _deviations(relative, n * count, total) <= LIMIT
        found = found & ~_beside(~found)
        found = found & ~_flanks(relative * found, n * count * found, total)
        if bool((found == chosen).all()) or not bool(found.any()):
            break
        chosen = found
    return chosen


def _flanks(power: Tensor, count: Tensor, total: Tensor) -> Tensor:
    """Which bands of an axis stand above the floor as a whole, what is left of them, (*block)."""
    found = torch.zeros_like(power, dtype=torch.bool)
    for axis in range(power.dim()):
        others = [other for other in range(power.dim()) if other != axis]
        band, number = (each.sum(others, keepdim=True) for each in (power, count))
        found = found | (_deviations(band, number, total) > LIMIT)
    return found


def _beside(blocks: Tensor) -> Tensor:
    """Which blocks touch one of these with a side."""
    found = torch.zeros_like(blocks)
    for axis, n in enumerate(blocks.shape):
        found.narrow(axis, 1, n - 1).logical_or_(blocks.narrow(axis, 0, n - 1))
        found.narrow(axis, 0, n - 1).logical_or_(blocks.narrow(axis, 1, n - 1))
    return found


def _deviations(power: Tensor, count: Tensor, other: Tensor) -> Tensor:
    """How many standard deviations a mean square lies above 1, that of `other` many (Paulson)."""
    above, below = 2 / (9 * count.clamp_min(1)), 2 / (9 * other)
    root = (power / count.clamp_min(1)) ** (1 / 3)
    return ((1 - below) * root - (1 - above)) / (below * root.square() + above).sqrt()
