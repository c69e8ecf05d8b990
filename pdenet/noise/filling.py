"""Data without gaps: what is missing is filled with the most probable field."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pdenet.noise.observations import Observations
from pdenet.noise.spectrum import Shells, spectrum_of_data
from pdenet.optimise.krylov import conjugate_gradients
from pdenet.spectral.waves import Waves

__all__ = ["filled", "smoothed"]

FILLINGS = 4
"""How often the spectrum is taken anew from what was filled in with it."""


def filled(seen: Observations, waves: Waves, shells: Shells) -> Observations:
    """The data with gaps filled in time, and where a point is never seen with the most probable
    field, each frame for itself."""
    seen = seen.bridged()
    if bool((seen.seen > 0).all()):
        return seen
    # What was measured stays as it is: smoothed values would seem to obey another equation.
    smooth = smoothed(seen, waves, shells).values
    return Observations.of(torch.where(seen.seen > 0, seen.values, smooth), seen.sigma)


def smoothed(seen: Observations, waves: Waves, shells: Shells) -> Observations:
    """The most probable field under the spectrum of the data, each frame for itself."""
    # What is known of walls stands where no field was measured.
    seen = replace(seen.bridged(), walls=None)
    found = seen
    for _ in range(FILLINGS):
        spectrum = shells.spread(spectrum_of_data(found, waves, shells))
        found = _most_probable(seen, waves, spectrum)
    return found


def _most_probable(seen: Observations, waves: Waves, spectrum: Tensor) -> Observations:
    """The data with gaps replaced by the most probable field under a spectrum."""
    precision = 1 / spectrum
    precision.flatten(2)[..., 0] = 0
    # Every frame is a system for itself, of one vector.
    precision = precision.repeat_interleave(seen.values.shape[1], 0)[:, None]
    weight = seen.weight.square().flatten(0, 1)[:, None]
    share = weight.flatten(3).mean(3).reshape([*weight.shape[:3]] + [1] * waves.grid.ndim)
    inverse = 1 / (share + precision).clamp_min(1e-300)
    right = waves.modes(seen.values.flatten(0, 1)[:, None] * weight)
    accuracy = 1e-8 * waves.inner(right, inverse * right)
    found, _ = conjugate_gradients(
        lambda x: waves.modes(waves.points(x) * weight) + precision * x,
        right,
        torch.zeros_like(right),
        lambda x: inverse * x,
        waves.gram,
        100,
        accuracy,
    )
    values = waves.points(found).reshape(seen.values.shape)
    return replace(seen, values=values, seen=torch.ones_like(seen.seen))
