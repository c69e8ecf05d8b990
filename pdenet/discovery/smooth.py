"""Smoothing of first frames: what the data say is noise there does not start a rollout.

A rollout begins at an observed frame, and the noise in it would be taken for signal: least squares
then attenuates the coefficients of high derivatives. A Wiener filter keeps of each wave what is
signal,

    û(k) = g(|k|) y(k),      g = max(0, 1 − N/S(|k|)),

with S the frame's own mean spectrum on shells of equal |k| and N the noise floor: the variance that
differences in time show (`pdenet.discovery.noise`), but no more than the spectrum has at the
highest waves. Frames to be predicted stay as they are: their noise causes no bias. Between walls
the field is continued by reflection first.

Reference: Wiener, Extrapolation, Interpolation, and Smoothing of Stationary Time Series (1949),
chapter III; Press et al., Numerical Recipes, 3rd ed., section 13.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.boundary import Boundaries, Boundary, Dirichlet, Neumann, Periodic
from pdenet.discovery.noise import noise_level
from pdenet.nn.padding import hold, pad_walls
from pdenet.types import State, Trajectory

__all__ = ["Smoothing"]

TAIL = 0.8
"""Waves above this share of the highest one along an axis show the noise floor."""


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
    def of(cls, windows: Trajectory, boundaries: Boundaries) -> Smoothing:
        """The filters for windows (window, frame, field, *space), with the noise that they show."""
        return cls.at(windows[:, 0], noise_level(windows), boundaries)

    @classmethod
    def at(cls, frames: State, sigma: Tensor, boundaries: Boundaries) -> Smoothing:
        """The filters for frames (window, field, *space) with noise sigma (window, field)."""
        if not all(map(_can_be_continued, boundaries)):
            return cls(sigma, None, boundaries)
        first = _continued(frames, boundaries)
        shape, axes = first.shape[2:], tuple(range(2 - first.dim(), 0))
        power = torch.fft.rfftn(first, dim=axes).abs().square()
        shell, weight = _shells(shape, power)
        count = weight.new_zeros(int(shell.max()) + 1).index_add(0, shell, weight)
        size = (*power.shape[:2], len(count))
        total = power.new_zeros(size).index_add(2, shell, power.flatten(2) * weight)
        spectrum = total / count.clamp_min(1)
        tail = spectrum[..., int(TAIL * (min(shape) // 2)) :].median(2).values
        floor = torch.minimum(sigma.square() * math.prod(shape), tail)
        gain = (1 - floor[..., None] / spectrum.clamp_min(1e-300)).clamp(0, 1)
        return cls(sigma, gain[..., shell].reshape(power.shape), boundaries)

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


def _shells(shape: torch.Size, like: Tensor) -> tuple[Tensor, Tensor]:
    """The shell of each wave of the half grid, and how many waves of the full grid it stands for.

    Shells count waves along the shortest axis; both are flat.
    """
    square = torch.zeros((), dtype=like.dtype, device=like.device)
    weight = torch.ones((), dtype=like.dtype, device=like.device)
    for axis, n in enumerate(shape):
        last = axis == len(shape) - 1
        waves = (torch.fft.rfftfreq if last else torch.fft.fftfreq)(n, device=like.device)
        view = [-1 if axis == other else 1 for other in range(len(shape))]
        square = square + (waves.to(like) * min(shape)).square().reshape(view)
        if last:
            twice = torch.full((n // 2 + 1,), 2.0, dtype=like.dtype, device=like.device)
            twice[0] = 1
            twice[-1] = 1 if n % 2 == 0 else 2
            weight = (weight * twice.reshape(view)).expand(square.shape)
    return square.sqrt().round().long().flatten(), weight.flatten()
