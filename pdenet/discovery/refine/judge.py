"""Which terms are in the equation, judged through rollouts of some of the trajectories."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pdenet.discovery.reading import NOTHING_HELPS
from pdenet.discovery.refine.choose import Choice, choose
from pdenet.discovery.refine.dynamics import Dynamics
from pdenet.discovery.refine.eliminate import Model
from pdenet.discovery.refine.fit import Estimate, Fit
from pdenet.discovery.refine.measures import chi2_of, finer_than, quadratic_of, reason_of
from pdenet.discovery.refine.propose import Proposal
from pdenet.discovery.refine.saving import Judgement
from pdenet.discovery.refine.session import Session
from pdenet.discovery.refine.setup import SHORTEST, Setup
from pdenet.discovery.terms import Library
from pdenet.errors import DiscoveryError
from pdenet.events import TermJudged
from pdenet.grid import Grid

__all__ = ["judge"]

TRAJECTORIES = 8
VALUES = 2**20
"""Terms are judged on so many trajectories and numbers, or the least number of frames beside; the
final fit sees all."""
FRAMES = 16

ATTEMPT = 6
NEAR = 3.0
"""Iterations that a start is given to come so near its optimum, in standard errors, before the next
one is tried."""

SETTLED = 0.5
"""Step in standard errors at which terms can be judged."""

ROUNDS = 6
"""How often terms are judged, at most."""


def judge(session: Session, proposal: Proposal) -> Judgement:
    """Fit some trajectories, judge every term there, and again until nothing changes."""
    setup = session.setup.some(TRAJECTORIES, VALUES, FRAMES)
    # Few long trajectories are cut: long rollouts of wrong equations lead nowhere, and windows that
    # are left out in turn show what one trajectory cannot.
    count, frames = setup.data.shape[:2]
    windows = min(-(-TRAJECTORIES // count), frames // FRAMES)
    if windows > 1:
        setup = setup.in_windows(frames // windows)
    library = proposal.library
    grid = setup.state_grid(len(library.terms))
    setup, starts = _started(session, setup, grid, proposal)
    part, now = _first(session, setup, library, grid, starts)
    choice: Choice | None = None
    for _ in range(ROUNDS):
        quadratic = quadratic_of(now, part.reduce(now), 1, proposal.pool)
        choice = choose(quadratic, lambda a, b: library.terms[a].field == library.terms[b].field)
        _tell(session, library, choice)
        change = quadratic.best(choice.kept)
        settled = set(choice.kept) == set(_nonzero(now.coefficients))
        finer = finer_than(grid, setup, now) if settled else None
        now = replace(now, coefficients=quadratic.at + change)
        if settled and finer is None:
            break
        if finer is not None:
            grid, now = finer, setup.begin(finer, now.coefficients)
        part, now = _fitted(session, setup, library, grid, now, session.config.iterations)
    coefficients = now.coefficients.clone()
    if choice is not None:
        outside = torch.ones_like(coefficients, dtype=torch.bool)
        outside[choice.kept] = False
        coefficients[outside] = 0
    return Judgement(coefficients, choice)


def _first(
    session: Session, setup: Setup, library: Library, grid: Grid, starts: list[Estimate]
) -> tuple[Fit, Estimate]:
    """The fit of the first of the proposed equations for which it converges, or else the one
    nearest to the data."""
    found = []
    for start in starts:
        fit, now = _fitted(session, setup, library, grid, start, ATTEMPT)
        if now.step < NEAR:
            return fit, now
        found.append((chi2_of(now, setup.sigma), fit, now))
    return min(found, key=lambda each: each[0])[1:]


def _started(
    session: Session, setup: Setup, grid: Grid, proposal: Proposal
) -> tuple[Setup, list[Estimate]]:
    """First states with each of the proposed coefficients, over so few frames that some of
    the rollouts are finite."""
    while True:
        found = []
        for start in proposal.starts:
            now = setup.begin(grid, start)
            dynamics = setup.dynamics(proposal.library, grid, start, now.states.at)
            fit = Fit(_model(dynamics), session.workers)
            if _nonzero(start) and fit.objective(start, now.seen, now.states) < math.inf:
                found.append(now)
        if found:
            return setup, found
        if setup.data.shape[1] <= SHORTEST:
            raise DiscoveryError(
                "no equation that the data propose can be rolled out over even "
                f"{setup.data.shape[1]} frames: give one with --pde, or data with less noise "
                "or smaller time steps"
            )
        setup = replace(setup, data=setup.data[:, : (setup.data.shape[1] + 1) // 2])


def _fitted(
    session: Session,
    setup: Setup,
    library: Library,
    grid: Grid,
    now: Estimate,
    iterations: int,
) -> tuple[Fit, Estimate]:
    """The fit of the terms that are not zero, and its estimate as one of the whole library."""
    kept = _nonzero(now.coefficients)
    if not kept:
        raise DiscoveryError(NOTHING_HELPS)
    mask = [k in kept for k in range(len(library.terms))]
    smaller = library.only(mask)
    places = torch.tensor(kept)
    part = replace(
        now,
        coefficients=now.coefficients[places],
        states=now.states.only(places),
        information=None,
    )
    dynamics = setup.dynamics(smaller, grid, part.coefficients, part.states.at)
    fit = Fit(_model(dynamics), session.workers, learn_noise=not setup.given)
    part = fit.run(
        part,
        iterations,
        lambda done: session.said(setup, smaller, done),
        until=SETTLED,
    )
    back = torch.tensor([kept.index(k) if k in kept else -1 for k in range(len(mask))])
    coefficients = now.coefficients.new_zeros(len(mask))
    coefficients[places] = part.coefficients
    every = replace(dynamics, library=library.on(grid, setup.sigma))
    return replace(fit, model=_model(every)), replace(
        part, coefficients=coefficients, states=part.states.only(back), information=None
    )


def _model(dynamics: Dynamics) -> Model:
    """In double precision: wrong terms may come near to blowing up, and like terms are told apart
    by small differences."""
    return Model(dynamics, dynamics, single=False)


def _tell(session: Session, library: Library, choice: Choice) -> None:
    """Say what was decided of each term."""
    for judged in choice.judged:
        term = library.terms[judged.term]
        session.on_event(
            TermJudged(
                field=term.field,
                monomial_text=term.text,
                kept=judged.kept,
                gain=judged.gain,
                needed=judged.needed,
                reason=reason_of(judged.gain, judged.needed, judged.held_out),
            )
        )


def _nonzero(coefficients: Tensor) -> list[int]:
    return [k for k, value in enumerate(coefficients.tolist()) if value != 0]
