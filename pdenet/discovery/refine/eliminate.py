"""The normal equations of coefficients and initial states, with the states eliminated.

For one trajectory, with whitened residual r = (y − H u)/σ, its derivatives −J_θ along coefficients
and −J_u along the initial state, and the prior precision P = 1/S of that state:

    H = J_uᵀ J_u + P,       H X = [b, J_uᵀ J_θ],      b = J_uᵀ r − P u,
    A = J_θᵀ J_θ − (J_uᵀ J_θ)ᵀ X_θ,      g = J_θᵀ r − (J_uᵀ J_θ)ᵀ X_b,
    Δθ = (Σ A)⁻¹ Σ g,      Δu = X_b − X_θ Δθ.

(Σ A)⁻¹ is the covariance of the coefficients with the states marginalised. H is never formed: the
systems are solved together by conjugate gradients, preconditioned by what H would be if waves were
only damped. A draw δ ~ N(0, H⁻¹) comes with them, as the solution for J_uᵀ ε + P^(1/2) η with white
ε, η. With it both gradients are taken at u ± δ and averaged: the expectation over states that the
data allow, not the value at the best one. Without this the weak waves, which are many and are
shrunk by their prior, pull the coefficients (the marginal likelihood has a term log det H besides
chi²); the antithetic pair cancels everything of first order, so one pair suffices.

Sources: Golub, Pereyra, SIAM J. Numer. Anal. 10 (1973) 413-432 (variable projection); Papandreou,
Yuille, NIPS 2010 (draws by perturbation); Fisher's identity as in Dempster, Laird, Rubin (1977);
Opper, Archambeau, Neural Comput. 21 (2009) 786-792 (the Gaussian variational approximation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.discovery.refine.dynamics import Dynamics, Linearised
from pdenet.discovery.refine.observe import Observations

__all__ = ["Reduced", "States", "reduce_states"]


@dataclass(frozen=True, eq=False)
class States:
    """Initial states of some trajectories, and what is known of them.

    at: (trajectory, field, *waves). draw: δ, the same shape; zero at first. spread: S of every
    wave, the same shape, inf where there is no prior. solved: X_θ of the last iteration, (trajectory, term, field, *waves).
    white: the white noise of the draw, at the points of the data and of the states.
    """

    at: Tensor
    draw: Tensor
    variance: Tensor
    solved: Tensor
    noise: tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Reduced:
    """The normal equations of some trajectories, states eliminated.

    matrix, gradient: A (trajectory, term, term) and g (trajectory, term). step, solved, draw: X_b,
    X_θ and δ. chi2: (trajectory, field); prior: uᵀ P u of each trajectory. freedom: numbers of the
    state that the data determine, (trajectory,). spread: squared residuals that δ adds,
    (trajectory, field).
    """

    matrix: Tensor
    gradient: Tensor
    step: Tensor
    solved: Tensor
    draw: Tensor
    chi2: Tensor
    prior: Tensor
    spread: Tensor


def reduce_states(
    dynamics: Dynamics,
    coefficients: Tensor,
    seen: Observations,
    states: States,
    iterations: int,
    tolerance: float,
) -> Reduced:
    """The normal equations at these coefficients and states."""
    waves, terms = dynamics.waves, len(dynamics.library.terms)
    frames, weight = seen.values.shape[1], seen.weight
    precision = 1 / states.variance
    line = dynamics.linearise(states.at, coefficients, frames)
    residual = seen.residual(waves, line.frames)

    def transposed(values: Tensor) -> Tensor:
        return line.adjoint(seen.spread(waves, values * weight[:, None]))

    def hessian(x: Tensor) -> Tensor:
        moved = seen.sample(waves, line.tangent(x)) * weight[:, None]
        return transposed(moved) + precision[:, None] * x

    slopes = seen.sample(waves, line.sensitivities(range(terms))) * weight[:, None]
    coupling = transposed(slopes)
    first, along = _gradients(line, dynamics, coefficients, seen, states, residual)
    first = first - precision * states.at
    white, wave = states.noise
    drawn = transposed((white * seen.seen)[:, None])[:, 0] + wave * precision.sqrt()
    right = torch.cat([coupling, drawn[:, None], first[:, None]], 1)
    guess = torch.cat([states.solved, states.draw[:, None], torch.zeros_like(first)[:, None]], 1)
    inverse = 1 / (_damped(dynamics, coefficients, seen) + precision)
    found = _conjugate_gradients(
        hessian,
        right,
        guess,
        lambda x: inverse[:, None] * x,
        waves.inner,
        iterations,
        tolerance,
    )
    solved, draw, step = found[:, :terms], found[:, terms], found[:, terms + 1]
    flat = slopes.flatten(2)
    inner = waves.inner
    matrix = flat @ flat.transpose(1, 2) - inner(coupling[:, :, None], solved[:, None])
    gradient = along - inner(coupling, step[:, None])
    moved = (seen.sample(waves, line.tangent(draw[:, None])) * weight[:, None])[:, 0]
    axes = tuple(range(3, residual.dim()))
    return Reduced(
        matrix=0.5 * (matrix + matrix.transpose(1, 2)),
        gradient=gradient,
        step=step,
        solved=solved,
        draw=draw,
        chi2=residual.square().sum((1, *axes)),
        prior=inner(precision * states.at, states.at),
        spread=moved.square().sum((1, *axes)),
    )


def _gradients(
    line: Linearised,
    dynamics: Dynamics,
    coefficients: Tensor,
    seen: Observations,
    states: States,
    residual: Tensor,
) -> tuple[Tensor, Tensor]:
    """J_uᵀ r and J_θᵀ r, averaged over u + δ and u − δ."""
    waves, weight, frames = dynamics.waves, seen.weight, seen.values.shape[1]
    if not bool(states.draw.abs().amax() > 0):
        back = seen.spread(waves, residual * weight)[:, None]
        start, along = line.gradient(back)
        return start[:, 0], along[:, 0]
    total_u, total = torch.zeros_like(states.at), None
    for sign in (1, -1):
        there = dynamics.linearise(states.at + sign * states.draw, coefficients, frames)
        back = seen.spread(waves, seen.residual(waves, there.frames) * weight)[:, None]
        start, along = there.gradient(back)
        total_u = total_u + 0.5 * start[:, 0]
        total = 0.5 * along[:, 0] if total is None else total + 0.5 * along[:, 0]
    assert total is not None
    return total_u, total


def _damped(dynamics: Dynamics, coefficients: Tensor, seen: Observations) -> Tensor:
    """The diagonal of J_uᵀ J_u if every wave were only damped by L: (trajectory, field, *waves)."""
    rate = dynamics.linear(coefficients).real
    times = dynamics.dt * torch.arange(seen.values.shape[1]).to(rate)
    left = (2 * rate[None].clamp(max=0) * times.reshape([-1] + [1] * rate.dim())).exp()
    share = seen.weight.square().flatten(3).mean(3) / seen.factor**dynamics.waves.grid.ndim
    return torch.einsum("btf,tf...->bf...", share, left)


def _conjugate_gradients(
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
