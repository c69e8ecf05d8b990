"""The final fit: all trajectories, with the terms that were chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.errors import DiscoveryError, StoppedError
from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.likelihood.fit.gauss_newton import Estimate, Fit
from pdenet.likelihood.fit.information import visible
from pdenet.likelihood.fit.setup import LONGEST, SHORTEST, Setup
from pdenet.likelihood.fit.stability import closer
from pdenet.likelihood.noise_law import under_its_law
from pdenet.likelihood.propose import Proposal
from pdenet.likelihood.saving import Judgement, restored, to_save
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.likelihood.states.model import Model
from pdenet.likelihood.task import Fitted, Session, carried, covers
from pdenet.likelihood.verdict.misfit import (
    EXPLAINED,
    TOO_LATE,
    Final,
    chi2_of,
    finer_than,
    is_exact,
    is_good,
    miss,
    quadratic_of,
)
from pdenet.likelihood.verdict.uncertainty import Driven, shift, smaller_by
from pdenet.likelihood.verdict.verdict import is_explained

__all__ = ["finish"]

GROWTH = 6
"""Iterations for each number of frames while it grows."""

NEGLIGIBLE = 0.25
"""Shift of a coefficient, in standard errors, from which a finer model is worth its time."""

HALF = 0.5
"""Part of the allowed shift that steps of time and points may each have."""

BEARABLE = 4.0
"""Shift of a coefficient, in those that are allowed, that errors may hold where the fit does not
settle on a finer model, or would need points to be doubled twice: a standard error."""

HALVINGS = 2
"""How often steps of the inner model are halved because it does not lead to the outer one."""

UNSEEN_FIRST, STILL = 6, 0.9
"""Iterations of the states alone, at most; and the factor by which one must lower chi² for another
to follow, but where one of the fields was never seen and begins with nothing."""

LITTLE = 0.1
"""chi² above 1 for the sake of which a fit that has not converged is not gone on with or tried in
another way."""

Step = Callable[[Estimate, Model], None]
"""What is told of every iteration."""


@dataclass(frozen=True, eq=False)
class _Work:
    """What a final fit is to do: with which terms, from where, in windows of how many frames, on
    which grid (None: as the data's spectrum asks), and whether their number grows. known: a fit of
    the same data whose states are used as far as they go. short: to give up soon."""

    library: Library
    start: Tensor
    judgement: Judgement
    frames: int
    known: Fitted | None = None
    grid: Grid | None = None
    grows: bool = False
    short: bool = False


def finish(
    session: Session,
    proposal: Proposal,
    judgement: Judgement,
    saved: Mapping[str, Tensor] | None = None,
) -> Final:
    """Fit all trajectories as far as their grid resolves them, and then to their end, where the
    equation explains the rest as well: it does not where a solver could not follow."""
    near = replace(session, setup=session.setup.resolved())
    final = _whole(near, proposal, judgement, saved)
    if near.setup is session.setup or session.late():
        return final
    if not is_good(final):
        return _whole(session, proposal, judgement)
    now, frames = final.estimate, session.setup.data.shape[1]
    known = Fitted.of(final)
    work = _Work(final.library, now.coefficients, judgement, frames, known, short=True)
    found = _other(session, work, final)
    # What is unknown of given fields adds up on the way.
    limit = 1 + LITTLE + EXPLAINED * max(0.0, chi2_of(now, final.setup.sigma) - 1)
    good = found.estimate.converged and chi2_of(found.estimate, found.setup.sigma) < limit
    return found if good else final


def _whole(
    session: Session,
    proposal: Proposal,
    judgement: Judgement,
    saved: Mapping[str, Tensor] | None = None,
) -> Final:
    """Fit all trajectories: whole ones where that leads to a fit, or else in windows."""
    library = proposal.library.only([value != 0 for value in judgement.coefficients.tolist()])
    start, whole = judgement.coefficients[judgement.kept], session.setup.data.shape[1]
    work = _Work(library, start, judgement, whole, judgement.fitted)
    if saved is not None and "window" in saved:
        grid = _grid_of(session.setup, saved["shape"])
        work = replace(work, frames=int(saved["window"]), grid=grid)
    elif work.known is not None:
        work = replace(work, frames=work.known.setup.data.shape[1])
        work = replace(work, frames=whole if 2 * work.frames > whole else work.frames)
    final = _final(session, work, saved)
    if work.known is not None and not work.known.is_near:
        return final
    final = _longer(session, final, work) if work.frames < whole else final
    if not is_good(final, 1 + LITTLE):
        for attempt in _attempts(work):
            if session.late() or is_good(final):
                break
            final = min(final, _other(session, attempt, final), key=miss)
    finer = _finer(final, final.grid)
    while finer is not None and not session.late():
        frames, known = final.setup.data.shape[1], Fitted.of(final)
        again = replace(work, frames=frames, grid=finer)
        if known.is_near:
            again = replace(again, start=final.estimate.coefficients, known=known)
        final = min(final, _other(session, again, final), key=miss)
        finer = _finer(final, finer)
    hidden = bool((final.estimate.seen.count == 0).any())
    sure = hidden or not final.estimate.converged
    return _sure(session, final) if sure and not session.late() else final


def _finer(final: Final, grid: Grid) -> Grid | None:
    """A finer grid than this one, where noise and errors of given fields leave something, or leave
    a little where waves go on beyond the grid."""
    now = final.estimate
    driven = now.reduced and Driven.of(final.setup, final.fit, now, now.reduced)
    raised = driven.raised if driven else 0.0
    finer = finer_than(grid, final.setup, now, raised)
    taken = grid.shape == final.grid.shape
    if finer is not None or not (taken and now.converged) or is_explained(final, raised):
        return finer
    cut = (final.setup.beyond(grid) > final.setup.sigma.square()).any()
    return final.setup.finer(grid, len(now.coefficients)) if bool(cut) else None


def _longer(session: Session, final: Final, work: _Work) -> Final:
    """The fit of ever longer windows than those in which terms were judged, up to whole
    trajectories: they say more, as far as rollouts through them are near enough to linear."""
    whole, frames = session.setup.data.shape[1], work.frames
    while frames < whole and is_good(final) and not session.late():
        frames = 2 * frames if 4 * frames <= whole else whole
        if frames * final.fit.model.inner.substeps > LONGEST or is_exact(final.estimate):
            break
        known = Fitted.of(final)
        start = final.estimate.coefficients
        longer = replace(work, start=start, frames=frames, known=known, short=True)
        found = _other(session, longer, final)
        limit = chi2_of(final.estimate, final.setup.sigma) + LITTLE
        if not found.estimate.converged or chi2_of(found.estimate, found.setup.sigma) > limit:
            break
        final = found
    return final


def _attempts(work: _Work) -> Iterator[_Work]:
    """What is tried, in turn, where nothing led to a fit: a growing number of frames, and ever
    shorter windows."""
    yield replace(work, grows=True, known=None)
    frames = work.frames // 2
    while frames >= SHORTEST:
        yield replace(work, frames=frames)
        frames //= 2


def _sure(session: Session, final: Final) -> Final:
    """The same with errors as large as they are: where a fit does not converge, it is often
    because the data do not decide."""
    now = final.fit.sure(final.estimate)
    assert now.reduced is not None
    windows = len(now.states.at) // len(session.setup.data)
    return replace(final, estimate=now, quadratic=quadratic_of(now, now.reduced, windows))


def _other(session: Session, work: _Work, final: Final) -> Final:
    """Another fit than this one, or this one where there is no time for it or no solver follows."""
    try:
        return _final(session, work)
    except DiscoveryError:
        return final


def _final(session: Session, work: _Work, saved: Mapping[str, Tensor] | None = None) -> Final:
    """The final fit in windows of so many frames."""
    library, windows = work.library, session.setup.data.shape[1] // work.frames
    setup = session.setup.in_windows(work.frames) if windows > 1 else session.setup
    grid, known = work.grid or setup.state_grid(len(library.terms)), work.known
    now = setup.begin(grid, work.start)
    if saved is not None and "at" in saved:
        now = restored(now, saved)
    elif known is not None:
        now = carried(setup, grid, now, known)
    inner = setup.dynamics(library, grid, now.coefficients, now.states.at)
    model = Model(inner, inner)
    model = model if known is None else model.as_fine_as(known.fit.model)
    if saved is not None and "steps" in saved:
        model = _restored(setup, library, inner, now, saved)
        inner = model.inner
    fit = Fit(model, session.workers, learn_noise=not setup.given)

    def step(done: Estimate, model: Model) -> None:
        session.said(setup, library, done)
        session.save(to_save(work.judgement, done, setup.data.shape[1], model))

    if work.grows:
        now = _grown(session, setup, library, fit, now)
    elif known is None or not covers(known, setup):
        now = _states_alone(fit, now) if now.iterations == 0 else now
    near = known is None or known.is_near
    short = work.short or not near
    now = _tried(fit, now, step) if short else _settled(session, fit, now, step)
    if not (now.finite or short or session.late()):  # steps stable for the first states alone
        fit = replace(fit, model=fit.model.with_smaller_steps(2))
        now = _settled(session, fit, setup.begin(grid, work.start), step)
    if now.reduced is None or now.information is None:  # or of states alone
        raise DiscoveryError(TOO_LATE.python, shell=TOO_LATE.shell)
    bias = torch.zeros(len(now.coefficients), dtype=torch.float64)
    if near:
        other = under_its_law(setup, fit, now)
        now = now if other is None else _settled(session, fit, other, step)
        fit, now, bias = _as_fine_as_needed(session, setup, library, fit, now, step, work.short)
    assert now.reduced is not None
    quadratic = quadratic_of(now, now.reduced, windows)
    return Final(setup, library, grid, fit, now, quadratic, bias)


def _states_alone(fit: Fit, now: Estimate) -> Estimate:
    """States given the coefficients, which are nearly right, for as long as that is worth it: an
    iteration of them alone is quick."""
    unseen = bool((now.seen.count == 0).any())
    still, before = replace(fit, free=False, learn_noise=False), math.inf
    for _ in range(UNSEEN_FIRST):
        now = still.run(now, 1, until=0.0)
        if not now.finite:
            break
        assert now.reduced is not None
        after = float(now.reduced.chi2.sum())
        if not unseen and after > STILL * before:
            break
        before = after
    return replace(now, iterations=0)  # of the whole fit none is done


def _as_fine_as_needed(
    session: Session,
    setup: Setup,
    library: Library,
    fit: Fit,
    now: Estimate,
    step: Step,
    short: bool,
) -> tuple[Fit, Estimate, Tensor]:
    """The fit with an outer model so fine that a finer one would change little, and by how much.

    Steps of time and points are looked at, and made finer, each for itself. Where derivatives of
    the inner model do not lead to the outer one, its steps are halved first.
    """
    finest, halved = session.config.finest * setup.problem.grid.shape[0], 0
    bias = torch.full_like(now.coefficients, math.inf)
    while len(now.coefficients) and now.finite and not session.late():
        try:
            near = now.converged or chi2_of(now, now.seen.sigma) < 1 + LITTLE
            times = smaller_by(fit, now) if near else 1
            if times > 1:  # wrong derivatives may keep a fit from converging, too
                fit = replace(fit, model=fit.model.with_smaller_steps(times))
                # Chaos makes long windows costly, and they say little more than shorter ones.
                now = _settled(session, fit, now, step, GROWTH if short else 0)
                continue
        except StoppedError:
            break
        inner, outer = fit.model.inner, fit.model.outer
        smaller = outer.in_smaller_steps(2)
        try:
            finer = _on(setup, library, inner, now, outer.waves.grid.refine(2))
            finer = finer.in_steps(tuple(map(max, finer.each, outer.each)))
            shifts = shift(fit, now, smaller, finer)
        except (StoppedError, DiscoveryError):  # no solver could follow there
            break
        bias = shifts.sum(0)
        assert now.information is not None
        allowed = NEGLIGIBLE * visible(now.information, now.coefficients)
        in_time, in_space = (shifts.abs() / allowed).amax(1).tolist()
        if not in_time + in_space > 1 or not now.converged:  # nan: the finer model blows up
            break
        if in_space > HALF and outer.waves.grid.shape[0] > finest:
            break
        again = outer.waves.grid.shape != inner.waves.grid.shape
        if again and in_time <= HALF and in_space <= BEARABLE:  # errors hold it
            break
        outer = finer if in_space > HALF else outer
        outer = outer.in_smaller_steps(closer(in_time / HALF)) if in_time > HALF else outer
        ahead = replace(fit, model=Model(inner, outer))
        there = _settled(session, ahead, now, step)
        assert there.reduced is not None
        if not there.converged and in_time + in_space <= BEARABLE:  # errors hold it
            break
        if there.converged or (halved == HALVINGS and there.reduced.finite):
            fit, now = ahead, there
        elif halved == HALVINGS:
            break
        else:
            halved, inner = halved + 1, inner.in_smaller_steps(2)
            fit = replace(fit, model=Model(inner, inner))
            now = _settled(session, fit, now, step)
    return fit, now, bias.nan_to_num(math.inf).cpu()  # a model that blows up says nothing


def _tried(fit: Fit, now: Estimate, step: Step) -> Estimate:
    """A few iterations from a place that should be near: no more where steps are refused."""
    for _ in range(GROWTH):
        before = math.inf if now.reduced is None else chi2_of(now, now.seen.sigma)
        sigma = now.seen.sigma
        now = fit.run(now, 1, lambda done: step(done, fit.model))
        if not now.finite or now.converged:
            break
        if now.step == math.inf and chi2_of(now, sigma) > STILL * before:
            break
    return now


def _settled(session: Session, fit: Fit, now: Estimate, step: Step, most: int = 0) -> Estimate:
    """The fit after so many iterations, or those of the settings, and as many again for as long as
    they halve what chi² has above 1, and that is not little."""
    while True:
        known = now.reduced is not None
        before = chi2_of(now, now.seen.sigma) if known else math.inf
        sigma = now.seen.sigma
        now = fit.run(now, most or session.config.iterations, lambda done: step(done, fit.model))
        if now.reduced is None or now.converged or not now.finite or session.late():
            return now
        after = chi2_of(now, sigma)
        if after < 1 + LITTLE or not after - 1 <= (before - 1) / 2:
            return now


def _grid_of(setup: Setup, shape: Tensor) -> Grid:
    """The grid of the data with so many points."""
    own = setup.problem.grid
    return own.refine(int(shape[0]) // own.shape[0])


def _restored(
    setup: Setup, library: Library, inner: Dynamics, now: Estimate, saved: Mapping[str, Tensor]
) -> Model:
    """The inner and the outer model of a fit that was saved."""
    inner = inner.in_steps(tuple(saved["steps"].tolist()))
    grid, steps = _grid_of(setup, saved["outer_shape"]), tuple(saved["outer_steps"].tolist())
    if (grid.shape, steps) == (inner.waves.grid.shape, inner.each):
        return Model(inner, inner)
    return Model(inner, _on(setup, library, inner, now, grid).in_steps(steps))


def _on(setup: Setup, library: Library, inner: Dynamics, now: Estimate, grid: Grid) -> Dynamics:
    """The same equation on another grid, with steps that are stable there."""
    at = inner.waves.resampled(now.states.at, setup.waves_on(grid))
    return setup.dynamics(library, grid, now.coefficients, at)


def _grown(session: Session, setup: Setup, library: Library, fit: Fit, now: Estimate) -> Estimate:
    """Where few frames lead, then twice as many, and so on: the same initial states, of which
    more and more is seen; states given the equation, then both. The way where a long rollout is
    far from linear in its start."""
    frames = now.seen.values.shape[1]
    for part in (8, 4, 2):
        if frames // part < SHORTEST:
            continue
        states = replace(now.states, white=now.states.white[:, : frames // part])
        some = replace(now, seen=now.seen.until(frames // part), states=states)
        still = replace(fit, free=False, learn_noise=False)
        some = still.run(some, GROWTH, lambda done: session.said(setup, library, done))
        found = fit.run(some, GROWTH, lambda done: session.said(setup, library, done))
        states = replace(found.states, white=now.states.white)
        now = replace(now, coefficients=found.coefficients, states=states)
    return now
