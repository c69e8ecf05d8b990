"""A finished refinement as the equation with its errors, alternatives and verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pdenet.discovery.equation import DiscoveredEquation
from pdenet.discovery.fitted import FittedMap
from pdenet.discovery.refine.choose import Choice, Rival
from pdenet.discovery.refine.fit import CONVERGED
from pdenet.discovery.refine.information import visible
from pdenet.discovery.refine.measures import Final, chi2_of, reason_of
from pdenet.discovery.refine.propose import Proposal
from pdenet.discovery.refine.relearn import law_of
from pdenet.discovery.refine.result import Alternative, Decision, Refinement
from pdenet.discovery.refine.saving import Judgement
from pdenet.discovery.refine.shown import shown
from pdenet.discovery.refine.uncertainty import Driven, Errors, errors_of
from pdenet.discovery.refine.verdict import (
    Doubts,
    chi2_error,
    family_text,
    less_noise,
    verdict_of,
)
from pdenet.discovery.terms import Library, Term
from pdenet.errors import StoppedError
from pdenet.events import TermDropped
from pdenet.pde.render import format_monomial

__all__ = ["summarise"]

SHOWN = 3
"""Derivatives of given fields that are said to be no others, at most."""


def summarise(
    proposal: Proposal, judgement: Judgement, final: Final, frames: int
) -> DiscoveredEquation:
    """The result of a refinement. frames: of the data."""
    library, now = final.library, final.estimate
    generator = torch.Generator().manual_seed(final.setup.config.seed)
    assert now.reduced is not None
    driven = Driven.of(final.setup, final.fit, now, now.reduced)
    scores = None if driven is None else driven.scores
    errors = errors_of(final.quadratic.driven_by(scores), final.bias, generator)
    # What a finer grid would still change belongs to the error.
    stderr = (errors.stderr.square() + final.bias.square()).sqrt()
    if now.information is not None:
        # Nor is the fit any nearer to its end than it had to come.
        reached = CONVERGED * visible(now.information, now.coefficients)
        stderr = stderr.maximum(reached.to(stderr))
    functions = shown(
        proposal.series, library, now.coefficients, _spread(final, scores, stderr), final.setup
    )
    alternatives = _alternatives(proposal, judgement)
    values = now.coefficients.tolist()
    seen = torch.tensor(functions.plain, dtype=torch.bool)
    plain = library.only(functions.plain)
    texts = tuple(family_text(each, library, values) for each in judgement.families)
    doubts = Doubts(
        plain,
        now.coefficients[seen],
        stderr[seen],
        alternatives,
        texts,
        proposal.tried,
        driven.raised if driven else 0.0,
        judgement.fitted is not None and not judgement.fitted.is_near,
    )
    return DiscoveredEquation(
        pde=plain.pde(now.coefficients[seen]),
        stderr=plain.errors_by_field(stderr[seen]),
        dropped=_dropped(proposal.library, judgement.choice),
        steps=final.setup.data.shape[1] - 1,
        refinement=_refinement(
            final, errors.of(seen), judgement, proposal, doubts, frames, functions.maps
        ),
        maps=functions.maps,
        curves=functions.curves,
    )


def _spread(final: Final, scores: Tensor | None, stderr: Tensor) -> Tensor:
    """The covariance of the coefficients, with these standard errors."""
    seen = final.quadratic.driven_by(scores).covariance(range(len(stderr)))[1]
    size = stderr.to(seen) / seen.diagonal().clamp_min(1e-300).sqrt()
    found: Tensor = seen * size * size[:, None]
    return found


def _refinement(
    final: Final,
    errors: Errors,
    judgement: Judgement,
    proposal: Proposal,
    doubts: Doubts,
    frames: int,
    maps: Sequence[FittedMap],
) -> Refinement:
    setup, library, now = final.setup, doubts.library, final.estimate
    assert now.reduced is not None
    unknowns = float(now.reduced.spread.sum())
    values = int(now.seen.count.sum())
    chi2 = chi2_of(now, setup.sigma)
    inner = final.fit.model.inner
    verdict, reason = verdict_of(final, doubts)
    if verdict == "identified":
        reason = "; ".join([*_varying(maps), *_remarks(proposal, final, frames)])
    return Refinement(
        converged=now.converged,
        iterations=now.iterations,
        chi2=chi2,
        chi2_error=chi2_error(final),
        sigma=_noise(final),
        noise_given=setup.given,
        laws=_laws(final),
        values=values,
        unknowns=unknowns,
        shape=inner.waves.grid.shape,
        substeps=inner.substeps,
        bound=library.errors_by_field(errors.bound),
        bootstrap={} if errors.bootstrap is None else library.errors_by_field(errors.bootstrap),
        bias=library.by_field(errors.bias),
        decisions=_decisions(proposal.library, judgement.choice),
        alternatives=doubts.alternatives,
        families=doubts.families,
        tried=doubts.tried,
        verdict=verdict,
        reason=reason,
    )


def _varying(maps: Sequence[FittedMap]) -> Iterator[str]:
    """That coefficients vary, and forces act, and with what."""
    for each in maps:
        if each.kind == "varying":
            where = " and ".join("in time" if a == "t" else f"along {a}" for a in each.axes)
            term, system = each.multiplied, f" in {each.field}_t" * (len(maps) > 1)
            what = (
                f"the coefficient of {term}{system} varies" if term else f"a force{system} varies"
            )
            yield f"{what} {where}"


def _remarks(proposal: Proposal, final: Final, frames: int) -> Iterator[str]:
    """What a reader should know of an equation that is identified."""
    used = final.setup.data.shape[1]
    if used < frames and all(start == 0 for _, start in final.setup.origins):
        yield (
            f"by the first {used} of {frames} frames: later ones hold waves that the grid does not "
            "resolve, and with them no fit as good was found"
        )
    less = less_noise(final)
    if less:
        yield less
    if proposal.same:
        yield (
            "the simplest of the equations that these data cannot tell apart, within errors "
            f"{', '.join(proposal.same[:SHOWN])}"
        )


def _noise(final: Final) -> dict[str, float]:
    """The noise of each field that the residuals show, r.m.s. over trajectories."""
    now, names = final.estimate, final.library.fields
    assert now.reduced is not None and now.sigma is not None
    left = (now.reduced.chi2 + now.reduced.spread) * now.sigma.square()
    found = (left.sum(0) / now.seen.count.sum(0).clamp_min(1)).sqrt()
    return dict(zip(names, found.tolist(), strict=True))


def _laws(final: Final) -> dict[str, tuple[float, float, float]]:
    """The law of the noise of each field by the residuals; none where it was given, or there is no
    time left to ask them. Of a fit with even weights it is additive: others were tried."""
    now, fit = final.estimate, final.fit
    assert now.reduced is not None
    if not fit.learn_noise:
        return {}
    if now.seen.shape is None:
        return {name: (s**2, 0.0, 0.0) for name, s in _noise(final).items()}
    try:
        law = law_of(now.seen, *fit.drawn(now, now.states.draw), now.reduced.spread)
    except StoppedError:
        return {}
    rows = law.parts.T.tolist()
    return {name: (a, b, c) for name, (a, b, c) in zip(final.library.fields, rows, strict=True)}


def _decisions(library: Library, choice: Choice | None) -> tuple[Decision, ...]:
    if choice is None:
        return ()
    return tuple(
        Decision(
            field=library.terms[each.term].field,
            term=library.terms[each.term].text,
            kept=each.kept,
            coefficient=each.coefficient,
            gain=each.gain,
            needed=each.needed,
            held_out=each.held_out,
            reason=reason_of(each),
        )
        for each in choice.judged
        if library.terms[each.term].part is None
    )


def _dropped(library: Library, choice: Choice | None) -> tuple[TermDropped, ...]:
    if choice is None:
        return ()
    return tuple(
        TermDropped(
            field=library.terms[each.term].field,
            monomial_text=library.terms[each.term].text,
            coefficient=each.coefficient,
            scaled=math.sqrt(max(each.gain, 0.0)),
            reason=reason_of(each),
        )
        for each in choice.judged
        if not each.kept and library.terms[each.term].part is None
    )


def _alternatives(proposal: Proposal, judgement: Judgement) -> tuple[Alternative, ...]:
    """Equations one term away, and the term that changes."""
    if judgement.choice is None:
        return ()
    terms = proposal.library.terms
    return tuple(
        Alternative(
            equations=_equations(proposal.library, judgement.kept, rival),
            odds=rival.odds,
            gain=rival.gain,
            terms=len(judgement.kept) + (rival.enters is not None) - (rival.leaves is not None),
            change=_change(terms, rival),
        )
        for rival in judgement.choice.rivals
    )


def _equations(library: Library, kept: Sequence[int], rival: Rival) -> tuple[str, ...]:
    """The terms of an alternative, one sum for each field, coefficients left out."""
    chosen = sorted({*kept, *([] if rival.enters is None else [rival.enters])} - {rival.leaves})
    return tuple(
        f"{name}_t ~ "
        + (
            " + ".join(
                dict.fromkeys(
                    format_monomial(term.name) if term.part is None else term.part.name
                    for term in (library.terms[k] for k in chosen if k is not None)
                    if term.field == name
                )
            )
            or "0"
        )
        for name in library.fields
    )


def _change(terms: Sequence[Term], rival: Rival) -> str:
    if rival.leaves is None and rival.enters is not None:
        entering = terms[rival.enters]
        return f"{entering.field}_t: {entering.text} besides"
    assert rival.leaves is not None
    leaving = terms[rival.leaves]
    if rival.enters is None:
        return f"{leaving.field}_t: without {leaving.text}"
    return f"{leaving.field}_t: {terms[rival.enters].text} instead of {leaving.text}"
