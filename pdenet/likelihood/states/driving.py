"""Fields that were measured, act on others and have no equation of their own, at any time.

Between two frames such a field is a polynomial of time in every wave, a piece of a spline through
all frames: with τ from 0 at a frame to 1 at the next, v = Σ_p c_p τ^p. It is as smooth in time as
the stages of a rollout of order four ask for, and a window of frames takes its pieces of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.interpolate import make_interp_spline
from torch import Tensor

from pdenet.spectral.waves import Waves

__all__ = ["Driving", "Moment", "pieces_of"]

DEGREE = 5
"""Of the spline: of the order of the stages of a rollout and more, and smooth where pieces meet."""

Moment = tuple[int, float]
"""A time: the frame before it, and τ from there to the next."""


@dataclass(frozen=True, eq=False)
class Driving:
    """Given fields of some trajectories.

    pieces: (trajectory, frame, power, field, *waves), complex; of the last frame of a trajectory
    only its value.
    """

    pieces: Tensor

    def at(self, moment: Moment) -> Tensor:
        """The fields at a time, (trajectory, field, *waves)."""
        frame, part = moment
        powers = self.pieces[:, frame].unbind(1)
        total = powers[-1]
        for coefficient in powers[-2::-1]:
            total = total * part + coefficient
        return total

    @property
    def frames(self) -> Tensor:
        """The fields at the frames, (trajectory, frame, field, *waves)."""
        return self.pieces[:, :, 0]

    def part(self, rows: slice | Tensor) -> Driving:
        """Of some trajectories."""
        return Driving(self.pieces[rows])

    def cut(self, origins: Sequence[tuple[int, int]], frames: int) -> Driving:
        """Windows of so many frames, each of a trajectory from a frame on."""
        if (len(origins), frames) == self.pieces.shape[:2]:
            return self
        return Driving(torch.stack([self.pieces[row, t : t + frames] for row, t in origins]))

    def twice(self) -> Driving:
        """Of all trajectories and then all again."""
        return Driving(torch.cat([self.pieces, self.pieces]))

    def on(self, own: Waves, other: Waves) -> Driving:
        """The same on another grid."""
        return Driving(own.resampled(self.pieces, other))

    def to(self, dtype: torch.dtype) -> Driving:
        """The same in another precision."""
        return replace(self, pieces=self.pieces.to(dtype))


def pieces_of(frames: Tensor) -> Tensor:
    """The spline through frames (trajectory, frame, ..): (trajectory, frame, power, ..).

    Of fewer frames than its degree asks for it is the polynomial through all of them.
    """
    count = frames.shape[1]
    if count == 1:
        return frames[:, :, None]
    places = np.arange(count, dtype=float)
    degree = min(DEGREE, count - 1)
    spline = make_interp_spline(places, np.eye(count), k=degree)
    table = np.zeros((count, degree + 1, count))
    table[:, 0] = np.eye(count)
    for power in range(1, degree + 1):  # Taylor's, to the right of every frame
        slope = spline.derivative(power)
        table[:-1, power] = slope(places[:-1]) / math.factorial(power)
    weights = torch.from_numpy(table).to(frames)
    return torch.einsum("fpt,nt...->nfp...", weights, frames)
