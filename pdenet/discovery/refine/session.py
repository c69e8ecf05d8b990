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
from pdenet.discovery.refine.fit import Estimate, Fit, Workers
from pdenet.discovery.refine.saving import Judgement, restored, to_save
from pdenet.discovery.refine.setup import Setup
from pdenet.discovery.refine.start import rank_terms
from pdenet.discovery.refine.uncertainty import shift
from pdenet.discovery.terms import Library, Term
from pdenet.errors import DiscoveryError
from pdenet.events import Listener, Phase, Refining, TermJudged
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.render import to_text

__all__ = ["Final", "Proposal", "Session", "chi2_of", "reason_of"]

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
    equation, then the shortest first, to which the data add what it lacks."""

    library: Library
    starts: tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class Final:
    """The final fit. grid: of the states. quadratic: chi² of each trajectory around the
    coefficients. bias: what a still finer model would change. setup: with its windows."""

    setup: Setup
    library: Library
    fit: Fit
    estimate: Estimate
    quadratic: Quadratic
    bias: Tensor


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
            return Proposal(ranked.library, ranked.starts)
        return _joined(given, at.to(setup.data), ranked.library, ranked.starts)

    def judge(self, proposal: Proposal) -> Judgement:
        """Fit some trajectories, judge every term there, and again until nothing changes."""
        setup = self.setup.some(JUDGED_TRAJECTORIES, JUDGED_VALUES, JUDGED_FRAMES)
        library = proposal.library
        grid = setup.state_grid(len(library.terms))
        setup, starts = self._started(setup, grid, proposal)
        part, now = self._first(setup, library, grid, starts)
        choice: Choice | None = None
        for _ in range(ROUNDS):
            quadratic = self._quadratic(part, now, windows=1)
            choice = choose(
                quadratic, lambda a, b: library.terms[a].field == library.terms[b].field
            )
            self._tell(library, choice)
            change = quadratic.best(choice.kept)
            settled = set(choice.kept) == set(_nonzero(now.coefficients))
            now = replace(now, coefficients=quadratic.at + change)
            if settled:
                break
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
        part = replace(now, coefficients=now.coefficients[places], states=now.states.only(places))
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
            part, coefficients=coefficients, states=part.states.only(back)
        )

    def _quadratic(
        self, fit: Fit, now: Estimate, windows: int, reduced: Reduced | None = None
    ) -> Quadratic:
        """chi² around an estimate, the windows of one trajectory taken together."""
        found = fit.reduce(now) if reduced is None else reduced
        count = int(now.seen.count.sum())
        misfit = float(found.chi2.sum()) / max(1.0, count - float(found.spread.sum()))

        def together(values: Tensor) -> Tensor:
            total: Tensor = values.unflatten(0, (-1, windows)).sum(1)
            return total

        matrix, gradient = together(found.matrix), together(found.gradient)
        return Quadratic(now.coefficients, matrix, gradient, count, misfit)

    def finish(
        self, proposal: Proposal, judgement: Judgement, saved: Mapping[str, Tensor] | None = None
    ) -> Final:
        """Fit all trajectories; in shorter windows where the fit of whole ones fails."""
        library = proposal.library.only([value != 0 for value in judgement.coefficients.tolist()])
        start = judgement.coefficients[judgement.kept]
        if not library.terms:
            raise DiscoveryError(NOTHING_HELPS)
        frames = self.setup.data.shape[1]
        if saved is not None and "window" in saved:
            frames = int(saved["window"])
        while True:
            windows = self.setup.data.shape[1] // frames
            setup = self.setup.in_windows(frames) if windows > 1 else self.setup
            final = self._final(setup, library, start, windows, judgement, saved)
            if final.estimate.converged or frames < 2 * SHORTEST:
                return final
            frames, saved = frames // 2, None

    def _final(
        self,
        setup: Setup,
        library: Library,
        start: Tensor,
        windows: int,
        judgement: Judgement,
        saved: Mapping[str, Tensor] | None,
    ) -> Final:
        grid = setup.state_grid(len(library.terms))
        now = setup.begin(grid, start)
        if saved is not None and "at" in saved:
            now = restored(now, saved)
        inner = setup.dynamics(library, grid, now.coefficients, now.states.at)
        fit = Fit(Model(inner, inner), self.workers, learn_noise=not setup.given)

        def step(done: Estimate) -> None:
            self._said(setup, library, done)
            self.save(to_save(judgement, done, setup.data.shape[1]))

        now = fit.run(now, self.config.iterations, step)
        while True:
            outer = fit.model.outer
            shape = tuple(2 * n for n in outer.waves.grid.shape)
            finer_grid = outer.waves.grid.refine(2)
            at = inner.waves.resampled(now.states.at, setup.waves_on(finer_grid))
            finer = setup.dynamics(library, finer_grid, now.coefficients, at)
            finer = replace(finer, substeps=max(finer.substeps, 2 * outer.substeps))
            bias = shift(fit, now, finer)
            assert now.reduced is not None
            quadratic = self._quadratic(fit, now, windows, now.reduced)
            errors = quadratic.covariance(range(len(library.terms)))[0].diagonal().sqrt()
            small = float((bias.abs() / errors.clamp_min(1e-300)).max()) <= NEGLIGIBLE
            allowed = shape[0] <= 2 * self.config.finest * setup.problem.grid.shape[0]
            if small or not allowed or not now.converged:
                return Final(setup, library, fit, now, quadratic, bias)
            fit = replace(fit, model=Model(inner, finer))
            now = fit.run(now, self.config.iterations, step)

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


def reason_of(gain: float, needed: float, held_out: float | None) -> str:
    """Why a term stays or leaves, in words."""
    if gain <= needed:
        return f"it lowers chi² by {gain:.3g} where {needed:.3g} would be evidence for it"
    if held_out is not None and held_out <= 0:
        return f"it raises chi² of trajectories that it was not fitted to by {-held_out:.3g}"
    return f"without it chi² is higher by {gain:.4g}, where {needed:.3g} is evidence for it"


def chi2_of(now: Estimate, sigma: Tensor) -> float:
    """chi² per degree of freedom with the noise that was given, or that differences show."""
    assert now.reduced is not None and now.sigma is not None
    chi2 = (now.reduced.chi2 * (now.sigma / sigma).square()).sum()
    return float(chi2 / (now.seen.count.sum() - now.reduced.spread.sum()).clamp_min(1))


def _joined(given: Library, at: Tensor, other: Library, starts: Sequence[Tensor]) -> Proposal:
    """The terms of both libraries; starts of either."""
    names = {(term.field, term.name): k for k, term in enumerate(given.terms)}
    new = [k for k, term in enumerate(other.terms) if (term.field, term.name) not in names]
    terms: tuple[Term, ...] = (*given.terms, *(other.terms[k] for k in new))
    place = {(term.field, term.name): k for k, term in enumerate(terms)}
    library = replace(given, terms=terms)
    first = at.new_zeros(len(terms))
    first[: len(at)] = at
    found = [first]
    for start in starts:
        wide = at.new_zeros(len(terms))
        for term, value in zip(other.terms, start.tolist(), strict=True):
            wide[place[term.field, term.name]] = value
        found.append(wide)
    return Proposal(library, tuple(found))
