"""The rollout of an equation on a periodic grid, its derivative, and the transpose of that.

With the state held as waves, u_t = L u + N(u): L the linear terms of a field in its own equation,
diagonal there and advanced exactly, N all others, by the classical Runge–Kutta method of order
four on exp(−L t) u (Lawson's method), E = exp(L h/2):

    U_1 = u                 U_3 = E u + h/2 N_2
    U_2 = E (u + h/2 N_1)   U_4 = E² u + h E N_3
    u⁺  = E² u + h/6 (E² N_1 + 2 E (N_2 + N_3) + N_4),      N_i = N(U_i).

The derivative w of the rollout along the initial state and the coefficients obeys the same scheme
with N_i replaced by N'(U_i) w_i + s_i, where s_i = m_j(U_i) along the coefficient θ_j (linear terms
too: L stays the one at which the rollout was linearised). The transpose runs through the same
stages backwards; it is written out, so that neither needs a graph.

Sources: Lawson, SIAM J. Numer. Anal. 4 (1967) 372-380; for the discrete adjoint of Runge–Kutta
schemes Hager, Numer. Math. 87 (2000) 247-282.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pdenet.discovery.product import Product, values_of
from pdenet.discovery.refine.waves import Waves
from pdenet.discovery.terms import Library
from pdenet.pde.jet import Jet

__all__ = ["Dynamics", "Linearised"]

STABLE = 2.5
"""h times the largest speed of change at which a step is taken: the method is stable up to 2.8."""


@dataclass(frozen=True, eq=False)
class Dynamics:
    """u_t = Σ_j θ_j B_j m_j, advanced from frame to frame.

    library: with its functions of the coordinates on the grid of the states. dt: between frames.
    substeps: steps of the method from one frame to the next.
    """

    library: Library
    waves: Waves
    dt: float
    substeps: int = 1

    @cached_property
    def jets(self) -> tuple[Jet, ...]:
        """The derivatives that occur in terms."""
        return self.library.jets

    @cached_property
    def owners(self) -> Tensor:
        """For each jet the place of its field."""
        places = [self.library.fields.index(jet.field) for jet in self.jets]
        return torch.tensor(places, device=self.waves.like.device, dtype=torch.long)

    @cached_property
    def symbols(self) -> Tensor:
        """For each jet its symbol, (jet, *waves)."""
        return torch.stack([self.waves.symbol(jet.index) for jet in self.jets])

    @cached_property
    def equation(self) -> tuple[int, ...]:
        """For each term the place of the field whose equation it stands in."""
        return tuple(self.library.fields.index(term.field) for term in self.library.terms)

    @cached_property
    def diagonal(self) -> tuple[bool, ...]:
        """For each term whether it belongs to L."""
        return tuple(
            term.product.linear is not None and term.product.linear.field == term.field
            for term in self.library.terms
        )

    @cached_property
    def slopes(self) -> dict[tuple[int, int], list[tuple[int, Product]]]:
        """(equation, jet) -> the terms of N and their derivatives along that jet."""
        found: dict[tuple[int, int], list[tuple[int, Product]]] = {}
        for j, term in enumerate(self.library.terms):
            if not self.diagonal[j]:
                for jet, product in term.product.derivatives(
                    self.library.fields, self.library.ndim
                ):
                    place = (self.equation[j], self.jets.index(jet))
                    found.setdefault(place, []).append((j, product))
        return found

    def linear(self, coefficients: Tensor) -> Tensor:
        """The symbol of L, (field, *waves)."""
        total = torch.zeros(
            (len(self.library.fields), *self.waves.shape),
            dtype=self.symbols.dtype if self.jets else torch.complex128,
            device=self.waves.like.device,
        )
        for j, term in enumerate(self.library.terms):
            if self.diagonal[j] and term.product.linear is not None:
                jet = self.jets.index(term.product.linear)
                total[self.equation[j]] += coefficients[j] * self.symbols[jet]
        return total

    def values(self, modes: Tensor) -> Tensor:
        """The jets at every point, (.., jet, *space), of states (.., field, *waves)."""
        chosen = modes.index_select(modes.dim() - self.waves.grid.ndim - 1, self.owners)
        return self.waves.points(chosen * self.symbols)

    def monomials(self, jets: Tensor) -> Callable[[Product], Tensor]:
        """Products of jets (batch, jet, *space) at every point."""
        return values_of(jets, self.jets, self.library.bases)

    def nonlinear(self, jets: Tensor, coefficients: Tensor) -> Tensor:
        """N at every point, (batch, field, *space)."""
        value_of = self.monomials(jets)
        change = jets.new_zeros((jets.shape[0], len(self.library.fields), *jets.shape[2:]))
        for j, term in enumerate(self.library.terms):
            if not self.diagonal[j]:
                change[:, self.equation[j]] += coefficients[j] * value_of(term.product)
        return change

    def rollout(self, start: Tensor, coefficients: Tensor, frames: int) -> Tensor:
        """Frames (batch, frame, field, *waves) from states (batch, field, *waves)."""
        return self._run(start, coefficients, frames, lambda modes, jets: None)

    def linearise(self, start: Tensor, coefficients: Tensor, frames: int) -> Linearised:
        """The same, with everything that its derivative needs."""
        found = self.rollout(start, coefficients, frames)
        return Linearised(self, found, coefficients)

    def stages(self, start: Tensor, coefficients: Tensor) -> list[Stage]:
        """Every evaluation of N on the way from one frame to the next."""
        found: list[Stage] = []

        def keep(modes: Tensor, jets: Tensor) -> None:
            found.append(Stage(modes, jets, self._slopes_at(jets, coefficients)))

        self._run(start, coefficients, 2, keep)
        return found

    def exponential(self, coefficients: Tensor) -> Tensor:
        """exp(L h/2), (field, *waves)."""
        return (self.linear(coefficients) * (self.dt / self.substeps / 2)).exp()

    def _run(
        self,
        start: Tensor,
        coefficients: Tensor,
        frames: int,
        see: Callable[[Tensor, Tensor], None],
    ) -> Tensor:
        h, half = self.dt / self.substeps, self.exponential(coefficients)

        def rate(modes: Tensor) -> Tensor:
            jets = self.values(modes)
            see(modes, jets)
            return self.waves.modes(self.nonlinear(jets, coefficients))

        u, found = start, [start]
        for _ in range(frames - 1):
            for _ in range(self.substeps):
                a = rate(u)
                b = rate(half * (u + h / 2 * a))
                u_half = half * u
                c = rate(u_half + h / 2 * b)
                u = half * u_half
                d = rate(u + h * half * c)
                u = u + h / 6 * (half * (half * a + 2 * (b + c)) + d)
            found.append(u)
        return torch.stack(found, 1)

    def _slopes_at(self, jets: Tensor, coefficients: Tensor) -> list[tuple[int, int, Tensor]]:
        """(equation, jet, ∂N/∂jet at every point (batch, 1, *space)), zeros left out."""
        value_of = self.monomials(jets)
        found = []
        for (equation, jet), parts in self.slopes.items():
            total = torch.zeros_like(jets[:, 0])
            for j, product in parts:
                total = total + coefficients[j] * value_of(product)
            found.append((equation, jet, total[:, None]))
        return found

    def speed(self, jets: Tensor, coefficients: Tensor) -> float:
        """A bound of how fast N changes a wave, per time."""
        largest = self.symbols.abs().flatten(1).amax(1)
        total = [0.0] * len(self.library.fields)
        for equation, jet, slope in self._slopes_at(jets, coefficients):
            total[equation] += float(slope.abs().amax() * largest[jet])
        return max(total)

    def steps_for(self, start: Tensor, coefficients: Tensor) -> int:
        """How many substeps keep the rollout stable."""
        speed = self.speed(self.values(start), coefficients)
        if not math.isfinite(speed):
            return 1
        return max(1, math.ceil(speed * self.dt / STABLE))


@dataclass(frozen=True, eq=False)
class Stage:
    """One evaluation of N: the state (batch, field, *waves), its jets and its slopes."""

    modes: Tensor
    jets: Tensor
    slopes: list[tuple[int, int, Tensor]]


@dataclass(frozen=True, eq=False)
class Linearised:
    """A rollout and its derivative at it.

    frames: (batch, frame, field, *waves). Vectors of the initial state are (batch, vector, field,
    *waves), those of the frames (batch, vector, frame, field, *waves). Between two frames all
    stages are computed again when they are needed: beside many vectors that costs little, and
    memory does not grow with the number of steps.
    """

    dynamics: Dynamics
    frames: Tensor
    coefficients: Tensor

    def _stages(self, frame: int) -> list[Stage]:
        return self.dynamics.stages(self.frames[:, frame], self.coefficients)

    def tangent(self, start: Tensor) -> Tensor:
        """The change of the frames with the initial state."""
        return self._forward(start, lambda stage: None)

    def sensitivities(self, terms: Sequence[int]) -> Tensor:
        """The change of the frames with the coefficients of some terms."""
        batch, _, *rest = self.frames.shape
        zero = self.frames.new_zeros((batch, len(terms), *rest))
        return self._forward(zero, lambda stage: self._sources(stage, terms))

    def _forward(self, start: Tensor, source: Callable[[Stage], Tensor | None]) -> Tensor:
        h = self.dynamics.dt / self.dynamics.substeps
        half = self.dynamics.exponential(self.coefficients)

        def rate(stage: Stage, w: Tensor) -> Tensor:
            change, more = self._apply(stage, w), source(stage)
            return change if more is None else change + more

        w, found = start, [start]
        for frame in range(self.frames.shape[1] - 1):
            stages = self._stages(frame)
            for one, two, three, four in zip(*[iter(stages)] * 4, strict=True):
                a = rate(one, w)
                b = rate(two, half * (w + h / 2 * a))
                w_half = half * w
                c = rate(three, w_half + h / 2 * b)
                w = half * w_half
                d = rate(four, w + h * half * c)
                w = w + h / 6 * (half * (half * a + 2 * (b + c)) + d)
            found.append(w)
        return torch.stack(found, 2)

    def adjoint(self, frames: Tensor) -> Tensor:
        """The transpose of `tangent`: vectors of the frames to vectors of the initial state."""
        return self._backward(frames, lambda stage, points: None)

    def gradient(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The transposes of `tangent` and of the sensitivities of all terms."""
        dynamics = self.dynamics
        total = self.frames.new_zeros((*frames.shape[:2], len(dynamics.equation))).real.clone()

        def add(stage: Stage, points: Tensor) -> None:
            value_of = dynamics.monomials(stage.jets)
            for j, term in enumerate(dynamics.library.terms):
                value = value_of(term.product)[:, None]
                product = points[:, :, dynamics.equation[j]] * value
                total[:, :, j] += product.flatten(2).sum(-1)

        return self._backward(frames, add), total

    def _backward(self, frames: Tensor, see: Callable[[Stage, Tensor], None]) -> Tensor:
        h = self.dynamics.dt / self.dynamics.substeps
        half = self.dynamics.exponential(self.coefficients).conj()

        def rate(stage: Stage, w: Tensor) -> Tensor:
            points = self.dynamics.waves.points(w)
            see(stage, points)
            return self._transposed(stage, points)

        w = frames[:, :, -1]
        for frame in range(frames.shape[2] - 2, -1, -1):
            stages = self._stages(frame)[::-1]
            for four, three, two, one in zip(*[iter(stages)] * 4, strict=True):
                once = half * w
                fourth = rate(four, h / 6 * w)
                total = half * (once + half * fourth)
                third = rate(three, h / 3 * once + h * half * fourth)
                total = total + half * third
                second = half * rate(two, h / 3 * once + h / 2 * third)
                first = rate(one, h / 6 * half * once + h / 2 * second)
                w = total + second + first
            w = w + frames[:, :, frame]
        return w

    def _apply(self, stage: Stage, w: Tensor) -> Tensor:
        """N'(U) w as waves."""
        dynamics = self.dynamics
        jets = dynamics.values(w)
        change = jets.new_zeros((*jets.shape[:2], len(dynamics.library.fields), *jets.shape[3:]))
        for equation, jet, slope in stage.slopes:
            change[:, :, equation].addcmul_(slope, jets[:, :, jet])
        return dynamics.waves.modes(change)

    def _transposed(self, stage: Stage, points: Tensor) -> Tensor:
        """N'(U)ᵀ of the field (batch, vector, field, *space), as waves."""
        dynamics = self.dynamics
        jets = points.new_zeros((*points.shape[:2], len(dynamics.jets), *points.shape[3:]))
        for equation, jet, slope in stage.slopes:
            jets[:, :, jet].addcmul_(slope, points[:, :, equation])
        modes = dynamics.waves.modes(jets) * dynamics.symbols.conj()
        total = modes.new_zeros((*modes.shape[:2], points.shape[2], *modes.shape[3:]))
        return total.index_add_(2, dynamics.owners, modes)

    def _sources(self, stage: Stage, terms: Sequence[int]) -> Tensor:
        """The terms themselves as waves, each in its equation: (batch, term, field, *waves)."""
        dynamics = self.dynamics
        value_of = dynamics.monomials(stage.jets)
        found = stage.modes.new_zeros((stage.modes.shape[0], len(terms), *stage.modes.shape[1:]))
        for place, j in enumerate(terms):
            product, equation = dynamics.library.terms[j].product, dynamics.equation[j]
            if dynamics.diagonal[j] and product.linear is not None:
                jet = dynamics.jets.index(product.linear)
                found[:, place, equation] = dynamics.symbols[jet] * stage.modes[:, equation]
            else:
                found[:, place, equation] = dynamics.waves.modes(value_of(product))
        return found
