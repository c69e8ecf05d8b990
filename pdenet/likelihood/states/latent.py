"""What happens around a window: unknown fields towards which the states are drawn there.

Where the equation does not hold, u_t = N(u) + λ χ(x) (v(x, t) − u), χ the rate of `window`. With
the right v that is any evolution at all, so that nothing is assumed about what is around the window
or comes in through its edge; and what leaves the window is forgotten within a few steps. v is a
part of what is unknown of a trajectory, as its initial state is: cubic B-splines of time with a
knot at every frame, waves in space. Its prior takes it for a field like the one inside:
independent coefficients of the shapes in time (from constant on to ever faster waves) and waves in
space, with the variance that the data, continued smoothly around the window, show.

With the unknowns of a trajectory stacked along the axis of the fields, (1 + frames + 2) times
`fields`, the initial state first, all that is done to an initial state is done to both.

Sources: Nordström, Nordin, Henningson, SIAM J. Sci. Comput. 20 (1999) 1365-1393 (fringe regions);
Trémolet, Q. J. R. Meteorol. Soc. 132 (2006) 2483-2504 (unknown forcing as a control variable);
de Boor, A Practical Guide to Splines (1978).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.likelihood.states.given import combined, powers, shapes_of
from pdenet.noise.spectrum import Shells
from pdenet.spectral.waves import Waves

__all__ = ["KNOTS", "Latent", "Pull", "collocation", "first_guess", "spline_weights"]

RATE = 3.0
"""λ times the time between frames: what leaves the window is forgotten within a third of one, and
steps of time stay as large as most equations ask for."""

KNOTS = 2
"""Knots of the splines beside one for each frame."""


def spline_weights(part: float) -> tuple[float, float, float, float]:
    """Of the four cubic B-splines between two knots, at this part of the way."""
    rest = 1 - part
    return (
        rest**3 / 6,
        (3 * part**3 - 6 * part**2 + 4) / 6,
        (3 * rest**3 - 6 * rest**2 + 4) / 6,
        part**3 / 6,
    )


@dataclass(frozen=True, eq=False)
class Pull:
    """What fields are drawn towards, at the points of the grid.

    rate: λ χ, (*space). knots: coefficients of the splines of v, (.., knot, field, *space).
    """

    rate: Tensor
    knots: Tensor

    def to(self, like: Tensor) -> Pull:
        """The same in another precision."""
        return Pull(self.rate.to(like), self.knots.to(like))

    def towards(self, frame: int, part: float) -> Tensor:
        """λ χ v at a time, (.., field, *space)."""
        first, *rest = enumerate(spline_weights(part), frame)
        found = first[1] * self.knots.select(self._axis, first[0])
        for knot, weight in rest:
            found.add_(self.knots.select(self._axis, knot), alpha=weight)
        return self.rate * found

    def add_transposed(self, frame: int, part: float, points: Tensor) -> None:
        """The transpose of `towards`: adds to the knots."""
        along = self.rate * points
        for knot, weight in enumerate(spline_weights(part), frame):
            self.knots.select(self._axis, knot).add_(along, alpha=weight)

    @property
    def _axis(self) -> int:
        """The axis of the knots."""
        return self.knots.dim() - self.rate.dim() - 2


@dataclass(frozen=True, eq=False)
class Latent:
    """How unknown fields act around a window.

    rate: λ χ on the grid of the states, (*space). shapes: of v in time, (knot, shape), orthonormal.
    edge: the places of those points of the data's grid where χ is neither 0 nor 1, (point,).
    """

    waves: Waves
    rate: Tensor
    shapes: Tensor
    edge: Tensor

    @classmethod
    def of(cls, waves: Waves, rate: Tensor, dt: float, frames: int, times: int = 1) -> Latent:
        """On a grid with so many times the points of the data's along every axis. rate: χ there."""
        shapes, coarse = shapes_of(frames + KNOTS), torch.zeros_like(rate, dtype=torch.bool)
        coarse[tuple(slice(None, None, times) for _ in rate.shape)] = True
        edge = (coarse & (rate > 0) & (rate < 1)).flatten().nonzero()[:, 0]
        like = waves.like
        return cls(waves, (RATE / dt * rate).to(like), shapes.to(like), edge.to(like.device))

    def to(self, waves: Waves) -> Latent:
        """The same in another precision."""
        return Latent(waves, self.rate.to(waves.like), self.shapes.to(waves.like), self.edge)

    @property
    def times(self) -> int:
        """How many coefficients there are for each wave."""
        return len(self.shapes)

    def split(self, at: Tensor) -> tuple[Tensor, Tensor]:
        """States and shapes (.., field, *waves), (.., shape, field, *waves) of all unknowns."""
        axis = at.dim() - self.waves.grid.ndim - 1
        fields = at.shape[axis] // (1 + self.times)
        rest = at.narrow(axis, fields, self.times * fields)
        return at.narrow(axis, 0, fields), rest.unflatten(axis, (self.times, fields))

    def pull(self, at: Tensor) -> tuple[Tensor, Pull]:
        """States, and what they are drawn towards."""
        start, shapes = self.split(at)
        axis = shapes.dim() - self.waves.grid.ndim - 2
        knots = _along(self.shapes.to(shapes.dtype), shapes, axis)
        return start, Pull(self.rate, self.waves.points(knots))

    def none(self, vectors: Tensor) -> Pull:
        """Of vectors (.., field, *waves) of states: knots to add to."""
        space = self.waves.grid.shape
        lead = vectors.shape[: vectors.dim() - len(space) - 1]
        shape = (*lead, self.times, vectors.shape[len(lead)], *space)
        return Pull(self.rate, vectors.real.new_zeros(shape))

    def joined(self, start: Tensor, pull: Pull) -> Tensor:
        """The transpose of `pull`: all unknowns."""
        axis = start.dim() - self.waves.grid.ndim - 1
        modes = self.waves.modes(pull.knots)
        shapes = _along(self.shapes.T.to(modes.dtype), modes, axis)
        return torch.cat([start, shapes.flatten(axis, axis + 1).to(start.dtype)], axis)


def _along(matrix: Tensor, values: Tensor, axis: int) -> Tensor:
    """A matrix times an axis."""
    found: Tensor = torch.tensordot(values, matrix, ([axis], [1])).movedim(-1, axis)
    return found


def first_guess(
    complete: Tensor, smooth: Tensor, floor: Tensor, waves: Waves
) -> tuple[Tensor, Tensor]:
    """v and its variance, (trajectory, shape x field, *waves) both: the variance as the data show
    it, and v what a Wiener filter keeps of their smooth continuation.

    complete: data without gaps, smooth: without noise, too, (trajectory, frame, field, *space).
    floor: the variance of the noise, averaged over the box, (trajectory, field).
    """
    frames = complete.shape[1]
    shells, shapes = Shells(waves), shapes_of(frames + KNOTS).to(complete)
    through = (shapes.T @ torch.linalg.pinv(collocation(frames).to(complete))).to(waves.complex)
    noisy, clean = (combined(through, waves.modes(each)) for each in (complete, smooth))
    near, count = powers(noisy, shells)[1], (3 * shells.waves_in()).clamp_min(1)
    floor = floor[:, None, :, None]
    variance = torch.maximum(near - floor, (2 / count).sqrt() * floor).clamp_min(1e-300)
    gain = shells.spread(variance / (variance + floor))
    return (gain * clean).flatten(1, 2), shells.spread(variance).flatten(1, 2)


def collocation(frames: int) -> Tensor:
    """The splines at the frames, (frame, knot)."""
    found = torch.zeros(frames, frames + KNOTS, dtype=torch.float64)
    weights = torch.tensor(spline_weights(0.0)[:3], dtype=torch.float64)
    for frame in range(frames):
        found[frame, frame : frame + 3] = weights
    return found
