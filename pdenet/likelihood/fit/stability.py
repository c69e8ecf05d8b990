"""In how many steps of time a rollout is stable.

h times the largest speed at which N changes a wave must stay below a bound of the method. The
speed is that of the slopes of N at every point, times the largest symbol of their jets.

Source: Hairer, Wanner, Solving Ordinary Differential Equations II (1996), section IV.2 (regions of
stability).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pdenet.likelihood.states.driving import Moment
from pdenet.likelihood.states.dynamics import Dynamics

__all__ = ["closer", "lost", "speeds", "steps_for"]

STABLE, ROTATING = 2.5, 1.0
"""h times the largest speed of change at which a step is taken: the method is stable up to 2.8.
Where waves turn fast (dispersion) the stages of a step see them at any phase, which leaves about
1.2: the equation of Korteweg and de Vries on 512 points blows up at 2.3 and not at 1.15."""

SAMPLES = 16
"""Frames of what depends on time from which the number of steps is found, at most."""


MOST_TIMES = 8
"""Steps for one at once, at most: as far as the fourth power can be trusted."""

TOGETHER = 2**21
"""Numbers of rollouts that are tried at once."""


def closer(ratio: float) -> int:
    """How many steps for one bring an error that is so many times what is allowed below that: it
    goes with the fourth power of their size."""
    return 1 << math.ceil(max(1.0, math.log2(min(ratio, MOST_TIMES**4)) / 4))


def lost(dynamics: Dynamics, start: Tensor, coefficients: Tensor, frames: int) -> list[bool]:
    """The trajectories whose rollouts blow up."""
    found = list[bool]()
    together = max(1, TOGETHER // (frames * start[0].numel()))
    for first in range(0, len(start), together):
        rows = slice(first, first + together)
        end = dynamics.part(rows).rollout(start[rows], coefficients, frames)[:, -1]
        found += (~torch.view_as_real(end).isfinite().flatten(1).all(1)).tolist()
    return found


def steps_for(
    dynamics: Dynamics, start: Tensor, coefficients: Tensor, growth: Tensor
) -> tuple[int, ...]:
    """How many substeps keep the rollout of each trajectory stable. growth: by how much fields
    grow on the way, (trajectory,)."""
    dynamics, values = dynamics.at(coefficients)
    start = dynamics.begun(start)[1]
    turning = float(dynamics.linear(values).imag.abs().amax()) * dynamics.dt
    found = []
    moments: list[Moment] = [(frame, 0.0) for frame in _looked_at(dynamics)]
    each = [speeds(dynamics, start, moment, values) for moment in moments]
    for speed, more in zip(map(max, zip(*each, strict=True)), growth.tolist(), strict=True):
        steps = speed * more * dynamics.dt / STABLE
        steps = steps if turning < steps else steps * STABLE / ROTATING
        found.append(max(1, math.ceil(steps)) if math.isfinite(steps) else 1)
    return tuple(found)


def speeds(
    dynamics: Dynamics, start: Tensor, moment: Moment, coefficients: Sequence[float]
) -> list[float]:
    """A bound of how fast N changes a wave of states (batch, field, *waves), per time, for each
    trajectory: the largest eigenvalue of the matrix of what each field does to each other one, at
    most, which does not depend on units."""
    jets = dynamics.all_values(start, moment)
    largest = dynamics.symbols.abs().flatten(1).amax(1)
    fields = dynamics.library.fields
    total = jets.new_zeros((len(jets), len(fields), len(fields)))
    for equation, jet, slope in dynamics.slopes_at(jets, moment, coefficients):
        source = fields.index(dynamics.own_jets[jet].field)
        total[:, equation, source] += slope.abs().flatten(1).amax(1) * largest[jet]
    finite = total.isfinite().flatten(1).all(1)
    known = torch.where(finite[:, None, None], total, 0.0).cpu()
    found = torch.linalg.eigvals(known).abs().amax(1)
    bounds: list[float] = torch.where(finite.cpu(), found, torch.inf).tolist()
    return bounds


def _looked_at(dynamics: Dynamics) -> list[int]:
    """Frames at which given fields and functions of time are looked at."""
    count = 1
    if dynamics.driving is not None:
        count = dynamics.driving.pieces.shape[1]
    elif dynamics.clock is not None and dynamics.library.in_time:
        count = dynamics.clock.frames
    return list(range(0, count, -(-count // SAMPLES)))
