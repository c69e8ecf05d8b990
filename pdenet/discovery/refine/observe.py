"""What is observed of a rollout: sampled points, frames and fields, each with its noise.

y = H u + ε with ε ~ N(0, σ²) independent in every value. The grid of the states holds every point
of the data, and perhaps others between them; values that are missing have weight zero. Divided by
σ, residual and observation operator are whitened, and chi² is the sum of squared residuals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pdenet.discovery.refine.walls import Walls
from pdenet.discovery.refine.waves import Waves

__all__ = ["Observations"]


@dataclass(frozen=True, eq=False)
class Observations:
    """Some trajectories of data.

    values: (trajectory, frame, field, *data grid), zero where missing. seen: the same shape, 1 or
    0. sigma: (trajectory, field), standard deviation of the noise. walls: what is known besides of
    a window's sides, where there is something; it stands among the values, but is not seen.
    """

    values: Tensor
    seen: Tensor
    sigma: Tensor
    walls: Walls | None = None

    @classmethod
    def of(cls, data: Tensor, sigma: Tensor, walls: Walls | None = None) -> Observations:
        """Of data with NaN where values are missing."""
        seen = data.isfinite()
        values = torch.where(seen, data, torch.zeros((), dtype=data.dtype, device=data.device))
        if walls is not None:
            seen = seen & (walls.told == 0)
        return cls(values, seen.to(data), sigma, walls)

    def part(self, rows: slice) -> Observations:
        """Of some trajectories."""
        return replace(self, values=self.values[rows], seen=self.seen[rows], sigma=self.sigma[rows])

    def twice(self) -> Observations:
        """Of all trajectories and then all again."""
        values, seen, sigma = (
            torch.cat([each, each]) for each in (self.values, self.seen, self.sigma)
        )
        return Observations(values, seen, sigma, self.walls)

    @property
    def weight(self) -> Tensor:
        """1/σ where there is a value, more where a wall is known, 0 elsewhere: the shape of the
        values."""
        sigma = self.sigma[:, None, :]
        return self.known / sigma.reshape([*sigma.shape] + [1] * (self.values.dim() - 3))

    @property
    def known(self) -> Tensor:
        """How well each value is known, 1 where it was measured."""
        return self.seen if self.walls is None else self.seen + self.walls.told

    def measured(self, residual: Tensor) -> Tensor:
        """The part of residuals that is of measured values."""
        return residual if self.walls is None else residual * self.seen

    @property
    def count(self) -> Tensor:
        """How many values there are, (trajectory, field)."""
        return self.seen.movedim(2, 1).flatten(2).sum(2)

    def bridged(self) -> Observations:
        """Gaps filled in time: linearly between the frames before and after in which a point was
        seen, or as in the nearest one. Points that are never seen stay missing."""
        if bool((self.seen > 0).all()):
            return self
        frames = self.values.shape[1]
        time = torch.arange(frames, device=self.values.device)
        time = time.reshape([1, -1] + [1] * (self.values.dim() - 2)).expand_as(self.values)
        there = self.seen > 0
        before = torch.where(there, time, -1).cummax(1).values
        after = torch.where(there, time, frames).flip(1).cummin(1).values.flip(1)
        before, after = (
            torch.where(before < 0, after, before),
            torch.where(after >= frames, before, after),
        )
        ever = before < frames
        first, last = (each.clamp(0, frames - 1) for each in (before, after))
        low, high = self.values.gather(1, first), self.values.gather(1, last)
        part = (time - first) / (last - first).clamp_min(1)
        return replace(self, values=(low + part * (high - low)) * ever, seen=ever.to(self.seen))

    def share(self, waves: Waves) -> float:
        """Points of the data for one of the states."""
        return math.prod(self.values.shape[3:]) / waves.grid.size

    def sample(self, waves: Waves, frames: Tensor) -> Tensor:
        """States (.., field, *waves) at the points of the data, (.., field, *data grid)."""
        places = self._places(waves)
        found = waves.points(frames)[places]
        if self.walls is not None:
            slopes = {
                axis: waves.points(frames * _along(waves, axis))[places]
                for axis in self.walls.across
            }
            self.walls.observe(found, slopes)
        return found

    def spread(self, waves: Waves, values: Tensor) -> Tensor:
        """The transpose of `sample`."""
        if self.walls is None:
            return self._spread(waves, values)
        values, slopes = self.walls.transposed(values)
        found = self._spread(waves, values)
        for axis, each in slopes.items():
            found = found + _along(waves, axis).conj() * self._spread(waves, each)
        return found

    def _spread(self, waves: Waves, values: Tensor) -> Tensor:
        if waves.grid.shape != values.shape[-waves.grid.ndim :]:
            wide = values.new_zeros((*values.shape[: -waves.grid.ndim], *waves.grid.shape))
            wide[self._places(waves)] = values
            values = wide
        return waves.modes(values)

    def residual(self, waves: Waves, frames: Tensor) -> Tensor:
        """(y − H u)/σ of rollouts (trajectory, frame, field, *waves), 0 where y is missing."""
        return (self.values - self.sample(waves, frames)) * self.weight

    def _places(self, waves: Waves) -> tuple[Any, ...]:
        """The points of the data on the grid of the states."""
        steps = zip(waves.grid.shape, self.values.shape[3:], strict=True)
        return (..., *(slice(None, None, fine // coarse) for fine, coarse in steps))


def _along(waves: Waves, axis: int) -> Tensor:
    """The symbol of the derivative along an axis."""
    return waves.symbol([int(a == axis) for a in range(waves.grid.ndim)])
