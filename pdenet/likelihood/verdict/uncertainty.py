"""How sure a fit is: covariance, bootstrap over trajectories, and what the grid may still hide.

C = (Σ A)⁻¹ is the Cramér–Rao bound with the initial states marginalised, and the variance of the
coefficients where equation and noise are right. Trajectories that disagree by more show that they
are not: V = C (Σ s sᵀ) C, s the score of a trajectory. The larger of the two counts; V is known
from n trajectories only, so it is made as much larger as Student's t with n − 1 degrees of freedom
asks for at 90 %. The bootstrap draws trajectories anew and is the check of both. The shift that a
finer model would make is found without fitting it: with Δ the change of the prediction,

    Δθ = −C (J_θᵀ Δ − X_θᵀ J_uᵀ Δ).

What is unknown of given fields (`given`) shifts them in the same way: with Δ the change by a draw
of it and s = J_θᵀ Δ − X_θᵀ J_uᵀ Δ, the mean of C s sᵀ C is added to the covariance.

Sources: Rao, Bull. Calcutta Math. Soc. 37 (1945) 81-91; White, Econometrica 50 (1982) 1-25; Künsch,
Ann. Stat. 17 (1989) 1217-1241 (blocks).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from scipy.stats import norm as normal
from scipy.stats import t as student
from torch import Tensor

from pdenet.likelihood.fit.gauss_newton import Estimate, Fit
from pdenet.likelihood.fit.information import inverse, visible
from pdenet.likelihood.fit.normal_equations import Reduced
from pdenet.likelihood.fit.setup import MOST_STEPS, Setup
from pdenet.likelihood.fit.stability import closer
from pdenet.likelihood.selection.choose import FEWEST, Quadratic
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.likelihood.states.linearised import Linearised
from pdenet.likelihood.states.model import Model
from pdenet.likelihood.verdict.misfit import freedom

__all__ = ["Driven", "Errors", "errors_of", "shift", "slopes_off", "smaller_by"]

LEVEL = 0.95
"""The quantile at which Student's t and the normal distribution are compared: intervals of 90 %."""

SLOPES = 0.1
"""Share of a standard error by which wrong derivatives may change what noise does."""

DRAWS = 400

DRAWN = 12
"""Draws of given fields: the errors that they make are known to a fifth."""


@dataclass(frozen=True, eq=False)
class Errors:
    """Standard errors of the coefficients: the bound, what counts, and the bootstrap's (None where
    there are too few trajectories); and the shift that a finer model would make."""

    bound: Tensor
    stderr: Tensor
    bootstrap: Tensor | None
    bias: Tensor

    def of(self, terms: Tensor) -> Errors:
        """Of some terms."""
        bootstrap = None if self.bootstrap is None else self.bootstrap[terms]
        return Errors(self.bound[terms], self.stderr[terms], bootstrap, self.bias[terms])


def errors_of(quadratic: Quadratic, bias: Tensor, generator: torch.Generator) -> Errors:
    """The standard errors at a fit."""
    everything = range(len(quadratic.at))
    inside, seen = quadratic.covariance(everything)
    bound, found = inside.diagonal().clamp_min(0), seen.diagonal().clamp_min(0)
    n = len(quadratic.matrix)
    if n >= FEWEST:
        wider = float(student.ppf(LEVEL, n - 1) / normal.ppf(LEVEL)) ** 2
        found = torch.maximum(wider * found, bound)
    return Errors(bound.sqrt(), found.sqrt(), _bootstrap(quadratic, generator), bias)


def _bootstrap(quadratic: Quadratic, generator: torch.Generator) -> Tensor | None:
    n = len(quadratic.matrix)
    if n < FEWEST:
        return None
    drawn = torch.randint(n, (DRAWS, n), generator=generator)
    times = torch.nn.functional.one_hot(drawn, n).sum(1).to(quadratic.matrix)
    matrices = torch.einsum("dn,nij->dij", times, quadratic.matrix)
    gradients = times @ quadratic.gradient
    changes = torch.stack([inverse(a) @ g for a, g in zip(matrices, gradients, strict=True)])
    spread: Tensor = changes.std(0)
    return spread


def shift(fit: Fit, now: Estimate, *finer: Dynamics) -> Tensor:
    """By how much the coefficients would change with each of these outer models, (model, term)."""
    assert now.reduced is not None
    return -_scores(fit, now, now.states.solved, *finer) @ inverse(now.reduced.matrix.sum(0))


def _scores(fit: Fit, now: Estimate, solved: Tensor, *finer: Dynamics) -> Tensor:
    """J_θᵀ Δ − X_θᵀ J_uᵀ Δ, (model, term), Δ what each outer model changes. solved: X_θ."""
    model, seen, states = fit.model, now.seen, now.states
    others = [Model(model.inner, each) for each in finer]

    def one(rows: slice) -> Tensor:
        at, part = states.at[rows], seen.part(rows)
        mine, inner = model.part(rows), model.inner.waves.inner
        line = Linearised.of(mine.inner, at, now.coefficients, part.values.shape[1])
        left = mine.residual(part, at, now.coefficients, line)
        changes = [left - o.part(rows).residual(part, at, now.coefficients, None) for o in others]
        weighted = (change * part.weight for change in changes)
        back = torch.stack([part.spread(model.inner.waves, each) for each in weighted], 1)
        start, along = line.gradient(back)
        return (along - inner(solved[rows][:, None], start[:, :, None])).sum(0)

    return torch.stack(fit.workers.map(one, fit.pieces(now))).sum(0)


def slopes_off(fit: Fit, now: Estimate, finer: Dynamics) -> float:
    """How wrong derivatives of the inner model are, against those of another one on its grid: the
    largest share of a standard error. With D what the other one changes of J_θ − J_u X_θ, the
    estimate of a coefficient changes by C Dᵀ ε, ε the noise: by (C Dᵀ D C)^(1/2) beside C^(1/2).

    Waves that turn by radians in one step are right themselves, but not what others do to them.
    """
    assert now.information is not None
    names = range(len(now.coefficients))

    def one(rows: slice) -> Tensor:
        at, seen = now.states.at[rows], now.seen.part(rows)
        found = []
        for model in (fit.model.inner.part(rows), finer.part(rows)):
            line = Linearised.of(model, at, now.coefficients, seen.values.shape[1])
            change = line.sensitivities(names) - line.tangent(now.states.solved[rows])
            found.append(seen.sample(model.waves, change) * seen.weight[:, None])
        flat = (found[0] - found[1]).transpose(0, 1).flatten(1)
        return flat @ flat.T

    off = torch.stack(fit.workers.map(one, fit.pieces(now))).sum(0)
    covariance = inverse(now.information)
    size = visible(now.information, now.coefficients).clamp_min(1e-300)
    return float((covariance @ off @ covariance).diagonal().clamp_min(0).sqrt().div(size).amax())


def smaller_by(fit: Fit, now: Estimate) -> int:
    """How much smaller steps of the inner model have to be for its derivatives to be right, as far
    as `MOST_STEPS` allow."""
    inner = fit.model.inner
    most = MOST_STEPS // inner.substeps
    if most < 2:
        return 1
    wrong = slopes_off(fit, now, inner.in_smaller_steps(2)) / SLOPES
    return min(most, closer(wrong)) if wrong > 1 else 1


@dataclass(frozen=True, eq=False)
class Driven:
    """What errors of given fields do. scores: the mean square of J_θᵀ Δ − X_θᵀ J_uᵀ Δ over draws of
    them, (term, term), less the share of A that is not noise: where σ was learned from residuals
    they are in it. raised: what they add to chi² per degree of freedom."""

    scores: Tensor
    raised: float

    @classmethod
    def of(cls, setup: Setup, fit: Fit, now: Estimate, reduced: Reduced) -> Driven | None:
        """At a fit; None where no field is given."""
        if setup.acting is None or not now.finite:
            return None
        generator = torch.Generator().manual_seed(setup.config.seed)
        outer, scores, raised = fit.model.outer, list[Tensor](), 0.0
        before = fit.objectives(now.coefficients, now.seen, now.states).sum()
        for _ in range(DRAWN):
            acting = setup.driving_on(outer.waves.grid, setup.acting.drawn(generator))
            other = replace(outer, driving=acting)
            there = replace(fit, model=replace(fit.model, outer=other))
            after = there.objectives(now.coefficients, now.seen, now.states).sum()
            raised += float(after - before) / DRAWN
            scores.append(_scores(fit, now, reduced.solved, other)[0])
        every = torch.stack(scores)
        units = float((now.seen.sigma / setup.shown).square().mean())
        share = max(0.0, units * raised / float(freedom(now.seen, reduced)))
        total = every.T @ every / DRAWN
        if fit.learn_noise:
            total = total - share / (1 + share) * reduced.matrix.sum(0)
        return cls(total.cpu(), share)
