"""Gauss–Newton for coefficients and initial states together: maximum likelihood through rollouts.

Every iteration takes the normal equations of all trajectories (`normal_equations`), steps, and then
learns from what is left: the spectrum of the states from the states and their draws, and the noise
of each trajectory and field, where it was not given, from the residuals,

    S ← mean |u|² / mean (1 − 1/(d S)) on shells,      σ² ← σ² (chi² + |J_u δ|²) / n,

d the precision of a wave, prior included, on shells that noise does not hide (`spectrum.ended`; of
a field that is never seen, where d is not known, S ← mean |u|² + |δ|², which takes longer): fixed
points of the marginal likelihood. The draws change with the coefficients, which A does not know of:
under heavy noise whole steps swing to and fro, and grow. Of two changes a secant tells what share
of the next one to make. A step that makes things worse is damped; where that does not help, every
state goes as far as is good for itself.

Sources: MacKay, Neural Comput. 4 (1992) 415-447 (S); Dempster, Laird, Rubin, J. R. Stat. Soc. B
39 (1977) 1-38 (σ); Talagrand, Courtier, Q. J. R. Meteorol. Soc. 113 (1987) 1311-1328 (initial
states by the adjoint of a rollout); Marquardt, J. SIAM 11 (1963) 431-441 (damping); Barzilai,
Borwein, IMA J. Numer. Anal. 8 (1988) 141-148 (share of a step, from two of them).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.errors import StoppedError
from pdenet.likelihood.fit.information import limited, moved, share_of, solve
from pdenet.likelihood.fit.normal_equations import Reduced, States, damped, reduce_states
from pdenet.likelihood.fit.workers import Workers
from pdenet.likelihood.states.model import Model
from pdenet.noise.observations import Observations
from pdenet.noise.relearn import relearned
from pdenet.noise.spectrum import Shells, ended, positive

__all__ = [
    "CONVERGED",
    "Estimate",
    "Fit",
]

CONVERGED = 0.1
"""Largest step in standard errors at which a fit has converged."""

SOLVER_ITERATIONS = 10
"""Conjugate gradients in one iteration: they go on in the next, from where they stopped."""

SOLVER_TOLERANCE = 0.1
"""Of these: states are off by a tenth of a step at worst."""

DAMPINGS = (0.0, 0.1, 1.0, 10.0, math.inf)
"""Shares of the diagonal that are added to the normal equations of the coefficients, in turn."""

SURE, SURE_ITERATIONS = 4, 300
"""How often the normal equations are taken anew for the sake of the errors, at most, and conjugate
gradients in each."""

CHANGE = 4.0
"""Factor by which a variance may change at once, upwards from that of the noise at least."""

CAUTIOUS, SHARES = 1.0, (1.0, 0.5, 0.25, 0.1, 0.0)
"""Where all of these make things worse: the damping, and shares of the step of each state."""

STUCK, STILL = 3, 0.99
"""So many iterations in a row, of which none could be made whole and each left more than this share
of chi², end a fit: where rollouts are far from linear nothing more comes of it."""

WORSE = 1.01
"""Factor by which a step may raise chi²: what the draws average is not chi² itself."""

BLOCK = {"cpu": 2**21, "cuda": 2**31}
"""Bytes of vectors of states that are advanced at once: on a CPU about what a cache holds."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Where a fit stands.

    coefficients: (term,). states, seen: with the noise as it was learned. reduced: the normal
    equations at which the last step was taken, and sigma the noise that they are whitened by.
    information: Σ A of the last iteration. step: the largest step of a coefficient in standard
    errors, or how much these changed. iterations: so far. last: the change of the coefficients that
    was wanted by the last normal equations, and the one that was made.
    """

    coefficients: Tensor
    states: States
    seen: Observations
    reduced: Reduced | None = None
    sigma: Tensor | None = None
    information: Tensor | None = None
    step: float = math.inf
    iterations: int = 0
    last: tuple[Tensor, Tensor] | None = None

    @property
    def converged(self) -> bool:
        """Whether the last step was small."""
        return self.step < CONVERGED

    @property
    def misfit(self) -> float:
        """Squared residuals of the last normal equations, in the units of the fields."""
        assert self.reduced is not None and self.sigma is not None
        return float((self.reduced.chi2 * self.sigma.square()).sum())

    @property
    def finite(self) -> bool:
        """Whether its rollouts did not blow up."""
        return self.reduced is not None and bool(self.reduced.chi2.isfinite().all())


@dataclass(frozen=True, eq=False)
class Fit:
    """One problem of maximum likelihood.

    learn_noise: whether σ is estimated. free: whether coefficients change; otherwise only states.
    """

    model: Model
    workers: Workers
    learn_noise: bool = True
    free: bool = True

    def run(
        self,
        start: Estimate,
        iterations: int,
        on_step: Callable[[Estimate], None] = lambda now: None,
        until: float = CONVERGED,
    ) -> Estimate:
        """Iterate until steps are below `until`, at most so often; at least twice, because the
        first iteration has no draws. It ends before where numbers are no longer finite, and where
        the workers are stopped, with what it has by then."""
        now, stuck = start, 0
        first = start.iterations
        while stuck < STUCK and now.iterations < first + iterations:
            before = math.inf if now.reduced is None else now.misfit
            try:
                now = self.iterate(now)
            except StoppedError:
                break
            on_step(now)
            still = now.step == math.inf and now.misfit > STILL * before
            stuck = stuck + 1 if still else 0
            if not now.finite:
                break
            drawn = now.iterations > first + 1 or bool(start.states.draw.abs().amax() > 0)
            if now.step < until and drawn:
                break
        return now

    def reduce(self, now: Estimate, iterations: int = SOLVER_ITERATIONS) -> Reduced:
        """The normal equations of all trajectories. iterations: of conjugate gradients."""

        def share(rows: slice) -> float:
            return float(rows.stop - rows.start) / len(now.states.at)

        def one(rows: slice) -> Reduced:
            model, information = self.model.part(rows), now.information
            part = None if information is None else share(rows) * information
            seen, states = now.seen.part(rows), now.states.part(rows)
            return reduce_states(
                model, now.coefficients, seen, states, iterations, SOLVER_TOLERANCE, part, self.free
            )

        found = Reduced.joined(self.workers.map(one, self.pieces(now)))
        if self.model.single and not found.finite:  # a rollout that grows beyond single precision
            return replace(self, model=replace(self.model, single=False)).reduce(now, iterations)
        return found

    def sure(self, now: Estimate) -> Estimate:
        """The same estimate with errors that do not change any more. Where the data hardly decide,
        the states take far more of the information on a coefficient than few iterations show."""
        alone = replace(self, model=replace(self.model, sized=False, single=False))
        for _ in range(SURE):
            reduced = alone.reduce(now, SURE_ITERATIONS)
            information = reduced.matrix.sum(0)
            changed = moved(
                torch.zeros_like(now.coefficients), information, now.coefficients, now.information
            )
            now = replace(
                now,
                states=replace(now.states, solved=reduced.solved),
                reduced=reduced,
                sigma=now.seen.sigma,
                information=information,
            )
            if changed < CONVERGED:
                break
        return now

    def pieces(self, now: Estimate) -> list[slice]:
        """Trajectories that are advanced together."""
        n = len(now.states.at)
        vectors = now.states.solved.shape[1] + 2
        jets = max(1, len(self.model.inner.jets))
        size = self.model.inner.waves.grid.size * jets * vectors * 8
        together = max(1, BLOCK.get(now.states.at.device.type, 2**21) // size)
        return [slice(first, min(n, first + together)) for first in range(0, n, together)]

    def iterate(self, now: Estimate) -> Estimate:
        """One step of Gauss–Newton, and of what else is learned."""
        reduced = self.reduce(now)
        information, wanted = now.information, torch.zeros_like(now.coefficients)
        if self.free:
            information = reduced.matrix.sum(0)
            wanted = solve(information, reduced.gradient.sum(0))
        there, states, whole = self._step(now, reduced, share_of(wanted, information, now.last))
        if self.model.inner.latent is None:  # no rollout is linear in draws from around a window
            states = replace(states, draw=reduced.draw)
        if self.free:
            states = replace(states, solved=reduced.solved)
        states = replace(states, variance=self._spectrum(now, states, reduced.pull))
        step = 0.0
        if self.free and information is not None:
            step = moved(wanted, information, now.coefficients, now.information)
        return Estimate(
            coefficients=there,
            states=states,
            seen=self._noise(now, reduced),
            reduced=reduced,
            sigma=now.seen.sigma,
            information=information,
            step=step if whole else math.inf,
            iterations=now.iterations + 1,
            last=(wanted, there - now.coefficients) if self.free else None,
        )

    def _step(self, now: Estimate, reduced: Reduced, share: float) -> tuple[Tensor, States, bool]:
        """The first of ever more cautious steps that does not make things worse, and whether it is
        the first: with this share of the change of the coefficients, with that damped, then none,
        then with every trajectory's state as far as it is good for itself."""
        before = reduced.chi2.sum(1) + reduced.prior
        limit = min(WORSE * float(before.sum()), torch.finfo(torch.float64).max)
        for damping in DAMPINGS if self.free else (math.inf,):
            there, step = self._direction(now, reduced, damping, share)
            states = replace(now.states, at=now.states.at + step)
            after = self.objectives(there, now.seen, states)
            if float(after.sum()) <= limit:
                return there, states, damping == 0 or not self.free
        for damping in (CAUTIOUS, math.inf) if self.free else (math.inf,):
            there, step = self._direction(now, reduced, damping, share)
            states, after = self._each(there, now, step, before)
            if float(after.sum()) <= limit:
                return there, states, False
        return now.coefficients, now.states, False

    def _direction(
        self, now: Estimate, reduced: Reduced, damping: float, share: float
    ) -> tuple[Tensor, Tensor]:
        """Coefficients after a share of a damped step, and the step of the states that belongs to
        it."""
        if damping == math.inf:
            return now.coefficients, reduced.step
        matrix = reduced.matrix.sum(0)
        change = solve(matrix + damping * matrix.diagonal().diag(), reduced.gradient.sum(0))
        change = limited(share * change, now.coefficients)
        along = torch.einsum("j,bj...->b...", change.to(reduced.solved.dtype), reduced.solved)
        return now.coefficients + change, reduced.step - along

    def _each(
        self, coefficients: Tensor, now: Estimate, step: Tensor, before: Tensor
    ) -> tuple[States, Tensor]:
        """States after the largest share of their steps that does not make things worse, each
        trajectory for itself: one far from linear does not hold back the others. With the
        objectives there."""
        shape = [-1] + [1] * (step.dim() - 1)
        after, at = torch.full_like(before, math.inf), now.states.at
        for share in SHARES:
            worse = after > WORSE * before
            if not bool(worse.any()):
                break
            trial = replace(now.states, at=now.states.at + share * step)
            found = self.objectives(coefficients, now.seen, trial, worse)
            better = worse & (found < after)
            after = torch.where(better, found, after)
            at = torch.where(better.reshape(shape), trial.at, at)
        return replace(now.states, at=at), after

    def objectives(
        self, coefficients: Tensor, seen: Observations, states: States, wanted: Tensor | None = None
    ) -> Tensor:
        """chi² and the prior's part of each trajectory; inf where a rollout blows up, and where it
        is not wanted."""

        def one(rows: slice) -> Tensor:
            at, part = states.at[rows], seen.part(rows)
            if wanted is not None and not bool(wanted[rows].any()):
                return at.new_full(at.shape[:1], math.inf, dtype=torch.float64)
            left = self.model.part(rows).residual(part, at, coefficients, None)
            prior = self.model.inner.waves.inner(at / states.variance[rows], at)
            return left.square().flatten(1).sum(1) + prior

        pieces = self.pieces(Estimate(coefficients, states, seen))
        found = torch.cat(self.workers.map(one, pieces))
        return found.nan_to_num(math.inf, math.inf)

    def residuals(self, now: Estimate, walls: bool = False) -> Tensor:
        """What a rollout leaves of every value, in standard deviations of the noise as it was
        learned, 0 where it is missing. walls: of what is known of walls, too."""

        def one(rows: slice) -> Tensor:
            model, at = self.model.part(rows), now.states.at[rows]
            seen = now.seen.part(rows)
            left = model.residual(seen, at, now.coefficients, None)
            return left if walls else seen.measured(left)

        return torch.cat(self.workers.map(one, self.pieces(now)))

    def _spectrum(self, now: Estimate, states: States, pull: Tensor) -> Tensor:
        """S from the states: what they hold, over the share of them that the data determine, as far
        as the spectrum stands above the noise (`ended`)."""
        dynamics, size = self.model.inner, self.model.inner.waves.grid.size
        fields = len(dynamics.library.fields)
        rest = states.variance[:, fields:]
        now = replace(now, states=now.states.of(fields))
        states, pull = states.of(fields), pull[:, :fields]
        before = states.variance
        shells = Shells(dynamics.waves, directions=True)
        seen = damped(dynamics, now.coefficients, now.seen)
        hidden = (now.seen.count == 0)[..., None]
        power, scatter = (
            shells.mean(waves.abs().square() / size) for waves in (states.at, states.draw)
        )
        share = shells.mean(torch.where(before.isinf(), 1.0, 1 - 1 / (1 + seen * before)))
        power, share = power + hidden * scatter, torch.where(hidden, 1.0, share)
        own = power / share.clamp_min(1e-12)
        level = seen * (now.states.at + pull / seen.clamp_min(1e-300)).abs().square() / size
        found = torch.where(hidden, own, ended(own, level, shells.mean(seen), shells))
        found = shells.spread(found)
        noise = torch.where(seen > 0, 1 / seen.clamp_min(1e-300), 0.0)
        most = CHANGE * torch.maximum(before, noise)
        found = torch.minimum(torch.maximum(found, before / CHANGE), most)
        found = positive(torch.where(before.isinf(), before, found), dynamics.waves.grid.ndim)
        return torch.cat([found, rest], 1)

    def drawn(self, now: Estimate, draw: Tensor) -> tuple[Tensor, Tensor]:
        """What a rollout leaves of every value (`residuals`), and by how much a draw of the states
        moves that."""
        there = replace(now, states=replace(now.states, at=now.states.at + draw))
        left = self.residuals(now)
        return left, self.residuals(there) - left

    def _noise(self, now: Estimate, reduced: Reduced) -> Observations:
        seen = now.seen
        if not self.learn_noise:
            return seen
        left = reduced.chi2 + reduced.spread
        if seen.shape is not None:
            seen, left = relearned(seen, *self.drawn(now, reduced.draw), reduced.spread)
        left = left / seen.count.clamp_min(1)
        # A field that was never observed has no residuals.
        factor = torch.where(seen.count > 0, left, torch.ones_like(left)).clamp_min(1e-20).sqrt()
        return replace(seen, sigma=seen.sigma * factor)
