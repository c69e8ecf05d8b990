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
only damped (for a field that is never seen, by its diagonal, as white noise shows it; around a
window as `edge` says). They are solved only roughly: with the residuals
R = [J_uᵀ J_θ, b] − H X of what is found,

    A ≈ J_θᵀ J_θ − (J_uᵀ J_θ)ᵀ X_θ − X_θᵀ R_θ,      g ≈ J_θᵀ r − (J_uᵀ J_θ)ᵀ X_b − X_θᵀ R_b

are off by the product of two errors. A draw δ ~ N(0, H⁻¹) comes with them, as the solution for
J_uᵀ ε + P^(1/2) η with white ε, η. With it both gradients are taken at u ± δ and averaged: the
expectation over states that the data allow, not the value at the best one. Without this the weak
waves, which are many and are shrunk by their prior, pull the coefficients (the marginal likelihood
has a term log det H besides chi²); the antithetic pair cancels everything of first order, so one
pair suffices.

Sources: Golub, Pereyra, SIAM J. Numer. Anal. 10 (1973) 413-432 (variable projection); Papandreou,
Yuille, NIPS 2010 (draws by perturbation); Fisher's identity as in Dempster, Laird, Rubin (1977);
Opper, Archambeau, Neural Comput. 21 (2009) 786-792 (the Gaussian variational approximation);
Courtier, Thépaut, Hollingsworth, Q. J. R. Meteorol. Soc. 120 (1994) 1367-1387 (inner and outer
model).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from pdenet.likelihood.fit.edge import Edge
from pdenet.likelihood.fit.information import principal
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.likelihood.states.linearised import Linearised
from pdenet.likelihood.states.model import Model
from pdenet.noise.observations import Observations
from pdenet.noise.spectrum import Shells
from pdenet.optimise.krylov import combined, conjugate_gradients

__all__ = [
    "Reduced",
    "States",
    "damped",
    "reduce_states",
]

LOST = 0.03
"""Share of the information along an axis that rough solutions may get wrong."""


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

    def of(self, fields: int) -> States:
        """The initial states alone, without what happens around a window."""
        every = (self.at, self.draw, self.variance, self.wave)
        at, draw, variance, wave = (each[:, :fields] for each in every)
        return States(at, draw, variance, self.solved[:, :, :fields], self.white, wave)

    def only(self, terms: Tensor) -> States:
        """With X_θ of the given terms; -1 stands for one that was not there."""
        known = self.solved.index_select(1, terms.clamp_min(0).to(self.solved.device))
        there = (terms >= 0).reshape([1, -1] + [1] * (known.dim() - 2))
        return replace(self, solved=known * there.to(known.device))


@dataclass(frozen=True, eq=False)
class Reduced:
    """The normal equations of some trajectories, states eliminated.

    matrix, gradient: A (trajectory, term, term) and g (trajectory, term). step, solved, draw: X_b,
    X_θ and δ. pull: J_uᵀ r, what the data ask of the states. chi2: (trajectory, field). prior:
    uᵀ P u, (trajectory,). spread: squared residuals that δ adds, (trajectory, field); their sum
    over the fields is the number of unknowns of the state that the data determine.
    """

    matrix: Tensor
    gradient: Tensor
    step: Tensor
    solved: Tensor
    draw: Tensor
    pull: Tensor
    chi2: Tensor
    prior: Tensor
    spread: Tensor

    @property
    def finite(self) -> bool:
        """Whether all of it is."""
        return all(bool(getattr(self, each.name).isfinite().all()) for each in fields(self))

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
    information: Tensor | None = None,
    free: bool = True,
) -> Reduced:
    """The normal equations at these coefficients and states.

    iterations, tolerance: of the conjugate gradients, at most. information: the part of Σ A that
    these trajectories have, as far as it is known; along each of its principal axes X_θ is solved
    for until no more than the share `LOST` is wrong. free: whether coefficients may change;
    otherwise matrix, gradient and X_θ are of no term.
    """
    systems = _Systems.of(model, coefficients, seen, states)
    waves, terms = model.inner.waves, len(model.inner.library.terms) if free else 0
    residual = model.residual(seen, states.at, coefficients, systems.line)
    # Transforms do not take nothing.
    slopes = systems.slopes(terms) if terms else residual[:, None][:, :0]
    coupling = systems.transposed(slopes) if terms else states.solved[:, :0]
    pull, along = _gradients(model, systems.line, coefficients, seen, states, residual)
    start = pull - states.at / states.variance
    axes, known = _axes(information if terms else None, terms, residual)
    right = torch.cat([combined(axes, coupling), systems.drawn(), start[:, None]], 1)
    bound = tolerance**2 * waves.inner(right, systems.precondition(right))
    bound[:, :terms] = torch.minimum(bound[:, :terms], LOST * known / len(seen.values))
    solved = combined(axes, states.solved[:, :terms])
    begun = [solved, states.draw[:, None], torch.zeros_like(start)[:, None]]
    found, left = conjugate_gradients(
        systems.apply,
        right,
        torch.cat(begun, 1),
        systems.precondition,
        waves.gram,
        iterations,
        bound,
    )
    back = torch.linalg.inv(axes)
    solved, draw, step = combined(back, found[:, :terms]), found[:, terms], found[:, terms + 1]
    flat, inner = slopes.flatten(2), waves.inner
    # With what is left of the systems the errors of both are products of two errors.
    lost = coupling + combined(back, left[:, :terms])
    matrix = (flat @ flat.transpose(1, 2)).double() - waves.gram(lost, solved)
    gradient = along[:, :terms] - inner(coupling, step[:, None])
    return Reduced(
        matrix=0.5 * (matrix + matrix.transpose(1, 2)),
        gradient=gradient - inner(solved, left[:, terms + 1, None]),
        step=step,
        solved=solved,
        draw=draw,
        pull=pull,
        chi2=_squares(seen.measured(residual)),
        prior=inner(states.at / states.variance, states.at) + _told(seen, residual),
        spread=_spread(systems, draw),
    )


def _axes(information: Tensor | None, terms: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The principal axes of the information on coefficients in units of their own, (term, axis),
    and the information along them; those of the terms and inf where it is not known."""
    known = None if information is None else principal(information)
    if known is None:
        one = torch.eye(terms, dtype=like.dtype, device=like.device)
        return one, torch.full_like(one[:, :1].flatten(), torch.inf)
    values, axes = known
    return axes, values.clamp_min(0)


@dataclass(frozen=True, eq=False)
class _Systems:
    """H of some trajectories, and an approximate inverse of it."""

    model: Model
    seen: Observations
    states: States
    line: Linearised
    weight: Tensor
    inverse: Tensor
    edge: Edge | None = None

    @classmethod
    def of(cls, model: Model, coefficients: Tensor, seen: Observations, states: States) -> _Systems:
        """Around these coefficients and states."""
        frames = seen.values.shape[1]
        single = model.is_single(seen, states.at)
        line = Linearised.of(model.inner, states.at, coefficients, frames, single)
        weight = seen.weight[:, None].to(line.along.real.dtype)
        diagonal = damped(model.inner, coefficients, seen)
        hidden = (seen.count == 0).reshape([*seen.count.shape] + [1] * (states.at.dim() - 2))
        found = cls(model, seen, states, line, weight, diagonal)
        if model.inner.latent is not None:
            edge = Edge.of(model.inner.latent, seen, diagonal, states.variance)
            return replace(found, edge=edge)
        if bool(hidden.any()):
            probe = states.wave * hidden
            image = found.transposed(found.observed(probe[:, None]))[:, 0]
            gain = _gain(Shells(model.inner.waves), probe, image)
            diagonal = torch.where(hidden, gain, diagonal)
        return replace(found, inverse=1 / (diagonal + 1 / states.variance)[:, None])

    def observed(self, start: Tensor) -> Tensor:
        """J_u of vectors (trajectory, vector, field, *waves)."""
        return self._sampled(self.line.tangent(start))

    def slopes(self, terms: int) -> Tensor:
        """J_θ."""
        return self._sampled(self.line.sensitivities(range(terms)))

    def _sampled(self, frames: Tensor) -> Tensor:
        return self.seen.sample(self.model.inner.waves, frames) * self.weight

    def transposed(self, values: Tensor) -> Tensor:
        """J_uᵀ."""
        return self.line.adjoint(self.seen.spread(self.model.inner.waves, values * self.weight))

    def drawn(self) -> Tensor:
        """J_uᵀ ε + P^(1/2) η, one vector."""
        noise = self.transposed((self.states.white * (self.seen.known > 0))[:, None])
        return noise + (self.states.wave / self.states.variance.sqrt())[:, None]

    def apply(self, x: Tensor) -> Tensor:
        """H x."""
        return self.transposed(self.observed(x)) + _prior(self.model, self.seen, self.states, x)

    def precondition(self, x: Tensor) -> Tensor:
        """About H⁻¹ x."""
        return self.inverse * x if self.edge is None else self.edge(x)


def _gain(shells: Shells, probe: Tensor, image: Tensor) -> Tensor:
    """The mean on shells of the diagonal of a matrix, from its product with white noise."""
    product = shells.mean((probe.conj() * image).real).clamp_min(0)
    return shells.spread(product / shells.mean(probe.abs().square()).clamp_min(1e-300))


def _prior(model: Model, seen: Observations, states: States, x: Tensor) -> Tensor:
    """P x of vectors (trajectory, vector, field, *waves); without sizes (P − P u uᵀ P / uᵀ P u) x,
    field by field."""
    precision, waves = 1 / states.variance, model.inner.waves
    found = precision[:, None] * x
    for field in range(seen.count.shape[1]) if not model.sized else ():
        size = torch.zeros_like(states.at)
        size[:, field] = (precision * states.at)[:, field]
        unseen = (seen.count[:, field] == 0) / waves.inner(size, states.at).clamp_min(1e-300)
        share = unseen[:, None] * waves.inner(size[:, None], x)
        found = found - share.reshape([*share.shape] + [1] * (x.dim() - 2)) * size[:, None]
    return found


def _told(seen: Observations, residual: Tensor) -> Tensor:
    """Squares of what is left of walls, (trajectory,)."""
    rest = residual - seen.measured(residual)
    return rest.square().flatten(1).sum(1, dtype=torch.float64)


def _spread(systems: _Systems, draw: Tensor) -> Tensor:
    """Squared residuals that δ adds, (trajectory, field). Around a window δ may not be solved for
    to the end, and what is left is large where it matters most: εᵀ J_u δ has the same mean and is
    never too large."""
    moved = systems.seen.measured(systems.observed(draw[:, None])[:, 0])
    if systems.model.inner.latent is None:
        return _squares(moved)
    product = (moved * systems.states.white).movedim(2, 1)
    return product.flatten(2).sum(2, dtype=torch.float64).clamp_min(0)


def _squares(residual: Tensor) -> Tensor:
    """Sums over frames and points of (trajectory, frame, field, *data grid)."""
    return residual.square().movedim(2, 1).flatten(2).sum(2, dtype=torch.float64)


def _gradients(
    model: Model,
    line: Linearised,
    coefficients: Tensor,
    seen: Observations,
    states: States,
    residual: Tensor,
) -> tuple[Tensor, Tensor]:
    """J_uᵀ r and J_θᵀ r, averaged over u + δ and u − δ, where the outer model is as far from the
    inner one as at u: what that leaves out has another sign at u − δ, but for δ² times the
    difference of their derivatives."""
    waves, weight, frames = model.inner.waves, seen.weight, seen.values.shape[1]
    if not bool(states.draw.abs().amax() > 0):
        start, along = line.gradient(seen.spread(waves, residual * weight)[:, None])
        return start[:, 0], along[:, 0]
    beyond = residual - seen.residual(waves, line.frames)
    # Both at once.
    model, seen, n = replace(model, inner=model.inner.twice()), seen.twice(), len(states.at)
    at = torch.cat([states.at + states.draw, states.at - states.draw])
    there = Linearised.of(model.inner, at, coefficients, frames, model.is_single(seen, at))
    left = seen.residual(waves, there.frames) + torch.cat([beyond, beyond])
    start, along = there.gradient(seen.spread(waves, left * seen.weight)[:, None])
    return 0.5 * (start[:n] + start[n:])[:, 0], 0.5 * (along[:n] + along[n:])[:, 0]


def damped(dynamics: Dynamics, coefficients: Tensor, seen: Observations) -> Tensor:
    """The diagonal of J_uᵀ J_u if every wave were only damped by L: (trajectory, field, *waves)."""
    rate = dynamics.own(coefficients).real
    times = dynamics.dt * torch.arange(seen.values.shape[1]).to(rate)
    left = (2 * rate[None].clamp(max=0) * times.reshape([-1] + [1] * rate.dim())).exp()
    share = seen.measured(seen.weight).square().flatten(3).mean(3) * seen.share(dynamics.waves)
    return torch.einsum("btf,tf...->bf...", share, left)
