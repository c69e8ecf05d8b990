"""Held-out trajectories predicted from their first frame, by an equation and by a network.

The equation is solved by `simulators`, so that what predicts shares no discretisation with what
learned; the network predicts with its own δt-blocks.
"""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import numpy as np
import torch

from pdenet.errors import CheckpointError, ConfigError, GridError, StabilityError
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.storage import Data
from pdenet.training.run import network_for, read_run
from simulators.solver import Solver

__all__ = ["predict", "predict_with_network", "relative_errors"]

logger = logging.getLogger(__name__)

# A state so much larger than the first frame is one of a rollout that has blown up.
BLOWN_UP = 1e3


def predict(pde: PDE, grid: Grid, start: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Solve `pde` from `start` (trajectory, field, *space): (trajectory, frame, field, *space).

    Frames after a blow-up are NaN.
    """
    states = torch.tensor(start)
    frames = np.full((len(start), len(times), *start.shape[1:]), np.nan)
    frames[:, 0] = start
    try:
        solver = Solver(pde, grid)
        for index, (now, then) in enumerate(itertools.pairwise(times), start=1):
            solver.advance(float(now), float(then - now), states)
            frames[:, index] = states.numpy()
    except (StabilityError, GridError) as error:
        logger.warning("the found equation could not be solved to the end: %s", error)
    return frames


def predict_with_network(run: Path, data: Data, start: np.ndarray) -> np.ndarray | None:
    """The trained network of `run` from `start`: (trajectory, frame, field, *space).

    Frames after a blow-up are NaN. None where the run holds no network that can be loaded.
    """
    try:
        current = read_run(run)
        generator = torch.Generator().manual_seed(current.config.seed)
        model = network_for(data, current.config, generator)
        current.restore(model, generator)
    except (CheckpointError, ConfigError, GridError) as error:
        logger.warning("the report has no prediction of the network: %s", error)
        return None
    weights = next(model.parameters())
    states = torch.as_tensor(start).to(weights)
    frames = np.full((len(start), data.frames, *start.shape[1:]), np.nan)
    frames[:, 0] = start
    with torch.no_grad():
        for index, state in enumerate(model.states(states, data.frames - 1), start=1):
            frames[:, index] = state.cpu().double().numpy()
    axes = tuple(range(2, frames.ndim))
    reach = BLOWN_UP * np.abs(start).max(axis=tuple(range(1, start.ndim)))[:, None]
    with np.errstate(invalid="ignore"):
        lost = ~(np.abs(frames).max(axis=axes) <= reach)
    frames[np.maximum.accumulate(lost, axis=1)] = np.nan
    return frames


def relative_errors(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """‖û − u‖/‖u‖ of every trajectory and frame, (trajectory, frame)."""
    axes = tuple(range(2, observed.ndim))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        size = np.sqrt((observed**2).sum(axis=axes))
        errors: np.ndarray = np.sqrt(((predicted - observed) ** 2).sum(axis=axes)) / size
    return errors
