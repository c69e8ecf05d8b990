"""Which terms are in the equation, judged through rollouts of some of the trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import torch

from pdenet.discovery.product import Product
from pdenet.discovery.refine.better import is_lost, is_vain, is_worse, rise
from pdenet.discovery.refine.choose import Choice, Quadratic, choose
from pdenet.discovery.refine.families import families
from pdenet.discovery.refine.fit import Estimate, Fit
from pdenet.discovery.refine.information import errors
from pdenet.discovery.refine.measures import (
    EXPLAINED,
    SIGNIFICANT,
    TOO_LATE,
    Final,
    chi2_of,
    finer_than,
    quadratic_of,
    reason_of,
    why_no_change,
    why_nothing,
)
from pdenet.discovery.refine.model import Model
from pdenet.discovery.refine.propose import Proposal
from pdenet.discovery.refine.relations import Relation
from pdenet.discovery.refine.saving import Judgement
from pdenet.discovery.refine.session import Fitted, Session
from pdenet.discovery.refine.setup import DEAR, LONGEST, MOST_STEPS, QUICK, SHORTEST, Setup
from pdenet.discovery.refine.trial import (
    ATTEMPT,
    COSTLY,
    NEAR,
    PROBE,
    first_fit,
    fit_terms,
    nonzero,
    resolved,
)
from pdenet.discovery.refine.uncertainty import Driven
from pdenet.discovery.terms import Library
from pdenet.errors import DiscoveryError, StoppedError
from pdenet.events import TermJudged
from pdenet.words import counted

__all__ = ["judge", "reconsidered"]

TRAJECTORIES = 8
VALUES = 2**20
"""Terms are judged on so many trajectories and numbers, or the least number of frames beside; the
final fit sees all."""
FRAMES = 16

ROUNDS = 6
"""How often terms are judged, at most."""


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
        first = first_fit(session, setup, grid, proposal)
        frames = setup.data.shape[1]
        near = first is not None and first.now.step < NEAR
        if near or frames <= SHORTEST or session.late():
            break
        setup = setup.in_windows(max(SHORTEST, frames // 2))
    if first is None and session.late():
        raise DiscoveryError(TOO_LATE.python, shell=TOO_LATE.shell)
    if first is None and not any(map(nonzero, proposal.starts)):
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
    return _judged(session, resolved(session, first, proposal), proposal)


def _judged(session: Session, fitted: Fitted, proposal: Proposal) -> Judgement:
    """Judge every term, and where the data allow any multiple of a relation, once more without what
    that does away with: the simplest equation of the family."""
    library = proposal.library
    found, quadratic = _rounds(session, fitted, proposal, frozenset())
    plainer = None if quadratic is None else _plainer(session, found, proposal, quadratic.price)
    if plainer is not None:
        found, quadratic = _rounds(session, plainer[0], proposal, plainer[1])
    if quadratic is None or found.fitted is None or not proposal.relations:
        return found
    related = families(session, found.fitted, library, quadratic, found.kept, proposal.relations)
    if not related:
        return found
    simplest, leads = _simplest(proposal, quadratic, related)
    start = torch.zeros_like(quadratic.at)
    start[simplest.kept] = (quadratic.at + quadratic.best(simplest.kept))[simplest.kept]
    begun = replace(found.fitted, now=replace(found.fitted.now, coefficients=start))
    # Nobody would call an equation simpler that takes far more steps.
    most = DEAR * max(QUICK, found.fitted.fit.model.inner.substeps)
    grid, at = begun.grid, begun.now.states.at
    if simplest.kept and begun.setup.untried(library, grid, start, at).substeps <= most:
        again = fit_terms(session, begun, proposal, session.config.iterations)
        if not is_worse(again, found.fitted):
            # Where nothing of it is left the equation stays as it was, with its family.
            with suppress(DiscoveryError):
                found, _ = _rounds(session, again, proposal, leads)
    return replace(found, families=related)


def _plainer(
    session: Session, found: Judgement, proposal: Proposal, price: float
) -> tuple[Fitted, frozenset[int]] | None:
    """The fit without factors that vary far less than their mean, where it is as good: u u_x is
    nearly a multiple of u_x there, and the quadratic around one says little of the other. With the
    terms that had them; None where there are none."""
    terms, means = proposal.library.terms, dict(proposal.steady)
    place = {(term.field, term.product): k for k, term in enumerate(terms)}
    fitted, left = found.fitted, frozenset[int]()
    for k in found.kept:
        jets = terms[k].product.jets
        for n, jet in enumerate(jets):
            rest = replace(terms[k].product, jets=jets[:n] + jets[n + 1 :])
            other = place.get((terms[k].field, rest))
            plain = jet.order == 0 and jet.field in means and terms[k].part is None
            if fitted is None or other is None or not plain or session.late():
                continue
            there = fitted.now.coefficients.clone()
            there[other] += means[jet.field] * there[k]
            there[k] = 0
            begun = replace(fitted, now=replace(fitted.now, coefficients=there))
            after = fit_terms(session, begun, proposal, PROBE)
            if not is_worse(after, fitted):
                after = fit_terms(session, after, proposal, ATTEMPT)
            if after.now.step < NEAR and rise(after, fitted) < price:
                fitted, left = after, left | {k}
                break
    return (fitted, left) if fitted is not None and left else None


def _simplest(
    proposal: Proposal, quadratic: Quadratic, related: Sequence[Relation]
) -> tuple[Choice, frozenset[int]]:
    """The shortest equation, and of those the one with the plainest products, without the
    derivatives that the relations are about, or without their most elaborate products; and what is
    left out of it."""

    library = proposal.library

    def price(option: tuple[Choice, frozenset[int]]) -> tuple[int, int]:
        kept = [library.terms[k].product for k in option[0].kept]
        return len(kept), sum(len(each.jets) + each.order for each in kept)

    def without(products: Sequence[Product]) -> tuple[Choice, frozenset[int]]:
        places = {(each.field, product) for each, product in zip(related, products, strict=True)}
        left = frozenset(
            k for k, term in enumerate(library.terms) if (term.field, term.product) in places
        )
        return _asked(proposal, quadratic, left), left

    leads, elaborate = [each.products[0] for each in related], [r.elaborate for r in related]
    return min((without(leads), without(elaborate)), key=price)


def _rounds(
    session: Session, fitted: Fitted, proposal: Proposal, excluded: frozenset[int]
) -> tuple[Judgement, Quadratic | None]:
    """Judge every term, fit those that stay, and again until nothing changes. With chi² around the
    last fit; None where there was no time for it."""
    library, choice, now, quadratic = proposal.library, None, fitted.now, None
    least, patient = max(QUICK, fitted.fit.model.inner.substeps), True
    for done in range(ROUNDS):
        if choice is not None and session.late():
            break
        setup, grid, now = fitted.setup, fitted.grid, fitted.now
        try:
            quadratic, raised = _around(setup, fitted.fit, now, proposal.pool)
        except StoppedError:
            break
        choice = _affordable(proposal, fitted, quadratic, excluded, least, patient)
        _tell(session, library, choice)
        inside = nonzero(now.coefficients)
        if not choice.kept and quadratic.value([]) - quadratic.value(inside) > (
            len(inside) * quadratic.price
        ):  # like terms, none of which is missed, but all of them are
            choice = _those(choice, inside)
            break
        change = quadratic.best(choice.kept)
        settled = set(choice.kept) == set(nonzero(now.coefficients))
        finer = finer_than(grid, setup, now, raised) if settled else None
        now = replace(now, coefficients=(quadratic.at + change).to(now.coefficients))
        if settled and finer is None:
            break
        if finer is not None:
            grid, now = finer, setup.begin(finer, now.coefficients)
        start = replace(fitted, grid=grid, now=now)
        most = MOST_STEPS if patient else COSTLY * least
        if setup.untried(library, grid, now.coefficients, now.states.at).substeps > most:
            now, choice = fitted.now, _those(choice, nonzero(fitted.now.coefficients))
            break
        after = fit_terms(session, start, proposal, session.config.iterations, most)
        worse = finer is None and (
            is_worse(after, fitted) or is_vain(after, fitted, quadratic.price)
        )
        patient = not is_lost(after, fitted)
        lost = done > 0 and not patient
        fitted = fitted if worse or (lost and finer is not None) else after
        if worse or lost:
            now, choice = fitted.now, _those(choice, nonzero(fitted.now.coefficients))
            break
    coefficients = now.coefficients.clone()
    if choice is not None:
        outside = torch.ones_like(coefficients, dtype=torch.bool)
        outside[choice.kept] = False
        coefficients[outside] = 0
    seen = tuple(fitted.setup.data.shape[:2])
    return Judgement(coefficients, choice, replace(fitted, now=now), seen=seen), quadratic


def _affordable(
    proposal: Proposal,
    fitted: Fitted,
    quadratic: Quadratic,
    excluded: frozenset[int],
    least: int,
    patient: bool,
) -> Choice:
    """The terms that the data ask for, but of those that would enter first the ones that take few
    steps of time beside `least`: what others seem to say is often said by these. Then, where the
    last terms helped, the others, if with them the data seem explained, but none that no computer
    could step through."""
    setup, now = fitted.setup, fitted.now
    library, inside = fitted.fit.model.inner.library, set(nonzero(now.coefficients))
    choice = every = _asked(proposal, quadratic, excluded)
    chi2 = chi2_of(now, setup.shown)
    best = quadratic.at + quadratic.best(every.kept)
    steps = {}
    for k in set(every.kept) - inside:
        alone = torch.zeros_like(now.coefficients)
        alone[k] = best[k]
        steps[k] = setup.untried(library, fitted.grid, alone, now.states.at).substeps
    most = min(DEAR * least, LONGEST // setup.data.shape[1])
    for limit in (COSTLY * least, most) if patient else (COSTLY * least,):
        dear = frozenset(k for k, number in steps.items() if number > limit)
        if not dear:
            return every
        choice = _asked(proposal, quadratic, excluded | dear)
        if set(choice.kept) != inside or chi2 * quadratic.left(every.kept) > EXPLAINED:
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
    trajectories show terms that few short ones do not, and a finer model that others are none. None
    where there is no more to go by."""
    now, setup = final.estimate, final.setup
    seen = tuple(setup.data.shape[:2])
    if judgement.choice is None or judgement.families or not now.converged or session.late():
        return None
    assert now.information is not None
    error = (errors(now.information).square() + final.bias.to(now.coefficients).square()).sqrt()
    weak = bool((now.coefficients.abs() < SIGNIFICANT * error).any())
    if judgement.seen == seen and not (weak and Fitted.of(final).is_near):
        return None
    library, kept = proposal.library, judgement.kept
    places = torch.tensor([kept.index(k) if k in kept else -1 for k in range(len(library.terms))])
    coefficients = now.coefficients.new_zeros(len(library.terms))
    coefficients[kept] = now.coefficients
    states = now.states.only(places)
    now = replace(now, coefficients=coefficients, states=states, information=None, last=None)
    inner, outer = final.fit.model.inner, final.fit.model.outer
    wide = inner.of(library)
    model = Model(wide, wide if outer is inner else outer.of(library), single=False)
    fit = replace(final.fit, model=model)
    try:
        quadratic, _ = _around(setup, fit, now, proposal.pool)
    except StoppedError:
        return None
    choice = _asked(proposal, quadratic)
    if not choice.kept:  # nothing is no equation, and says less than what there is
        return None
    if judgement.seen == seen and not set(choice.kept) < set(kept):  # weak terms only leave
        return None
    start = (quadratic.at + quadratic.best(choice.kept)).to(coefficients)
    if set(choice.kept) == set(kept):
        start = coefficients
    else:
        _tell(session, library, choice)
    fitted = Fitted(setup, final.grid, fit, replace(now, coefficients=start))
    return Judgement(start, choice, fitted, seen=seen)


def _those(choice: Choice, kept: list[int]) -> Choice:
    """The same, with these terms."""
    judged = [replace(each, kept=each.term in kept) for each in choice.judged]
    return replace(choice, kept=kept, judged=judged, rivals=[])


def _asked(
    proposal: Proposal, quadratic: Quadratic, excluded: frozenset[int] = frozenset()
) -> Choice:
    """The terms that the data ask for."""
    terms = proposal.library.terms

    def same_field(a: int, b: int) -> bool:
        return terms[a].field == terms[b].field

    return choose(quadratic, same_field, excluded, proposal.ladders)


def _tell(session: Session, library: Library, choice: Choice) -> None:
    """Say what was decided of each term."""
    for judged in choice.judged:
        term = library.terms[judged.term]
        if term.part is not None:
            continue
        session.on_event(
            TermJudged(
                field=term.field,
                monomial_text=term.text,
                kept=judged.kept,
                gain=judged.gain,
                needed=judged.needed,
                reason=reason_of(judged),
            )
        )
