"""Which terms are in the equation, judged through rollouts of some of the trajectories."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pdenet.discovery.product import Product
from pdenet.discovery.refine.choose import RESOLVED, Choice, Quadratic, choose
from pdenet.discovery.refine.dynamics import Dynamics, closer
from pdenet.discovery.refine.eliminate import Model
from pdenet.discovery.refine.families import families
from pdenet.discovery.refine.fit import Estimate, Fit
from pdenet.discovery.refine.information import visible
from pdenet.discovery.refine.measures import (
    EXPLAINED,
    LARGE,
    TOO_LATE,
    Final,
    chi2_of,
    finer_than,
    misfit_of,
    quadratic_of,
    reason_of,
    why_no_change,
    why_nothing,
)
from pdenet.discovery.refine.propose import Proposal
from pdenet.discovery.refine.relations import Relation
from pdenet.discovery.refine.saving import Judgement
from pdenet.discovery.refine.session import Fitted, Session
from pdenet.discovery.refine.setup import MOST_STEPS, SHORTEST, Setup
from pdenet.discovery.refine.uncertainty import Driven, shift
from pdenet.discovery.terms import Library
from pdenet.errors import DiscoveryError, StoppedError
from pdenet.events import TermJudged
from pdenet.grid import Grid
from pdenet.words import counted

__all__ = ["judge", "reconsidered"]

TRAJECTORIES = 8
VALUES = 2**20
"""Terms are judged on so many trajectories and numbers, or the least number of frames beside; the
final fit sees all."""
FRAMES = 16

ATTEMPT = 6
NEAR = 3.0
"""Iterations that a start is given to come so near its optimum, in standard errors, before the next
one is tried."""

PROBE, PATIENCE = 2, 8
"""Iterations after which a start has to be nearer to the data than the best so far to be gone on
with. And the time that all starts but the regression's own may take together, in that of the
quickest one.
"""

COSTLY = 8
"""Steps of time beside those of the quickest start from which a start has to wait: another one
needs few and is often nearer."""

DEAR = 64
"""The same, from which it is not tried at all where another one came near its own optimum, although
not to the data; nor does a term enter that asks for so many."""

SETTLED = 0.5
"""Step in standard errors at which terms can be judged."""

ROUNDS = 6
"""How often terms are judged, at most."""

WORSE = 1.5
"""Factor by which χ² may rise when terms change. Those that leave cost some tens of χ², not half of
it."""

MOST_FINER, ATTEMPTS = 32, 6
"""Steps of residuals for one of derivatives before terms are judged, and fits with other steps, at
most."""


def judge(session: Session, proposal: Proposal) -> Judgement:
    """Fit some trajectories, judge every term there, and again until nothing changes. Where no fit
    comes near its optimum, because rollouts are far from linear in what is not known yet, in
    windows of half as many frames."""
    setup = session.setup.resolved().some(TRAJECTORIES, VALUES, FRAMES)
    # Few long trajectories are cut: long rollouts of wrong equations lead nowhere, and windows that
    # are left out in turn show what one trajectory cannot.
    count, frames = setup.data.shape[:2]
    windows = min(-(-TRAJECTORIES // count), frames // FRAMES)
    if windows > 1:
        setup = setup.in_windows(frames // windows)
    grid = setup.state_grid(len(proposal.library.terms))
    while True:
        first = _first(session, setup, grid, proposal)
        frames = setup.data.shape[1]
        near = first is not None and first.now.step < NEAR
        if near or frames <= SHORTEST or session.late():
            break
        setup = setup.in_windows(max(SHORTEST, frames // 2))
    if first is None and session.late():
        raise DiscoveryError(TOO_LATE.python, shell=TOO_LATE.shell)
    if first is None and not any(map(_nonzero, proposal.starts)):
        raise DiscoveryError(why_nothing(session.setup, proposal.tried))
    if first is None:
        none = why_no_change(session.setup)
        if none is not None:
            raise DiscoveryError(none)
        told = (
            "numbers failed: no equation that the data propose could be solved over even "
            f"{counted(frames, 'frame')} without blowing up: take smaller time steps, or begin with"
        )
        raise DiscoveryError(f"{told} an equation", shell=f"{told} an equation (--pde)")
    return _judged(session, first, proposal)


def _judged(session: Session, fitted: Fitted, proposal: Proposal) -> Judgement:
    """Judge every term, and where the data allow any multiple of a relation, once more without what
    that does away with: the simplest equation of the family."""
    library = proposal.library
    found, quadratic = _rounds(session, fitted, proposal, frozenset())
    if quadratic is None or found.fitted is None or not proposal.relations:
        return found
    related = families(session, found.fitted, library, quadratic, found.kept, proposal.relations)
    if not related:
        return found
    simplest, leads = _simplest(library, quadratic, related)
    if simplest.kept:
        start = torch.zeros_like(quadratic.at)
        start[simplest.kept] = (quadratic.at + quadratic.best(simplest.kept))[simplest.kept]
        now = replace(found.fitted.now, coefficients=start)
        again = _fit(session, replace(found.fitted, now=now), proposal, session.config.iterations)
        found, _ = _rounds(session, again, proposal, leads)
    return replace(found, families=related)


def _simplest(
    library: Library, quadratic: Quadratic, related: Sequence[Relation]
) -> tuple[Choice, frozenset[int]]:
    """The shortest equation, and of those the one with the plainest products, without the
    derivatives that the relations are about, or without their most elaborate products; and what is
    left out of it."""

    def price(option: tuple[Choice, frozenset[int]]) -> tuple[int, int]:
        kept = [library.terms[k].product for k in option[0].kept]
        return len(kept), sum(len(each.jets) + each.order for each in kept)

    def without(products: Sequence[Product]) -> tuple[Choice, frozenset[int]]:
        places = {(each.field, product) for each, product in zip(related, products, strict=True)}
        left = frozenset(
            k for k, term in enumerate(library.terms) if (term.field, term.product) in places
        )
        return choose(quadratic, _same_field(library), left), left

    leads, elaborate = [each.products[0] for each in related], [r.elaborate for r in related]
    return min((without(leads), without(elaborate)), key=price)


def _rounds(
    session: Session, fitted: Fitted, proposal: Proposal, excluded: frozenset[int]
) -> tuple[Judgement, Quadratic | None]:
    """Judge every term, fit those that stay, and again until nothing changes. With chi² around the
    last fit; None where there was no time for it."""
    library, choice, now, quadratic = proposal.library, None, fitted.now, None
    least = fitted.fit.model.inner.substeps
    for _ in range(ROUNDS):
        if choice is not None and session.late():
            break
        setup, grid, now = fitted.setup, fitted.grid, fitted.now
        try:
            quadratic, raised = _around(setup, fitted.fit, now, proposal.pool)
        except StoppedError:
            break
        choice = _affordable(replace(fitted, now=now), quadratic, excluded, least)
        _tell(session, library, choice)
        change = quadratic.best(choice.kept)
        settled = set(choice.kept) == set(_nonzero(now.coefficients))
        finer = finer_than(grid, setup, now, raised) if settled else None
        now = replace(now, coefficients=(quadratic.at + change).to(now.coefficients))
        if settled and finer is None:
            break
        if finer is not None:
            grid, now = finer, setup.begin(finer, now.coefficients)
        start = replace(fitted, grid=grid, now=now)
        after = _fit(session, start, proposal, session.config.iterations)
        if finer is None and _is_worse(after, fitted):
            now, choice = fitted.now, _those(choice, _nonzero(fitted.now.coefficients))
            break
        fitted = after
    coefficients = now.coefficients.clone()
    if choice is not None:
        outside = torch.ones_like(coefficients, dtype=torch.bool)
        outside[choice.kept] = False
        coefficients[outside] = 0
    seen = tuple(fitted.setup.data.shape[:2])
    return Judgement(coefficients, choice, replace(fitted, now=now), seen=seen), quadratic


def _affordable(
    fitted: Fitted, quadratic: Quadratic, excluded: frozenset[int], least: int
) -> Choice:
    """The terms that the data ask for, but of those that would enter first the ones that take few
    steps of time beside `least`: what others seem to say is often said by these. Then the others,
    where they do away with half of what is left, but none that no computer could step through."""
    setup, now = fitted.setup, fitted.now
    library, inside = fitted.fit.model.inner.library, set(_nonzero(now.coefficients))
    choice = every = choose(quadratic, _same_field(library), excluded)
    best = quadratic.at + quadratic.best(every.kept)
    steps = {}
    for k in set(every.kept) - inside:
        alone = torch.zeros_like(now.coefficients)
        alone[k] = best[k]
        steps[k] = setup.untried(library, fitted.grid, alone, now.states.at).substeps
    for times in (COSTLY, DEAR):
        dear = frozenset(k for k, number in steps.items() if number > times * least)
        if not dear:
            return every
        choice = choose(quadratic, _same_field(library), excluded | dear)
        left = [quadratic.left(each.kept) for each in (choice, every)]
        if set(choice.kept) != inside or left[1] > left[0] / 2:
            break
    return choice


def _around(setup: Setup, fit: Fit, now: Estimate, pool: int) -> tuple[Quadratic, float]:
    """χ² around an estimate, and what errors of given fields add to it."""
    reduced = fit.reduce(now)
    driven = Driven.of(setup, fit, now, reduced)
    quadratic = quadratic_of(now, reduced, 1, pool)
    if driven is None:
        return quadratic, 0.0
    return quadratic.driven_by(driven.scores), driven.raised


def reconsidered(
    session: Session, proposal: Proposal, judgement: Judgement, final: Final
) -> Judgement | None:
    """Every term judged once more, by all that the final fit saw: longer windows and more
    trajectories show terms that few short ones do not. None where there is no more to go by."""
    now, setup = final.estimate, final.setup
    seen = tuple(setup.data.shape[:2])
    if judgement.choice is None or judgement.families or judgement.seen == seen:
        return None
    if not now.converged or session.late():
        return None
    library, kept = proposal.library, judgement.kept
    places = torch.tensor([kept.index(k) if k in kept else -1 for k in range(len(library.terms))])
    coefficients = now.coefficients.new_zeros(len(library.terms))
    coefficients[kept] = now.coefficients
    states = now.states.only(places)
    now = replace(now, coefficients=coefficients, states=states, information=None, last=None)
    inner, outer = final.fit.model.inner, final.fit.model.outer
    wide = replace(inner, library=library.on(inner.waves.grid, setup.sigma))
    if outer is not inner:
        outer = replace(outer, library=library.on(outer.waves.grid, setup.sigma))
    model = Model(wide, wide if outer is inner else outer, single=False)
    fit = replace(final.fit, model=model)
    try:
        quadratic, _ = _around(setup, fit, now, proposal.pool)
    except StoppedError:
        return None
    choice = choose(quadratic, _same_field(library))
    if not choice.kept:  # nothing is no equation, and says less than what there is
        return None
    start = (quadratic.at + quadratic.best(choice.kept)).to(coefficients)
    if set(choice.kept) == set(kept):
        start = coefficients
    else:
        _tell(session, library, choice)
    fitted = Fitted(setup, final.grid, fit, replace(now, coefficients=start))
    return Judgement(start, choice, fitted, seen=seen)


def _is_worse(after: Fitted, before: Fitted) -> bool:
    """Whether a fit with the terms that were asked for ended far above one without them: what asked
    for them is a quadratic around a place from which rollouts are not near to linear."""
    if not before.now.finite:
        return False
    limit = WORSE * max(1.0, chi2_of(before.now, before.setup.sigma))
    return not after.now.finite or chi2_of(after.now, after.setup.sigma) > limit


def _those(choice: Choice, kept: list[int]) -> Choice:
    """The same, with these terms."""
    judged = [replace(each, kept=each.term in kept) for each in choice.judged]
    return replace(choice, kept=kept, judged=judged, rivals=[])


def _same_field(library: Library) -> Callable[[int, int], bool]:
    return lambda a, b: library.terms[a].field == library.terms[b].field


def _first(session: Session, setup: Setup, grid: Grid, proposal: Proposal) -> Fitted | None:
    """The fit of the first of the proposed equations for which it comes near its optimum, and that
    near the data, or else the one nearest to the data; None where no rollout is finite."""
    found, least, spent = None, (True, math.inf), 0
    starts = _by_cost(setup, grid, proposal)
    quickest = min((steps for *_, steps in starts), default=1)
    for start, now, steps in starts:
        dear = steps > DEAR * quickest and not least[0]
        others = start is not proposal.starts[0]
        if session.late() or (found is not None and dear):
            break
        if found is not None and others and spent + PROBE * steps > PATIENCE * ATTEMPT * quickest:
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
        fitted = _fit(session, begun, proposal, ATTEMPT if found is None else PROBE)
        if found is not None and fitted.now.finite and _distance(fitted) < least[1]:
            fitted = _fit(session, fitted, proposal, ATTEMPT - PROBE)
        spent += steps * fitted.now.iterations
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
    those that take many more than the quickest after all others, and none that no computer could
    step through."""
    found = []
    for start in proposal.starts:
        if _nonzero(start):
            now = setup.begin(grid, start)
            steps = setup.untried(proposal.library, grid, start, now.states.at).substeps
            if steps <= MOST_STEPS:
                found.append((start, now, steps))
    quickest = min((steps for *_, steps in found), default=1)
    return sorted(found, key=lambda each: each[2] > COSTLY * quickest)


def _fit(session: Session, start: Fitted, proposal: Proposal, iterations: int) -> Fitted:
    """The fit of the terms that are not zero, as one of the whole library."""
    setup, grid, now, library = start.setup, start.grid, start.now, proposal.library
    kept = _nonzero(now.coefficients)
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
    dynamics = setup.dynamics(smaller, grid, part.coefficients, part.states.at)
    model = _model(dynamics).as_fine_as(start.fit.model)
    fit = Fit(model, session.workers, learn_noise=not setup.given)

    def run(fit: Fit, part: Estimate) -> Estimate:
        return fit.run(
            part, iterations, lambda done: session.said(setup, smaller, done), until=SETTLED
        )

    fit, part = _in_small_steps(session, fit, part, run)
    back = torch.tensor([kept.index(k) if k in kept else -1 for k in range(len(mask))])
    coefficients = now.coefficients.new_zeros(len(mask))
    coefficients[places] = part.coefficients
    states = part.states.only(back)
    now = replace(part, coefficients=coefficients, states=states, information=None, last=None)
    every = replace(fit.model.inner, library=library.on(grid, setup.sigma))
    return Fitted(setup, grid, replace(fit, model=_model(every, fit.model.times)), now)


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
    for _ in range(ATTEMPTS):
        inner, times = fit.model.inner, fit.model.times
        ratio = _coarseness(fit, now) if now.finite and now.step < NEAR else 0.0
        if ratio > 1 and times < MOST_FINER:
            fit = replace(fit, model=_model(inner, min(MOST_FINER, times * closer(ratio))))
        elif not now.finite or (times > 1 and not now.step < NEAR):
            fit = replace(fit, model=_model(inner.in_smaller_steps(2), max(1, times // 2)))
        else:
            break
        if session.late():
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


def _model(dynamics: Dynamics, times: int = 1) -> Model:
    """In double precision: wrong terms may come near to blowing up, and like terms are told apart
    by small differences. times: steps of the outer model for one of the inner."""
    return Model(dynamics, dynamics, single=False).in_smaller_steps(times)


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
