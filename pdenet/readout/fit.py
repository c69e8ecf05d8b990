"""Least squares through rollouts: coefficients and filters that predict whole windows.

For windows y_0, y_1, .., y_n of n steps and a rollout û_k(x) from û_0 = y_0, the unknowns
x = (θ, φ), coefficients of the terms and free moments of the filters, minimise

    Σ over windows, fields, steps and points of  ρ((û_k(x) − y_k) / s),   ρ(r) = log(1 + r²/ν),

where s is a robust scale of the residual in each window and field: Student's t with ν degrees of
freedom, so that a front which the grid cannot resolve does not outvote the rest of the field.
Gauss-Newton on reweighted squares: one forward-mode derivative of the rollout for each unknown, a
handful of iterations.

References: Nocedal, Wright, Numerical Optimization, 2nd ed., section 10.3; Lange, Little, Taylor,
J. Am. Stat. Assoc. 84 (1989) 881-896 (weights of the t distribution).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.func import jacfwd

from pdenet import schemes
from pdenet.errors import DiscoveryError
from pdenet.library.terms import Library
from pdenet.model import stack_rollout
from pdenet.nn import FilterBank
from pdenet.readout.tangent import Tangents
from pdenet.schemes import spectral_radius, stable_substeps
from pdenet.types import State, Trajectory

__all__ = [
    "Fit",
    "Normal",
    "Rollouts",
    "gauss_newton",
    "learned_axes",
    "linearise",
    "objective",
    "robust_scale",
    "substeps_for",
]

DEGREES_OF_FREEDOM = 4.0
BLOCK = {"cpu": 2**19, "cuda": 2**28}
"""Bytes of states that are advanced at once: on a CPU so few that all their jets stay in cache,
which is 2 to 4 times faster than larger blocks; on a GPU enough to fill it."""


MOST_SUBSTEPS = 1024
"""Steps from frame to frame, at most, so that a block of windows, within which nothing can stop a
read-out, ends. Equations of the papers need 1 to 4; u_xxxx on 64 points 20 to 70, 
sixteen times as many on twice the points."""


@dataclass(frozen=True)
class Normal:
    """The weighted least-squares problem of each window, linearised at x.

    matrix: (window, unknown, unknown) JᵀWJ; gradient: (window, unknown) JᵀW(y − û);
    misfit: (window,) (y − û)ᵀW(y − û), all divided by the number of values in a window.
    """

    matrix: Tensor
    gradient: Tensor
    misfit: Tensor

    @property
    def on_cpu(self) -> Normal:
        """The same in the memory of the CPU."""
        return Normal(self.matrix.cpu(), self.gradient.cpu(), self.misfit.cpu())

    @classmethod
    def of(cls, residual: Tensor, jacobian: Tensor, scale: Tensor) -> Normal:
        """From residuals (window, step, field, *space), the derivative of the prediction along
        each unknown (unknown, window, ..) and the scale (window, field) of the residuals."""
        slopes, flat = jacobian.flatten(2), residual.flatten(1)
        weight, n = _weights(residual, scale).flatten(1), flat.shape[1]
        weighted = (slopes * weight).movedim(0, 1)
        return cls(
            matrix=weighted @ slopes.permute(1, 2, 0) / n,
            gradient=(weighted @ flat[:, :, None])[..., 0] / n,
            misfit=(weight * flat.square()).sum(1) / n,
        )

    def along(self, directions: Tensor) -> Normal:
        """The same for other unknowns, of which each is a direction (unknown, new unknown)."""
        matrix = directions.T @ self.matrix @ directions
        return Normal(matrix, self.gradient @ directions, self.misfit)

    @classmethod
    def joined(cls, parts: Sequence[Normal]) -> Normal:
        """That of the windows of all parts."""
        columns = zip(*((p.matrix, p.gradient, p.misfit) for p in parts), strict=True)
        return cls(*(torch.cat(column) for column in columns))


@dataclass(frozen=True)
class Rollouts:
    """A library of terms, the filters that make its jets, and how windows are predicted.

    free: positions in `bank.free` of the moments that are fitted; the others stay as they are.
    dt: between frames, each of `substeps` steps of classical Runge-Kutta (RK4).
    """

    library: Library
    bank: FilterBank
    free: Tensor
    dt: float
    substeps: int = 1

    @property
    def unknowns(self) -> int:
        """Number of coefficients and fitted moments."""
        return len(self.library.terms) + len(self.free)

    def start(
        self, coefficients: Tensor, moments: Mapping[tuple[int, ...], float] | None = None
    ) -> Tensor:
        """The unknowns with these coefficients, and with moments of an earlier fit where given."""
        known = moments or {}
        found = self.bank.free.detach()[self.free].clone()
        for k, key in enumerate(self._keys()):
            found[k] = known.get(key, found[k])
        return torch.cat([coefficients.to(found), found])

    def moments(self, x: Tensor) -> dict[tuple[int, ...], float]:
        """The fitted moments in x, by the index of the derivative and that of the moment."""
        values = x[len(self.library.terms) :].tolist()
        return dict(zip(self._keys(), values, strict=True))

    def _keys(self) -> list[tuple[int, ...]]:
        multi = _places(self.bank)[self.free.cpu()]
        return [(*self.bank.indices[kernel], *powers) for kernel, *powers in multi.tolist()]

    def kernels(self, x: Tensor) -> Tensor:
        """The scaled kernels with the moments in x."""
        free = self.bank.free.detach().index_put((self.free,), x[len(self.library.terms) :])
        found: Tensor = torch.func.functional_call(_Kernels(self.bank), {"bank.free": free}, ())
        return found

    def predict(self, x: Tensor, u: State, steps: int) -> Trajectory:
        """The rollout from u (window, field, *space): (window, steps, field, *space)."""
        terms = len(self.library.terms)
        rhs = self.library.rhs(self.bank, x[:terms], self.kernels(x), u.shape[2:])
        return stack_rollout(rhs, schemes.get("rk4"), u, self.dt, steps, self.substeps)

    def stabilised(self, x: Tensor, u: State, generator: torch.Generator) -> Rollouts:
        """The same with as many substeps as stability at these states asks for."""
        terms = len(self.library.terms)
        rhs = self.library.rhs(self.bank, x[:terms], self.kernels(x), u.shape[2:])
        with torch.no_grad():
            radius = spectral_radius(rhs, u, generator)
        return replace(self, substeps=substeps_for(radius, self.dt))

    def residuals(self, x: Tensor, windows: Trajectory) -> Tensor:
        """y_k − û_k, (window, step, field, *space)."""
        steps = windows.shape[1] - 1
        with torch.no_grad():
            parts = [
                part[:, 1:] - self.predict(x, part[:, 0], steps)
                for part in windows.split(max(1, self._block(windows) // _bytes(windows[0, 0])))
            ]
        return torch.cat(parts)

    def normal(
        self, x: Tensor, windows: Trajectory, scale: Tensor, on_chunk: Callable[[float], None]
    ) -> Normal:
        """The linearised problem at x with the given scale (window, field) of the residuals."""
        at_once = max(1, self._block(windows) // (self.unknowns * _bytes(windows[0, 0])))
        tangents = self.tangents(x, windows.shape[3:])
        parts = []
        for first in range(0, len(windows), at_once):
            rows = slice(first, first + at_once)
            parts.append(self._chunk(tangents, windows[rows], scale[rows]))
            on_chunk(min(1.0, (first + at_once) / len(windows)))
        return Normal.joined(parts)

    def _chunk(self, tangents: Tangents, windows: Trajectory, scale: Tensor) -> Normal:
        u, y = windows[:, 0], windows[:, 1:]
        with torch.no_grad():
            value, jacobian = tangents.along(u, self.dt, y.shape[1], self.substeps)
            return Normal.of(y - value, jacobian, scale)

    def tangents(self, x: Tensor, shape: torch.Size) -> Tangents:
        """The derivative of the rollout along each unknown at x, on a grid of this shape."""
        terms = len(self.library.terms)
        slopes = jacfwd(self.kernels)(x)[..., terms:].movedim(-1, 0).contiguous()
        return Tangents(self.library, self.bank, x[:terms], self.kernels(x), slopes, shape)

    @staticmethod
    def _block(windows: Trajectory) -> int:
        return BLOCK.get(windows.device.type, BLOCK["cuda"])


def substeps_for(radius: float, dt: float) -> int:
    """Steps of RK4 from frame to frame at this spectral radius.

    Raises DiscoveryError where they are more than `MOST_SUBSTEPS`.
    """
    found = stable_substeps(radius, dt, "rk4")
    if found > MOST_SUBSTEPS:
        raise DiscoveryError(
            f"rollouts of the equation need {found} explicit steps from frame to frame, and at "
            f"most {MOST_SUBSTEPS} are made: give frames that are nearer to each other, or a "
            "coarser grid"
        )
    return found


class _Kernels(torch.nn.Module):
    """The kernels of a bank as a module, for `functional_call`."""

    def __init__(self, bank: FilterBank) -> None:
        super().__init__()
        self.bank = bank

    def forward(self) -> Tensor:
        return self.bank.scaled_kernels()


def learned_axes(bank: FilterBank) -> Tensor:
    """Positions in `bank.free` of the moments along the axes of each derivative.

    ∂/∂x acts along x: of its kernel's moments only those along x are worth fitting. A mixed
    derivative keeps the kernel it has.
    """
    chosen = []
    for position, (kernel, *powers) in enumerate(_places(bank).tolist()):
        index = bank.indices[kernel]
        axes = [axis for axis, count in enumerate(index) if count]
        others = all(powers[a] == 0 for a in range(bank.ndim) if a not in axes)
        if len(axes) == 1 and others:
            chosen.append(position)
    return torch.tensor(chosen, dtype=torch.int64, device=bank.positions.device)


@dataclass(frozen=True)
class Fit:
    """A solution x, and the problem linearised at `at`, one Gauss-Newton step before it."""

    x: Tensor
    at: Tensor
    normal: Normal


def _places(bank: FilterBank) -> Tensor:
    """For each free moment of a bank: its kernel and its index, (free, 1 + ndim)."""
    shape = (len(bank.indices), *[bank.size] * bank.ndim)
    return torch.stack(torch.unravel_index(bank.positions.cpu(), shape), 1)


def gauss_newton(
    problem: Rollouts,
    x: Tensor,
    windows: Trajectory,
    *,
    iterations: int,
    on_progress: Callable[[float, Tensor], None] = lambda fraction, x: None,
    tolerance: float = 1e-4,
) -> Fit:
    """The unknowns that predict the windows best, from a start x.

    A step that makes the objective larger or NaN is halved. Stops when a step promises to lower
    the misfit by less than `tolerance` of it; that step is still taken.
    Raises DiscoveryError where the rollout is not finite from the start.
    """
    value, scale = _objective(problem, x, windows)
    if not math.isfinite(value):
        raise DiscoveryError(
            "the equation read from the network blows up within a window; use shorter windows "
            "(readout.steps) or train longer"
        )
    for iteration in range(iterations):

        def tell(part: float, done: int = iteration, now: Tensor = x) -> None:
            on_progress((done + part) / iterations, now)

        normal = problem.normal(x, windows, scale, tell)
        gradient = normal.gradient.sum(0)
        step = _solve(normal.matrix.sum(0), gradient, problem)
        promised = float(gradient @ step) / max(float(normal.misfit.sum()), 1e-300)
        length, trial_value = 1.0, math.inf
        while length > 1e-3:
            trial_value, trial_scale = _objective(problem, x + length * step, windows)
            if trial_value <= value:
                break
            length /= 2
        if trial_value > value:
            break
        fit = Fit(x + length * step, x, normal)
        if promised < tolerance or iteration == iterations - 1:
            on_progress(1.0, fit.x)
            return fit
        x, value, scale = fit.x, trial_value, trial_scale
    on_progress(1.0, x)
    return Fit(x, x, normal)


def linearise(problem: Rollouts, x: Tensor, windows: Trajectory) -> Normal:
    """The linearised problem of other windows at x, with scales of their own.

    Raises DiscoveryError where their rollout is not finite.
    """
    value, scale = _objective(problem, x, windows)
    if not math.isfinite(value):
        raise DiscoveryError(
            "the fitted equation blows up on held-out trajectories; use shorter windows "
            "(readout.steps) or more data"
        )
    return problem.normal(x, windows, scale, lambda part: None)


def _solve(matrix: Tensor, gradient: Tensor, problem: Rollouts) -> Tensor:
    """The Gauss-Newton step; moments of the filters are held by a weak prior at zero change."""
    size = matrix.diagonal().clamp_min(1e-300).sqrt()
    scaled = matrix / size / size[:, None]
    ridge = torch.full_like(size, 1e-12)
    ridge[len(problem.library.terms) :] = 1e-6
    step: Tensor = torch.linalg.solve(scaled + torch.diag(ridge), gradient / size) / size
    return step


def objective(problem: Rollouts, x: Tensor, windows: Trajectory) -> float:
    """The negative log-likelihood per value of these windows, what a fit minimises; infinite where
    their rollout is not finite."""
    return _objective(problem, x, windows)[0]


def _objective(problem: Rollouts, x: Tensor, windows: Trajectory) -> tuple[float, Tensor]:
    """The negative log-likelihood per value, and the scale (window, field) of the residuals."""
    residual = problem.residuals(x, windows)
    if not bool(residual.isfinite().all()):
        return math.inf, torch.ones(())
    flat, scale = residual.movedim(2, 1).flatten(2), robust_scale(residual, windows)
    nu = DEGREES_OF_FREEDOM
    loss = scale.log() + 0.5 * (nu + 1) * torch.log1p((flat / scale[..., None]).square() / nu).mean(
        2
    )
    return float(loss.mean()), scale


def robust_scale(residual: Tensor, windows: Trajectory) -> Tensor:
    """The scale of the residual (window, step, field, *space) in each window and field, by its
    median modulus; of windows that are predicted exactly, what rounding leaves."""
    floor = 1e-12 * windows.abs().amax()
    middle: Tensor = residual.movedim(2, 1).flatten(2).abs().median(2).values
    return (1.4826 * middle).clamp_min(floor)


def _weights(residual: Tensor, scale: Tensor) -> Tensor:
    """Weights of the t distribution, (window, step, field, *space)."""
    shape = [scale.shape[0], 1, scale.shape[1]] + [1] * (residual.dim() - 3)
    spread = scale.reshape(shape)
    nu = DEGREES_OF_FREEDOM
    return (nu + 1) / (nu + (residual / spread).square()) / spread.square()


def _bytes(window: Tensor) -> int:
    return window.numel() * window.element_size()
