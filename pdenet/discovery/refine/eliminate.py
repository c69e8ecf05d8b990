"""The normal equations of coefficients and initial states, with the states eliminated.

For one trajectory, with whitened residual r = (y − H u)/σ, its derivatives −J_θ along coefficients
and −J_u along the initial state, and the prior precision P = 1/S of that state:

    H = J_uᵀ J_u + P,       H X = [b, J_uᵀ J_θ],      b = J_uᵀ r − P u,
    A = J_θᵀ J_θ − (J_uᵀ J_θ)ᵀ X_θ,      g = J_θᵀ r − (J_uᵀ J_θ)ᵀ X_b,
    Δθ = (Σ A)⁻¹ Σ g,      Δu = X_b − X_θ Δθ.

The residual may be that of a finer, outer model (more points, smaller steps); its derivatives are
those of the inner one. What is found is then as accurate as the outer model and costs little more
than the inner one.

(Σ A)⁻¹ is the covariance of the coefficients with the states marginalised. H is never formed: the
systems are solved together by conjugate gradients, preconditioned by what H would be if waves were
only damped. A draw δ ~ N(0, H⁻¹) comes with them, as the solution for J_uᵀ ε + P^(1/2) η with white
ε, η. With it both gradients are taken at u ± δ and averaged: the expectation over states that the
data allow, not the value at the best one. Without this the weak waves, which are many and are
shrunk by their prior, pull the coefficients (the marginal likelihood has a term log det H besides
chi²); the antithetic pair cancels everything of first order, so one pair suffices.

Sources: Golub, Pereyra, SIAM J. Numer. Anal. 10 (1973) 413-432 (variable projection); Papandreou,
Yuille, NIPS 2010 (draws by perturbation); Fisher's identity as in Dempster, Laird, Rubin (1977);
Opper, Archambeau, Neural Comput. 21 (2009) 786-792 (the Gaussian variational approximation);
Courtier, Thépaut, Hollingsworth, Q. J. R. Meteorol. Soc. 120 (1994) 1367-1387 (inner and outer
model).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from pdenet.discovery.refine.dynamics import Dynamics, Linearised
from pdenet.discovery.refine.observe import Observations

__all__ = ["Model", "Reduced", "States", "conjugate_gradients", "damped", "reduce_states"]


@dataclass(frozen=True, eq=False)
class Model:
    """The inner model, whose waves are the unknown states and whose derivatives are taken, and the
    outer one, which is compared with the data."""

    inner: Dynamics
    outer: Dynamics

    def residual(
        self, seen: Observations, start: Tensor, coefficients: Tensor, line: Linearised | None
    ) -> Tensor:
        """Whitened residuals of rollouts from `start`; line: that of the inner model, if known."""
        waves, frames = self.outer.waves, seen.values.shape[1]
        if self.inner is self.outer and line is not None:
            return seen.residual(waves, line.frames)
        start = self.inner.waves.resampled(start, waves)
        return seen.residual(waves, self.outer.rollout(start, coefficients, frames))


@dataclass(frozen=True, eq=False)
class States:
    """Initial states of some trajectories, and what is known of them.

    at: (trajectory, field, *waves). draw: δ, zero at first. variance: S of every wave, inf where
    there is no prior. solved: X_θ of the last iteration, (trajectory, term, field, *waves). white,
    wave: the white noise ε at the points of the data and η of the waves that make the draw.
    """

    at: Tensor
    draw: Tensor
    variance: Tensor
    solved: Tensor
    white: Tensor
    wave: Tensor

    def part(self, rows: slice) -> States:
        """Of some trajectories."""
        return States(*(getattr(self, each.name)[rows] for each in fields(self)))

    def only(self, terms: Tensor) -> States:
        """With X_θ of the given terms; -1 stands for one that was not there."""
        known = self.solved.index_select(1, terms.clamp_min(0).to(self.solved.device))
        there = (terms >= 0).reshape([1, -1] + [1] * (known.dim() - 2))
        return replace(self, solved=known * there.to(known.device))


@dataclass(frozen=True, eq=False)
class Reduced:
    """The normal equations of some trajectories, states eliminated.

    matrix, gradient: A (trajectory, term, term) and g (trajectory, term). step, solved, draw: X_b,
    X_θ and δ. chi2: (trajectory, field). prior: uᵀ P u, (trajectory,). spread: squared residuals
    that δ adds, (trajectory, field); their sum over the fields is the number of unknowns of the
    state that the data determine.
    """

    matrix: Tensor
    gradient: Tensor
    step: Tensor
    solved: Tensor
    draw: Tensor
    chi2: Tensor
    prior: Tensor
    spread: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Reduced]) -> Reduced:
        """Of all trajectories."""
        return cls(*(torch.cat([getattr(p, each.name) for p in parts]) for each in fields(cls)))


def reduce_states(
    model: Model,
    coefficients: Tensor,
    seen: Observations,
    states: States,
    iterations: int,
    tolerance: float,
) -> Reduced:
    """The normal equations at these coefficients and states.

    iterations, tolerance: of the conjugate gradients, at most.
    """
    dynamics = model.inner
    waves, terms = dynamics.waves, len(dynamics.library.terms)
    weight, precision = seen.weight, 1 / states.variance
    line = dynamics.linearise(states.at, coefficients, seen.values.shape[1])
    residual = model.residual(seen, states.at, coefficients, line)

    def observed(frames: Tensor) -> Tensor:
        return seen.sample(waves, frames) * weight[:, None]

    def transposed(values: Tensor) -> Tensor:
        return line.adjoint(seen.spread(waves, values * weight[:, None]))

    slopes = observed(line.sensitivities(range(terms)))
    coupling = transposed(slopes)
    start, along = _gradients(model, line, coefficients, seen, states, residual)
    start = start - precision * states.at
    drawn = transposed((states.white * seen.seen)[:, None])[:, 0] + states.wave * precision.sqrt()
    inverse = 1 / (damped(dynamics, coefficients, seen) + precision)
    found = conjugate_gradients(
        lambda x: transposed(observed(line.tangent(x))) + precision[:, None] * x,
        torch.cat([coupling, drawn[:, None], start[:, None]], 1),
        torch.cat([states.solved, states.draw[:, None], torch.zeros_like(start)[:, None]], 1),
        lambda x: inverse[:, None] * x,
        waves.inner,
        iterations,
        tolerance,
    )
    solved, draw, step = found[:, :terms], found[:, terms], found[:, terms + 1]
    flat, inner = slopes.flatten(2), waves.inner
    matrix = flat @ flat.transpose(1, 2) - inner(coupling[:, :, None], solved[:, None])
    moved = observed(line.tangent(draw[:, None]))[:, 0]
    return Reduced(
        matrix=0.5 * (matrix + matrix.transpose(1, 2)),
        gradient=along - inner(coupling, step[:, None]),
        step=step,
        solved=solved,
        draw=draw,
        chi2=_squares(residual),
        prior=inner(precision * states.at, states.at),
        spread=_squares(moved),
    )


def _squares(residual: Tensor) -> Tensor:
    """Sums over frames and points of (trajectory, frame, field, *data grid)."""
    return residual.square().movedim(2, 1).flatten(2).sum(2)


def _gradients(
    model: Model,
    line: Linearised,
    coefficients: Tensor,
    seen: Observations,
    states: States,
    residual: Tensor,
) -> tuple[Tensor, Tensor]:
    """J_uᵀ r and J_θᵀ r, averaged over u + δ and u − δ."""
    waves, weight, frames = model.inner.waves, seen.weight, seen.values.shape[1]
    if not bool(states.draw.abs().amax() > 0):
        start, along = line.gradient(seen.spread(waves, residual * weight)[:, None])
        return start[:, 0], along[:, 0]
    totals = []
    for at in (states.at + states.draw, states.at - states.draw):
        there = model.inner.linearise(at, coefficients, frames)
        left = model.residual(seen, at, coefficients, there)
        totals.append(there.gradient(seen.spread(waves, left * weight)[:, None]))
    (start, along), (other, against) = totals
    return 0.5 * (start + other)[:, 0], 0.5 * (along + against)[:, 0]


def damped(dynamics: Dynamics, coefficients: Tensor, seen: Observations) -> Tensor:
    """The diagonal of J_uᵀ J_u if every wave were only damped by L: (trajectory, field, *waves)."""
    rate = dynamics.linear(coefficients).real
    times = dynamics.dt * torch.arange(seen.values.shape[1]).to(rate)
    left = (2 * rate[None].clamp(max=0) * times.reshape([-1] + [1] * rate.dim())).exp()
    share = seen.weight.square().flatten(3).mean(3) * seen.share(dynamics.waves)
    return torch.einsum("btf,tf...->bf...", share, left)


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    right: Tensor,
    start: Tensor,
    precondition: Callable[[Tensor], Tensor],
    inner: Callable[[Tensor, Tensor], Tensor],
    iterations: int,
    tolerance: float,
) -> Tensor:
    """Solutions of many systems at once, each until its residual is `tolerance` of its right."""
    shape = [*right.shape[:2]] + [1] * (right.dim() - 2)
    x, residual = start, right - apply(start)
    z = precondition(residual)
    direction, energy = z, inner(residual, z)
    bound = tolerance**2 * inner(right, precondition(right))
    for _ in range(iterations):
        if not bool((energy > bound).any()):
            break
        image = apply(direction)
        length = energy / inner(direction, image).clamp_min(1e-300)
        x = x + length.reshape(shape) * direction
        residual = residual - length.reshape(shape) * image
        z = precondition(residual)
        before, energy = energy, inner(residual, z)
        direction = z + (energy / before.clamp_min(1e-300)).reshape(shape) * direction
    return x
