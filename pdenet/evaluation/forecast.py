"""Trajectories predicted from their first frame, by an equation and by a network.

The equation is solved by `simulators`, so that what predicts shares no discretisation with what
learned; the network predicts with its own δt-blocks. Both are forecasts: functions that take first
frames and yield the states frame after frame, so that a long prediction needs no more memory than
what is kept of it.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pdenet.boundary import Boundaries
from pdenet.errors import CheckpointError, ConfigError, GridError, StabilityError
from pdenet.grid import Grid
from pdenet.model import PDENet
from pdenet.pde import PDE
from pdenet.storage import Data
from pdenet.threads import threads_for
from pdenet.training.run import network_for, read_run
from simulators.config import Numerics
from simulators.generate import chunk_size
from simulators.interpolation import interpolated
from simulators.solver import Solver

__all__ = [
    "Forecast",
    "load_network",
    "predict",
    "predict_with_network",
    "with_equation",
    "with_network",
]

logger = logging.getLogger(__name__)

BLOWN_UP = 1e3
"""A state so many times as large as the first frame is one of a rollout that has blown up."""

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Forecast:
    """How trajectories are predicted.

    frames: takes first frames (trajectory, field, *space) and yields the states at every frame, the
    first included; a trajectory that has blown up is NaN from then on. together: how many
    trajectories at once fit the cache.
    """

    frames: Callable[[np.ndarray], Iterator[np.ndarray]]
    together: int


def with_equation(
    pde: PDE,
    grid: Grid,
    times: Sequence[float] | np.ndarray,
    *,
    refine: int = 1,
    numerics: Numerics | None = None,
    boundaries: Boundaries | None = None,
) -> Forecast:
    """The forecast that solves `pde` for the states at `times`.

    refine: it is solved on a grid with steps so many times smaller, from the interpolated first
    frame, so that what differs from the truth is the equation and not the solver. numerics: the
    stencils and steps. boundaries: None where all axes are periodic.
    Raises GridError where the grid is too small for the solver, or does not fit the boundaries.
    """
    fine = grid.refine(refine)
    solver = Solver(pde, fine, numerics, boundaries)
    points = (slice(None), slice(None), *(slice(None, None, refine),) * grid.ndim)

    def frames(start: np.ndarray) -> Iterator[np.ndarray]:
        yield start
        u = torch.tensor(np.ascontiguousarray(interpolated(start, grid, refine)))
        alive = np.arange(len(start))
        for now, then in itertools.pairwise(times):
            kept = _advance(solver, float(now), float(then - now), u)
            frame = np.full_like(start, np.nan)
            frame[alive[kept]] = u[kept].numpy()[points]
            lost = _lost(frame, start)
            frame[lost] = np.nan
            kept = kept[~lost[alive[kept]]]
            if len(kept) < len(alive):
                alive, u = alive[kept], u[kept].contiguous()
            yield frame

    return Forecast(frames, chunk_size(len(pde.fields) * fine.size, _CPU))


def _advance(solver: Solver, t: float, dt: float, u: torch.Tensor) -> np.ndarray:
    """Advance the states in place; the positions of those that could be advanced.

    Trajectories do not depend on each other: where one of them blows up, each goes alone.
    """
    if not len(u):
        return np.arange(0)
    before = u.clone()
    try:
        solver.advance(t, dt, u)
        return np.arange(len(u))
    except StabilityError as error:
        logger.info("%s", error)
    kept = []
    for k in range(len(u)):
        alone = before[k : k + 1]
        try:
            solver.advance(t, dt, alone)
        except StabilityError:
            continue
        u[k] = alone[0]
        kept.append(k)
    return np.array(kept, dtype=int)


def load_network(run: Path, data: Data) -> PDENet:
    """The trained network of `run`, for the grid, the fields and the time step of `data`.

    Raises CheckpointError where there is none or it is of other fields, ConfigError or GridError
    where the data do not suit it.
    """
    current = read_run(run)
    generator = torch.Generator().manual_seed(current.config.seed)
    model = network_for(data, current.config, generator)
    current.restore(model, generator)
    return model


def with_network(model: PDENet, frames: int, blocks: int = 1) -> Forecast:
    """The forecast of so many frames by a trained network, with `blocks` δt-blocks from one to the
    next."""
    values = len(model.shape.fields) * model.shape.grid.size

    def states(start: np.ndarray) -> Iterator[np.ndarray]:
        yield start
        u = torch.as_tensor(start).to(next(model.parameters()))
        rollout = model.states(u, blocks * (frames - 1))
        lost = np.zeros(len(start), dtype=bool)
        for _ in range(frames - 1):
            # Not around the whole loop: what runs between two frames keeps its own modes.
            with torch.no_grad(), threads_for(u.numel(), u.device):
                for _ in range(blocks):
                    u = next(rollout)
            frame = u.cpu().double().numpy().copy()
            lost |= _lost(frame, start)
            frame[lost] = np.nan
            yield frame

    return Forecast(states, chunk_size(values, _CPU))


def _lost(frame: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Which trajectories have blown up."""
    axes = tuple(range(1, start.ndim))
    size = np.abs(start).max(axis=axes)
    reach = np.where(size > 0, BLOWN_UP * size, np.inf)
    with np.errstate(invalid="ignore"):
        found: np.ndarray = ~(np.abs(frame).max(axis=axes) <= reach)
    return found


def predict(
    pde: PDE,
    grid: Grid,
    start: np.ndarray,
    times: np.ndarray,
    *,
    boundaries: Boundaries | None = None,
) -> np.ndarray:
    """Solve `pde` from `start` (trajectory, field, *space): (trajectory, frame, field, *space).

    times: of the frames, the first is that of `start`. Frames after a blow-up are NaN, and so are
    all but the first where the grid does not suit the solver; both are logged.
    """
    try:
        forecast = with_equation(pde, grid, times, boundaries=boundaries)
        frames = np.stack([*forecast.frames(start)], axis=1)
    except GridError as error:
        logger.warning("the found equation could not be solved: %s", error)
        frames = np.full((len(start), len(times), *start.shape[1:]), np.nan)
        frames[:, 0] = start
    if not np.isfinite(frames).all():
        logger.warning("the found equation could not be solved to the end: it blows up")
    return frames


def predict_with_network(run: Path, data: Data, start: np.ndarray) -> np.ndarray | None:
    """The trained network of `run` from `start`: (trajectory, frame, field, *space).

    Frames after a blow-up are NaN. None where the run holds no network that can be loaded.
    """
    try:
        model = load_network(run, data)
    except (CheckpointError, ConfigError, GridError) as error:
        logger.warning("the network predicts nothing: %s", error)
        return None
    return np.stack([*with_network(model, data.frames).frames(start)], axis=1)
