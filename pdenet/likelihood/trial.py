"""Fits of some terms to some of the data: from which start, and in how small steps of time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from pdenet.errors import DiscoveryError, StoppedError
from pdenet.grid import Grid
from pdenet.likelihood.fit.gauss_newton import Estimate, Fit
from pdenet.likelihood.fit.information import visible
from pdenet.likelihood.fit.setup import DEAR, MOST_STEPS, Setup
from pdenet.likelihood.fit.stability import closer
from pdenet.likelihood.propose import Proposal
from pdenet.likelihood.selection.choose import RESOLVED
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.likelihood.states.model import Model
from pdenet.likelihood.task import Fitted, Session
from pdenet.likelihood.verdict.misfit import EXPLAINED, LARGE, chi2_of, misfit_of, why_nothing
from pdenet.likelihood.verdict.uncertainty import shift

__all__ = ["ATTEMPT", "COSTLY", "NEAR", "PROBE", "first_fit", "fit_terms", "nonzero", "resolved"]

ATTEMPT = 6
NEAR = 3.0
"""Iterations that a start is given to come so near its optimum, in standard errors, before the next
one is tried."""

OWN, PROBE, PATIENCE = 2, 2, 8
"""The first starts, an equation that was given and the regression's own, are always tried; all
others for as long together as so many quickest ones take. And after how many iterations a start has
to be nearer to the data than the best so far to be gone on with."""

COSTLY = 8
"""Steps of time beside those of the quickest start from which a start has to wait: another one
needs few and is often nearer."""

SETTLED = 0.5
"""Step in standard errors at which terms can be judged."""

MOST_FINER, HALVINGS = 32, 2
"""Steps of residuals for one of derivatives before terms are judged, at most; and how often those
of derivatives are halved."""


SHIFTED = 1.0
"""Standard errors by which points between those of the data may move a coefficient before terms are
judged: those that enter would make up for what the grid does."""


def first_fit(session: Session, setup: Setup, grid: Grid, proposal: Proposal) -> Fitted | None:
    """The fit of the first of the proposed equations for which it comes near its optimum, and that
    near the data, or else the one nearest to the data; None where no rollout is finite."""
    found, least, spent = None, (True, math.inf), 0
    starts = _by_cost(setup, grid, proposal)
    quickest = min((steps for *_, steps in starts), default=1)
    for start, now, steps in starts:
        if session.late() or (not least[0] and steps > DEAR * quickest):
            break
        own = any(start is each for each in proposal.starts[:OWN])
        most = math.inf if own or found is None else PATIENCE * ATTEMPT * quickest
        if spent + PROBE * steps > most:
            continue
        dynamics = setup.dynamics(proposal.library, grid, start, now.states.at)
        fit = Fit(_model(dynamics), session.workers)
        try:
            finite = bool(fit.objectives(start, now.seen, now.states).isfinite().all())
        except StoppedError:
            break
        if not finite:
            continue
        begun = Fitted(setup, grid, fit, now)
        fitted = fit_terms(session, begun, proposal, ATTEMPT if found is None else PROBE)
        if found is not None and fitted.now.finite and _distance(fitted) < least[1]:
            fitted = fit_terms(session, fitted, proposal, ATTEMPT - PROBE)
        spent += steps * fitted.now.iterations
        there = fitted.now.coefficients
        if setup.untried(proposal.library, grid, there, fitted.now.states.at).substeps > MOST_STEPS:
            continue  # where it went no solver follows
        near, distance = fitted.now.step < NEAR, _distance(fitted)
        if near and (distance < EXPLAINED or misfit_of(fitted.now) < LARGE):
            return fitted
        if (not near, distance) < least:
            found, least = fitted, (not near, distance)
    return found


def _distance(fitted: Fitted) -> float:
    """χ² of a fit, inf where it blew up."""
    return chi2_of(fitted.now, fitted.setup.shown) if fitted.now.finite else math.inf


def _by_cost(setup: Setup, grid: Grid, proposal: Proposal) -> list[tuple[Tensor, Estimate, int]]:
    """The starts that are equations, in their order, with the steps of time that each asks for, but
    those that take many more than the quickest after all others, and none that takes more than
    `MOST_STEPS`."""
    found = []
    for start in proposal.starts:
        if nonzero(start):
            now = setup.begin(grid, start)
            steps = setup.untried(proposal.library, grid, start, now.states.at).substeps
            if steps <= MOST_STEPS:
                found.append((start, now, steps))
    quickest = min((steps for *_, steps in found), default=1)
    return sorted(found, key=lambda each: each[2] > COSTLY * quickest)


def fit_terms(
    session: Session,
    start: Fitted,
    proposal: Proposal,
    iterations: int,
    most: int = MOST_STEPS,
) -> Fitted:
    """The fit of the terms that are not zero, as one of the whole library. most: steps of time for
    one of the data where it blows up with fewer."""
    setup, grid, now, library = start.setup, start.grid, start.now, proposal.library
    kept = nonzero(now.coefficients)
    if not kept:
        raise DiscoveryError(why_nothing(session.setup, proposal.tried))
    mask = [k in kept for k in range(len(library.terms))]
    smaller = library.only(mask)
    places = torch.tensor(kept)
    part = replace(
        now,
        coefficients=now.coefficients[places],
        states=now.states.only(places),
        information=None,
        last=None,
    )
    dynamics = setup.dynamics(smaller, grid, part.coefficients, part.states.at, most)
    model = _model(dynamics).as_fine_as(start.fit.model)
    model = _compared_on(setup, model, start.fit.model.outer.waves.grid, part)
    fit = Fit(model, session.workers, learn_noise=not setup.given)

    def run(fit: Fit, part: Estimate) -> Estimate:
        return fit.run(
            part, iterations, lambda done: session.said(setup, smaller, done), until=SETTLED
        )

    fit, part = _in_small_steps(session, fit, part, run)
    coarse = _is_coarse(setup, fit, part)
    back = torch.tensor([kept.index(k) if k in kept else -1 for k in range(len(mask))])
    coefficients = now.coefficients.new_zeros(len(mask))
    coefficients[places] = part.coefficients
    states = part.states.only(back)
    now = replace(part, coefficients=coefficients, states=states, information=None, last=None)
    return Fitted(setup, grid, replace(fit, model=fit.model.of(library)), now, coarse)


def resolved(session: Session, fitted: Fitted, proposal: Proposal) -> Fitted:
    """The fit with residuals of rollouts on a grid so fine that a finer one changes little, as far
    as memory allows."""
    while fitted.coarse and not session.late():
        model, terms = fitted.fit.model, len(proposal.library.terms)
        finer = fitted.setup.finer(model.outer.waves.grid, terms)
        if finer is None:
            break
        model = _compared_on(fitted.setup, model, finer, fitted.now)
        begun = replace(fitted, fit=replace(fitted.fit, model=model))
        after = fit_terms(session, begun, proposal, session.config.iterations)
        if not after.now.finite:
            break
        fitted = after
    return fitted


def _compared_on(setup: Setup, model: Model, grid: Grid, now: Estimate) -> Model:
    """A model whose residuals are of rollouts on this grid, where it is finer than its own."""
    inner = model.inner
    if grid.size <= inner.waves.grid.size:
        return model
    at = inner.waves.resampled(now.states.at, setup.waves_on(grid))
    outer = setup.dynamics(inner.library, grid, now.coefficients, at)
    return replace(model, outer=outer.in_steps(tuple(map(max, outer.each, model.outer.each))))


def _is_coarse(setup: Setup, fit: Fit, now: Estimate) -> bool:
    """Whether a coefficient would move by more than `SHIFTED` standard errors on a finer grid. Of
    whole periodic data their spectrum tells (`Setup.state_grid`); in a window it ends at its edge.
    """
    if setup.window is None or not now.finite or now.step >= NEAR or now.information is None:
        return False
    finer = setup.finer(fit.model.outer.waves.grid, len(now.coefficients))
    if finer is None:
        return False
    try:
        moved = shift(fit, now, _compared_on(setup, fit.model, finer, now).outer)[0].abs()
    except (DiscoveryError, StoppedError):
        return False
    return float((moved / visible(now.information, now.coefficients)).amax()) > SHIFTED


def _in_small_steps(
    session: Session, fit: Fit, begun: Estimate, run: Callable[[Fit, Estimate], Estimate]
) -> tuple[Fit, Estimate]:
    """A fit with residuals of rollouts in steps so small that smaller ones would change little;
    derivatives take as small ones only where a fit does not come near its optimum otherwise, or
    blows up."""
    now = run(fit, begun)
    # `setup.dynamics` has taken ever smaller steps already where a first rollout blew up.
    if not now.finite and now.iterations == begun.iterations + 1:
        return fit, now
    halved = 0
    while not session.late():
        times = fit.model.times
        ratio = _coarseness(fit, now) if now.finite and now.step < NEAR else 0.0
        if ratio > 1 and times < MOST_FINER:
            times = min(MOST_FINER, times * closer(ratio))
            fit = replace(fit, model=fit.model.in_smaller_steps(times))
        elif halved < HALVINGS and (not now.finite or (times > 1 and not now.step < NEAR)):
            halved, times = halved + 1, max(1, times // 2)
            fit = replace(fit, model=fit.model.with_smaller_steps(2).in_smaller_steps(times))
        else:
            break
        now = run(fit, now if now.finite else begun)
    return fit, now


def _coarseness(fit: Fit, now: Estimate) -> float:
    """How far steps of half the size would move a coefficient, in standard errors, or in units of
    what a term must at least do. Otherwise terms would enter to make up for what the steps do."""
    if now.information is None:
        return 0.0
    moved = shift(fit, now, fit.model.outer.in_smaller_steps(2))[0].abs()
    allowed = visible(now.information, now.coefficients, RESOLVED**0.5)
    ratio = float((moved / allowed).amax())
    return ratio if math.isfinite(ratio) else math.inf


def _model(dynamics: Dynamics) -> Model:
    """In double precision: wrong terms may come near to blowing up, and like terms are told apart
    by small differences."""
    return Model(dynamics, dynamics, single=False)


def nonzero(coefficients: Tensor) -> list[int]:
    """The places of those that are in the equation."""
    return [k for k, value in enumerate(coefficients.tolist()) if value != 0]
