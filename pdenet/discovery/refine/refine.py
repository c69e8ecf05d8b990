"""From data and perhaps an equation to the equation at the statistical limit of the data.

1. Where terms may enter, a regression of the data in weak form proposes some (`start`, `weak`),
   beside those of the given equation (`propose`).
2. Coefficients and initial states of some trajectories are fitted through rollouts (`fit`), and
   every candidate is judged there (`judge`, by the rules of `choose`); again until the terms stay
   the same.
3. All trajectories are fitted with these terms (`finish`). Where a finer grid or smaller steps
   would shift a coefficient by a fair part of its error, residuals are taken from the finer model.
   Every candidate is judged there once more, and where the terms change they are fitted again.
4. Where the data are not explained, the coefficient of a term may vary, or a force act (`vary`):
   the same again with what is most likely.
5. Covariance, bootstrap and shift give the errors (`uncertainty`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from pdenet.discovery.equation import DiscoveredEquation
from pdenet.discovery.refine.check import check_problem
from pdenet.discovery.refine.config import RefineConfig
from pdenet.discovery.refine.finish import finish
from pdenet.discovery.refine.judge import judge, reconsidered
from pdenet.discovery.refine.measures import EXPLAINED, Final, chi2_of, miss, why_noise
from pdenet.discovery.refine.propose import Proposal, propose
from pdenet.discovery.refine.saving import Judgement, Kept, checked, restored_judgement
from pdenet.discovery.refine.session import Session
from pdenet.discovery.refine.setup import Setup
from pdenet.discovery.refine.summary import summarise
from pdenet.discovery.refine.uncertainty import Driven
from pdenet.discovery.refine.vary import varied
from pdenet.discovery.refine.verdict import is_explained
from pdenet.discovery.refine.workers import Workers
from pdenet.errors import DiscoveryError
from pdenet.events import Event, Listener
from pdenet.pde import PDE
from pdenet.pde.unknown import OpenPDE
from pdenet.problem import Problem

__all__ = ["refine"]

AGAIN = 3
"""How often terms are judged once more by what the final fit saw, at most."""

VARYING = 2
"""Functions that are looked for where constant coefficients do not explain the data, at most."""


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

    Raises DiscoveryError for fewer data than unknowns, and states that the memory cannot hold.
    """
    config, kept = config or RefineConfig(), kept or Kept()
    check_problem(pde.pde if isinstance(pde, OpenPDE) else pde, data, problem, config)
    started = time.perf_counter()
    deadline = time.monotonic() + config.budget

    def late() -> bool:
        return time.monotonic() > deadline

    with Workers.of(data.device, config.workers, late) as workers:
        config = replace(config, workers=workers.count)
        session = Session(
            Setup.of(data, problem, dt, config, outside), workers, on_event, kept.save, late
        )
        proposal = propose(session, pde)
        saved = checked(kept, session.setup, len(proposal.library.terms))
        judgement, final = _found(session, proposal, saved)
        if config.choose:
            proposal, judgement, final = _varied(session, proposal, judgement, final)
        none = why_noise(final) if config.choose else None
        if none is not None:
            raise DiscoveryError(none)
        found = summarise(proposal, judgement, final, data.shape[1])
    return replace(found, seconds={"refine": time.perf_counter() - started})


def _found(
    session: Session, proposal: Proposal, saved: Mapping[str, Tensor] | None = None
) -> tuple[Judgement, Final]:
    """The terms that the data ask for, and the final fit of them. saved: from where it goes on."""
    if saved is not None:
        judgement = restored_judgement(saved)
    elif session.config.choose or proposal.ladders:
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
    return judgement, final


def _varied(
    session: Session, proposal: Proposal, judgement: Judgement, final: Final
) -> tuple[Proposal, Judgement, Final]:
    """The same with coefficients that vary, or forces, where the data are explained with them and
    not without. Of these nothing is kept: what goes on begins with the equation that has none."""
    session = replace(session, save=lambda saved: None)
    before = proposal, judgement, final
    for _ in range(VARYING):
        now = final.estimate
        driven = now.reduced and Driven.of(final.setup, final.fit, now, now.reduced)
        if is_explained(final, driven.raised if driven else 0.0) or session.late():
            break
        equation = varied(final.library, proposal.series, session.setup.resolved())
        if equation is None:
            break
        other = replace(propose(session, equation), tried=proposal.tried)
        try:
            terms, there = _found(session, other)
        except DiscoveryError:  # no rollout of it leads anywhere
            break
        if not miss(there) < miss(final):
            break
        proposal, judgement, final = other, terms, there
    explains = chi2_of(final.estimate, final.setup.shown) < EXPLAINED
    return (proposal, judgement, final) if explains else before
