"""Smoothing of first frames: what the data say is noise there does not start a rollout.

A rollout begins at an observed frame, and the noise in it would be taken for signal: least squares
then attenuates the coefficients of high derivatives. A Wiener filter keeps of each wave what is
signal (`pdenet.noise.spectrum.wiener`), by the frame's own spectrum and the noise of the
data (`pdenet.noise.level`). Frames to be predicted stay as they are: their noise causes no
bias. Between walls the field is continued by reflection first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.boundary import Boundaries, Boundary, Dirichlet, Neumann, Periodic
from pdenet.grid import Grid
from pdenet.nn.padding import hold, pad_walls
from pdenet.noise.level import noise_of
from pdenet.noise.spectrum import FIRST_FRAMES, Shells, wiener
from pdenet.spectral.waves import Waves
from pdenet.types import State, Trajectory

__all__ = ["Smoothing", "periodic_axes"]


@dataclass(frozen=True)
class Smoothing:
    """The filter of the first frame of each window.

    sigma: standard deviation of the noise of each window and field. gain: (window, field, *half
    grid of the real transform), None where walls leave no periodic continuation. boundaries: at the
    ends of each axis.
    """

    sigma: Tensor
    gain: Tensor | None
    boundaries: Boundaries

    @classmethod
    def of(cls, windows: Trajectory, grid: Grid, boundaries: Boundaries) -> Smoothing:
        """The filters for windows (window, frame, field, *space), with the noise that they show and
        the spectra of their first frames."""
        sigma = noise_of(windows, periodic_axes(boundaries)).sigma
        return cls.at(windows[:, :FIRST_FRAMES], sigma, grid, boundaries)

    @classmethod
    def at(cls, frames: Trajectory, sigma: Tensor, grid: Grid, boundaries: Boundaries) -> Smoothing:
        """The filters for frames (window, frame, field, *space) that follow each other, one at
        least, with noise sigma (window, field)."""
        if not all(map(_can_be_continued, boundaries)):
            return cls(sigma, None, boundaries)
        wide = _continued(frames, boundaries)
        shape = tuple(wide.shape[3:])
        lengths = tuple(n * step for n, step in zip(shape, grid.spacing, strict=True))
        waves = Waves(Grid(shape, lengths), wide.new_zeros(()))
        power = waves.modes(wide).abs().square().mean(1) / waves.grid.size
        walls = periodic_axes(boundaries).count(False)
        # A reflected field holds each number twice.
        independent = frames.shape[1] / 2**walls
        return cls(sigma, wiener(power, sigma.square(), Shells(waves), independent), boundaries)

    def __call__(self, first: State, *, homogeneous: bool = False) -> State:
        """First frames (window, field, *space), filtered; homogeneous: noise alone."""
        if self.gain is None:
            return first
        wide = _continued(first, self.boundaries, homogeneous=homogeneous)
        axes = tuple(range(2 - first.dim(), 0))
        modes = torch.fft.rfftn(wide, dim=axes) * self.gain
        smooth: Tensor = torch.fft.irfftn(modes, s=wide.shape[2:], dim=axes)
        for axis, n in enumerate(first.shape[2:], start=2):
            smooth = smooth.narrow(axis, 0, n)
        return smooth

    def starts(self, windows: Trajectory) -> Trajectory:
        """The windows with their first frames filtered, which walls hold where they say so."""
        first = hold(self(windows[:, 0]), self.boundaries)
        return torch.cat([first[:, None], windows[:, 1:]], 1)


def periodic_axes(boundaries: Boundaries) -> tuple[bool, ...]:
    """For each axis whether its end joins its beginning."""
    return tuple(isinstance(low, Periodic) for low, _ in boundaries)


def _can_be_continued(ends: tuple[Boundary, Boundary]) -> bool:
    """Whether reflection at both ends of an axis makes a field periodic on twice its length."""
    low, high = ends
    if isinstance(low, Neumann) and isinstance(high, Neumann):
        return low.derivative == high.derivative == 0
    return type(low) is type(high) and low == high


def _continued(u: Tensor, boundaries: Boundaries, *, homogeneous: bool = False) -> Tensor:
    """A state as one period of a periodic field: axes between walls are reflected at one end."""
    for axis, (low, high) in enumerate(boundaries):
        if isinstance(low, Periodic):
            continue
        place = u.dim() - len(boundaries) + axis
        u = hold(u.movedim(place, -1), ((low, high),)) if not homogeneous else u.movedim(place, -1)
        if homogeneous and isinstance(low, Dirichlet):
            u = hold(u, ((Dirichlet(), Dirichlet()),))
        width = u.shape[-1] - 2
        beyond = pad_walls(u, width, ((low, high),), (1.0,), homogeneous=homogeneous)
        u = beyond[..., width:].movedim(-1, place)
    return u
