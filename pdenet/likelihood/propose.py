"""The terms that may be in the equation: those of a given one and those that the data propose."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from pdenet.errors import DiscoveryError
from pdenet.events import Phase
from pdenet.library.terms import Library
from pdenet.likelihood.selection.ladder import Ladder, ladders_of
from pdenet.likelihood.selection.regression import Ranked, differentiates, rank_terms
from pdenet.likelihood.selection.relations import Relation
from pdenet.likelihood.series import Series
from pdenet.likelihood.task import Session
from pdenet.likelihood.unknowns import begun
from pdenet.pde import PDE
from pdenet.pde.unknown import OpenPDE

__all__ = ["Proposal", "propose"]

LAWLESS = 1e3
"""Squared residual of the best equation in weak form over that of noise from which a field has no
equation that is worth a rollout: where rollouts help, regressions leave some tens at most."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """All terms that may be in the equation, and coefficients to start from: those of a given
    equation, then those of regressions on the data. pool: products that the terms of one equation
    were drawn from. tried: the classes of products that were looked at, in words. relations: that
    hold on the data whatever the equation. same: derivatives of given fields that were left out,
    and what they are. steady: fields that vary far less than their mean, and that. series: the
    unknown functions of the equation. ladders: of the terms that are judged together."""

    library: Library
    starts: tuple[Tensor, ...]
    pool: int = 1
    tried: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    same: tuple[str, ...] = ()
    steady: tuple[tuple[str, float], ...] = ()
    series: tuple[Series, ...] = ()
    ladders: tuple[Ladder, ...] = ()


def propose(session: Session, pde: PDE | OpenPDE | None) -> Proposal:
    """The terms of an equation, and those that the data propose."""
    given: Library | None = None
    at: Tensor | None = None
    series: tuple[Series, ...] = ()
    if isinstance(pde, OpenPDE):
        given, at, series = begun(pde, session.setup)
    elif pde is not None:
        given, at = Library.of(pde, in_time=True)
    if given is not None and at is not None and not session.config.choose:
        # Terms that stay, whatever the data say, are ladders of one level.
        alone = [((k,),) for k, term in enumerate(given.terms) if term.part is None]
        ladders = (*ladders_of(given), *alone) if series else ()
        return Proposal(given, (at.to(session.setup.data),), series=series, ladders=ladders)
    session.on_event(Phase("terms from the data", 0.0, "regression in weak form"))
    setup = session.setup.resolved()
    order = max(
        [session.config.order, *(jet.order for jet in (given.jets if given is not None else ()))]
    )
    ranked = rank_terms(
        setup.seen, setup.waves, setup.dt, order, setup.fields, setup.acting, setup.taper
    )
    session.on_event(Phase("terms from the data", 1.0, f"{len(ranked.library.terms)} candidates"))
    if given is None:
        _check_laws(setup.fields, ranked)
    if given is None or at is None:
        library, starts = ranked.library, ranked.starts
        found = Proposal(library, starts, ranked.pool, ranked.tried, ranked.relations)
    else:
        found = _joined(given, at.to(setup.data), ranked, series)
    found = replace(found, same=ranked.same, steady=ranked.steady)
    return replace(found, series=series, ladders=ladders_of(found.library))


def _joined(
    given: Library, at: Tensor, ranked: Ranked, series: tuple[Series, ...] = ()
) -> Proposal:
    """The terms of an equation and those that were ranked; starts of either. Where no product
    explains a field, as with fronts that fall between points, those that were ranked say nothing,
    and besides the equation only its own derivatives are looked at."""
    names = {(term.field, term.name) for term in given.terms}
    excess = zip(ranked.library.fields, ranked.excess, strict=True)
    lawless = {name for name, left in excess if not left < LAWLESS}
    new = [
        term
        for term in ranked.library.terms
        if (term.field, term.name) not in names
        and not any(each.holds(term) for each in series)
        and (term.field not in lawless or differentiates(term.product, term.field))
    ]
    library = replace(given, terms=(*given.terms, *new))
    place = {(term.field, term.name): k for k, term in enumerate(library.terms)}
    first = at.new_zeros(len(library.terms))
    first[: len(at)] = at
    found = [first]
    for start in ranked.starts if not lawless else ():
        wide = at.new_zeros(len(library.terms))
        for term, value in zip(ranked.library.terms, start.tolist(), strict=True):
            wide[place[term.field, term.name]] = value
        found.append(wide)
    return Proposal(library, tuple(found), ranked.pool, ranked.tried, ranked.relations)


def _check_laws(fields: tuple[str, ...], ranked: Ranked) -> None:
    """Raise DiscoveryError where some fields have an equation and others have none: with those held
    still, or sent on a wrong way, no rollout of the first leads anywhere."""
    lawless = [name for name, left in zip(fields, ranked.excess, strict=True) if not left < LAWLESS]
    if lawless and len(lawless) < len(fields):
        names, others = ", ".join(lawless), ", ".join(f for f in fields if f not in lawless)
        told = (
            f"no equation of the library explains how {names} changes, so nothing can be solved "
            f"together with it, although {others} may have an equation; tried: "
            f"{'; '.join(ranked.tried)}. If {names} has an equation, another field or a force acts "
            "on it that is not in the data; if it was only measured and acts on the others, say so "
            "and theirs are found"
        )
        listed = "".join(f"{name!r}, " for name in lawless).rstrip(
            " " if len(lawless) == 1 else ", "
        )
        raise DiscoveryError(
            f"{told}: given=({listed})",
            shell=f"{told}: {' '.join(f'--given {name}' for name in lawless)}",
        )
