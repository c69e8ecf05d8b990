"""What a refinement works on: data with their noise, the grid of the states, and first states."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.boundary import Periodic
from pdenet.discovery.refine.config import RefineConfig
from pdenet.discovery.refine.dynamics import Dynamics
from pdenet.discovery.refine.eliminate import States
from pdenet.discovery.refine.fit import Estimate
from pdenet.discovery.refine.observe import Observations, noise_of
from pdenet.discovery.refine.prior import Shells, spectrum_of_data, unresolved
from pdenet.discovery.refine.start import filled
from pdenet.discovery.refine.waves import Waves
from pdenet.discovery.terms import Library
from pdenet.errors import DiscoveryError
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem

__all__ = ["SHORTEST", "Setup", "check_problem"]

STAGES = 0.25
"""Share of the memory in which stages of rollouts may be kept, two rollouts at once."""

SHORTEST = 4
"""Frames of the shortest windows that trajectories are cut into where rollouts fail."""

REPRESENTED = 1e-6
"""Share of a field's variance in waves beyond the grid that no grid is refined for: they change
coefficients by less than 0.1 %."""


FEWEST = 4
"""Points along an axis: fewer hold no wave beside the longest, so that no spectrum is seen."""


def check_problem(pde: PDE | None, data: Tensor, problem: Problem) -> None:
    """Raise DiscoveryError for what cannot be refined."""
    for axis, ends in zip(problem.grid.axes, problem.boundaries, strict=True):
        if not all(isinstance(end, Periodic) for end in ends):
            raise DiscoveryError(
                f"{axis} has walls, and a refinement rolls states out on periodic axes: read the "
                "equation without it (--no-refine)"
            )
    for axis, points in zip(problem.grid.axes, problem.grid.shape, strict=True):
        if points < FEWEST:
            raise DiscoveryError(
                f"{axis} has {points} points, and a refinement needs at least {FEWEST} along each "
                "axis: give a finer grid"
            )
    if pde is not None and pde.fields != problem.fields:
        raise DiscoveryError(
            f"the equation is for {', '.join(pde.fields)}, the data hold "
            f"{', '.join(problem.fields)}: give an equation for each of the data's fields"
        )
    if pde is not None and pde.ndim != problem.grid.ndim:
        raise DiscoveryError(
            f"the equation has {pde.ndim} space dimensions, the data {problem.grid.ndim}: give an "
            "equation on the data's axes"
        )
    for f, name in enumerate(problem.fields):
        values = data[:, :, f][data[:, :, f].isfinite()]
        if len(values) and bool((values == values[0]).all()):
            raise DiscoveryError(
                f"{name} is {float(values[0]):.4g} everywhere at all times, so that nothing can "
                "be learned of it: leave it out of the data"
            )
    seen = int(data.isfinite().sum())
    unknown = data[:, 0].numel()
    if seen <= unknown:
        raise DiscoveryError(
            f"the data hold {seen} values and the initial states are {unknown} unknowns "
            f"({data.shape[0]} trajectories of {data[0, 0].numel()} numbers): more frames of each "
            "trajectory are missing, not more trajectories"
        )


@dataclass(frozen=True, eq=False)
class Setup:
    """Data and everything that does not change while they are fitted.

    data: (trajectory, frame, field, *space), NaN where missing. sigma: the noise, as given or as
    differences in time show it, (trajectory, field). shown: the larger of the two. given: whether
    it was given.
    """

    data: Tensor
    problem: Problem
    dt: float
    config: RefineConfig
    sigma: Tensor
    shown: Tensor
    given: bool

    @classmethod
    def of(cls, data: Tensor, problem: Problem, dt: float, config: RefineConfig) -> Setup:
        """With the noise that the user says, or the data show."""
        shown = noise_of(data)
        if config.noise is None:
            return cls(data, problem, dt, config, shown, shown, given=False)
        first = data[:, 0].flatten(2)
        mean = first.nanmean(2, keepdim=True)
        size = (first - mean).square().nanmean(2).sqrt().nan_to_num(1.0).clamp_min(1e-300)
        given = config.noise * size
        return cls(data, problem, dt, config, given, torch.maximum(given, shown), given=True)

    @property
    def seen(self) -> Observations:
        """The data as observations."""
        return Observations.of(self.data, self.sigma)

    @property
    def waves(self) -> Waves:
        """Of the grid of the data."""
        return self.waves_on(self.problem.grid)

    def waves_on(self, grid: Grid) -> Waves:
        """Of another grid."""
        return Waves(grid, self.sigma.new_zeros(()))

    def some(self, trajectories: int, values: int, frames: int) -> Setup:
        """At most so many trajectories, evenly spread, and of each the first frames: `frames`, or
        as many as hold so many values together."""
        n = self.data.shape[0]
        kept = min(n, trajectories)
        rows = torch.arange(kept) * n // kept
        length = max(frames, values // (kept * self.data[0, 0].numel()))
        return replace(self, data=self.data[rows, :length])._of(rows)

    def in_windows(self, frames: int) -> Setup:
        """Trajectories cut into windows of so many frames; what is left at their end is lost."""
        count = self.data.shape[1] // frames
        cut = self.data[:, : count * frames].unflatten(1, (count, frames)).flatten(0, 1)
        rows = torch.arange(self.data.shape[0]).repeat_interleave(count)
        return replace(self, data=cut)._of(rows)

    def _of(self, rows: Tensor) -> Setup:
        """With the noise of these trajectories."""
        return replace(self, sigma=self.sigma[rows], shown=self.shown[rows])

    def state_grid(self, terms: int) -> Grid:
        """The grid of the states: finer than the data's for as long as waves beyond it hold more
        than the noise.

        Raises DiscoveryError where the memory cannot hold the data's own grid.
        """
        grid, size = self.problem.grid, self.seen.values[:, 0].flatten(2).var(2)
        negligible = torch.maximum(self.sigma.square(), REPRESENTED * size).mean()
        need, limit = self._memory(grid, terms), self.config.memory
        if need > limit:
            raise DiscoveryError(
                f"states on {'x'.join(map(str, grid.shape))} points with {terms} terms need "
                f"{need:.1f} GiB and {limit:g} are allowed, enough for "
                f"{max(1, int(self.data.shape[0] * limit / need))} of {self.data.shape[0]} "
                "trajectories: use fewer, or raise --memory"
            )
        # What fills a gap looks like short waves; there the fit itself has to ask for a finer grid.
        factor, most = 1, self.config.finest if bool(self.data.isfinite().all()) else 1
        while 2 * factor <= most:
            finer = self.problem.grid.refine(2 * factor)
            shells = Shells(self.waves_on(finer))
            spectrum = spectrum_of_data(self.seen, self.waves, shells)
            left = unresolved(spectrum, shells, min(grid.shape) / 2).mean()
            if left <= negligible or not self.fits(finer, terms):
                break
            factor, grid = 2 * factor, finer
        return grid

    def fits(self, grid: Grid, terms: int) -> bool:
        """Whether the memory holds states on this grid."""
        return self._memory(grid, terms) <= self.config.memory

    def _memory(self, grid: Grid, terms: int) -> float:
        """GiB that states and their derivatives take, data included."""
        n, frames, fields = self.data.shape[:3]
        vector = fields * grid.size * 8
        kept = n * (terms + 6) * vector + 4 * self.data.numel() * 8
        together = min(self.config.workers or 1, n)
        moving = together * 3 * (terms + 2) * frames * vector
        return (kept + moving) / (1 - STAGES) / 2**30

    def dynamics(self, library: Library, grid: Grid, coefficients: Tensor, at: Tensor) -> Dynamics:
        """Rollouts on a grid, with steps that are stable for states (.., field, *waves of it)."""
        waves = self.waves_on(grid)
        stages = int(STAGES / 2 * self.config.memory * 2**30 / (self.config.workers or 1))
        found = Dynamics(library.on(grid, self.sigma), waves, self.dt, kept=stages)
        return found.in_steps(found.steps_for(at, coefficients))

    def begin(self, grid: Grid, coefficients: Tensor) -> Estimate:
        """First states: the first frames, filtered by what the data say of signal and noise."""
        waves = self.waves_on(grid)
        shells = Shells(waves, directions=True)
        seen, own = self.seen, self.waves
        first = seen.bridged()
        first = replace(first, values=first.values[:, :1], seen=first.seen[:, :1])
        first = filled(first, own, Shells(own))
        variance = shells.spread(spectrum_of_data(seen, own, shells))
        size = seen.values.square().flatten(3).mean((1, 3)) * grid.size
        size = torch.where(seen.count > 0, math.inf, size.sum(1, keepdim=True))
        variance.flatten(2)[..., 0] = size  # nothing is known of a mean but where it was never seen
        floor = self.sigma.square().reshape([*self.sigma.shape] + [1] * grid.ndim)
        gain = (1 / (1 + floor / seen.share(waves) / variance)).nan_to_num(1.0)
        at = own.resampled(own.modes(first.values[:, 0]), waves) * gain
        generator = torch.Generator().manual_seed(self.config.seed)
        white = torch.randn(self.data.shape, generator=generator, dtype=torch.float64)
        points = (*self.data.shape[:1], self.data.shape[2], *grid.shape)
        wave = torch.randn(points, generator=generator, dtype=torch.float64)
        solved = at.new_zeros((at.shape[0], len(coefficients), *at.shape[1:]))
        states = States(
            at,
            torch.zeros_like(at),
            variance,
            solved,
            white.to(self.data),
            waves.modes(wave.to(self.data)),
        )
        return Estimate(coefficients, states, seen)
