"""What the steps of a refinement share: the data, the workers, and who listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.events import Listener, Refining
from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.fit.gauss_newton import Estimate, Fit
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.fit.workers import Workers
from pdenet.likelihood.verdict.misfit import EXPLAINED, SMALL, Final, chi2_of, misfit_of

__all__ = ["Fitted", "Session", "carried", "covers"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """Some of the data, the grid of their states, and the fit of a library to them. coarse: whether
    a finer grid would change it by more than noise does."""

    setup: Setup
    grid: Grid
    fit: Fit
    now: Estimate
    coarse: bool = False

    @classmethod
    def of(cls, final: Final) -> Fitted:
        """What a final fit found, for another one to begin from."""
        return cls(final.setup, final.grid, final.fit, final.estimate)

    @property
    def is_near(self) -> bool:
        """Whether it is near the data: where terms were judged by one that was not, the equation is
        wrong, and no other way leads there either."""
        if self.now.reduced is None or not self.now.finite:
            return True
        return chi2_of(self.now, self.setup.shown) < EXPLAINED or misfit_of(self.now) < SMALL


@dataclass(frozen=True, eq=False)
class Session:
    """One refinement. save: called after every iteration of the final fit. late: whether its time
    is over, so that nothing new is begun."""

    setup: Setup
    workers: Workers
    on_event: Listener
    save: Callable[[Mapping[str, Tensor]], None]
    late: Callable[[], bool]

    @property
    def config(self) -> RefineConfig:
        """The settings."""
        return self.setup.config

    def said(self, setup: Setup, library: Library, now: Estimate) -> None:
        """Say how far a fit is."""
        if now.reduced is None:
            return
        leading = library.text(now.coefficients, digits=5)
        chi2 = chi2_of(now, setup.sigma)
        self.on_event(Refining(now.iterations, self.config.iterations, chi2, now.step, leading))


def covers(known: Fitted, setup: Setup) -> bool:
    """Whether every trajectory begins where one of a fit does."""
    return set(setup.origins) <= set(known.setup.origins)


def carried(setup: Setup, grid: Grid, now: Estimate, known: Fitted) -> Estimate:
    """An estimate with the initial states, and the noise, that a fit knows already of the same
    trajectories from the same frames on. grid: of the states of the estimate."""
    places = {origin: row for row, origin in enumerate(known.setup.origins)}
    pairs = [(k, places[o]) for k, o in enumerate(setup.origins) if o in places]
    if not pairs:
        return now
    mine, theirs = (torch.tensor(each) for each in zip(*pairs, strict=True))
    before, after = setup.waves_on(known.grid), setup.waves_on(grid)
    at, variance = now.states.at.clone(), now.states.variance.clone()
    # What was found around a window of other frames has other shapes in time.
    same = at.shape[1] == known.now.states.at.shape[1]
    kept = slice(None) if same else slice(0, setup.data.shape[2])
    at[mine, kept] = before.resampled(known.now.states.at[theirs][:, kept], after)
    if known.grid.shape == grid.shape:
        variance[mine, kept] = known.now.states.variance[theirs][:, kept]
    states = replace(now.states, at=at, variance=variance)
    return replace(now, states=states, seen=now.seen.as_known(known.now.seen, mine, theirs))
