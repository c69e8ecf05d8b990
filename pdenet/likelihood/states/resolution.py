"""How long fields stay within what their grid holds.

A field that steepens sends waves to the end of the grid's spectrum. Whether the data are samples of
a finer solution from then on, or the work of a solver that could not follow, only a fit can tell:
terms are judged on the frames before, and later ones are taken in where the equation explains them.
"""

from __future__ import annotations

import torch

from pdenet.noise.observations import Observations
from pdenet.noise.spectrum import FALSE_ALARMS, excess
from pdenet.spectral.waves import Waves

__all__ = ["resolved_frames"]

EDGE = 0.8
"""Share of the highest wave along an axis from which waves are at the end of the spectrum."""


def resolved_frames(seen: Observations, waves: Waves) -> int:
    """The frames before the first in which waves at the end of the spectrum are stronger than the
    noise.

    seen: without gaps.
    """
    values = seen.values
    ndim = waves.grid.ndim
    edge = torch.zeros(waves.shape, dtype=torch.bool, device=values.device)
    for k in waves.numbers:
        edge = edge | (k.abs() > EDGE * k.abs().amax())
    weight = (edge * waves.weight * waves.grid.size).flatten()
    power = waves.modes(values).abs().square().flatten(-ndim) / waves.grid.size
    mean = (power * weight).sum(-1) / weight.sum().clamp_min(1)
    limit = 1 + excess(FALSE_ALARMS / mean.numel(), weight.sum()).clamp_min(1.0)
    above = (mean > limit * seen.by_frame).any(2).any(0)
    return int(above.int().argmax()) if bool(above.any()) else len(above)
