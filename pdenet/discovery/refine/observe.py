"""What is observed of a rollout: sampled points, frames and fields, each with its noise.

y = H u + ε with ε ~ N(0, σ²) independent in every value. The grid of the states holds every point
of the data and `factor` − 1 between two of them; values that are missing have weight zero. Divided
by σ, residual and observation operator are whitened, and chi² is the sum of squared residuals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.discovery.refine.waves import Waves

__all__ = ["Observations"]


@dataclass(frozen=True, eq=False)
class Observations:
    """Some trajectories of data.

    values: (trajectory, frame, field, *data grid), zero where missing. seen: the same shape, 1 or
    0. sigma: (trajectory, field), standard deviation of the noise. factor: steps of the grid of the
    states in one of the data.
    """

    values: Tensor
    seen: Tensor
    sigma: Tensor
    factor: int

    @classmethod
    def of(cls, data: Tensor, sigma: Tensor, factor: int = 1) -> Observations:
        """Of data with NaN where values are missing."""
        seen = data.isfinite()
        values = torch.where(seen, data, torch.zeros((), dtype=data.dtype, device=data.device))
        return cls(values, seen.to(data), sigma, factor)

    def part(self, rows: slice) -> Observations:
        """Of some trajectories."""
        return replace(self, values=self.values[rows], seen=self.seen[rows], sigma=self.sigma[rows])

    @property
    def weight(self) -> Tensor:
        """1/σ where there is a value, 0 elsewhere: the shape of the values."""
        sigma = self.sigma[:, None, :]
        return self.seen / sigma.reshape([*sigma.shape] + [1] * (self.values.dim() - 3))

    @property
    def count(self) -> Tensor:
        """How many values there are, (trajectory, field)."""
        return self.seen.movedim(2, 1).flatten(2).sum(2)

    def sample(self, waves: Waves, frames: Tensor) -> Tensor:
        """States (.., field, *waves) at the points of the data, (.., field, *data grid)."""
        points = waves.points(frames)
        if self.factor > 1:
            points = points[(..., *[slice(None, None, self.factor)] * waves.grid.ndim)]
        return points

    def spread(self, waves: Waves, values: Tensor) -> Tensor:
        """The transpose of `sample`."""
        if self.factor > 1:
            wide = values.new_zeros((*values.shape[: -waves.grid.ndim], *waves.grid.shape))
            wide[(..., *[slice(None, None, self.factor)] * waves.grid.ndim)] = values
            values = wide
        return waves.modes(values)

    def residual(self, waves: Waves, frames: Tensor) -> Tensor:
        """(y − H u)/σ of rollouts (trajectory, frame, field, *waves), 0 where y is missing."""
        return (self.values - self.sample(waves, frames)) * self.weight
