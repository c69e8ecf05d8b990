"""What the steps of a refinement share: the data, the workers, and who listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from pdenet.discovery.refine.config import RefineConfig
from pdenet.discovery.refine.fit import Estimate, Fit, Workers
from pdenet.discovery.refine.measures import EXPLAINED, SMALL, Final, chi2_of, misfit_of
from pdenet.discovery.refine.setup import Setup
from pdenet.discovery.terms import Library
from pdenet.events import Listener, Refining
from pdenet.grid import Grid
from pdenet.pde.render import to_text

__all__ = ["Fitted", "Session"]


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
        leading = "; ".join(to_text(library.pde(now.coefficients.tolist()), digits=5))
        chi2 = chi2_of(now, setup.sigma)
        self.on_event(Refining(now.iterations, self.config.iterations, chi2, now.step, leading))
