"""What is observed of a rollout: sampled points, frames and fields, each with its noise.

y = H u + ε with ε ~ N(0, (σ s)²) independent in every value; s, of mean square one, says how uneven
the noise is (`law`), and is one everywhere where nothing else is known. The grid of the states
holds every point of the data, and perhaps others between them; values that are missing have weight
zero. Divided by σ s, residual and observation operator are whitened, and chi² is the sum of squared
residuals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pdenet.noise.walls import Walls
from pdenet.spectral.waves import Waves

__all__ = ["Observations"]


@dataclass(frozen=True, eq=False)
class Observations:
    """Some trajectories of data.

    values: (trajectory, frame, field, *data grid), zero where missing. seen: the same shape, 1 or
    0. sigma: (trajectory, field), standard deviation of the noise, r.m.s. over the values. shape:
    that of each value over it, of the shape of the values; None where all are alike. walls: what is
    known besides of a window's sides, where there is something; it stands among the values, but is
    not seen.
    """

    values: Tensor
    seen: Tensor
    sigma: Tensor
    shape: Tensor | None = None
    walls: Walls | None = None

    @classmethod
    def of(
        cls, data: Tensor, sigma: Tensor, shape: Tensor | None = None, walls: Walls | None = None
    ) -> Observations:
        """Of data with NaN where values are missing."""
        seen = data.isfinite()
        values = torch.where(seen, data, torch.zeros((), dtype=data.dtype, device=data.device))
        if walls is not None:
            seen = seen & (walls.told == 0)
        return cls(values, seen.to(data), sigma, shape, walls)

    def part(self, rows: slice) -> Observations:
        """Of some trajectories."""
        values, seen, sigma = (each[rows] for each in (self.values, self.seen, self.sigma))
        shape = None if self.shape is None else self.shape[rows]
        return Observations(values, seen, sigma, shape, self.walls)

    def until(self, frames: int) -> Observations:
        """The first frames."""
        shape = None if self.shape is None else self.shape[:, :frames]
        values, seen = self.values[:, :frames], self.seen[:, :frames]
        return Observations(values, seen, self.sigma, shape, self.walls)

    def as_known(self, other: Observations, mine: Tensor, theirs: Tensor) -> Observations:
        """The same with the noise that was learned of these trajectories in other observations: of
        as many frames all of it, or else how large it is beside what it was thought to be."""
        sigma, shape = self.sigma.clone(), self.shape
        sigma[mine] = other.sigma[theirs]
        if shape is not None and other.shape is not None:
            if other.shape.shape[1:] == shape.shape[1:]:
                shape = shape.clone()
                shape[mine] = other.shape[theirs]
            else:  # windows of other lengths have other means: those of common frames agree
                common = min(shape.shape[1], other.shape.shape[1])
                here = replace(self, sigma=torch.ones_like(sigma)).until(common).by_frame.mean(1)
                there = replace(other, sigma=torch.ones_like(other.sigma)).until(common)
                sigma[mine] *= (there.by_frame.mean(1)[theirs] / here[mine]).sqrt()
        return replace(self, sigma=sigma, shape=shape)

    def twice(self) -> Observations:
        """Of all trajectories and then all again."""
        shape = None if self.shape is None else torch.cat([self.shape, self.shape])
        values, seen, sigma = (
            torch.cat([each, each]) for each in (self.values, self.seen, self.sigma)
        )
        return Observations(values, seen, sigma, shape, self.walls)

    @property
    def weight(self) -> Tensor:
        """1/(σ s) where there is a value, more where a wall is known, 0 elsewhere: the shape of the
        values."""
        sigma = self.sigma[:, None, :]
        weight = self.seen if self.shape is None else self.seen / self.shape
        weight = weight if self.walls is None else weight + self.walls.told
        return weight / sigma.reshape([*sigma.shape] + [1] * (self.values.dim() - 3))

    @property
    def known(self) -> Tensor:
        """1 where there is a value or a wall is known, 0 elsewhere."""
        return self.seen if self.walls is None else self.seen + (self.walls.told > 0)

    def measured(self, residual: Tensor) -> Tensor:
        """The part of residuals that is of measured values."""
        return residual if self.walls is None else residual * self.seen

    @property
    def by_frame(self) -> Tensor:
        """The variance of the noise in each frame, (trajectory, frame or 1, field)."""
        variance = self.sigma.square()[:, None]
        if self.shape is None:
            return variance
        square, seen = ((self.shape.square() * self.seen), self.seen)
        mean = square.flatten(3).sum(3) / seen.flatten(3).sum(3).clamp_min(1)
        return variance * torch.where(mean > 0, mean, 1.0)

    @property
    def count(self) -> Tensor:
        """How many values there are, (trajectory, field)."""
        return self.seen.movedim(2, 1).flatten(2).sum(2)

    @property
    def scatter(self) -> Tensor | float:
        """By how much uneven noise makes the error of a mean of its squares larger, (trajectory,
        field): Σ v z² has the variance 2 Σ v², where one of equal variances v has 2 (Σ v)²/n."""
        if self.shape is None:
            return 1.0
        fourth = (self.shape.square().square() * self.seen).movedim(2, 1).flatten(2).sum(2)
        return (fourth / self.count.clamp_min(1)).clamp_min(1).sqrt()

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
