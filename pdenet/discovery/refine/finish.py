"""The final fit: all trajectories, with the terms that were chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from pdenet.discovery.reading import NOTHING_HELPS
from pdenet.discovery.refine.dynamics import Dynamics
from pdenet.discovery.refine.eliminate import Model
from pdenet.discovery.refine.fit import Estimate, Fit
from pdenet.discovery.refine.information import errors
from pdenet.discovery.refine.measures import Final, chi2_of, finer_than, is_good, miss, quadratic_of
from pdenet.discovery.refine.propose import Proposal
from pdenet.discovery.refine.saving import Judgement, restored, to_save
from pdenet.discovery.refine.session import Session
from pdenet.discovery.refine.setup import SHORTEST, Setup
from pdenet.discovery.refine.uncertainty import shift
from pdenet.discovery.terms import Library
from pdenet.errors import DiscoveryError
from pdenet.grid import Grid

__all__ = ["finish"]

GROWTH = 6
"""Iterations for each number of frames while it grows."""

NEGLIGIBLE, EXACT = 0.25, 1e-8
"""Shift of a coefficient, in standard errors and as a share of it, from which a finer model is
worth its time: without noise it would go on to rounding, for digits that no measurement has."""

HALVINGS = 2
"""How often steps of the inner model are halved because it does not lead to the outer one."""

UNSEEN_FIRST = 6
"""Iterations of the states alone where one of the fields was never seen and begins with nothing."""

LITTLE = 0.1
"""chi² above 1 for the sake of which a fit that has not converged is not gone on with or tried in
another way."""


@dataclass(frozen=True, eq=False)
class _Work:
    """What a final fit is to do: with which terms, from where, in windows of how many frames, on
    which grid (None: as the data's spectrum asks), and whether their number grows."""

    library: Library
    start: Tensor
    judgement: Judgement
    frames: int
    grid: Grid | None = None
    grows: bool = False


def finish(
    session: Session,
    proposal: Proposal,
    judgement: Judgement,
    saved: Mapping[str, Tensor] | None = None,
) -> Final:
    """Fit all trajectories; in shorter windows where the fit of whole ones fails."""
    library = proposal.library.only([value != 0 for value in judgement.coefficients.tolist()])
    start = judgement.coefficients[judgement.kept]
    if not library.terms:
        raise DiscoveryError(NOTHING_HELPS)
    work = _Work(library, start, judgement, session.setup.data.shape[1])
    if saved is not None and "window" in saved:
        grid = _grid_of(session.setup, saved["shape"])
        work = replace(work, frames=int(saved["window"]), grid=grid)
    final = _final(session, work, saved)
    finer = finer_than(final.grid, final.setup, final.estimate)
    while finer is not None:
        final = min(final, _final(session, replace(work, grid=finer)), key=miss)
        finer = finer_than(finer, final.setup, final.estimate)
    if not is_good(final, 1 + LITTLE):
        final = min(final, _final(session, replace(work, grows=True)), key=miss)
    while not is_good(final) and work.frames >= 2 * SHORTEST:
        work = replace(work, frames=work.frames // 2)
        final = min(final, _final(session, work), key=miss)
    hidden = bool((final.estimate.seen.count == 0).any())
    return final if final.estimate.converged and not hidden else _sure(session, final)


def _sure(session: Session, final: Final) -> Final:
    """The same with errors as large as they are: where a fit does not converge, it is often
    because the data do not decide."""
    now = final.fit.sure(final.estimate)
    assert now.reduced is not None
    windows = len(now.states.at) // len(session.setup.data)
    return replace(final, estimate=now, quadratic=quadratic_of(now, now.reduced, windows))


def _final(session: Session, work: _Work, saved: Mapping[str, Tensor] | None = None) -> Final:
    """The final fit in windows of so many frames."""
    library, windows = work.library, session.setup.data.shape[1] // work.frames
    setup = session.setup.in_windows(work.frames) if windows > 1 else session.setup
    grid = work.grid or setup.state_grid(len(library.terms))
    now = setup.begin(grid, work.start)
    if saved is not None and "at" in saved:
        now = restored(now, saved)
    inner = setup.dynamics(library, grid, now.coefficients, now.states.at)
    model = Model(inner, inner)
    if saved is not None and "steps" in saved:
        model = _restored(setup, library, inner, now, saved)
        inner = model.inner
    fit = Fit(model, session.workers, learn_noise=not setup.given)

    def step(done: Estimate, model: Model) -> None:
        session.said(setup, library, done)
        session.save(to_save(work.judgement, done, setup.data.shape[1], model))

    if work.grows:
        now = _grown(session, setup, library, fit, now)
    elif now.iterations == 0:  # states alone are quick, and the coefficients are nearly right
        unseen = bool((now.seen.count == 0).any())
        still = replace(fit, free=False, learn_noise=False)
        now = still.run(now, UNSEEN_FIRST if unseen else 1, until=0.0)
    now = _settled(fit, now, session.config.iterations, step)
    fit, now, bias = _as_fine_as_needed(session, setup, library, fit, now, step)
    assert now.reduced is not None
    quadratic = quadratic_of(now, now.reduced, windows)
    return Final(setup, library, grid, fit, now, quadratic, bias)


def _as_fine_as_needed(
    session: Session,
    setup: Setup,
    library: Library,
    fit: Fit,
    now: Estimate,
    step: Callable[[Estimate, Model], None],
) -> tuple[Fit, Estimate, Tensor]:
    """The fit with an outer model so fine that a finer one would change little, and by how much.

    Where derivatives of the inner model do not lead to the outer one, its steps are halved first.
    """
    finest, halved = 2 * session.config.finest * setup.problem.grid.shape[0], 0
    while True:
        inner, outer = fit.model.inner, fit.model.outer
        finer = _on(setup, library, inner, now, outer.waves.grid.refine(2))
        twice = outer.in_smaller_steps(2).each
        finer = finer.in_steps(tuple(map(max, finer.each, twice)))
        bias = shift(fit, now, finer)
        assert now.information is not None
        allowed = NEGLIGIBLE * errors(now.information)
        small = bool((bias.abs() <= allowed.maximum(EXACT * now.coefficients.abs())).all())
        if small or finer.waves.grid.shape[0] > finest or not now.converged:
            break
        ahead = replace(fit, model=Model(inner, finer))
        there = _settled(ahead, now, session.config.iterations, step)
        assert there.reduced is not None
        if there.converged or (halved == HALVINGS and there.reduced.finite):
            fit, now = ahead, there
        elif halved == HALVINGS:
            break
        else:
            halved, inner = halved + 1, inner.in_smaller_steps(2)
            fit = replace(fit, model=Model(inner, inner))
            now = _settled(fit, now, session.config.iterations, step)
    return fit, now, bias.nan_to_num(0.0).cpu()  # a model that blows up says nothing


def _settled(
    fit: Fit, now: Estimate, iterations: int, step: Callable[[Estimate, Model], None]
) -> Estimate:
    """The fit after so many iterations, and as many again for as long as they halve what chi² has
    above 1, and that is not little."""
    while True:
        before = math.inf if now.reduced is None else chi2_of(now, now.seen.sigma)
        sigma = now.seen.sigma
        now = fit.run(now, iterations, lambda done: step(done, fit.model))
        after = chi2_of(now, sigma)
        if now.converged or after < 1 + LITTLE or not after - 1 <= (before - 1) / 2:
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
        seen = replace(
            now.seen,
            values=now.seen.values[:, : frames // part],
            seen=now.seen.seen[:, : frames // part],
        )
        states = replace(now.states, white=now.states.white[:, : frames // part])
        some = replace(now, seen=seen, states=states)
        still = replace(fit, free=False, learn_noise=False)
        some = still.run(some, GROWTH, lambda done: session.said(setup, library, done))
        found = fit.run(some, GROWTH, lambda done: session.said(setup, library, done))
        states = replace(found.states, white=now.states.white)
        now = replace(now, coefficients=found.coefficients, states=states)
    return now
