"""Trajectories to predict: simulated anew from the equation that made a run's data, or read.

Fresh trajectories are made as the training's were (grid, solver, kind of initial fields), from
another seed and for longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pdenet.errors import ConfigError, DataError
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.storage import Data, open_data, require_periodic
from simulators import SimulationConfig, configure
from simulators.generate import generate
from simulators.initial import trajectory_generator

__all__ = ["Fresh", "Observed", "read_from", "require_same_problem", "simulated", "stored_frames"]

MOST_STORED = 101
"""Frames at which errors are taken: enough for smooth curves."""

MOST_BYTES = 1 << 29
"""Memory that the stored frames may take."""

REFINE = 2
"""How many times finer the grid is where nothing says on which one the data were solved."""


@dataclass(frozen=True, eq=False)
class Observed:
    """Trajectories that will be predicted.

    times: of every frame. stored: numbers of the frames that are kept, ascending, the first is 0.
    start: first frames as they are observed, noise included, (trajectory, field, *space).
    states: what predictions are measured against, (trajectory, stored frame, field, *space).
    truth: the equation they are from, None if unknown. refine: how many times finer the grid was
    on which it was solved. order: of the stencils, None if unknown. blocks: δt-blocks of the
    network from one frame to the next.
    record: where they come from, as JSON values.
    """

    times: np.ndarray
    stored: tuple[int, ...]
    start: np.ndarray
    states: np.ndarray
    truth: PDE | None
    refine: int
    order: int | str | None
    blocks: int
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Fresh:
    """How fresh trajectories are made.

    frames: of each, at the time steps of the training data. noise: of the first frame only,
    relative to its standard deviation; the truth has none. seed: None for the one after that of
    the training data.
    """

    frames: int
    trajectories: int = 20
    seed: int | None = None
    noise: float = 0.0


def stored_frames(frames: int, marks: Sequence[int], bytes_per_frame: int) -> tuple[int, ...]:
    """The frames at which errors are taken: evenly spread, with the first, the last and `marks`."""
    most = max(2, min(MOST_STORED, MOST_BYTES // max(1, bytes_per_frame)))
    stride = max(1, math.ceil((frames - 1) / (most - 1)))
    inside = (mark for mark in marks if 0 < mark < frames)
    return tuple(sorted({*range(0, frames, stride), frames - 1, *inside}))


def simulated(
    data: Data,
    fresh: Fresh,
    marks: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
) -> Observed:
    """Trajectories from the equation in `data`, from initial fields that it does not hold.

    marks: numbers of frames that must be among the stored ones. progress: (done, total) work.
    Raises DataError where the file does not say how its data were made, ConfigError for the seed of
    the training, StabilityError where the true equation blows up.
    """
    pde, config = _configuration(data, fresh)
    values = len(pde.fields) * math.prod(config.shape)
    stored = stored_frames(config.frames, marks, 8 * values * config.trajectories)
    shape = (config.trajectories, len(stored), len(pde.fields), *config.shape)
    states = np.empty(shape)
    place = {frame: position for position, frame in enumerate(stored)}
    for block in generate(pde, config):
        if block.states.numel():
            rows = slice(block.first_trajectory, block.first_trajectory + len(block.states))
            for offset in range(block.states.shape[1]):
                position = place.get(block.first_frame + offset)
                if position is not None:
                    states[rows, position] = block.states[:, offset].numpy()
        if progress is not None:
            progress(block.work, block.total)
    start = states[:, 0].copy()
    if fresh.noise:
        start = _noisy(start, fresh.noise, config.seed)
    record = {
        "source": "simulated",
        "seed": config.seed,
        "start_noise": fresh.noise,
        "noise": 0.0,
        "refine": config.refine,
        "order": config.order,
        "late_start": config.late_start,
    }
    times = np.array(config.times)
    return Observed(
        times, stored, start, states, pde, config.refine, config.order, blocks=1, record=record
    )


def _noisy(start: np.ndarray, level: float, seed: int) -> np.ndarray:
    """First frames with the noise that the simulator would give them."""
    axes = tuple(range(2, start.ndim))
    draws = [
        torch.randn(
            frame.shape, generator=trajectory_generator(seed, i, "noise"), dtype=torch.float64
        )
        for i, frame in enumerate(start)
    ]
    noisy: np.ndarray = start.copy()
    noisy += level * start.std(axis=axes, keepdims=True) * torch.stack(draws).numpy()
    return noisy


def _configuration(data: Data, fresh: Fresh) -> tuple[PDE, SimulationConfig]:
    """The equation, and the settings with which fresh data are like those of the file."""
    pde, grid, metadata = data.problem.pde, data.problem.grid, data.metadata
    if pde is None:
        raise _without_fresh(
            f"'{data.path}' does not say which equation its data are from, so that no fresh "
            "trajectories can be simulated"
        )
    solver, initial = metadata.get("solver"), metadata.get("initial")
    if not (isinstance(solver, dict) and isinstance(initial, dict)) or any(grid.origin or ()):
        raise _without_fresh(
            f"'{data.path}' was not simulated here and does not say how its initial fields were "
            "chosen"
        )
    trained = metadata.get("seed")
    trained = trained if type(trained) is int else None
    if fresh.seed is not None and fresh.seed == trained:
        told = f"seed {fresh.seed} made the data of the training: give another one, such as"
        raise ConfigError(f"{told} {fresh.seed + 1}", shell=f"{told} --seed {fresh.seed + 1}")
    seed = fresh.seed if fresh.seed is not None else (trained or 0) + 1
    known = ("order", "scheme", "substeps", "cfl", "refine", "late_start")
    settings = {name: solver[name] for name in known if name in solver}
    try:
        _, config = configure(
            pde,
            **settings,
            initial=initial,
            shape=grid.shape,
            lengths=grid.lengths,
            boundaries=data.problem.boundaries,
            dt=data.dt,
            frames=fresh.frames,
            trajectories=fresh.trajectories,
            seed=seed,
        )
    except (TypeError, ValueError) as error:
        raise _without_fresh(
            f"'{data.path}' says nothing that can be used about how its data were made ({error})"
        ) from error
    return pde, config


def _without_fresh(told: str) -> DataError:
    """Why no fresh trajectories can be simulated, and what can be predicted instead."""
    return DataError(
        f"{told}: give a file of trajectories to predict",
        shell=f"{told}: give data to predict, as in 'pdenet predict RUN DATA.h5'",
    )


def read_from(path: Path, data: Data, marks: Sequence[float]) -> Observed:
    """All trajectories of the file `path`, to be predicted by what was trained on `data`.

    marks: times at which errors are wanted.
    Raises DataError or GridError where the file does not suit the training.
    """
    with open_data(path) as other:
        require_same_problem(other, data)
        require_periodic(other)
        blocks = round(other.dt / data.dt)
        if blocks < 1 or abs(other.dt / data.dt - blocks) > 1e-6 * blocks:
            raise DataError(
                f"'{path}' has a frame every {other.dt:g}, but the network steps by {data.dt:g}: "
                "give data whose time between frames is a whole multiple of that"
            )
        numbers = [round(mark / other.dt) for mark in marks]
        per_frame = 8 * other.trajectories * len(other.fields) * other.problem.grid.size
        stored = stored_frames(other.frames, numbers, per_frame)
        shape = (other.trajectories, len(stored), len(other.fields), *other.problem.grid.shape)
        states = np.empty(shape)
        for row in range(other.trajectories):
            states[row] = other.read([row], dtype="float64")[0, list(stored)]
        solver = other.metadata.get("solver")
        refine, order = (
            (solver.get("refine"), solver.get("order"))
            if isinstance(solver, dict)
            else (None, None)
        )
        record = {
            "source": str(path),
            "digest": other.digest(),
            "noise": (other.noise or {}).get("level"),
        }
        return Observed(
            times=np.asarray(other.times, dtype=np.float64),
            stored=stored,
            start=states[:, 0].copy(),
            states=states,
            truth=other.problem.pde,
            refine=refine if type(refine) is int and 1 <= refine <= 8 else REFINE,
            order=order if type(order) in (int, str) else None,
            blocks=blocks,
            record=record,
        )


def require_same_problem(other: Data, data: Data) -> None:
    """Raise DataError or GridError unless a network of `data` can step the states of `other`."""
    found, wanted = _description(other.problem), _description(data.problem)
    for name, value in found.items():
        if value != wanted[name]:
            raise DataError(
                f"'{other.path}' has the {name} {value}, but the training on '{data.path}' had "
                f"{wanted[name]}: give data like those of the training"
            )
    if other.outside is not None:
        raise DataError(
            f"'{other.path}' has points outside, where no equation holds, and a prediction goes "
            "through all of them: give data like those of the training"
        )


def _description(problem: Problem) -> dict[str, Any]:
    grid = problem.grid
    return {
        "fields": " ".join(problem.fields),
        "grid": "x".join(map(str, grid.shape)),
        "lengths": "x".join(f"{length:.9g}" for length in grid.lengths),
        "origin": " ".join(f"{start:.9g}" for start in grid.origin or ()),
        "boundaries": problem.boundaries,
    }
