"""How much of data is noise, and how much of a misfit is structure that no candidate explains.

Noise is taken to be white: independent in every value, with a standard deviation σ of its own in
each trajectory and field. Signal is what is smooth in space or in time. Of complete data σ is the
floor of their spectrum in space and time (`floor`); of data with gaps it is what least squares
leave (`gaps`), of those sets of functions that leave least. Both can only be raised by signal that
is resolved neither in space nor in time. Where noise is correlated in space, as in data that were
smoothed or interpolated, σ is known to a factor of two or three. Numbers that were rounded have at
least that error (`rounding`), and σ is taken to be no less than 10⁻⁹ of the size of a field.

What noise does to a residual y_k − û_k is σ² from y_k plus what the rollout makes of the noise in
its first frame, found by adding one draw of that noise to it. What a residual holds beyond this is
structure: errors of the filters where the grid is too coarse, or terms that are missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pdenet.noise.floor import by_spectrum
from pdenet.noise.gaps import by_least_squares
from pdenet.noise.rounding import rounding_of
from pdenet.types import Trajectory

__all__ = ["Noise", "chi2_error", "noise_of", "structured_share"]

LEAST = 1e-9
"""Least noise beside the size of a field: no solution of an equation is more exact."""


@dataclass(frozen=True, eq=False)
class Noise:
    """The noise of data.

    sigma: its standard deviation in each trajectory and field, (trajectory, field); 1 where nothing
    was observed. doubt: the relative standard error of each σ², (trajectory, field), as that of a
    mean of independent squares, (2/ν)^(1/2); 0 where nothing was observed.
    """

    sigma: Tensor
    doubt: Tensor


def noise_of(data: Tensor, periodic: Sequence[bool] | None = None) -> Noise:
    """The noise that data show.

    data: (trajectory, frame, field, *space), NaN where missing. periodic: for each space axis
    whether its end joins its beginning; what is not said to be periodic is taken for open.
    """
    periodic = periodic or (False,) * (data.dim() - 3)
    values = data.detach().double()
    sigma = torch.ones(data.shape[0], data.shape[2], dtype=values.dtype, device=values.device)
    doubt = torch.zeros_like(sigma)
    seen = values.isfinite().movedim(2, 1).flatten(2)
    for f in range(data.shape[2]):
        rows = seen[:, f].any(1).nonzero().flatten()
        if not len(rows):
            continue
        own = values[rows, :, f]
        middle, size = _middle_and_size(own)
        size = size or 1e-140  # of a field at rest: 1/σ² is finite
        variance, freedom = _variances((own - middle) / size, periodic)
        least = max(math.sqrt(_rounding(own, data.dtype)) / size, LEAST)
        sigma[rows, f] = size * variance.sqrt().clamp_min(least)
        doubt[rows, f] = (2 / freedom).sqrt()
    return Noise(sigma.to(data), doubt.to(data))


def chi2_error(doubt: Tensor, values: Tensor, unknowns: float) -> float:
    """Standard deviation of chi² per degree of freedom where σ was found in the same data.

    doubt: relative standard error of each σ² (`Noise`). values: how many values there are, of the
    same shape. unknowns: how many numbers were fitted. With the share w of each trajectory and
    field in the n values, and p unknowns,

        variance = Σ w² doubt² + 2/(n − p) − 4/n.

    Residuals and σ are seen in the same noise, which divides out of their ratio; the last term is
    what they share where the fit takes its part p/n from all waves and frames alike. Without
    unknowns it leaves the difference of the variances of an estimate and of the best one (Hausman,
    Econometrica 46 (1978) 1251-1271).
    """
    n = float(values.sum().clamp_min(1))
    own = float((values / n * doubt).square().sum())
    return math.sqrt(max(0.0, own + 2 / max(1.0, n - unknowns) - 4 / n))


def _middle_and_size(values: Tensor) -> tuple[float, float]:
    """The middle between the largest and the smallest value, and their distance to it."""
    seen = values[values.isfinite()]
    low, high = float(seen.min()) / 2, float(seen.max()) / 2
    return high + low, high - low


def _rounding(values: Tensor, dtype: torch.dtype) -> float:
    """The variance of rounding, at least of the format that the data came in."""
    found = rounding_of(values)
    if dtype.is_floating_point:
        step = torch.finfo(dtype).eps * values.nan_to_num(0.0).square().mean().sqrt()
        found = max(found, float(step) ** 2 / 12)
    return found


def _variances(values: Tensor, periodic: Sequence[bool]) -> tuple[Tensor, Tensor]:
    """σ² of each trajectory (trajectory, frame, *space) of a field, before any limit, and its
    degrees of freedom."""
    variance, freedom = values.new_zeros(len(values)), values.new_ones(len(values))
    seen = values.isfinite().flatten(2).all(2)
    whole = seen.sum(1) * 2 >= seen.shape[1]
    if bool(whole.any()):
        variance[whole], freedom[whole] = by_spectrum(values[whole], seen[whole], periodic)
    if not bool(whole.all()):
        variance[~whole], freedom[~whole] = by_least_squares(values[~whole], periodic)
    return variance, freedom


class Predicts(Protocol):
    """Whatever has residuals at its unknowns."""

    def residuals(self, x: Tensor, windows: Trajectory) -> Tensor:
        """y_k − û_k, (window, step, field, *space)."""
        ...


def structured_share(
    problem: Predicts,
    x: Tensor,
    windows: Trajectory,
    sigma: Tensor,
    kept: Callable[[Tensor], Tensor],
    generator: torch.Generator,
) -> float:
    """The share of the squared residuals that noise does not account for, in [0, 1].

    x: the fitted unknowns. sigma: the noise of each window and field. kept: what remains in the
    first frames of noise that was in them. Robust scales of the residuals stand for their size, so
    the few points at which a rollout fails do not decide.
    """
    residual = problem.residuals(x, windows).movedim(2, 1).flatten(2)
    scale = residual.abs().median(2).values / 0.6745
    draw = torch.randn(windows[:, 0].shape, generator=generator, dtype=torch.float64)
    spread = sigma.reshape([*sigma.shape] + [1] * (windows.dim() - 3))
    # Noise in the first frame moves the prediction by what it moves the residual.
    noise = kept(spread * draw.to(windows))
    started = torch.cat([(windows[:, 0] + noise)[:, None], windows[:, 1:]], 1)
    carried = problem.residuals(x, started).movedim(2, 1).flatten(2) - residual
    moved = carried.square().mean(2)
    expected = (sigma.square() + moved) / scale.square().clamp_min(1e-300)
    return float(1 - expected.clamp(max=1).mean())
