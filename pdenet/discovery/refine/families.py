"""Equations that the data cannot tell apart: multiples of a relation that holds on them anyway.

A relation R = 0 between products (`relations`) says that u_t = F + a R fits for every a. Whether it
does is seen through rollouts: the coefficients are moved along R, as far as half of what the whole
equation does, and the initial states are fitted again. Where χ² is no higher than one more term
would have to lower it, a is undetermined.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pdenet.discovery.refine.choose import Quadratic
from pdenet.discovery.refine.eliminate import Model
from pdenet.discovery.refine.fit import Fit
from pdenet.discovery.refine.information import inverse
from pdenet.discovery.refine.relations import Relation
from pdenet.discovery.refine.session import Fitted, Session
from pdenet.discovery.refine.setup import DEAR
from pdenet.discovery.terms import Library
from pdenet.errors import StoppedError

__all__ = ["families"]

FAR = 0.5
"""How far coefficients are moved: the leading term of the relation then does this share of what the
equation does."""

STATES = 8
"""Iterations of the states there, at most."""


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
    for relation in candidates:
        try:
            if _allowed(session, fitted, library, quadratic, kept, relation):
                found.append(relation)
        except StoppedError:
            break
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
    allowed = quadratic.price * max(1.0, quadratic.misfit)
    free = sorted({*kept, *vector.nonzero()[:, 0].tolist()} - {lead})
    return any(
        _rise(session, fitted, library, sign * step, free, allowed) <= allowed
        for sign in (1.0, -1.0)
    )


def _rise(
    session: Session, fitted: Fitted, library: Library, step: Tensor, free: list[int], enough: float
) -> float:
    """By how much χ² is higher with other coefficients and the states that suit them, of which the
    data may determine fewer: each lowers χ² by one whatever is true. free: terms whose coefficients
    may still change a little: those of a relation are not known exactly. inf where it would take
    far more steps of time: nobody would call that the same equation."""
    setup, now = fitted.setup, fitted.now
    assert now.reduced is not None
    before = float(fitted.fit.objectives(now.coefficients, now.seen, now.states).sum())
    before += float(now.reduced.spread.sum())
    there = now.coefficients + step
    steps = setup.untried(library, fitted.grid, there, now.states.at).substeps
    if steps > DEAR * fitted.fit.model.inner.substeps:
        return math.inf
    dynamics = setup.dynamics(library, fitted.grid, there, now.states.at)
    fit = Fit(Model(dynamics, dynamics, single=False), session.workers, False, free=False)
    moved, rise = replace(now, coefficients=there, information=None, last=None), math.inf
    for _ in range(STATES):
        moved = fit.run(moved, 1, until=0.0)
        if not moved.finite:
            return math.inf
        assert moved.reduced is not None
        after = float(fit.objectives(there, moved.seen, moved.states).sum()) - before
        after += float(moved.reduced.spread.sum())
        settled, rise = after > 0.9 * rise, min(rise, after)
        if rise <= enough or settled:
            break
    if rise <= enough:
        return rise
    reduced = replace(fit, free=True).reduce(moved)
    matrix, gradient = reduced.matrix.sum(0)[free][:, free], reduced.gradient.sum(0)[free]
    return rise - float(gradient @ inverse(matrix) @ gradient)
