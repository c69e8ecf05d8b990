"""Whether a fit with other terms is better than the one before."""

from __future__ import annotations

from dataclasses import replace

from pdenet.likelihood.task import Fitted
from pdenet.likelihood.trial import nonzero
from pdenet.likelihood.verdict.misfit import EXPLAINED, SMALL, chi2_of, misfit_of

__all__ = ["is_lost", "is_vain", "is_worse", "rise"]

VAIN = 0.5
"""Share of what would be evidence for terms that they must at least show when they are fitted."""

WORSE = 1.5
"""Factor by which χ² may rise when terms change. Those that leave cost some tens of χ², not half of
it."""


def rise(after: Fitted, before: Fitted) -> float:
    """By how much χ² and the prior's part are higher, with the same noise and the same prior: both
    are learned, and change from iteration to iteration."""
    seen, variance = before.now.seen, before.now.states.variance

    def total(each: Fitted) -> float:
        states = replace(each.now.states, variance=variance)
        return float(each.fit.objectives(each.now.coefficients, seen, states).sum())

    return total(after) - total(before)


def is_worse(after: Fitted, before: Fitted) -> bool:
    """Whether a fit with the terms that were asked for ended far above one without them: what asked
    for them is a quadratic around a place from which rollouts are not near to linear."""
    if not before.now.finite:
        return False
    limit = WORSE * max(1.0, chi2_of(before.now, before.setup.sigma))
    return not after.now.finite or chi2_of(after.now, after.setup.sigma) > limit


def is_vain(after: Fitted, before: Fitted, price: float) -> bool:
    """Whether more terms than explain the data already lower χ² by less than a share of what would
    be evidence for them: the quadratic that asked for them goes far along what the data cannot
    tell."""
    terms = after.fit.model.inner.library.terms
    now, then = (
        sum(terms[k].part is None for k in nonzero(each.now.coefficients))
        for each in (after, before)
    )
    more = now - then
    known = before.now.finite and chi2_of(before.now, before.setup.shown) < EXPLAINED
    return more > 0 and known and not rise(after, before) < -VAIN * more * price


def is_lost(after: Fitted, before: Fitted) -> bool:
    """Whether the data are as far from being explained as they were, so that other terms of the
    library will not do it either."""
    if not (after.now.finite and before.now.finite):
        return False
    found, last = (chi2_of(each.now, each.setup.shown) for each in (after, before))
    return found > EXPLAINED and misfit_of(after.now) > SMALL and found > last / 2
