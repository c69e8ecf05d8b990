"""Equations that the data cannot tell apart: multiples of a relation that holds on them anyway.

A relation R = 0 between products (`relations`) says that u_t = F + a R fits for every a. Whether it
does is seen through rollouts: the coefficients are moved along R, as far as half of what the whole
equation does or a quarter, and the initial states are fitted again. Where χ² is no higher than one
more term would have to lower it, but for what noise alone makes of the difference, a is
undetermined.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pdenet.errors import StoppedError
from pdenet.library.terms import Library
from pdenet.likelihood.fit.gauss_newton import Estimate, Fit
from pdenet.likelihood.fit.information import inverse
from pdenet.likelihood.fit.setup import DEAR, QUICK
from pdenet.likelihood.selection.choose import Quadratic
from pdenet.likelihood.selection.relations import Relation
from pdenet.likelihood.states.model import Model
from pdenet.likelihood.task import Fitted, Session

__all__ = ["families"]

FAR, NEARER = 0.5, 2.0
"""How far coefficients are moved: the leading term of the relation then does this share of what the
equation does; and by what factor less in a second try, where the first is too far for rollouts that
grow, or for what waves that decay take out of the noise."""

TOLD = 4.0
"""How far above what one more term would have to lower χ² by a shift is by itself, at least: a
coefficient that is known to a tenth may move a little, and is no family for that."""

SCATTER = 2.0
"""Standard deviations of the difference between two fits of which one determines more unknowns."""

ALIKE = 1e-8
"""Share of what the equation does, squared, by which solutions of two equations in as many steps
may differ although both are exact: of data without noise nothing else is left. A shift that is no
family changes a quarter of all."""

STATES, LITTLE = 8, 0.5
"""Iterations of the states there, at most, and the fall of χ² in one at which they have settled."""


def families(
    session: Session,
    fitted: Fitted,
    library: Library,
    quadratic: Quadratic,
    kept: list[int],
    candidates: tuple[Relation, ...],
) -> tuple[Relation, ...]:
    """The relations of which the data allow any multiple in the equation."""
    found = []
    begun = replace(fitted.now, information=None, last=None)
    try:
        # What terms were judged by has the coefficients of the last step and states from before it.
        fit = replace(fitted.fit, workers=session.workers, learn_noise=False, free=False)
        now = _settled(fit, begun)
        if now is None:
            return ()
        fitted = replace(fitted, fit=fit, now=now)
        for relation in candidates:
            if _allowed(session, fitted, library, quadratic, kept, relation):
                found.append(relation)
    except StoppedError:
        pass
    return tuple(found)


def _allowed(
    session: Session,
    fitted: Fitted,
    library: Library,
    quadratic: Quadratic,
    kept: list[int],
    relation: Relation,
) -> bool:
    place = {(term.field, term.product): k for k, term in enumerate(library.terms)}
    vector = torch.zeros_like(quadratic.at)
    for product, value in zip(relation.products, relation.coefficients, strict=True):
        vector[place[relation.field, product]] = value
    lead = place[relation.field, relation.products[0]]
    does = quadratic.value([]) - quadratic.value(kept)
    alone = float(quadratic.matrix.sum(0)[lead, lead])
    if not (does > 0 and alone > 0):
        return False
    step = FAR * math.sqrt(does / alone) * vector
    allowed = max(quadratic.price * max(1.0, quadratic.misfit), ALIKE * does)
    free = sorted({*kept, *vector.nonzero()[:, 0].tolist()} - {lead})
    far = FAR**2 * does > TOLD * allowed
    nearer = (FAR / NEARER) ** 2 * does > TOLD * allowed
    for way in (step, -step) if far else ():
        rise = _rise(session, fitted, library, way, free, allowed)
        # A shift of half the size costs a quarter, as far as rollouts are linear in it.
        if nearer and allowed < rise and (rise <= NEARER**2 * allowed or rise == math.inf):
            rise = _rise(session, fitted, library, way / NEARER, free, allowed)
        if rise <= allowed:
            return True
    return False


def _rise(
    session: Session, fitted: Fitted, library: Library, step: Tensor, free: list[int], enough: float
) -> float:
    """By how much χ² is higher with other coefficients and the states that suit them, beyond what
    noise makes of it: the data may determine fewer unknowns there, each of which lowers χ² by one,
    give or take √2, whatever is true. free: terms whose coefficients may still change a little:
    those of a relation are not known exactly. inf where it would take far more steps of time:
    nobody would call that the same equation."""
    setup, now = fitted.setup, fitted.now
    there = now.coefficients + step
    steps = setup.untried(library, fitted.grid, there, now.states.at).substeps
    if steps > DEAR * max(QUICK, fitted.fit.model.inner.substeps):
        return math.inf
    dynamics = setup.dynamics(library, fitted.grid, there, now.states.at)
    fit = Fit(Model(dynamics, dynamics, single=False), session.workers, False, free=False)
    if not bool(fit.objectives(there, now.seen, now.states).isfinite().all()):
        return math.inf
    moved = _settled(fit, replace(now, coefficients=there))
    if moved is None:
        return math.inf
    assert now.reduced is not None and moved.reduced is not None
    fewer = float(now.reduced.spread.sum() - moved.reduced.spread.sum())
    # Each has a prior of its own: waves that are hidden in one are not in the other.
    before = float(fitted.fit.objectives(now.coefficients, now.seen, now.states).sum())
    rise = float(fit.objectives(there, now.seen, moved.states).sum()) - before - fewer
    rise -= SCATTER * math.sqrt(2 * abs(fewer))
    if rise <= enough:
        return rise
    reduced = replace(fit, free=True).reduce(moved)
    matrix, gradient = reduced.matrix.sum(0)[free][:, free], reduced.gradient.sum(0)[free]
    return rise - float(gradient @ inverse(matrix) @ gradient)


def _settled(fit: Fit, begun: Estimate) -> Estimate | None:
    """The states that suit some coefficients: the best, as far from them steps may lead away. None
    where rollouts blow up."""
    now, best, least = begun, None, math.inf
    for _ in range(STATES):
        now = fit.run(now, 1, until=0.0)
        if not now.finite:
            break
        total = float(fit.objectives(now.coefficients, now.seen, now.states).sum())
        settled = not total < least - LITTLE
        if total < least:
            best, least = now, total
        if settled:
            break
    return best
