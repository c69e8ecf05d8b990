"""Which terms the data ask for: chi² through rollouts, an information criterion, and held-out data.

Around a fit chi² is a quadratic form of the coefficients, one for each trajectory, with its initial
state refitted (`normal_equations`). The chi² of every smaller equation follows from it without
another rollout. A term belongs to the equation where chi² falls by more with it than

    κ (log n + 2 log P),      κ = max(1, V/C),

n the number of values and P that of the products from which terms are drawn (Schwarz' criterion,
extended by what it costs to look for the best of so many). V and C are the variances of its
coefficient as the trajectories show it and as the noise explains it; where the model is not exact
they differ, and chi² falls by as much for terms that only mend the model. Data without noise show
how a model steps in time, too: a term that does less than 10⁻⁵ of what the equation does is no
part of it. The term must also lower the chi² of trajectories that had no part in fitting it: each
trajectory is left out in turn.

Terms leave and enter one at a time until nothing changes, from all of them and from those that the
equation has (terms that nearly cancel each other leave only together); of the two ends the one with
the lower criterion counts. Equations one term away (without it, with another, with one in place of
another) are the alternatives, with odds exp(−ΔIC/2).

Functions that an unknown function is a sum of are no terms of their own: as many levels of them are
in the equation as the data ask for, whatever the other terms (`ladder`).

Sources: Schwarz, Ann. Stat. 6 (1978) 461-464; Chen, Chen, Biometrika 95 (2008) 759-771 (P); White,
Econometrica 50 (1982) 1-25 (V); Kass, Raftery, J. Am. Stat. Assoc. 90 (1995) 773-795 (odds).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from pdenet.likelihood.fit.information import covariance, inverse
from pdenet.likelihood.selection.ladder import CURVE, Ladder, climbed, shortened

__all__ = ["FEWEST", "RESOLVED", "Choice", "Judged", "Quadratic", "Rival", "choose"]

FEWEST = 6
"""Least number of trajectories that show how much coefficients vary between them."""

RESOLVED = 1e-10
"""Share of what chi² falls by with all terms that one term must have: the square of its effect."""

LEAST_ODDS = 1e-3
"""Odds from which an equation is listed that leaves out or exchanges a term."""

LEAST_ODDS_OF_MORE = 0.05
"""The same of one that adds a term: noise alone gives it odds of n^(-1/2)."""

MOST_RIVALS = 8


@dataclass(frozen=True, eq=False)
class Quadratic:
    """chi² of each trajectory around `at`: −2 g·d + dᵀ A d for coefficients at + d.

    matrix, gradient: A (trajectory, term, term), g (trajectory, term). misfit: chi² per degree of
    freedom. count: numbers observed. pool: P. scores: the covariance that errors of given fields
    make in the sum of g, (term, term), where there are any.
    """

    at: Tensor
    matrix: Tensor
    gradient: Tensor
    count: int
    misfit: float = 1.0
    pool: int = 1
    scores: Tensor | None = None

    def driven_by(self, scores: Tensor | None) -> Quadratic:
        """With errors of given fields."""
        return replace(self, scores=scores)

    @property
    def price(self) -> float:
        """What a term must lower chi² by, before κ."""
        return math.log(max(self.count, 3)) + 2 * math.log(self.pool)

    @cached_property
    def resolved(self) -> float:
        """What a term must lower chi² by to be more than an error of the model."""
        return RESOLVED * (self.value([]) - self.value(range(len(self.at))))

    def best(self, kept: Sequence[int], without: int | None = None) -> Tensor:
        """The change d to the best coefficients with these terms alone; without: a trajectory that
        is left out."""
        a, g = self.matrix.sum(0), self.gradient.sum(0)
        if without is not None:
            a, g = a - self.matrix[without], g - self.gradient[without]
        change = -self.at.clone()
        chosen = list(kept)
        if chosen:
            change[chosen] = 0
            right = g[chosen] - a[chosen] @ change
            change[chosen] = inverse(a[chosen][:, chosen]) @ right
        return change

    def chi2(self, change: Tensor) -> Tensor:
        """By how much chi² of each trajectory differs from that at `at`."""
        curved = torch.einsum("i,nij,j->n", change, self.matrix, change)
        return curved - 2 * self.gradient @ change

    def value(self, kept: Sequence[int]) -> float:
        """The least chi² of these terms, up to a constant."""
        return float(self.chi2(self.best(kept)).sum())

    def left(self, kept: Sequence[int]) -> float:
        """The share of chi² that is left with the best of these terms alone."""
        return 1 + self.value(kept) / (self.misfit * self.count)

    def held_out(self, kept: Sequence[int]) -> float | None:
        """The chi² of every trajectory with the coefficients of all others; None for one alone."""
        n = len(self.matrix)
        if n < 2:
            return None
        return sum(float(self.chi2(self.best(kept, row))[row]) for row in range(n))

    def covariance(self, kept: Sequence[int]) -> tuple[Tensor, Tensor]:
        """C and V of the coefficients of these terms; V is C for too few trajectories."""
        chosen, n = list(kept), len(self.matrix)
        inside = covariance(self.matrix.sum(0)[chosen][:, chosen])
        if self.scores is None:
            driven = torch.zeros_like(inside)
        else:
            driven = inside @ self.scores[chosen][:, chosen] @ inside
        if n < FEWEST:
            return inside, inside * max(1.0, self.misfit) + driven
        change = self.best(kept)
        scores = (self.gradient - self.matrix @ change)[:, chosen]
        scores = scores - scores.mean(0)
        return inside, inside @ (scores.T @ scores) @ inside * n / (n - 1) + driven

    def inflation(self, kept: Sequence[int]) -> Tensor:
        """κ of every term."""
        inside, seen = self.covariance(kept)
        ratio: Tensor = seen.diagonal() / inside.diagonal().clamp_min(1e-300)
        return ratio.clamp_min(1)


@dataclass(frozen=True)
class Judged:
    """A term, the chi² that it gains in the chosen equation, and what it has to gain."""

    term: int
    kept: bool
    coefficient: float
    gain: float
    needed: float
    held_out: float | None


@dataclass(frozen=True)
class Rival:
    """An equation one term away: the terms that leave and enter, its odds and its chi² gain."""

    leaves: int | None
    enters: int | None
    odds: float
    gain: float


@dataclass(frozen=True, eq=False)
class Choice:
    """The terms that stay, and why."""

    kept: list[int]
    judged: list[Judged]
    rivals: list[Rival]


def choose(
    quadratic: Quadratic,
    same_field: Callable[[int, int], bool],
    excluded: frozenset[int] = frozenset(),
    ladders: Sequence[Ladder] = (),
) -> Choice:
    """The terms that the data ask for, out of all of a quadratic.

    same_field: whether two terms stand in one equation; only such are exchanged. excluded: terms
    that must not be in it. ladders: unknown functions, which are in it, with the terms of each of
    their levels.
    """
    parts = {term for ladder in ladders for level in ladder for term in level}
    count = range(len(quadratic.at))
    every = [term for term in count if term not in excluded and term not in parts]
    inside = [term for term in every if quadratic.at[term] != 0]
    noise = max(1.0, quadratic.misfit)

    def with_parts(kept: Sequence[int]) -> list[int]:
        plain = [term for term in kept if term not in parts]
        if not ladders:
            return plain
        return climbed(quadratic.value, plain, ladders, noise * CURVE, excluded)

    ends = [_settled(quadratic, every, begin, with_parts) for begin in (every, inside)]
    kept = min(ends, key=lambda kept: _criterion(quadratic, kept))
    kept = shortened(quadratic.value, kept, ladders, noise * quadratic.price, noise)
    judged = [_judge(quadratic, kept, term) for term in count]
    pairs = _rivals(quadratic, kept, every, same_field)
    rivals = sorted(pairs, key=lambda rival: -rival.odds)
    return Choice(kept, judged, rivals[:MOST_RIVALS])


def _criterion(quadratic: Quadratic, kept: list[int]) -> float:
    """χ² and what its terms had to lower it by."""
    return quadratic.value(kept) + sum(_judge(quadratic, kept, term).needed for term in kept)


def _settled(
    quadratic: Quadratic,
    every: list[int],
    begin: list[int],
    with_parts: Callable[[Sequence[int]], list[int]],
) -> list[int]:
    """Terms leave and enter until none would. with_parts: those terms, and what is needed of
    unknown functions beside them."""
    kept = with_parts(begin)
    for _ in range(4 * len(every)):
        worst = min(
            (_judge(quadratic, kept, term) for term in kept if term in every),
            key=lambda judged: judged.gain / judged.needed,
            default=None,
        )
        if worst is not None and not _earned(worst):
            kept = with_parts([term for term in kept if term != worst.term])
            continue
        outside = (_judge(quadratic, kept, term) for term in every if term not in kept)
        best = max(outside, key=lambda judged: judged.gain / judged.needed, default=None)
        # What was just refused would only come and go.
        if best is None or best.gain < 1.2 * best.needed or not _earned(best):
            break
        kept = with_parts(sorted([*kept, best.term]))
    return kept


def _earned(judged: Judged) -> bool:
    return judged.gain > judged.needed and (judged.held_out is None or judged.held_out > 0)


def _judge(quadratic: Quadratic, kept: list[int], term: int) -> Judged:
    """What a term gains beside the others that are kept."""
    inside = sorted({*kept, term})
    outside = [other for other in inside if other != term]
    gain = quadratic.value(outside) - quadratic.value(inside)
    with_it, without = quadratic.held_out(inside), quadratic.held_out(outside)
    held_out = None if with_it is None or without is None else without - with_it
    kappa = float(quadratic.inflation(inside)[inside.index(term)])
    coefficient = float((quadratic.at + quadratic.best(inside))[term])
    needed = max(kappa * quadratic.price, quadratic.resolved)
    return Judged(term, term in kept, coefficient, max(gain, 0.0), needed, held_out)


def _rivals(
    quadratic: Quadratic,
    kept: list[int],
    every: list[int],
    same_field: Callable[[int, int], bool],
) -> Iterator[Rival]:
    """Equations one term away that are not excluded."""
    outside = [term for term in every if term not in kept]
    own = quadratic.value(kept)
    one = quadratic.price
    plain = [term for term in kept if term in every]
    pairs: list[tuple[int | None, int | None]] = [(term, None) for term in plain]
    pairs += [(None, term) for term in outside]
    pairs += [(a, b) for a in plain for b in outside if same_field(a, b)]
    for leaves, enters in pairs:
        other = sorted({*kept, *([] if enters is None else [enters])} - {leaves})
        union = sorted({*kept, *other})
        changed = [term for term in (leaves, enters) if term is not None]
        kappa = max(float(quadratic.inflation(union)[union.index(term)]) for term in changed)
        gain = own - quadratic.value([term for term in other if term is not None])
        worse = -gain / kappa + one * (len(other) - len(kept))
        odds = math.exp(min(0.0, -worse / 2)) if worse > -1e300 else 1.0
        if leaves is None and gain < quadratic.resolved:
            continue
        if odds > (LEAST_ODDS_OF_MORE if leaves is None else LEAST_ODDS):
            yield Rival(leaves, enters, odds, gain)
