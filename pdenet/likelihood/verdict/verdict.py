"""Whether the data decide for the equation that was found: four answers, each with its reason.

"identified" is a promise. It needs a fit that converged; χ² within its own uncertainty of 1, unless
what is left is no noise at all but the error of data that were computed; no wall that contradicts
the data; no relation of which any multiple could be added; no coefficient that may be zero; and no
other equation within the odds. Where one of these fails, what measurement would decide is said as
far as it can be computed (`decide`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.errors import StoppedError
from pdenet.library.terms import Library
from pdenet.likelihood.selection.relations import Relation
from pdenet.likelihood.verdict.contradiction import Contradiction
from pdenet.likelihood.verdict.decide import (
    finer_data,
    more_values,
    other_fields,
    summed,
    surer,
    to_exclude,
)
from pdenet.likelihood.verdict.directions import Direction
from pdenet.likelihood.verdict.misfit import (
    EXPLAINED,
    SIGNIFICANT,
    SURPRISING,
    WHAT_TO_TRY,
    Final,
    chi2_of,
    freedom,
    misfit_of,
)
from pdenet.noise import level
from pdenet.results.refinement import Alternative, Verdict
from pdenet.words import counted

__all__ = [
    "Doubts",
    "chi2_error",
    "direction_text",
    "family_text",
    "is_explained",
    "less_noise",
    "verdict_of",
    "what_would_decide",
]

SPIKE = 6.0
"""Standard deviations that noise leaves in two of a thousand million values."""

LEAST = 0.02
"""Distance from 1 within which χ² says nothing against an equation: noise is not known better than
to a per cent (`level`), nor is the prior exact."""

COMPUTED, REPRODUCED = 1e-6, 1e-3
"""Noise below this share of the fields is that of computed data, whose errors are no noise: then
the equation explains them if it reproduces them to the second share, as well as solvers agree."""

DOUBTFUL, DOUBTFUL_MORE = 0.05, 0.3
"""Odds of an alternative from which the data do not decide; of one with more terms, of which there
are many and of which noise alone brings one to the first odds in some fits of a hundred."""


@dataclass(frozen=True)
class Doubts:
    """What a verdict is made of besides the fit.

    related: relations of which any multiple may be in the equation. directions: that the fit hardly
    sees. walls: that the data contradict. price: what χ² has to fall by for a term. driven: what
    errors of given fields add to χ². refuted: whether the fit by which terms were judged was far
    from the data already.
    """

    library: Library
    coefficients: Tensor
    stderr: Tensor
    alternatives: tuple[Alternative, ...] = ()
    related: tuple[Relation, ...] = ()
    directions: tuple[Direction, ...] = ()
    walls: tuple[Contradiction, ...] = ()
    tried: tuple[str, ...] = ()
    price: float = 0.0
    driven: float = 0.0
    refuted: bool = False

    @property
    def families(self) -> tuple[str, ...]:
        """Equations that describe the data as well, as text: of relations, or else of what the fit
        hardly sees."""
        values = self.coefficients.tolist()
        if self.related:
            return tuple(family_text(each, self.library, values) for each in self.related)
        return tuple(direction_text(each, self.library, values) for each in self.loose)

    @property
    def loose(self) -> tuple[Direction, ...]:
        """Directions along which a coefficient may be zero."""
        weak = set(self.weak)
        return tuple(d for d in self.directions if weak & {(t.field, t.name) for t in d.terms})

    @property
    def weak(self) -> dict[tuple[str, object], tuple[float, float]]:
        """Terms whose coefficients may be zero, and these with their errors."""
        terms, values = self.library.terms, self.coefficients.tolist()
        each = zip(terms, values, self.stderr.tolist(), strict=True)
        return {(t.field, t.name): (c, e) for t, c, e in each if not abs(c) >= SIGNIFICANT * e}

    @property
    def rival(self) -> Alternative | None:
        """The first equation within the odds."""
        for other in self.alternatives:
            more = other.terms > len(self.library.terms)
            if other.odds > (DOUBTFUL_MORE if more else DOUBTFUL):
                return other
        return None


def chi2_error(final: Final) -> float:
    """The standard deviation of χ² if equation and noise are right; noise that was not given was
    estimated from the same data (`pdenet.noise.level`)."""
    now, setup = final.estimate, final.setup
    assert now.reduced is not None
    if setup.given:
        return math.sqrt(2 / float(freedom(now.seen, now.reduced)))
    unknowns = float(now.reduced.spread.sum())
    # Windows of one trajectory have the noise that was found in all of it.
    whole, place = torch.unique(
        torch.tensor([row for row, _ in setup.origins]), return_inverse=True
    )
    place = place.to(setup.doubt.device)
    none = setup.doubt.new_zeros(len(whole), setup.doubt.shape[1])
    values = none.index_add(0, place, now.seen.count.to(none))
    doubt = setup.doubt * now.seen.scatter
    return level.chi2_error(none.index_copy(0, place, doubt), values, unknowns)


def verdict_of(final: Final, doubts: Doubts) -> tuple[Verdict, str]:
    """The verdict and why it is that; no reason for "identified"."""
    if doubts.walls:
        told = "; ".join(map(str, doubts.walls))
        ends = " or ".join(dict.fromkeys(each.instead for each in doubts.walls))
        return "not explained", (
            f"a wall contradicts the data: {told}. Give what holds there, or leave it open ({ends})"
        )
    weak, near = _weak(doubts), chi2_of(final.estimate, final.setup.shown) < EXPLAINED
    if not final.estimate.converged and weak and near:
        return "not identifiable", weak
    left = _unexplained(final, doubts)
    if not final.estimate.converged and not (doubts.refuted and left):
        return "not converged", (
            "the coefficients still moved when the fit ended: they are the best so far, and "
            "neither they nor their errors are to be relied on"
        )
    spikes = _spikes(final, doubts.driven) if left else ""
    if spikes:
        return "not explained", f"{left}. {spikes}"
    if left:
        tried = "; ".join(doubts.tried)
        looked = f" Tried: {tried}." if tried else ""
        return "not explained", f"{left}.{looked} {WHAT_TO_TRY}"
    doubt = _undecided(doubts)
    return ("not identifiable", doubt) if doubt else ("identified", "")


def _unexplained(final: Final, doubts: Doubts) -> str:
    """What the equation leaves that noise does not explain; "" if nothing."""
    if is_explained(final, doubts.driven):
        return ""
    chi2, error = chi2_of(final.estimate, final.setup.shown), chi2_error(final)
    misfit = misfit_of(final.estimate)
    noisy = misfit / math.sqrt(chi2) if chi2 > 0 else math.inf
    if noisy < COMPUTED and misfit < REPRODUCED:
        return ""
    who = "no equation of the library explains" if doubts.tried else "the equation does not explain"
    return (
        f"{who} the data: what is left is {100 * misfit:.2g} % of "
        f"the size of the fields, where noise would leave {100 * noisy:.2g} % (χ² = {chi2:.3g}, "
        f"where noise alone gives 1{f' ± {error:.1g}' if error > 0 else ''})"
    )


def _spikes(final: Final, driven: float) -> str:
    """That few values are all that is not explained; "" where they are not."""
    now = final.estimate
    try:
        left = final.fit.residuals(now)
    except StoppedError:
        return ""
    shape = [*now.seen.sigma[:, None].shape] + [1] * (left.dim() - 3)
    far, ratio = left.abs() > SPIKE, (now.seen.sigma / final.setup.shown)[:, None].reshape(shape)
    assert now.reduced is not None
    number = freedom(now.seen, now.reduced) - far.sum()
    rest = float((left * ratio * ~far).square().sum() / number)
    if not bool(far.any()) or not rest < _highest(final, driven):
        return ""
    return (
        f"All of it is in {counted(int(far.sum()), 'value')} that lie more than {SPIKE:g} standard "
        f"deviations from the fit: without them χ² is {rest:.3g}. Where these are faults of the "
        "measurement, give them as missing (NaN)"
    )


def is_explained(final: Final, driven: float) -> bool:
    """Whether χ² is within its own error of what noise leaves. driven: what errors of given fields
    add to it."""
    chi2 = chi2_of(final.estimate, final.setup.shown)
    return math.isfinite(chi2) and chi2 < _highest(final, driven)


def _highest(final: Final, driven: float) -> float:
    """The highest χ² that noise and errors of given fields make."""
    return 1 + driven + max(SURPRISING * chi2_error(final), LEAST)


def less_noise(final: Final) -> str:
    """That the fit leaves less than the noise that the data were thought to have; "" if it does
    not."""
    chi2, error = chi2_of(final.estimate, final.setup.shown), chi2_error(final)
    if chi2 > 1 - max(SURPRISING * error, LEAST):
        return ""
    told = "was given" if final.setup.given else "the data alone show"
    return (
        f"χ² = {chi2:.3g} is below 1 by more than its error: there is less noise than {told}, and "
        "errors are those of the noise that the fit leaves"
    )


def _undecided(doubts: Doubts) -> str:
    """Why the data do not decide for this equation; "" if they do."""
    if doubts.related:
        return (
            "the data are so special (as a travelling wave is, or fields that do not change along "
            f"an axis) that any of these equations describes them: {'; '.join(doubts.families)}"
        )
    weak = _weak(doubts)
    if weak:
        return weak
    other = doubts.rival
    return f"another equation has odds of {other.odds:.2g} : 1 ({other.change})" if other else ""


def _weak(doubts: Doubts) -> str:
    """Which coefficients may be zero, in words; "" where none."""
    known = doubts.weak
    terms = [t for t in doubts.library.terms if (t.field, t.name) in known]
    if not terms:
        return ""
    names = ", ".join(f"{term.text} in {term.field}_t" for term in terms)
    told = f"the coefficient of {names} is within {SIGNIFICANT:g} errors of zero"
    if not doubts.loose:
        return told
    alike = "; ".join(" and ".join(term.text for term in each.terms) for each in doubts.loose)
    return (
        f"{told}, because the data hardly tell {alike} apart: any of these equations describes "
        f"them as well: {'; '.join(doubts.families)}"
    )


def what_would_decide(verdict: Verdict, final: Final, doubts: Doubts) -> str:
    """What measurement would decide, as one sentence (`decide` has the equations); "" where nothing
    can be computed, or nothing is open."""
    if verdict in ("not explained", "not converged"):
        return "" if doubts.walls else finer_data(final)
    if verdict == "identified":
        return ""
    if doubts.related:
        first = doubts.related[0]
        return other_fields(first.products, first.coefficients)
    if doubts.loose:
        loose = doubts.loose[0]
        return other_fields([term.product for term in loose.terms], loose.coefficients)
    weak = doubts.weak
    if weak:
        values, errors = zip(*weak.values(), strict=True)
        return more_values(surer(values, errors), "to know whether it is there")
    times = doubts.rival and to_exclude(doubts.rival, len(doubts.library.terms), doubts.price)
    return more_values(times, "to tell the two equations apart") if times else ""


def family_text(relation: Relation, library: Library, coefficients: Sequence[float]) -> str:
    """All equations that differ by multiples of a relation: "u_t = -2*u_x + a*(u_xx + 4*u)"."""
    names = [product.monomial for product in relation.products]
    inside = summed(names, relation.coefficients)
    inside = inside if len(names) == 1 else f"({inside})"
    return (
        f"{relation.field}_t = {_own(relation.field, library, coefficients)} + a*{inside} for any a"
    )


def direction_text(direction: Direction, library: Library, coefficients: Sequence[float]) -> str:
    """The equations along a direction that the fit hardly sees, as far as one standard error:
    "u_t = -u_x + a*(u*u_x - 3*u_x) for a from -0.7 to 0.7"."""
    told = []
    for field in dict.fromkeys(term.field for term in direction.terms):
        parts = zip(direction.terms, direction.coefficients, strict=True)
        names, values = zip(*((t.name, c) for t, c in parts if t.field == field), strict=True)
        inside = summed(names, values)
        inside = inside if len(names) == 1 and values[0] == 1 else f"({inside})"
        told.append(f"{field}_t = {_own(field, library, coefficients)} + a*{inside}")
    return f"{', '.join(told)} for a from {-direction.error:.2g} to {direction.error:.2g}"


def _own(field: str, library: Library, coefficients: Sequence[float]) -> str:
    """The right-hand side of a field."""
    pairs = zip(library.terms, coefficients, strict=True)
    own = [(term.name, value) for term, value in pairs if term.field == field]
    return summed([name for name, _ in own], [value for _, value in own])
