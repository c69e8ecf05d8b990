"""What the data say of initial states before any rollout: their spectrum.

A state is taken for a draw of independent waves with a variance S(|k|) that depends on the length
of the wave alone, its own for each trajectory and field. S is read off the first frames of the
data: the mean of |ŷ_k|²/N on shells of equal |k|, less the variance σ² of the noise. Spectra may
have any shape (a band, a ring, single waves): up to the last shell that stands above the noise S is
what the data show, or one standard error where that is more. Beyond it S goes on as the exponential
that the shells before it show, and no higher than data allow: spectra of solutions of smoothing
equations fall exponentially. Where the last shell of the grid still stands above the noise the
exponential alone says what waves beyond the grid hold (`unresolved`). The mean of a field (k = 0)
has no prior. As states are found, S is re-estimated from them (empirical Bayes; `gauss_newton`), as
far as they stand above the noise, and goes on from there as before (`ended`). Each direction has a
spectrum of its own: fronts make spectra depend on it, and to a prior that does not know this the
waves along and across them seem to be damped too much and too little.

Data are freed of noise by Wiener's filter on the same shells (`wiener`).

Sources: Foias, Temam, J. Funct. Anal. 87 (1989) 359-369 (exponential decay); Wiener, Extrapolation,
Interpolation, and Smoothing of Stationary Time Series (1949), chapter III; Wilson, Hilferty, Proc.
Natl. Acad. Sci. 17 (1931) 684-688 (quantiles of chi²).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from torch import Tensor

from pdenet.grid import Grid
from pdenet.noise.observations import Observations
from pdenet.spectral.waves import Waves

__all__ = [
    "FALSE_ALARMS",
    "FIRST_FRAMES",
    "Shells",
    "ended",
    "excess",
    "positive",
    "spectrum_of_data",
    "unresolved",
    "wiener",
]

FIRST_FRAMES = 4
"""Frames whose spectra are averaged for the initial one."""

FALSE_ALARMS = 0.01
"""Probability that noise alone lifts a shell of the data above its limit anywhere."""

MISTAKEN = 1e-6
"""The same where states were found together with the coefficients: of all the speeds that the data
leave open those are taken at which noise looks most like a wave."""

EQUAL = 32
"""Shells are one wave of the longest axis wide up to this |k|, and beyond in proportion to |k|: on
boxes of very different lengths most shells of equal width would be empty."""

FRONT = -2.0
"""Power of |k| with which the spectrum of a front falls: extrapolation falls no slower."""

SECTORS = 4
"""Directions of waves in the plane that have a spectrum of their own."""

LEAST = 1e-30
"""Least variance of a wave beside the largest one: numbers are divided by it."""

MOST, HALVINGS = 1e6, 13
"""Largest factor of an extrapolated spectrum, and of its inverse; and how often the interval in
which its logarithm lies is halved: it is known to a third of a percent."""

FAINT = 1e-12
"""Least variance of a wave that noise hides, over that of its noise. Any that is not negligible
counts where waves turn by radians in a step: rollouts make far more of them than there is."""

SLOPE = -0.5
"""Change of log S from shell to shell where only one is seen."""

PER_SHELL = 6
"""Least number of waves (a complex one counts twice) that one estimate of a variance is made of."""


class Shells:
    """Waves of a grid grouped by |k|, and by direction where that is asked for: in the plane by
    `SECTORS` of equal angle, the first around the first axis, in space by the axis that they are
    nearest to. Groups are in the order of the sectors and in each of them of the shells.
    """

    def __init__(self, waves: Waves, directions: bool = False) -> None:
        self.waves = waves
        shell, sector = _shell_of(waves.radius), _sectors(waves)
        self.number = int(shell.max()) + 1
        self.sectors = int(sector.max()) + 1 if directions else 1
        self.of = (shell + self.number * sector * directions).flatten()
        self.weight = (waves.weight * waves.grid.size).flatten()
        self.count = self._sum(self.weight[None])[0]
        self._reach = self._reaches()

    def __len__(self) -> int:
        return self.number * self.sectors

    @property
    def radius(self) -> Tensor:
        """|k| of each shell in waves of the longest axis, (number,)."""
        shell = torch.arange(self.number, dtype=self.weight.dtype, device=self.weight.device)
        beyond = EQUAL * (shell / EQUAL - 1).clamp_max(700).exp()
        return torch.where(shell <= EQUAL, shell, beyond)

    def ends(self) -> tuple[list[int], list[int]]:
        """For each sector the last shell along the axes in it (of the whole sector where none is),
        and the last shell that holds a wave."""
        held = self.count.reshape(self.sectors, self.number) > 0
        last = [int(row.nonzero().max()) if bool(row.any()) else 0 for row in held]
        along = [-1] * self.sectors
        place = self.of.reshape(self.waves.shape)
        for axis, n in enumerate(self.waves.grid.shape):
            wave = [n // 2 if a == axis else 0 for a in range(self.waves.grid.ndim)]
            sector, shell = divmod(int(place[tuple(wave)]), self.number)
            along[sector] = max(along[sector], shell)
        return [a if a >= 0 else b for a, b in zip(along, last, strict=True)], last

    def _sum(self, values: Tensor) -> Tensor:
        total = values.new_zeros((*values.shape[:-1], len(self)))
        return total.index_add_(-1, self.of, values)

    def mean(self, power: Tensor) -> Tensor:
        """The mean of (.., *waves) on each shell and as many around it as hold enough waves."""
        total = self._sum(power.flatten(-self.waves.grid.ndim) * self.weight)
        return self._widened(total) / self._widened(self.count).clamp_min(1)

    def alone(self, power: Tensor) -> Tensor:
        """The mean on each shell alone, 0 where it holds no wave."""
        total = self._sum(power.flatten(-self.waves.grid.ndim) * self.weight)
        return total / self.count.clamp_min(1)

    def waves_in(self) -> Tensor:
        """How many waves each mean is made of."""
        return self._widened(self.count)

    def _reaches(self) -> tuple[Tensor, Tensor]:
        """Which groups are in the mean of which: a group alone, or widened over neighbours in its
        sector until they hold `PER_SHELL` waves."""
        members: list[int] = []
        groups: list[int] = []
        below = [0.0, *self.count.cumsum(0).tolist()]
        for group in range(len(self)):
            shell = group % self.number
            base, reach = group - shell, 0
            first, end = group, group + 1
            while shell and below[end] - below[first] < PER_SHELL and reach <= self.number:
                reach += 1
                first = base + max(1, shell - reach)
                end = base + min(self.number, shell + reach + 1)
            members += range(first, end)
            groups += [group] * (end - first)
        device = self.of.device
        return torch.tensor(members, device=device), torch.tensor(groups, device=device)

    def _widened(self, total: Tensor) -> Tensor:
        """Sums over groups and their neighbours."""
        members, groups = self._reach
        return torch.zeros_like(total).index_add_(-1, groups, total[..., members])

    def spread(self, spectrum: Tensor) -> Tensor:
        """The value of each wave's group: (.., group) -> (.., *waves)."""
        return spectrum[..., self.of].reshape((*spectrum.shape[:-1], *self.waves.shape))


def _shell_of(radius: Tensor) -> Tensor:
    """The shell of each |k|."""
    return (
        torch.where(radius <= EQUAL, radius, EQUAL * (1 + (radius / EQUAL).clamp_min(1).log()))
        .round()
        .long()
    )


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
    found, alone = own.mean(power).mean(1), own.alone(power).mean(1)
    # A gap scatters power of all waves over all others, like noise of this variance.
    total = found[..., 1:].mul(own.count[1:]).sum(-1, keepdim=True) / own.count[1:].sum()
    gaps = (1 - share.flatten(3).squeeze(3).mean(1)[..., None]) * total
    floor = seen.until(FIRST_FRAMES).by_frame.mean(1)[..., None] + gaps
    result = _continued(found - floor, alone - floor, floor, own, values.shape[1], shells)
    unseen = (seen.count == 0)[..., None]
    if bool(unseen.any()):  # a field that is never observed: as large as those that are
        others = torch.where(unseen, torch.zeros_like(result), result).sum(1, keepdim=True)
        result = torch.where(unseen, others / (~unseen).sum(1, keepdim=True).clamp_min(1), result)
    # |û|²/N of the same field grows with the number of points.
    return result / seen.share(shells.waves)


def _continued(
    raw: Tensor, alone: Tensor, floor: Tensor, own: Shells, frames: int, shells: Shells
) -> Tensor:
    """S on the shells of a grid from what shells of the data's grid show beyond the noise, with
    their neighbours and alone, (.., own group) -> (.., group). floor: the variance of the noise,
    (.., 1)."""
    freedom, single = (each.clamp_min(1) * frames for each in (own.waves_in(), own.count))
    above = raw > floor * excess(FALSE_ALARMS / raw.numel(), freedom)
    # A shell that its neighbours alone lift does not stand above the noise.
    above = above & (alone > floor * excess(FALSE_ALARMS, single))
    weight = own.count * frames / (2 * floor.square()).clamp_min(1e-300)
    parts = (raw, above, floor * (2 / freedom).sqrt(), alone, weight)
    rows = [each.unflatten(-1, (own.sectors, own.number)) for each in parts]
    along, last = own.ends()
    result = raw.new_zeros((*raw.shape[:-1], shells.sectors, shells.number))
    for place in torch.cartesian_prod(*map(torch.arange, result.shape[:-1])).tolist():
        sector, at = place[-1], tuple(place)
        seen = last[sector] + 1
        shown, clear, error, single, precision = (row[at][:seen] for row in rows)
        data = (shown, clear, error, single, precision)
        result[at] = _row(*data, along[sector], shells.radius)
    return positive(result, 1).flatten(-2)


def excess(chance: float, freedom: Tensor) -> Tensor:
    """What a mean of so many squares exceeds its expectation by with this probability, over it."""
    ninth = 2 / (9 * freedom)
    return (1 - ninth + NormalDist().inv_cdf(1 - chance) * ninth.sqrt()) ** 3 - 1


def _row(
    raw: Tensor,
    above: Tensor,
    error: Tensor,
    alone: Tensor,
    weight: Tensor,
    edge: int,
    radius: Tensor,
) -> Tensor:
    """The spectrum of one sector on shells of these radii.

    raw: what the first of them show, above: whether that stands above the noise, error: its
    standard error if it is noise, alone: what they show without their neighbours, weight: over the
    square of its error, (seen shell,) each. edge: the last shell along the axes.
    """
    above = above & (torch.arange(len(above), device=above.device) > 0)
    last = int(above.nonzero().max()) if bool(above.any()) else min(1, len(raw) - 1)
    slope = _slope(raw, above, torch.tensor([last], device=raw.device), radius)
    end = torch.maximum(raw[last], error[last]).clamp_min(1e-300).log()
    result = (end + slope * (radius - radius[last])).clamp_max(700).exp()
    result[: last + 1] = torch.where(above, raw, torch.maximum(raw, error))[: last + 1]
    if last < edge - 1:  # the noise is reached: beyond it is at most what could hide
        rest = slice(last + 1, len(raw))
        result[rest] = torch.minimum(result[rest], torch.maximum(alone, error)[rest])
        total = weight[rest].sum().clamp_min(1e-300)
        hidden = (alone[rest] @ weight[rest] / total).clamp_min(0) + total.rsqrt()
        result[len(raw) :] = torch.minimum(result[len(raw) :], hidden)
    return result


def wiener(power: Tensor, floor: Tensor, shells: Shells, frames: float) -> Tensor:
    """What a Wiener filter keeps of each wave, (.., *waves): with P the mean power on its shell,

        g = max(0, 1 − (1 + e) σ²/P),      e = (2 / number of squares in P)^(1/2).

    power: |ŷ|²/N, the mean over frames of independent noise. floor: its variance σ², (..). The
    relative error e of P makes the filter leave one fortieth of noise alone where without it a
    tenth would stay (single frames in one dimension). The mean of a field is kept.
    """
    error = (2 / (shells.waves_in() * frames).clamp_min(1)).sqrt()
    mean = shells.mean(power).clamp_min(1e-300)
    gain = (1 - (1 + error) * floor[..., None] / mean).clamp(0, 1)
    gain[..., :: shells.number] = torch.where(
        torch.arange(shells.sectors, device=gain.device) == 0, 1.0, gain[..., :: shells.number]
    )
    return shells.spread(gain)


def positive(spectrum: Tensor, dims: int) -> Tensor:
    """Variances that are not zero beside the largest finite one of the last `dims` dimensions."""
    finite = torch.where(spectrum.isinf(), 0.0, spectrum)
    largest = finite.flatten(-dims).amax(-1).reshape([*spectrum.shape[:-dims]] + [1] * dims)
    return torch.maximum(spectrum, LEAST * largest).clamp_min(1e-300)


def unresolved(spectrum: Tensor, shells: Shells, grid: Grid) -> Tensor:
    """The variance of a field at a point in waves that a grid of the same lengths does not hold."""
    waves = shells.waves
    beyond = torch.zeros(waves.shape, dtype=torch.bool, device=spectrum.device)
    for k, step in zip(waves.numbers, grid.spacing, strict=True):
        beyond = beyond | (k.abs() > (1 + 1e-9) * math.pi / step)
    return (shells.spread(spectrum) * beyond * waves.weight).flatten(-grid.ndim).sum(-1)


def ended(own: Tensor, level: Tensor, precision: Tensor, shells: Shells) -> Tensor:
    """The spectrum of states that were found together with coefficients, (.., group): what each
    shell shows up to the last one that clearly stands above the noise. Beyond it the exponential
    that the shells before show, times the factor κ that is likeliest: with g the exponential over
    the variance of the noise, and l what the data alone say of a wave, squared, over the same,

        Σ κg/(1 + κg) [l/(1 + κg) − 1] = 0.

    A variance of its own for each of those shells would fit the noise, and waves that turn fast
    tell of their speed however weak they are.

    own: S of each shell by itself, level: l, (.., *waves), precision: 1 / the variance of the noise
    of a wave, (.., group).
    """
    size = (shells.sectors, shells.number)
    own, count = own.unflatten(-1, size), shells.count.unflatten(-1, size)
    noise = 1 / precision.unflatten(-1, size).clamp_min(1e-300)
    place = torch.arange(shells.number, device=own.device)
    # In steps that waves turn through rollouts say more of them than there is: states say it, too.
    clear = _stands_out(level, shells).unflatten(-1, size) & (own > noise) & (place > 0)
    last = (clear * place).amax(-1, keepdim=True).clamp_min(1)
    away = shells.radius - shells.radius[last]
    start = torch.maximum(own, noise).gather(-1, last)
    tail = start * (_slope(own, clear, last, shells.radius) * away).exp()
    seen = shells.alone(level).unflatten(-1, size)
    tail = tail * _factor(seen, tail / noise, count * (place > last))
    return torch.where(place > last, torch.maximum(tail, FAINT * noise), own).flatten(-2)


def _slope(spectrum: Tensor, clear: Tensor, last: Tensor, radius: Tensor) -> Tensor:
    """The change of log S with |k| over the upper half of the clear shells, (.., 1). clear: which
    these are, (.., shell), last: the last of them, (.., 1). A spectrum falls at least as a front's
    does."""
    place = torch.arange(clear.shape[-1], device=clear.device)
    used = (clear & (place >= last // 2) & (place <= last)).to(spectrum)
    count, radius = used.sum(-1, keepdim=True), radius[: clear.shape[-1]]
    x = used * (radius - (used * radius).sum(-1, keepdim=True) / count.clamp_min(1))
    slope = (x * spectrum.clamp_min(1e-300).log()).sum(-1, keepdim=True)
    slope = slope / x.square().sum(-1, keepdim=True).clamp_min(1e-9)
    slope = torch.where(count > 1, slope, SLOPE)
    return torch.minimum(slope, FRONT / radius[last].clamp_min(1))


def _stands_out(level: Tensor, shells: Shells) -> Tensor:
    """Which shells hold more than noise, in the mean over the trajectories or in one alone."""
    n, chance = len(level), MISTAKEN / len(shells)

    def above(mean: Tensor, count: Tensor) -> Tensor:
        together = mean.mean(0) - 1 > excess(chance, n * count.clamp_min(1))
        return together | (mean - 1 > excess(chance / n, count.clamp_min(1)))

    # A shell that its neighbours alone lift does not stand above the noise.
    around = above(shells.mean(level), shells.waves_in())
    return around & above(shells.alone(level), shells.count)


def _factor(level: Tensor, gain: Tensor, weight: Tensor) -> Tensor:
    """κ of each row, (.., row, 1), between 1/`MOST` and `MOST`."""
    low = torch.full_like(gain[..., :1], -math.log(MOST))
    high = -low
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        part = middle.exp() * gain
        slope = (weight * part / (1 + part) * (level / (1 + part) - 1)).sum(-1, keepdim=True)
        low, high = torch.where(slope > 0, middle, low), torch.where(slope > 0, high, middle)
    return high.exp()
