"""What the data say of initial states before any rollout: their spectrum.

A state is taken for a draw of independent waves with a variance S(|k|) that depends on the length
of the wave alone, its own for each trajectory and field. S is read off the first frames of the
data: the mean of |ŷ_k|²/N on shells of equal |k|, less the variance σ² of the noise. Where that
difference is below what noise alone would leave, S goes on as the exponential that the shells
before it show, or as that limit where this is less: spectra of solutions of smoothing equations
fall exponentially. The mean of a field (k = 0) has no prior. As states are found, S is
re-estimated from them (empirical Bayes; `fit`). Each direction has a spectrum of its own: fronts
make spectra depend on it, and to a prior that does not know this the waves along and across them
seem to be damped too much and too little.

Source: Foias, Temam, J. Funct. Anal. 87 (1989) 359-369 (exponential decay).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pdenet.discovery.refine.observe import Observations
from pdenet.discovery.refine.waves import Waves

__all__ = ["Shells", "positive", "spectrum_of_data", "unresolved"]

FIRST_FRAMES = 4
"""Frames whose spectra are averaged for the initial one."""

SECTORS = 4
"""Directions of waves in the plane that have a spectrum of their own."""

LEAST = 1e-30
"""Least variance of a wave beside the largest one: numbers are divided by it."""

PER_SHELL = 6
"""Least number of waves (a complex one counts twice) that one estimate of a variance is made of."""


class Shells:
    """Waves of a grid grouped by |k|, and by direction where that is asked for: in the plane by
    `SECTORS` of equal angle, the first around the first axis, in space by the axis that they are
    nearest to. Groups are in the order of the sectors and in each of them of the shells.
    """

    def __init__(self, waves: Waves, directions: bool = False) -> None:
        self.waves = waves
        shell, sector = waves.radius.round().long(), _sectors(waves)
        self.number = int(shell.max()) + 1
        self.sectors = int(sector.max()) + 1 if directions else 1
        self.of = (shell + self.number * sector * directions).flatten()
        self.weight = (waves.weight * waves.grid.size).flatten()
        self.count = self._sum(self.weight[None])[0]
        self._reach = self._reaches()

    def __len__(self) -> int:
        return self.number * self.sectors

    def _sum(self, values: Tensor) -> Tensor:
        total = values.new_zeros((*values.shape[:-1], len(self)))
        return total.index_add_(-1, self.of, values)

    def mean(self, power: Tensor) -> Tensor:
        """The mean of (.., *waves) on each shell and as many around it as hold enough waves."""
        total = self._sum(power.flatten(-self.waves.grid.ndim) * self.weight)
        return self._widened(total) / self._widened(self.count).clamp_min(1)

    def waves_in(self) -> Tensor:
        """How many waves each mean is made of."""
        return self._widened(self.count)

    def _reaches(self) -> list[tuple[int, int, int]]:
        """(group, first, end) of the groups that are widened over neighbours in their sector, until
        they hold `PER_SHELL` waves."""
        count, found = self.count.tolist(), []
        for group in range(len(self)):
            shell = group % self.number
            base, reach = group - shell, 0
            first, end = group, group + 1
            while shell and sum(count[first:end]) < PER_SHELL and reach <= self.number:
                reach += 1
                first = base + max(1, shell - reach)
                end = base + min(self.number, shell + reach + 1)
            if end - first > 1:
                found.append((group, first, end))
        return found

    def _widened(self, total: Tensor) -> Tensor:
        """Sums over groups and their neighbours."""
        result = total.clone()
        for group, first, end in self._reach:
            result[..., group] = total[..., first:end].sum(-1)
        return result

    def spread(self, spectrum: Tensor) -> Tensor:
        """The value of each wave's group: (.., group) -> (.., *waves)."""
        return spectrum[..., self.of].reshape((*spectrum.shape[:-1], *self.waves.shape))


def _sectors(waves: Waves) -> Tensor:
    """The sector of each wave, (*waves)."""
    numbers = torch.stack([k.expand(waves.shape) for k in waves.numbers])
    if waves.grid.ndim != 2:
        return numbers.abs().argmax(0)
    turn = torch.atan2(numbers[1], numbers[0]) / torch.pi * SECTORS
    return turn.round().long() % SECTORS


def spectrum_of_data(seen: Observations, data_waves: Waves, shells: Shells) -> Tensor:
    """S of every trajectory and field on the shells of the grid of the states.

    Values that are missing in every frame are taken for the mean of the field, and the spectrum is
    scaled up for them.
    """
    bridged = seen.bridged()
    values, mask = bridged.values[:, :FIRST_FRAMES], bridged.seen[:, :FIRST_FRAMES]
    space = data_waves.axes
    known = mask.sum(space, keepdim=True)
    mean = values.sum(space, keepdim=True) / known.clamp_min(1)
    share = known / data_waves.grid.size
    power = data_waves.modes((values - mean) * mask).abs().square() / data_waves.grid.size
    power = power / share.clamp_min(1e-3)
    own = Shells(data_waves, directions=shells.sectors > 1)
    found = own.mean(power).mean(1)
    # A gap scatters power of all waves over all others, like noise of this variance.
    total = found[..., 1:].mul(own.count[1:]).sum(-1, keepdim=True) / own.count[1:].sum()
    gaps = (1 - share.flatten(3).squeeze(3).mean(1)[..., None]) * total
    floor = seen.sigma.square()[..., None] + gaps
    limit = 2 * floor * (2 / (own.waves_in() * values.shape[1])).sqrt()
    raw = found - floor
    largest = min(data_waves.grid.shape) // 2
    seen_shells, limits = (
        each.unflatten(-1, (own.sectors, own.number))[..., :largest].reshape(-1, largest)
        for each in (raw, limit)
    )
    spectra = [_continued(*each, shells.number) for each in zip(seen_shells, limits, strict=True)]
    result = torch.stack(spectra).reshape(*raw.shape[:2], len(shells))
    unseen = (seen.count == 0)[..., None]
    if bool(unseen.any()):  # a field that is never observed: as large as those that are
        others = torch.where(unseen, torch.zeros_like(result), result).sum(1, keepdim=True)
        result = torch.where(unseen, others / (~unseen).sum(1, keepdim=True).clamp_min(1), result)
    # |û|²/N of the same field grows with the number of points.
    return result / seen.share(shells.waves)


def _continued(raw: Tensor, limit: Tensor, size: int) -> Tensor:
    """A spectrum (shell,) as far as it stands above its limit, continued to `size` shells."""
    above = (raw > limit).tolist()
    last = next((k for k in range(1, len(above)) if not above[k]), len(above)) - 1
    last = max(last, 1)
    shells = torch.arange(size, dtype=raw.dtype, device=raw.device)
    first = max(1, last // 2)
    chosen = raw[first : last + 1].clamp_min(1e-300).log()
    slope = raw.new_tensor(-0.5)
    if last > first:
        x = shells[first : last + 1] - shells[first : last + 1].mean()
        slope = torch.minimum((x * chosen).sum() / x.square().sum(), raw.new_tensor(-0.1))
    end = raw[last].clamp_min(limit[last]).log()
    spectrum = (end + slope * (shells - last)).exp()
    if last < len(limit) - 1:  # what is not seen where it could be is at most what could hide
        bound = torch.full_like(spectrum, float(limit[-1]))
        bound[: len(limit)] = limit
        spectrum = torch.minimum(spectrum, bound)
    spectrum[: last + 1] = torch.maximum(raw[: last + 1], limit[: last + 1])
    return positive(spectrum, 1)


def positive(spectrum: Tensor, dims: int) -> Tensor:
    """Variances that are not zero beside the largest finite one of the last `dims` dimensions."""
    finite = torch.where(spectrum.isinf(), 0.0, spectrum)
    largest = finite.flatten(-dims).amax(-1).reshape([*spectrum.shape[:-dims]] + [1] * dims)
    return torch.maximum(spectrum, LEAST * largest).clamp_min(1e-300)


def unresolved(spectrum: Tensor, shells: Shells, highest: float) -> Tensor:
    """The variance of a field at a point in waves of more than `highest` radius."""
    beyond = (torch.arange(len(shells), device=spectrum.device) > highest) * shells.count
    return (spectrum * beyond).sum(-1) / shells.waves.grid.size
