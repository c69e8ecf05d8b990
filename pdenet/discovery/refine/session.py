"""One refinement: its terms, and the steps from proposals to the final fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pdenet.discovery.reading import NOTHING_HELPS
from pdenet.discovery.refine.choose import Choice, Quadratic, choose
from pdenet.discovery.refine.config import RefineConfig
from pdenet.discovery.refine.eliminate import Model, Reduced
from pdenet.discovery.refine.fit import Estimate, Fit, Workers, errors
from pdenet.discovery.refine.measures import (
    EXPLAINED,
    SMALL,
    Final,
    chi2_of,
    freedom,
    is_good,
    misfit_of,
    miss,
    reason_of,
)
from pdenet.discovery.refine.saving import Judgement, restored, to_save
from pdenet.discovery.refine.setup import Setup
from pdenet.discovery.refine.start import Ranked, rank_terms
from pdenet.discovery.refine.uncertainty import shift
from pdenet.discovery.terms import Library
from pdenet.errors import DiscoveryError
from pdenet.events import Listener, Phase, Refining, TermJudged
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.render import to_text

__all__ = ["Proposal", "Session"]

JUDGED_TRAJECTORIES = 8
JUDGED_VALUES = 2**20
"""Terms are judged on so many trajectories and numbers, or the least number of frames beside; the
final fit sees all."""
JUDGED_FRAMES = 16

ATTEMPT = 6
NEAR = 3.0
"""Iterations that a start is given to come so near its optimum, in standard errors, before the next
one is tried."""

SETTLED = 0.5
"""Step in standard errors at which terms can be judged."""

ROUNDS = 6
"""How often terms are judged, at most."""

NEGLIGIBLE = 0.25
"""Shift of a coefficient, in standard errors, from which a finer model is worth its time."""

SHORTEST = 4
"""Frames of the shortest windows that trajectories are cut into where rollouts fail."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """All terms that may be in the equation, and coefficients to start from: those of a given
    equation, then those of regressions on the data. pool: products that the terms of one equation
    were drawn from."""

    library: Library
    starts: tuple[Tensor, ...]
    pool: int = 1


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


@dataclass(eq=False)
class Session:
    """The steps of a refinement, and what is said of them."""

    setup: Setup
    workers: Workers
    on_event: Listener
    save: Callable[[Mapping[str, Tensor]], None] = field(default=lambda saved: None)

    @property
    def config(self) -> RefineConfig:
        """The settings."""
        return self.setup.config

    def propose(self, pde: PDE | None) -> Proposal:
        """The terms of an equation, and those that smoothed data propose."""
        given, at = (None, None) if pde is None else Library.of(pde)
        if given is not None and at is not None and not self.config.choose:
            return Proposal(given, (at.to(self.setup.data),))
        self.on_event(Phase("terms from the data", 0.0, "smoothing and regression"))
        setup = self.setup
        order = max(
            [self.config.order, *(jet.order for jet in (given.jets if given is not None else ()))]
        )
        ranked = rank_terms(setup.seen, setup.waves, setup.dt, order, setup.problem.fields)
        self.on_event(Phase("terms from the data", 1.0, f"{len(ranked.library.terms)} candidates"))
        if given is None or at is None:
            return Proposal(ranked.library, ranked.starts, ranked.pool)
        return _joined(given, at.to(setup.data), ranked)

    def judge(self, proposal: Proposal) -> Judgement:
        """Fit some trajectories, judge every term there, and again until nothing changes."""
        setup = self.setup.some(JUDGED_TRAJECTORIES, JUDGED_VALUES, JUDGED_FRAMES)
        library = proposal.library
        grid = setup.state_grid(len(library.terms))
        setup, starts = self._started(setup, grid, proposal)
        part, now = self._first(setup, library, grid, starts)
        choice: Choice | None = None
        for _ in range(ROUNDS):
            quadratic = self._quadratic(part, now, 1, proposal.pool)
            choice = choose(
                quadratic, lambda a, b: library.terms[a].field == library.terms[b].field
            )
            self._tell(library, choice)
            change = quadratic.best(choice.kept)
            settled = set(choice.kept) == set(_nonzero(now.coefficients))
            finer = self._finer(setup, grid, now) if settled else None
            now = replace(now, coefficients=quadratic.at + change)
            if settled and finer is None:
                break
            if finer is not None:
                grid, now = finer, setup.begin(finer, now.coefficients)
            part, now = self._fitted(setup, library, grid, now, self.config.iterations)
        coefficients = now.coefficients.clone()
        if choice is not None:
            outside = torch.ones_like(coefficients, dtype=torch.bool)
            outside[choice.kept] = False
            coefficients[outside] = 0
        return Judgement(coefficients, choice)

    def _first(
        self, setup: Setup, library: Library, grid: Grid, starts: Sequence[Estimate]
    ) -> tuple[Fit, Estimate]:
        """The fit of the first of the proposed equations for which it converges, or else the one
        nearest to the data."""
        found = []
        for start in starts:
            fit, now = self._fitted(setup, library, grid, start, ATTEMPT)
            if now.step < NEAR:
                return fit, now
            found.append((chi2_of(now, setup.sigma), fit, now))
        return min(found, key=lambda each: each[0])[1:]

    def _started(
        self, setup: Setup, grid: Grid, proposal: Proposal
    ) -> tuple[Setup, list[Estimate]]:
        """First states with each of the proposed coefficients, over so few frames that some of
        the rollouts are finite."""
        while True:
            found = []
            for start in proposal.starts:
                now = setup.begin(grid, start)
                dynamics = setup.dynamics(proposal.library, grid, start, now.states.at)
                fit = Fit(Model(dynamics, dynamics), self.workers)
                if _nonzero(start) and fit.objective(start, now.seen, now.states) < math.inf:
                    found.append(now)
            if found:
                return setup, found
            if setup.data.shape[1] <= SHORTEST:
                raise DiscoveryError(
                    "no equation that the data propose can be rolled out over even "
                    f"{setup.data.shape[1]} frames: give one with --pde, or data with less noise "
                    "or smaller time steps"
                )
            setup = replace(setup, data=setup.data[:, : (setup.data.shape[1] + 1) // 2])

    def _fitted(
        self, setup: Setup, library: Library, grid: Grid, now: Estimate, iterations: int
    ) -> tuple[Fit, Estimate]:
        """The fit of the terms that are not zero, and its estimate as one of the whole library."""
        kept = _nonzero(now.coefficients)
        if not kept:
            raise DiscoveryError(NOTHING_HELPS)
        mask = [k in kept for k in range(len(library.terms))]
        smaller = library.only(mask)
        places = torch.tensor(kept)
        part = replace(
            now,
            coefficients=now.coefficients[places],
            states=now.states.only(places),
            information=None,
        )
        dynamics = setup.dynamics(smaller, grid, part.coefficients, part.states.at)
        fit = Fit(Model(dynamics, dynamics), self.workers, learn_noise=not setup.given)
        part = fit.run(
            part,
            iterations,
            lambda done: self._said(setup, smaller, done),
            until=SETTLED,
        )
        back = torch.tensor([kept.index(k) if k in kept else -1 for k in range(len(mask))])
        coefficients = now.coefficients.new_zeros(len(mask))
        coefficients[places] = part.coefficients
        every = replace(dynamics, library=library.on(grid, setup.sigma))
        return replace(fit, model=Model(every, every)), replace(
            part, coefficients=coefficients, states=part.states.only(back), information=None
        )

    def _quadratic(
        self,
        fit: Fit,
        now: Estimate,
        windows: int,
        pool: int = 1,
        reduced: Reduced | None = None,
    ) -> Quadratic:
        """chi² around an estimate, the windows of one trajectory taken together."""
        found = fit.reduce(now) if reduced is None else reduced
        count = int(now.seen.count.sum())
        misfit = float(found.chi2.sum() / freedom(now.seen, found))

        def together(values: Tensor) -> Tensor:
            total: Tensor = values.unflatten(0, (-1, windows)).sum(1)
            return total

        matrix, gradient = together(found.matrix), together(found.gradient)
        return Quadratic(now.coefficients, matrix, gradient, count, misfit, pool)

    def finish(
        self, proposal: Proposal, judgement: Judgement, saved: Mapping[str, Tensor] | None = None
    ) -> Final:
        """Fit all trajectories; in shorter windows where the fit of whole ones fails."""
        library = proposal.library.only([value != 0 for value in judgement.coefficients.tolist()])
        start = judgement.coefficients[judgement.kept]
        if not library.terms:
            raise DiscoveryError(NOTHING_HELPS)
        work = _Work(library, start, judgement, self.setup.data.shape[1])
        if saved is not None and "window" in saved:
            own = self.setup.problem.grid
            grid = own.refine(int(saved["shape"][0]) // own.shape[0])
            work = replace(work, frames=int(saved["window"]), grid=grid)
        final = self._final(work, saved)
        finer = self._finer(final.setup, final.grid, final.estimate)
        while finer is not None:
            final = min(final, self._final(replace(work, grid=finer)), key=miss)
            finer = self._finer(final.setup, finer, final.estimate)
        if not is_good(final):
            final = min(final, self._final(replace(work, grows=True)), key=miss)
        while not is_good(final) and work.frames >= 2 * SHORTEST:
            work = replace(work, frames=work.frames // 2)
            final = min(final, self._final(work), key=miss)
        hidden = bool((final.estimate.seen.count == 0).any())
        return final if final.estimate.converged and not hidden else self._sure(final)

    def _sure(self, final: Final) -> Final:
        """The same with errors as large as they are: where a fit does not converge, it is often
        because the data do not decide."""
        now = final.fit.sure(final.estimate)
        windows = len(now.states.at) // len(self.setup.data)
        quadratic = self._quadratic(final.fit, now, windows, reduced=now.reduced)
        return replace(final, estimate=now, quadratic=quadratic)

    def _finer(self, setup: Setup, grid: Grid, now: Estimate) -> Grid | None:
        """A finer grid of the states, where what is left is neither noise nor negligible."""
        factor = grid.shape[0] // setup.problem.grid.shape[0]
        explained = chi2_of(now, setup.shown) < EXPLAINED
        if explained or misfit_of(now) < SMALL or 2 * factor > self.config.finest:
            return None
        finer = grid.refine(2)
        return finer if setup.fits(finer, len(now.coefficients)) else None

    def _final(self, work: _Work, saved: Mapping[str, Tensor] | None = None) -> Final:
        """The final fit in windows of so many frames."""
        library, windows = work.library, self.setup.data.shape[1] // work.frames
        setup = self.setup.in_windows(work.frames) if windows > 1 else self.setup
        grid = work.grid or setup.state_grid(len(library.terms))
        now = setup.begin(grid, work.start)
        if saved is not None and "at" in saved:
            now = restored(now, saved)
        inner = setup.dynamics(library, grid, now.coefficients, now.states.at)
        fit = Fit(Model(inner, inner), self.workers, learn_noise=not setup.given)

        def step(done: Estimate) -> None:
            self._said(setup, library, done)
            self.save(to_save(work.judgement, done, setup.data.shape[1], grid.shape))

        if work.grows:
            now = self._grown(setup, library, fit, now)
        elif now.iterations == 0:  # states alone are quick, and the coefficients are nearly right
            now = replace(fit, free=False, learn_noise=False).run(now, 1)
        now = fit.run(now, self.config.iterations, step)
        while True:
            outer = fit.model.outer
            shape = tuple(2 * n for n in outer.waves.grid.shape)
            finer_grid = outer.waves.grid.refine(2)
            at = inner.waves.resampled(now.states.at, setup.waves_on(finer_grid))
            finer = setup.dynamics(library, finer_grid, now.coefficients, at)
            twice = (2 * steps for steps in outer.each)
            finer = finer.in_steps(tuple(map(max, finer.each, twice)))
            bias = shift(fit, now, finer)
            assert now.reduced is not None
            quadratic = self._quadratic(fit, now, windows, reduced=now.reduced)
            assert now.information is not None
            small = float((bias.abs() / errors(now.information)).max()) <= NEGLIGIBLE
            allowed = shape[0] <= 2 * self.config.finest * setup.problem.grid.shape[0]
            if small or not allowed or not now.converged:
                return Final(setup, library, grid, fit, now, quadratic, bias)
            fit = replace(fit, model=Model(inner, finer))
            now = fit.run(now, self.config.iterations, step)

    def _grown(self, setup: Setup, library: Library, fit: Fit, now: Estimate) -> Estimate:
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
            some = still.run(some, ATTEMPT, lambda done: self._said(setup, library, done))
            found = fit.run(some, ATTEMPT, lambda done: self._said(setup, library, done))
            states = replace(found.states, white=now.states.white)
            now = replace(now, coefficients=found.coefficients, states=states)
        return now

    def _said(self, setup: Setup, library: Library, now: Estimate) -> None:
        """Say how far a fit is."""
        assert now.reduced is not None
        leading = "; ".join(to_text(library.pde(now.coefficients.tolist()), digits=5))
        chi2 = chi2_of(now, setup.sigma)
        self.on_event(Refining(now.iterations, self.config.iterations, chi2, now.step, leading))

    def _tell(self, library: Library, choice: Choice) -> None:
        """Say what was decided of each term."""
        for judged in choice.judged:
            term = library.terms[judged.term]
            self.on_event(
                TermJudged(
                    field=term.field,
                    monomial_text=term.text,
                    kept=judged.kept,
                    gain=judged.gain,
                    needed=judged.needed,
                    reason=reason_of(judged.gain, judged.needed, judged.held_out),
                )
            )


def _nonzero(coefficients: Tensor) -> list[int]:
    return [k for k, value in enumerate(coefficients.tolist()) if value != 0]


def _joined(given: Library, at: Tensor, ranked: Ranked) -> Proposal:
    """The terms of an equation and those that were ranked; starts of either."""
    names = {(term.field, term.name) for term in given.terms}
    new = [term for term in ranked.library.terms if (term.field, term.name) not in names]
    library = replace(given, terms=(*given.terms, *new))
    place = {(term.field, term.name): k for k, term in enumerate(library.terms)}
    first = at.new_zeros(len(library.terms))
    first[: len(at)] = at
    found = [first]
    for start in ranked.starts:
        wide = at.new_zeros(len(library.terms))
        for term, value in zip(ranked.library.terms, start.tolist(), strict=True):
            wide[place[term.field, term.name]] = value
        found.append(wide)
    return Proposal(library, tuple(found), ranked.pool)
