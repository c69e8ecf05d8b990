"""Whether the data decide for the equation that was found: four answers, each with its reason.

"identified" is a promise. It needs a fit that converged; χ² within its own uncertainty of 1, unless
what is left is no noise at all but the error of data that were computed; no relation of which any
multiple could be added; no coefficient that may be zero; and no other equation within the odds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.discovery import noise
from pdenet.discovery.refine.measures import (
    EXPLAINED,
    SIGNIFICANT,
    SURPRISING,
    WHAT_TO_TRY,
    Final,
    chi2_of,
    freedom,
    misfit_of,
)
from pdenet.discovery.refine.relations import Relation
from pdenet.discovery.refine.result import Alternative, Verdict
from pdenet.discovery.terms import Library
from pdenet.errors import StoppedError
from pdenet.pde.render import format_monomial, format_number
from pdenet.words import counted

__all__ = ["Doubts", "chi2_error", "family_text", "is_explained", "less_noise", "verdict_of"]

SPIKE = 6.0
"""Standard deviations that noise leaves in two of a thousand million values."""

LEAST = 0.02
"""Distance from 1 within which χ² says nothing against an equation: noise is not known better than
to a per cent (`noise`), nor is the prior exact."""

COMPUTED, REPRODUCED = 1e-6, 1e-3
"""Noise below this share of the fields is that of computed data, whose errors are no noise: then
the equation explains them if it reproduces them to the second share, as well as solvers agree."""

DOUBTFUL, DOUBTFUL_MORE = 0.05, 0.3
"""Odds of an alternative from which the data do not decide; of one with more terms, of which there
are many and of which noise alone brings one to the first odds in some fits of a hundred."""


@dataclass(frozen=True)
class Doubts:
    """What a verdict is made of besides the fit. driven: what errors of given fields add to χ².
    refuted: whether the fit by which terms were judged was far from the data already."""

    library: Library
    coefficients: Tensor
    stderr: Tensor
    alternatives: tuple[Alternative, ...]
    families: tuple[str, ...]
    tried: tuple[str, ...]
    driven: float = 0.0
    refuted: bool = False


def chi2_error(final: Final) -> float:
    """The standard deviation of χ² if equation and noise are right; noise that was not given was
    estimated from the same data (`pdenet.discovery.noise`)."""
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
    return noise.chi2_error(none.index_copy(0, place, doubt), values, unknowns)


def verdict_of(final: Final, doubts: Doubts) -> tuple[Verdict, str]:
    """The verdict and why it is that; no reason for "identified"."""
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
    if doubts.families:
        return (
            "the data are so special (as a travelling wave is, or fields that do not change along "
            f"an axis) that any of these equations describes them: {'; '.join(doubts.families)}. "
            "Other initial states would decide"
        )
    weak = _weak(doubts)
    if weak:
        return weak
    for other in doubts.alternatives:
        more = other.terms > len(doubts.library.terms)
        if other.odds > (DOUBTFUL_MORE if more else DOUBTFUL):
            return f"another equation has odds of {other.odds:.2g} : 1 ({other.change})"
    return ""


def _weak(doubts: Doubts) -> str:
    """Which coefficients may be zero, in words; "" where none."""
    terms = zip(
        doubts.library.terms, doubts.coefficients.tolist(), doubts.stderr.tolist(), strict=True
    )
    weak = [
        f"{term.text} in {term.field}_t"
        for term, value, error in terms
        if not abs(value) >= SIGNIFICANT * error
    ]
    if not weak:
        return ""
    return f"the coefficient of {', '.join(weak)} is within {SIGNIFICANT:g} errors of zero"


def family_text(relation: Relation, library: Library, coefficients: Sequence[float]) -> str:
    """All equations that differ by multiples of a relation: "u_t = -2*u_x + a*(u_xx + 4*u)"."""
    own = [
        (term.name, value)
        for term, value in zip(library.terms, coefficients, strict=True)
        if term.field == relation.field
    ]
    names = [product.monomial for product in relation.products]
    inside = _sum(list(zip(names, relation.coefficients, strict=True)))
    inside = inside if len(names) == 1 else f"({inside})"
    return f"{relation.field}_t = {_sum(own)} + a*{inside} for any a"


def _sum(terms: list[tuple[object, float]]) -> str:
    parts = []
    for name, value in terms:
        text = format_monomial(name)
        size = format_number(abs(value), 4, "text")
        body = size if text == "1" else text if size == "1" else f"{size}*{text}"
        parts.append(f" {'-' if value < 0 else '+'} {body}")
    joined = "".join(parts) or " + 0"
    return joined[3:] if joined.startswith(" + ") else f"-{joined[3:]}"
