"""What a refinement works on: data with their noise, the grid of the states, and first states."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pdenet.boundary import periodic
from pdenet.errors import DiscoveryError
from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.likelihood.check import acting_in
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.fit.edge import size
from pdenet.likelihood.fit.gauss_newton import Estimate
from pdenet.likelihood.fit.initial_noise import Level
from pdenet.likelihood.fit.normal_equations import States
from pdenet.likelihood.fit.stability import lost, steps_for
from pdenet.likelihood.states.clock import Clock
from pdenet.likelihood.states.driving import Driving
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.likelihood.states.given import Given
from pdenet.likelihood.states.latent import KNOTS, Latent, first_guess
from pdenet.likelihood.states.resolution import resolved_frames
from pdenet.noise.filling import filled, smoothed
from pdenet.noise.law import evened
from pdenet.noise.observations import Observations
from pdenet.noise.spectrum import Shells, positive, spectrum_of_data, unresolved
from pdenet.noise.walls import Walls
from pdenet.problem import Problem
from pdenet.spectral.waves import Waves
from pdenet.spectral.window import Window
from pdenet.words import counted

__all__ = ["SHORTEST", "Setup"]

STAGES = 0.25
"""Share of the memory in which stages of rollouts may be kept, two rollouts at once."""

DOUBLINGS, MOST_STEPS, HOPELESS = 3, 256, 2**14
"""How often steps are halved because rollouts blow up; steps from frame to frame, at most, of what
is tried: products of high derivatives ask for any number of them; and those for which not even an
equation that was given is solved."""

QUICK = 4
"""Steps of time for one of the data that are few for any equation: linear ones take only one."""

DEAR = 64
"""Steps of time beside those that lead to a fit, from which a rollout is not tried: neither another
start where one came near its optimum, nor a term that would enter, nor a multiple of a relation."""

LONGEST = 512
"""Steps of time in one window up to which windows are made longer: steps come one after another, so
that twice as long a window takes twice the time, and by then rollouts are far from linear."""

SHORTEST = 4
"""Frames of the shortest windows that trajectories are cut into where rollouts fail."""

EDGES = 1e-4
"""Least noise of a window beside the size of a field: what comes in through its edge between two
frames is known no better from values at the frames. With less, terms enter to make up for that."""

FEWEST_RESOLVED = 9
"""Frames that are enough to propose and judge terms by: those of a test function of `weak_form`."""

REPRESENTED = 1e-6
"""Share of a field's variance in waves beyond the grid that no grid is refined for: they change
coefficients by less than 0.1 %."""


@dataclass(frozen=True, eq=False)
class Setup:
    """Data and everything that does not change while they are fitted.

    data: (trajectory, frame, field, *space), NaN where missing, of the fields that have an
    equation. sigma, shown, doubt, given, uneven: the noise that it begins with (`initial_noise`).
    origins: the trajectory of the file and the frame that each one here begins with. acting: the
    fields that have none, of all trajectories of the file. window: where the data are a part of a
    larger box, which is then the grid of the problem. walls: what is known of its sides.
    """

    data: Tensor
    problem: Problem
    dt: float
    config: RefineConfig
    sigma: Tensor
    shown: Tensor
    doubt: Tensor
    given: bool
    origins: tuple[tuple[int, int], ...]
    acting: Given | None = None
    window: Window | None = None
    uneven: Tensor | None = None
    walls: Walls | None = None

    @classmethod
    def of(
        cls,
        data: Tensor,
        problem: Problem,
        dt: float,
        config: RefineConfig,
        outside: Tensor | None = None,
    ) -> Setup:
        """Of all fields of the data, with the noise that the user says, or the data show. outside:
        where the equation does not hold, (*space)."""
        window, walls = Window.of(problem, outside), None
        found = Level.of(data, problem, config)
        uneven = found.uneven
        if window is not None:
            found = found if found.given else found.at_least(EDGES, data)
            data, walls = Walls.placed(window.placed(data), window, problem, config.given)
            uneven = None if uneven is None else window.placed(uneven).nan_to_num(1.0)
            ends = periodic(problem.grid.ndim)
            problem = replace(problem, grid=window.box, boundaries=ends, pde=None)
        acting = [problem.fields.index(name) for name in acting_in(problem, config)]
        own = [k for k in range(len(problem.fields)) if k not in acting]
        origins = tuple((row, 0) for row in range(len(data)))
        setup = cls(
            data[:, :, own],
            problem,
            dt,
            config,
            found.sigma[:, own],
            found.shown[:, own],
            found.doubt[:, own],
            found.given,
            origins,
            window=window,
            uneven=None if uneven is None else uneven[:, :, own],
            walls=walls and walls.of(own),
        )
        if not acting:
            return setup
        seen = Observations.of(data[:, :, acting], found.sigma[:, acting])
        return replace(setup, acting=Given.of(acting_in(problem, config), seen, setup.waves))

    @property
    def seen(self) -> Observations:
        """The data as observations."""
        return Observations.of(self.data, self.sigma, self.uneven, self.walls)

    @property
    def fields(self) -> tuple[str, ...]:
        """Those that have an equation, in the order of the data."""
        return tuple(name for name in self.problem.fields if name not in self.config.given)

    @property
    def taper(self) -> Tensor | None:
        """A function that is zero outside the window, for weak forms; None where there is none."""
        return None if self.window is None else self.window.taper.to(self.sigma)

    @property
    def waves(self) -> Waves:
        """Of the grid of the data."""
        return self.waves_on(self.problem.grid)

    def waves_on(self, grid: Grid) -> Waves:
        """Of another grid."""
        return Waves(grid, self.sigma.new_zeros(()))

    def resolved(self) -> Setup:
        """The frames that the grid resolves (`resolution`), where they are enough to go by."""
        seen = self.seen.bridged() if self.window is None else self.complete
        frames = resolved_frames(replace(seen, sigma=self.shown), self.waves)
        enough = FEWEST_RESOLVED <= frames < self.data.shape[1] and bool((seen.seen > 0).all())
        return self._until(frames) if enough else self

    def some(self, trajectories: int, values: int, frames: int) -> Setup:
        """At most so many trajectories, evenly spread, and of each the first frames: `frames`, or
        as many as hold so many values together."""
        n = self.data.shape[0]
        kept = min(n, trajectories)
        rows = torch.arange(kept) * n // kept
        length = max(frames, values // (kept * self.data[0, 0].numel()))
        return self._until(length)._of(rows)

    def in_windows(self, frames: int) -> Setup:
        """Trajectories cut into windows of so many frames; what is left at their end is lost."""
        count = self.data.shape[1] // frames
        rows = torch.arange(self.data.shape[0]).repeat_interleave(count)

        def cut(values: Tensor) -> Tensor:
            found: Tensor = values[:, : count * frames].unflatten(1, (count, frames))
            return found.flatten(0, 1)

        uneven = None if self.uneven is None else cut(self.uneven)
        starts = [(k % count) * frames for k in range(len(rows))]
        found = replace(self, data=self.data[:, :1], uneven=None)._of(rows)
        origins = tuple((row, t + s) for (row, t), s in zip(found.origins, starts, strict=True))
        data = cut(self.data)
        return replace(found, data=data, origins=origins, uneven=uneven)._evened()

    def _of(self, rows: Tensor) -> Setup:
        """Of these trajectories."""
        origins = tuple(self.origins[row] for row in rows.tolist())
        rows = rows.to(self.data.device)
        data, sigma, shown, doubt = (
            each[rows] for each in (self.data, self.sigma, self.shown, self.doubt)
        )
        found = replace(self, data=data, sigma=sigma, shown=shown, doubt=doubt, origins=origins)
        return replace(found, uneven=None if self.uneven is None else self.uneven[rows])

    def _until(self, frames: int) -> Setup:
        """The first frames."""
        uneven = None if self.uneven is None else self.uneven[:, :frames]
        return replace(self, data=self.data[:, :frames], uneven=uneven)._evened()

    def _evened(self) -> Setup:
        """With σ of the frames that are here, where noise is uneven."""
        if self.uneven is None:
            return self
        variance = self.seen.by_frame
        frames = self.data.isfinite().flatten(3).sum(3)
        mean = (variance * frames).sum(1) / frames.sum(1).clamp_min(1)
        factor = torch.where(mean > 0, mean.sqrt() / self.sigma, 1.0)
        uneven = evened(self.uneven.square(), self.data.isfinite().to(self.data))
        return replace(self, sigma=self.sigma * factor, shown=self.shown * factor, uneven=uneven)

    def state_grid(self, terms: int) -> Grid:
        """The grid of the states: finer than the data's for as long as waves beyond it hold more
        than the noise.

        Raises DiscoveryError where the memory cannot hold the data's own grid.
        """
        grid, size = self.problem.grid, self.seen.values[:, 0].flatten(2).var(2)
        negligible = torch.maximum(self.sigma.square(), REPRESENTED * size).mean()
        need, limit = self._memory(grid, terms), self.config.memory
        if need > limit:
            told = (
                f"states on {'x'.join(map(str, grid.shape))} points with {counted(terms, 'term')} "
                f"need {need:.1f} GiB and {limit:g} are allowed, enough for "
                f"{max(1, int(self.data.shape[0] * limit / need))} of "
                f"{counted(self.data.shape[0], 'trajectory')}: use fewer, or allow more with"
            )
            raise DiscoveryError(
                f"{told} RefineConfig(memory={math.ceil(need)})",
                shell=f"{told} --memory {math.ceil(need)}",
            )
        finer = self.finer(grid, terms)
        while finer is not None and self.beyond(grid).mean() > negligible:
            grid, finer = finer, self.finer(finer, terms)
        return grid

    def finer(self, grid: Grid, terms: int) -> Grid | None:
        """A grid of twice the points, where settings and memory allow so many."""
        factor, finer = grid.shape[0] // self.problem.grid.shape[0], grid.refine(2)
        allowed = 2 * factor <= self.config.finest and self.fits(finer, terms)
        return finer if allowed else None

    def beyond(self, grid: Grid) -> Tensor:
        """The variance of each trajectory and field in waves that a grid does not hold but one of
        twice the points, as far as the spectrum of the data tells; none where values are missing:
        what fills a gap looks like short waves, so that the fit itself has to ask."""
        if self.window is None and not bool(self.data.isfinite().all()):
            return torch.zeros_like(self.sigma)
        shells = Shells(self.waves_on(grid.refine(2)), directions=True)
        return unresolved(spectrum_of_data(self.complete, self.waves, shells), shells, grid)

    @cached_property
    def smooth(self) -> Observations:
        """The data without noise and gaps, continued around a window."""
        return smoothed(self.seen, self.waves, Shells(self.waves))

    @cached_property
    def complete(self) -> Observations:
        """The data without gaps, continued smoothly around a window."""
        return filled(self.seen, self.waves, Shells(self.waves))

    def fits(self, grid: Grid, terms: int) -> bool:
        """Whether the memory holds states on this grid."""
        return self._memory(grid, terms) <= self.config.memory

    def _memory(self, grid: Grid, terms: int) -> float:
        """GiB that states and their derivatives take, data included."""
        n, frames, fields = self.data.shape[:3]
        vector = fields * grid.size * 8
        state = vector if self.window is None else (1 + KNOTS + frames) * vector
        kept = n * (terms + 6) * state + 4 * self.data.numel() * 8
        together = min(self.config.workers or 1, n)
        moving = together * 3 * (terms + 2) * (frames * vector + state)
        latent = self._latent(self.problem.grid)
        edges = 0 if latent is None else together * size(latent, fields)
        return (kept + moving + edges) / (1 - STAGES) / 2**30

    def driving_on(self, grid: Grid, whole: Driving | None = None) -> Driving | None:
        """The given fields of these trajectories on a grid of states; None where there are none.
        whole: of all trajectories of the file, in place of what was found of them."""
        if self.acting is None:
            return None
        found = (whole or self.acting.driving).cut(self.origins, self.data.shape[1])
        return found.on(self.waves, self.waves_on(grid))

    def dynamics(
        self,
        library: Library,
        grid: Grid,
        coefficients: Tensor,
        at: Tensor,
        most: int = MOST_STEPS,
    ) -> Dynamics:
        """Rollouts on a grid, with steps that are stable for states (.., field, *waves of it): what
        their speeds ask for, and twice, four or eight times as many, but not above `most`, where
        they blow up on the way, because fields grow."""
        found = self.untried(library, grid, coefficients, at)
        if found.substeps > HOPELESS:
            raise DiscoveryError(
                f"a solver would have to take {counted(found.substeps, 'step')} of time from one "
                f"frame to the next, and takes {HOPELESS} at most: the coefficients are too large "
                "for these data; begin with another equation"
            )
        for _ in range(DOUBLINGS):
            gone = lost(found, at, coefficients, self.data.shape[1])
            if not any(gone) or 2 * max(found.each) > most:
                break
            each = zip(found.each, gone, strict=True)
            found = found.in_steps(tuple(steps * (1 + away) for steps, away in each))
        return found

    def untried(self, library: Library, grid: Grid, coefficients: Tensor, at: Tensor) -> Dynamics:
        """The same with as many steps as speeds ask for, whether they blow up or not."""
        waves = self.waves_on(grid)
        stages = int(STAGES / 2 * self.config.memory * 2**30 / (self.config.workers or 1))
        finer, driving = grid.shape != self.problem.grid.shape, self.driving_on(grid)
        found = Dynamics(
            library,
            waves,
            self.dt,
            kept=stages,
            dealiased=finer,
            driving=driving,
            latent=self._latent(grid),
            clock=self.clock_on(grid),
        ).of(library)
        return found.in_steps(steps_for(found, at, coefficients, self._growth()))

    def clock_on(self, grid: Grid) -> Clock:
        """Where the points of a grid are, and when each trajectory begins."""
        start = self.sigma.new_tensor([self.dt * frame for _, frame in self.origins])
        return Clock.of(grid, self.window, start, self.dt, self.data.shape[1])

    def _latent(self, grid: Grid) -> Latent | None:
        """How what is unknown around a window acts on a grid."""
        if self.window is None:
            return None
        rate, frames = self.window.rate(grid).to(self.sigma), self.data.shape[1]
        times = grid.shape[0] // self.window.box.shape[0]
        return Latent.of(self.waves_on(grid), rate, self.dt, frames, times)

    def _growth(self) -> Tensor:
        """How much larger fields become than they are in the first frame, (trajectory,)."""
        size = self.seen.values.abs().flatten(2).amax(2)
        first = torch.where(size[:, 0] > 0, size[:, 0], size.amax(1)).clamp_min(1e-300)
        return size.amax(1) / first

    def begin(self, grid: Grid, coefficients: Tensor) -> Estimate:
        """First states: the first frames, filtered by what the data say of signal and noise."""
        waves = self.waves_on(grid)
        shells = Shells(waves, directions=True)
        seen, own = self.seen, self.waves
        first = seen.bridged()
        first = filled(first.until(1), own, Shells(own))
        variance = shells.spread(spectrum_of_data(seen, own, shells))
        size = seen.values.square().flatten(3).mean((1, 3)) * grid.size
        size = torch.where(seen.count > 0, math.inf, size.sum(1, keepdim=True))
        variance.flatten(2)[..., 0] = size  # nothing is known of a mean but where it was never seen
        floor = seen.until(1).by_frame[:, 0].reshape([*self.sigma.shape] + [1] * grid.ndim)
        gain = (1 / (1 + floor / seen.share(waves) / variance)).nan_to_num(1.0)
        at = own.resampled(own.modes(first.values[:, 0]), waves) * gain
        if self.window is not None:
            at, variance = self._around(waves, variance)
        generator = torch.Generator().manual_seed(self.config.seed)
        white = torch.randn(self.data.shape, generator=generator, dtype=torch.float64)
        points = (*at.shape[:2], *grid.shape)
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

    def _around(self, waves: Waves, variance: Tensor) -> tuple[Tensor, Tensor]:
        """The states of a window with what is around it, and the variance of both."""
        own, smooth, seen = self.waves, self.smooth.values, self.seen
        floor = self.sigma.square() * seen.count / seen.values[0, :, 0].numel()
        more, sizes = first_guess(self.complete.values, smooth, floor, own)
        at = own.resampled(torch.cat([own.modes(smooth[:, 0]), more], 1), waves)
        sizes = own.resampled(sizes, waves).real * (waves.grid.size / own.grid.size)
        return at, torch.cat([variance, positive(sizes, waves.grid.ndim)], 1)
