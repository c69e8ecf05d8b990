"""A preconditioner from what a matrix makes of random vectors.

Where data determine some directions far better than the prior, and no simple matrix knows which
(what comes in through the edge of a window), H = J'J + P is the prior but for a few dozen large
eigenvalues. With white Ω and B = S^(1/2) J'J S^(1/2), S = 1/P,

    B ≈ (BΩ) (Ωᵀ B Ω)⁺ (BΩ)ᵀ = U Λ Uᵀ,
    M = S^(1/2) (1 + U ((λ + 1)/(Λ + 1) − 1) Uᵀ) S^(1/2),

λ the least of Λ, has the inverse of H along all but the smallest of them.

Sources: Frangella, Tropp, Udell, SIAM J. Matrix Anal. Appl. 44 (2023) 718-752; Daužickaitė,
Lawless, Scott, van Leeuwen, Q. J. R. Meteorol. Soc. 147 (2021) 3521-3537 (for unknown forcing).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.discovery.refine.krylov import combined
from pdenet.discovery.refine.waves import Waves

__all__ = ["Nystrom"]

VECTORS, MORE = 64, 16
"""Random vectors in one dimension, where the data determine a few dozen directions of what comes
through an edge; and in more, where they determine hundreds, and the largest slow a solution down:
as many iterations for half of the work of 64 (2-D Burgers, 32 x 32 points, 1 % noise)."""

KEPT = 2**28
"""Bytes that they may take together."""

TOGETHER = 4
"""Vectors that are advanced at once: a few fill a cache, many more do not fit."""

SMALL = 1e-10
"""Share of the largest eigenvalue of Ωᵀ B Ω below which it is rounding."""


@dataclass(frozen=True, eq=False)
class Nystrom:
    """M of some trajectories. root: S^(1/2), (trajectory, 1, field, *waves). axes: U, (trajectory,
    axis, field, *waves). share: what M takes away along each, (trajectory, axis, 1)."""

    waves: Waves
    root: Tensor
    axes: Tensor
    share: Tensor

    @classmethod
    def of(cls, waves: Waves, variance: Tensor, apply: Callable[[Tensor], Tensor]) -> Nystrom:
        """variance: S, (trajectory, field, *waves). apply: J'J of vectors (trajectory, vector,
        field, *waves)."""
        root = variance.sqrt()[:, None]
        most = VECTORS if waves.grid.ndim == 1 else MORE
        many = max(1, min(most, KEPT // (32 * variance.numel())))
        size = (1, many, variance.shape[1], *waves.grid.shape)
        white = torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        vectors = waves.modes(white.to(variance)).expand(len(variance), *[-1] * (root.dim() - 1))
        images = [root * apply(root * some) for some in vectors.split(TOGETHER, 1)]
        image = torch.cat(images, 1)
        if not bool(torch.view_as_real(image).isfinite().all()):  # a rollout that blows up
            image = torch.zeros_like(image)
        values, axes = torch.linalg.eigh(_symmetric(waves.gram(vectors, image)))
        good = values > SMALL * values[:, -1:]
        scale = torch.where(good, values.clamp_min(1e-300).rsqrt(), 0.0)
        factor = combined(axes * scale[:, None], image)
        values, axes = torch.linalg.eigh(_symmetric(waves.gram(factor, factor)))
        good = values > SMALL * values[:, -1:]
        scale = torch.where(good, values.clamp_min(1e-300).rsqrt(), 0.0)
        least = values[:, :1].clamp_min(0)
        share = torch.where(good, 1 - (least + 1) / (values + 1), 0.0)
        return cls(waves, root, combined(axes * scale[:, None], factor), share[:, :, None])

    def __call__(self, x: Tensor) -> Tensor:
        """M x."""
        x = self.root * x
        return self.root * (x - combined(self.share * self.waves.gram(self.axes, x), self.axes))


def _symmetric(matrix: Tensor) -> Tensor:
    return 0.5 * (matrix + matrix.mT)
