"""Trajectories that no training saw, predicted from their first frame by what was found.

The equation is solved by the simulators, the network predicts with its own δt-blocks, and the noise
of the data is set beside both: no prediction comes nearer to noisy data than their noise,

    e_noise(t) = (Σ_fields σ²)^(1/2) / (mean over points of Σ_fields u²)^(1/2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pdenet.boundary import Boundaries
from pdenet.evaluation.forecast import predict, predict_with_network
from pdenet.evaluation.score import relative_errors
from pdenet.grid import Grid
from pdenet.noise.first_frames import Smoothing, periodic_axes
from pdenet.noise.level import noise_of
from pdenet.results import DiscoveredEquation
from pdenet.results.solvable import solvable
from pdenet.storage import Data

__all__ = ["HeldOut", "predict_held_out", "without_noise"]

MOST_PREDICTED = 8
"""Held-out trajectories that are predicted: enough for percentiles, quick to solve."""

NO_NOISE = 1e-6
"""Relative noise of the size of single-precision rounding, which is not worth a word."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What was predicted of held-out trajectories.

    times: (frame,). observed, predicted: (trajectory, frame, field, *space), NaN after a blow-up;
    predicted is the equation's. errors: {"equation": (trajectory, frame)}, relative, with "network"
    where there is one and "noise" where the first frames were freed of it.
    """

    times: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    errors: Mapping[str, np.ndarray]


def predict_held_out(
    found: DiscoveredEquation, data: Data, run: Path | None = None
) -> HeldOut | None:
    """Predict the test trajectories of `data` with an equation, and with the network of a run.

    run: the folder of the network, None where there is none. Of an equation that was refined the
    first frames are freed of noise before.
    None where nothing can be predicted: without all values there is no first frame to start from,
    of a given field no next one, and beyond an open end no solver knows how to go on.
    """
    if data.missing or found.pde.given or data.obstacle():
        return None
    grid, boundaries = data.problem.grid, data.problem.boundaries
    observed = data.read(trajectories=data.split["test"][:MOST_PREDICTED], dtype="float64")
    start, errors = observed[:, 0], dict[str, np.ndarray]()
    if found.refinement is not None:
        filtered, noise = without_noise(observed, grid, boundaries, found.refinement.chi2)
        if noise.max() > NO_NOISE:
            start, errors["noise"] = filtered, noise
    equation = solvable(found, grid, boundaries)
    predicted = predict(equation, grid, start, data.times, boundaries=boundaries)
    errors["equation"] = relative_errors(predicted, observed)
    by_network = None if run is None else predict_with_network(run, data, start)
    if by_network is not None:
        errors["network"] = relative_errors(by_network, observed)
    return HeldOut(data.times, observed, predicted, errors)


def without_noise(
    observed: np.ndarray, grid: Grid, boundaries: Boundaries, chi2: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """The first frames of trajectories (trajectory, frame, field, *space) as far as they are
    signal, and the relative error that the noise makes in each frame, (trajectory, frame).

    chi2: of a refinement. Where it is less than 1, not all that looks like noise is.
    """
    values = torch.from_numpy(observed)
    sigma = noise_of(values, periodic_axes(boundaries)).sigma * min(1.0, chi2) ** 0.5
    smoothing = Smoothing.at(values[:, :1], sigma, grid, boundaries)
    power = values.square().flatten(3).mean(3).sum(2)
    alone = sigma.square().sum(1, keepdim=True) / power
    return smoothing(values[:, 0]).numpy(), alone.sqrt().numpy()
