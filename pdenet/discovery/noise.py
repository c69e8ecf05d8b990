"""How much of a misfit is noise, and how much is structure that no candidate explains.

The noise of a window is seen in differences in time that the smooth signal hardly survives,

    σ = median |Δ³y| / (0.6745 √20),      Δ³y = y_3 − 3 y_2 + 3 y_1 − y_0,

and what it does to a residual y_k − û_k is σ² from y_k plus what the rollout makes of the noise in
its first frame, found by adding one draw of that noise to it. What a
residual holds beyond this is structure: errors of the filters where the grid is too coarse, or
terms that are missing.

Reference: differences as noise estimators: Rice, Ann. Stat. 12 (1984) 1215-1230; Hall, Kay,
Titterington, Biometrika 77 (1990) 521-528.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from pdenet.types import Trajectory

__all__ = ["noise_level", "structured_share"]


def noise_level(windows: Trajectory) -> Tensor:
    """Standard deviation σ of the noise of each window and field, (window, field)."""
    order = min(3, windows.shape[1] - 1)
    change = windows.diff(order, dim=1).movedim(2, 1).flatten(2).abs()
    size = math.sqrt(math.comb(2 * order, order))
    return change.median(2).values / (0.6745 * size)


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
