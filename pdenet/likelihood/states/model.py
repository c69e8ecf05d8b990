"""The inner model, whose derivatives are taken, and the outer one, which is compared with data.

What is found is as accurate as the outer model and costs little more than the inner one.

Source: Courtier, Thépaut, Hollingsworth, Q. J. R. Meteorol. Soc. 120 (1994) 1367-1387.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from pdenet.library.terms import Library
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.likelihood.states.linearised import Linearised
from pdenet.noise.observations import Observations

__all__ = ["Model"]


@dataclass(frozen=True, eq=False)
class Model:
    """The inner model, whose waves are the unknown states and whose derivatives are taken, and the
    outer one, which is compared with the data.

    sized: whether the prior says how large a field is that was never observed. It was learned from
    the field itself: what it tells of its size is not information. single: whether derivatives may
    be of single precision. Residuals never are, so that a fit ends where it should.
    """

    inner: Dynamics
    outer: Dynamics
    sized: bool = True
    single: bool = True

    def part(self, rows: slice) -> Model:
        """Of some trajectories."""
        inner = self.inner.part(rows)
        outer = inner if self.outer is self.inner else self.outer.part(rows)
        return replace(self, inner=inner, outer=outer)

    @property
    def times(self) -> int:
        """Steps of the outer model for one of the inner."""
        each = zip(self.outer.each, self.inner.each, strict=True)
        return max((outer // inner for outer, inner in each), default=1)

    def in_smaller_steps(self, times: int) -> Model:
        """The same inner model, with so many steps of the outer one for each of its own, at least
        where the outer one is on a finer grid."""
        if self.is_finer:
            each = zip(self.outer.each, self.inner.each, strict=True)
            steps = tuple(max(outer, times * inner) for outer, inner in each)
            return replace(self, outer=self.outer.in_steps(steps))
        same = times == 1
        return replace(self, outer=self.inner if same else self.inner.in_smaller_steps(times))

    @property
    def is_finer(self) -> bool:
        """Whether the outer model is on a finer grid than the inner one."""
        return self.outer.waves.grid.size > self.inner.waves.grid.size

    def of(self, library: Library) -> Model:
        """The same with these terms."""
        inner, outer = self.inner.of(library), self.outer.of(library)
        return replace(self, inner=inner, outer=inner if self.outer is self.inner else outer)

    def with_smaller_steps(self, times: int) -> Model:
        """So many times smaller steps of the inner model, of the outer one where its are larger."""
        inner, outer = self.inner.in_smaller_steps(times), self.outer
        if not self.is_finer and outer.substeps <= inner.substeps:
            return replace(self, inner=inner, outer=inner)
        each = tuple(map(max, outer.each, inner.each))
        return replace(self, inner=inner, outer=outer.in_steps(each))

    def as_fine_as(self, other: Model) -> Model:
        """Steps as small as those of another, on the grid of the inner model."""
        least = min(other.inner.each, default=1)
        inner = self.inner.in_steps(tuple(max(steps, least) for steps in self.inner.each))
        return replace(self, inner=inner).in_smaller_steps(other.times)

    def is_single(self, seen: Observations, start: Tensor) -> bool:
        """Whether derivatives are of single precision. Of a field that is never seen the data may
        say so little that rounding hides it, and in some units numbers are too small or large."""
        return self.single and bool((seen.count > 0).all()) and self.inner.is_moderate(start)

    def residual(
        self, seen: Observations, start: Tensor, coefficients: Tensor, line: Linearised | None
    ) -> Tensor:
        """Whitened residuals of rollouts from `start`; line: that of the inner model, if known."""
        waves, frames = self.outer.waves, seen.values.shape[1]
        if self.inner is self.outer and line is not None:
            return seen.residual(waves, line.frames)
        start = self.inner.waves.resampled(start, waves)
        return seen.residual(waves, self.outer.rollout(start, coefficients, frames))
