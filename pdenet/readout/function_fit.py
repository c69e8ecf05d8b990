"""Coefficients and sources as free functions, fitted through rollouts.

    u_t = Σ_j θ_j m_j + Σ_k c_k(x) m_k + f(u)

with constants θ, maps c_k that are splines on a coarse mesh and sources f that are splines in u:
the form in which a network of PDE-Net 1.0 is refined before a formula is sought for its functions.
The filters are those of the refit and stay as they are; the misfit of whole windows is made small
by L-BFGS,

    L = mean over windows, fields, steps and points of ((û_k − y_k)/s)²,

s the robust scale of the residual in each window and field at the start.

Reference: Long, Lu, Ma, Dong, "PDE-Net", ICML 2018, section 3 (maps and source as piecewise
polynomials).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import sympy
import torch
from torch import Tensor
from torch.func import functional_call

from pdenet import schemes
from pdenet.library.product import ONE, values_of
from pdenet.model import stack_rollout
from pdenet.nn import CoefficientMaps, PiecewiseSource
from pdenet.optimise import LBFGS
from pdenet.readout.fit import Normal, Rollouts, robust_scale, substeps_for
from pdenet.schemes import RHS, spectral_radius
from pdenet.types import State, Trajectory

__all__ = ["FreeForm", "fit_free"]

BLOCK = {"cpu": 2**18, "cuda": 2**28}
"""Bytes of states that are rolled out at once: on a CPU so few that their jets stay in cache."""


@dataclass(frozen=True)
class FreeForm:
    """The problem of constants, and what is free beside them.

    problem: its library holds the constant terms, then one term for each map, whose basis is the
    symbol in `symbols`. maps: the splines of these symbols, in this order. source: of all fields.
    """

    problem: Rollouts
    symbols: tuple[sympy.Symbol, ...] = ()
    maps: CoefficientMaps | None = None
    source: PiecewiseSource | None = None

    @property
    def constants(self) -> int:
        """Number of constant terms."""
        return len(self.problem.library.terms) - len(self.symbols)

    def rhs(self, constants: Tensor, weights: Tensor, shape: torch.Size) -> RHS:
        """(t, u) -> u_t with these constants and spline weights (maps, then source)."""
        library, bank = self.problem.library, self.problem.bank
        maps, source = self._split(weights)
        if self.maps is not None:
            values = functional_call(self.maps, {"weights": maps}, ())
            bases = dict(zip(self.symbols, values, strict=True))
            library = library.with_bases(bases)
        coefficients = torch.cat([constants, constants.new_ones(len(self.symbols))])
        kernels = bank.scaled_kernels().detach()
        linear = library.rhs(bank, coefficients, kernels, shape)
        if self.source is None:
            return linear
        module = self.source

        def rhs(t: float, u: State) -> State:
            found: State = functional_call(module, {"weights": source}, (u,))
            return linear(t, u) + found

        return rhs

    def predict(self, x: Tensor, u: State, steps: int) -> Trajectory:
        """The rollout from u (window, field, *space): (window, steps, field, *space)."""
        n = self.constants
        rhs = self.rhs(x[:n], x[n:], u.shape[2:])
        method = schemes.get("rk4")
        return stack_rollout(rhs, method, u, self.problem.dt, steps, self.problem.substeps)

    def start(self, constants: Tensor) -> Tensor:
        """The unknowns with these constants and the weights that the modules have."""
        parts = [constants]
        parts += [m.weights.detach().flatten() for m in (self.maps, self.source) if m is not None]
        return torch.cat(parts)

    def load(self, x: Tensor) -> None:
        """Put the weights in x into the modules."""
        with torch.no_grad():
            for module, part in zip(
                (self.maps, self.source), self._split(x[self.constants :]), strict=True
            ):
                if module is not None:
                    module.weights.copy_(part)

    def stabilised(self, x: Tensor, u: State, generator: torch.Generator) -> FreeForm:
        """The same with as many substeps as stability at these states asks for."""
        n = self.constants
        with torch.no_grad():
            rhs = self.rhs(x[:n], x[n:], u.shape[2:])
            radius = spectral_radius(rhs, u, generator)
        substeps = substeps_for(radius, self.problem.dt)
        return replace(self, problem=replace(self.problem, substeps=substeps))

    def residuals(self, x: Tensor, windows: Trajectory) -> Tensor:
        """y_k − û_k, (window, step, field, *space)."""
        steps, at_once = windows.shape[1] - 1, self.at_once(windows[:, 0])
        with torch.no_grad():
            parts = [
                part[:, 1:] - self.predict(x, part[:, 0], steps) for part in windows.split(at_once)
            ]
        return torch.cat(parts)

    def normal(
        self,
        x: Tensor,
        windows: Trajectory,
        directions: Tensor,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Normal:
        """The problem of the windows (window, frame, field, *space), linearised at x along
        directions (direction, unknown).

        Residuals are weighted as Student's t, by robust scales of their own.
        """
        u, y = windows[:, 0], windows[:, 1:]
        steps, parts = y.shape[1], list[Normal]()
        scale = robust_scale(self.residuals(x, windows), windows)
        for rows in torch.arange(len(u)).split(self.at_once(u)):
            start = u[rows]

            def along(direction: Tensor, u: State = start) -> Trajectory:
                found: Trajectory = torch.func.jvp(
                    lambda at: self.predict(at, u, steps), (x,), (direction,)
                )[1]
                return found

            with torch.no_grad():
                slopes = torch.stack([along(direction) for direction in directions])
                residual = y[rows] - self.predict(x, start, steps)
            parts.append(Normal.of(residual, slopes, scale[rows]))
            on_progress((int(rows[-1]) + 1) / len(u))
        return Normal.joined(parts)

    @staticmethod
    def at_once(u: State) -> int:
        """How many states are rolled out together."""
        return max(1, BLOCK.get(u.device.type, BLOCK["cuda"]) // (u[0].numel() * u.element_size()))

    def _split(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The weights of the maps and of the source, in their shapes."""
        n = 0 if self.maps is None else self.maps.weights.numel()
        maps, source = weights[:n], weights[n:]
        if self.maps is not None:
            maps = maps.reshape(self.maps.weights.shape)
        if self.source is not None:
            source = source.reshape(self.source.weights.shape)
        return maps, source

    def sizes(self, u: State) -> Tensor:
        """What one unit of each unknown does to u_t at states u, r.m.s. over the fields' own."""
        bank, library = self.problem.bank, self.problem.library
        with torch.no_grad():
            value_of = values_of(bank(u), bank.jets, library.bases)
            effect = [
                value_of(replace(term.product, basis=ONE)).square().mean().sqrt()
                for term in library.terms
            ]
        n, parts = self.constants, []
        parts += effect[:n]
        if self.maps is not None:
            each = self.maps.weights[0].numel()
            parts += [part for part in effect[n:] for _ in range(each)]
        if self.source is not None:
            parts += [torch.ones_like(effect[0])] * self.source.weights.numel()
        return torch.stack(parts).clamp_min(1e-300)


def fit_free(
    form: FreeForm,
    x: Tensor,
    windows: Trajectory,
    *,
    iterations: int,
    on_progress: Callable[[float], None] = lambda fraction: None,
    tolerance: float = 1e-4,
) -> Tensor:
    """The unknowns that predict the windows best, from a start x.

    windows: (window, frame, field, *space). Stops when ten iterations lower the misfit by less
    than `tolerance` of it.
    Raises TrainingError where the rollout from x is not finite.
    """
    u, y = windows[:, 0], windows[:, 1:]
    steps = y.shape[1]
    size = form.sizes(u) / y.sub(u[:, None]).square().mean().sqrt().clamp_min(1e-300)
    scale = robust_scale(form.residuals(x, windows), windows)
    weight = scale.reciprocal().reshape(len(u), 1, -1, *[1] * (u.dim() - 2))

    def closure(scaled: Tensor) -> tuple[Tensor, Tensor]:
        found, total = scaled / size, scaled.new_zeros(())
        gradient = torch.zeros_like(scaled)
        for rows in torch.arange(len(u)).split(form.at_once(u)):
            leaf = found.detach().requires_grad_()
            error = (form.predict(leaf, u[rows], steps) - y[rows]) * weight[rows]
            loss = error.square().sum() / y.numel()
            gradient += torch.autograd.grad(loss, leaf)[0]
            total += loss.detach()
        return total, gradient / size

    optimiser = LBFGS()
    state = optimiser.init(x * size, *closure(x * size))
    recent = [float(state.loss)]
    for iteration in range(iterations):
        state, _ = optimiser.step(state, closure)
        on_progress((iteration + 1) / iterations)
        recent.append(float(state.loss))
        if state.converged or (
            len(recent) > 10 and recent[-11] - recent[-1] < tolerance * recent[-1]
        ):
            break
    on_progress(1.0)
    return state.position / size
