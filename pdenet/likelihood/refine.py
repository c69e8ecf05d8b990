"""From data and perhaps an equation to the equation at the statistical limit of the data.

1. Where terms may enter, a regression of the data in weak form proposes some (`regression`,
   `weak_form`), beside those of the given equation (`propose`).
2. Coefficients and initial states of some trajectories are fitted through rollouts
   (`gauss_newton`), and every candidate is judged there (`judge`, by the rules of `choose`); again
   until the terms stay the same.
3. All trajectories are fitted with these terms (`finish`). Where a finer grid or smaller steps
   would shift a coefficient by a fair part of its error, residuals are taken from the finer model.
   Every candidate is judged there once more, and where the terms change they are fitted again.
4. Covariance, bootstrap and shift give the errors (`uncertainty`).
"""

from __future__ import annotations

import time
from dataclasses import replace

from torch import Tensor

from pdenet.errors import DiscoveryError
from pdenet.events import Event, Listener
from pdenet.likelihood.check import check_problem, highest_order
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.finish import finish
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.fit.workers import Workers
from pdenet.likelihood.judge import judge, reconsidered
from pdenet.likelihood.propose import propose
from pdenet.likelihood.saving import Judgement, Kept, checked, restored_judgement
from pdenet.likelihood.summary import summarise
from pdenet.likelihood.task import Session
from pdenet.likelihood.verdict.contradiction import check_walls, left_at_walls
from pdenet.likelihood.verdict.misfit import why_noise
from pdenet.pde import PDE
from pdenet.pde.unknown import OpenPDE
from pdenet.problem import Problem
from pdenet.results.equation import DiscoveredEquation

__all__ = ["refine"]

AGAIN = 3
"""How often terms are judged once more by what the final fit saw, at most."""


def _silent(event: Event) -> None:
    """Nobody listens."""


def refine(
    pde: PDE | OpenPDE | None,
    data: Tensor,
    problem: Problem,
    dt: float,
    config: RefineConfig | None = None,
    on_event: Listener = _silent,
    kept: Kept | None = None,
    outside: Tensor | None = None,
) -> DiscoveredEquation:
    """The equation by maximum likelihood through its rollouts.

    pde: the equation to begin with, which may hold unknown numbers and functions; None where the
    data alone propose terms.
    data: trajectories (n, frames, field, *space) in float64, NaN where missing. All are fitted:
    terms are judged on trajectories that are left out in turn.
    kept: what is kept of it while it goes on. outside: where the equation does not hold, (*space).

    Raises DiscoveryError for fewer data than unknowns, windows that are too small, walls that are
    wrong beyond doubt, and states that the memory cannot hold.
    """
    config, kept = config or RefineConfig(), kept or Kept()
    plain = pde.pde if isinstance(pde, OpenPDE) else pde
    check_problem(plain, data, problem, config, outside)
    config = replace(config, order=highest_order(problem, outside, config.order))
    started = time.perf_counter()
    deadline = time.monotonic() + config.budget

    def late() -> bool:
        return time.monotonic() > deadline

    with Workers.of(data.device, config.workers, late) as workers:
        config = replace(config, workers=workers.count)
        setup = Setup.of(data, problem, dt, config, outside)
        check_walls(setup, problem)
        session = Session(setup, workers, on_event, kept.save, late)
        proposal = propose(session, pde)
        saved = checked(kept, session.setup, len(proposal.library.terms))
        if saved is not None:
            judgement = restored_judgement(saved)
        elif config.choose or proposal.ladders:
            judgement = judge(session, proposal)
        else:
            judgement = Judgement(proposal.starts[0], None)
        final = finish(session, proposal, judgement, saved)
        for _ in range(AGAIN):
            again = reconsidered(session, proposal, judgement, final)
            if again is None:
                break
            same, judgement = again.kept == judgement.kept, again
            if same:
                break
            final = finish(session, proposal, judgement)
        none = why_noise(final) if config.choose else None
        if none is not None:
            raise DiscoveryError(none)
        walls = left_at_walls(final, problem)
        found = summarise(proposal, judgement, final, data.shape[1], walls)
    return replace(found, seconds={"refine": time.perf_counter() - started})
