"""Uneven noise learned again from what a fit leaves: its law (`law`), at the values that it
predicts.

A residual r is smaller than the noise by what the states were fitted to it, most where values count
most. The square of what a draw δ of the states moves a prediction by makes up for that: the mean of
r² + |J δ|² is the variance of the noise (the E-step of Dempster, Laird, Rubin, J. R. Stat. Soc. B
39 (1977) 1-38). Without it values near zero would seem ever more exact.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pdenet.noise.law import Law, Squares, uneven
from pdenet.noise.observations import Observations

__all__ = ["law_of", "relearned"]

SAME = 0.03
"""Relative change of standard deviations, r.m.s., below which they stay as they are: steps are then
compared under the same weights, and no weights of one per cent change what is found."""


def law_of(seen: Observations, residual: Tensor, moved: Tensor, spread: Tensor) -> Law:
    """The law of each field, from whitened residuals (trajectory, frame, field, *data grid), by how
    much a draw of the states moves them, and the sum of the squares of that as it should be,
    (trajectory, field)."""
    scale = _scale(seen)
    return Squares.of(
        seen.values - residual * scale,
        residual * scale,
        seen.seen,
        _moved(moved, spread) * scale.square(),
    ).law()


def relearned(
    seen: Observations, residual: Tensor, moved: Tensor, spread: Tensor
) -> tuple[Observations, Tensor]:
    """Observations with noise as uneven as residuals show it, and chi² with what the states add,
    (trajectory, field), under it."""
    scale = _scale(seen)
    law = law_of(seen, residual, moved, spread)
    found = uneven(law, seen.values - residual * scale, seen.seen)
    before = torch.ones_like(found) if seen.shape is None else seen.shape
    away = ((found / before).log().square() * seen.seen).sum() / seen.seen.sum().clamp_min(1)
    if not float(away) > SAME**2:  # nor where it is not a number
        found = before
    now = seen if found is seen.shape else replace(seen, shape=found)
    ratio = (before / found).square()
    left = (residual.square() + _moved(moved, spread)) * ratio * seen.seen
    return now, left.movedim(2, 1).flatten(2).sum(2)


def _scale(seen: Observations) -> Tensor:
    """σ s of every value."""
    sigma = seen.sigma[:, None, :]
    scale = sigma.reshape([*sigma.shape] + [1] * (seen.values.dim() - 3)).expand_as(seen.values)
    return scale if seen.shape is None else scale * seen.shape


def _moved(moved: Tensor, spread: Tensor) -> Tensor:
    """Squares of these numbers, of the sum that they should have."""
    square = moved.square()
    total = square.movedim(2, 1).flatten(2).sum(2)
    share = torch.where(total > 0, spread / total.clamp_min(1e-300), 0.0)[:, None]
    return square * share.reshape([*share.shape] + [1] * (moved.dim() - 3))
