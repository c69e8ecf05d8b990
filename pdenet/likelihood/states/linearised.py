"""The derivative of a rollout along its initial state and its coefficients, and its transpose.

The derivative w obeys the scheme of the rollout (`dynamics`) with N_i replaced by
N'(U_i) w_i + s_i, where s_i = m_j(U_i) along the coefficient θ_j (linear terms too: L stays the one
at which the rollout was linearised). The transpose runs through the same stages backwards; it is
written out, so that neither needs a graph. In single precision both are right to seven digits and
twice as fast; the rollout itself is always as precise as its states.

Source: Hager, Numer. Math. 87 (2000) 247-282 (the discrete adjoint of Runge–Kutta schemes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.likelihood.states.driving import Moment
from pdenet.likelihood.states.dynamics import Dynamics, Stage
from pdenet.likelihood.states.latent import Pull

__all__ = ["Linearised"]


@dataclass(frozen=True, eq=False)
class Linearised:
    """A rollout and its derivative at it.

    frames: (batch, frame, field, *waves). Vectors of the initial state are (batch, vector, field,
    *waves), those of the frames (batch, vector, frame, field, *waves), in the precision of the
    derivative. along: the frames in that precision. Between two frames all stages are computed
    again when they are needed, so that memory does not grow with the number of steps, or kept where
    it suffices. whole: with all terms; dynamics, coefficients: of those that are not zero, which
    alone the derivative along the initial state knows of. kept: the stages, none to compute them
    again.
    """

    whole: Dynamics
    dynamics: Dynamics
    coefficients: tuple[float, ...]
    frames: Tensor
    along: Tensor
    kept: tuple[Stage, ...] = ()

    @classmethod
    def of(
        cls,
        whole: Dynamics,
        start: Tensor,
        coefficients: Tensor,
        frames: int,
        single: bool = False,
    ) -> Linearised:
        """A rollout from states (batch, field, *waves) with everything that its derivative needs.
        single: the derivative's precision."""
        exact, values = whole.at(coefficients)
        exact, start = exact.begun(start)
        whole = replace(whole, pull=exact.pull)
        whole, dynamics = (whole.single, exact.single) if single else (whole, exact)
        real, stages = dynamics.waves.like.dtype, list[Stage]()
        size = real.itemsize * whole.waves.grid.size * (len(exact.jets) + 2 * len(exact.slopes))
        keeps = size * 4 * whole.substeps * frames * len(start) <= whole.kept

        def see(modes: Tensor, jets: Tensor, moment: Moment) -> None:
            if keeps:
                modes, jets = modes.to(dynamics.complex), jets.to(real)
                stages.append(dynamics.stage(modes, jets, moment, values))

        found = exact.run(start, values, frames, see)
        return cls(whole, dynamics, values, found, found.to(dynamics.complex), tuple(stages))

    def _stages(self, frame: int) -> Sequence[Stage]:
        """Every evaluation of N on the way from a frame to the next."""
        if self.kept:
            count = len(self.kept) // (self.frames.shape[1] - 1)
            return self.kept[frame * count : (frame + 1) * count]
        found: list[Stage] = []

        def see(modes: Tensor, jets: Tensor, moment: Moment) -> None:
            found.append(self.dynamics.stage(modes, jets, moment, self.coefficients))

        self.dynamics.run(self.along[:, frame], self.coefficients, 2, see, frame)
        return found

    def tangent(self, start: Tensor) -> Tensor:
        """The change of the frames with the initial state."""
        latent, start = self.dynamics.latent, start.to(self.along.dtype)
        start, pull = (start, None) if latent is None else latent.pull(start)
        return self._forward(start, lambda stage: None, pull)

    def sensitivities(self, terms: Sequence[int]) -> Tensor:
        """The change of the frames with the coefficients of some terms."""
        batch, _, *rest = self.along.shape
        zero = self.along.new_zeros((batch, len(terms), *rest))
        return self._forward(zero, lambda stage: self._sources(stage, terms), None)

    def _forward(
        self, w: Tensor, source: Callable[[Stage], Tensor | None], pull: Pull | None
    ) -> Tensor:
        h = self.dynamics.dt / self.dynamics.substeps
        half = self.dynamics.exponential(self.coefficients)

        def rate(stage: Stage, w: Tensor) -> Tensor:
            change, more = self._apply(stage, w, pull), source(stage)
            return change if more is None else change + more

        found = [w]
        for frame in range(self.frames.shape[1] - 1):
            stages = self._stages(frame)
            for one, two, three, four in zip(*[iter(stages)] * 4, strict=True):
                a = rate(one, w)
                b = rate(two, half(w + h / 2 * a))
                w_half = half(w)
                c = rate(three, w_half + h / 2 * b)
                w = half(w_half)
                d = rate(four, w + h * half(c))
                w = w + h / 6 * (half(half(a) + 2 * (b + c)) + d)
            found.append(w)
        return torch.stack(found, 2)

    def adjoint(self, frames: Tensor) -> Tensor:
        """The transpose of `tangent`: vectors of the frames to vectors of the initial state."""
        return self._backward(frames, lambda stage, modes, points: None)

    def gradient(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The transposes of `tangent` and of the sensitivities of all terms."""
        whole, waves = self.whole, self.whole.waves
        total = self.frames.new_zeros((*frames.shape[:2], len(whole.equation))).real.clone()

        def add(stage: Stage, modes: Tensor, points: Tensor) -> None:
            value_of = whole.monomials(self._jets(stage), stage.moment)
            for j, (term, equation) in enumerate(
                zip(whole.library.terms, whole.equation, strict=True)
            ):
                if j in whole.rates:
                    rate = whole.rates[j].to(stage.modes.dtype)
                    value = (rate * stage.modes[:, whole.sources[j]])[:, None]
                    total[:, :, j] += waves.inner(modes[:, :, equation, None], value[:, :, None])
                else:
                    product = points[:, :, equation] * value_of(term.product)[:, None]
                    total[:, :, j] += product.flatten(2).sum(-1)

        return self._backward(frames, add), total

    def _jets(self, stage: Stage) -> Tensor:
        """The jets of the terms that are zero too."""
        if self.whole.jets == self.dynamics.jets:
            return stage.jets
        return self.whole.all_values(stage.modes, stage.moment)

    def _backward(self, frames: Tensor, see: Callable[[Stage, Tensor, Tensor], None]) -> Tensor:
        h, latent = self.dynamics.dt / self.dynamics.substeps, self.dynamics.latent
        half = self.dynamics.exponential(self.coefficients).adjoint
        pull = None if latent is None else latent.none(frames[:, :, 0].to(self.along.dtype))

        def rate(stage: Stage, w: Tensor) -> Tensor:
            points = self.dynamics.waves.points(w)
            see(stage, w, points)
            if pull is not None:
                pull.add_transposed(*stage.moment, points)
            return self._transposed(stage, points)

        frames = frames.to(self.along.dtype)
        w = frames[:, :, -1]
        for frame in range(frames.shape[2] - 2, -1, -1):
            stages = self._stages(frame)[::-1]
            for four, three, two, one in zip(*[iter(stages)] * 4, strict=True):
                once = half(w)
                fourth = rate(four, h / 6 * w)
                total = half(once + half(fourth))
                third = rate(three, h / 3 * once + h * half(fourth))
                total = total + half(third)
                second = half(rate(two, h / 3 * once + h / 2 * third))
                first = rate(one, h / 6 * half(once) + h / 2 * second)
                w = total + second + first
            w = w + frames[:, :, frame]
        if latent is not None and pull is not None:
            w = latent.joined(w, pull)
        return w.to(self.frames.dtype)

    def _apply(self, stage: Stage, w: Tensor, pull: Pull | None) -> Tensor:
        """N'(U) w as waves."""
        dynamics = self.dynamics
        jets = dynamics.values(w)
        change = jets.new_zeros((*jets.shape[:2], len(dynamics.library.fields), *jets.shape[3:]))
        for equation, jet, slope in stage.slopes:
            change[:, :, equation].addcmul_(slope, jets[:, :, jet])
        if pull is not None:
            change += pull.towards(*stage.moment)
        return dynamics.waves.modes(change)

    def _transposed(self, stage: Stage, points: Tensor) -> Tensor:
        """N'(U)ᵀ of the field (batch, vector, field, *space), as waves."""
        dynamics = self.dynamics
        jets = points.new_zeros((*points.shape[:2], len(dynamics.own_jets), *points.shape[3:]))
        for equation, jet, slope in stage.slopes:
            jets[:, :, jet].addcmul_(slope, points[:, :, equation])
        modes = dynamics.waves.modes(jets) * dynamics.conjugate
        total = modes.new_zeros((*modes.shape[:2], points.shape[2], *modes.shape[3:]))
        return total.index_add_(2, dynamics.owners, modes)

    def _sources(self, stage: Stage, terms: Sequence[int]) -> Tensor:
        """The terms themselves as waves, each in its equation: (batch, term, field, *waves)."""
        whole = self.whole
        value_of = whole.monomials(self._jets(stage), stage.moment)
        found = stage.modes.new_zeros((stage.modes.shape[0], len(terms), *stage.modes.shape[1:]))
        for place, j in enumerate(terms):
            product, equation = whole.library.terms[j].product, whole.equation[j]
            if j in whole.rates:
                rate = whole.rates[j].to(stage.modes.dtype)
                found[:, place, equation] = rate * stage.modes[:, whole.sources[j]]
            else:
                found[:, place, equation] = whole.waves.modes(value_of(product))
        return found
