"""The report of a run: its records and its data put together into the evidence of `pdenet.report`.

The found equation is solved by `simulators` from the first frame of trajectories that no training
saw, so that what predicts shares no discretisation with what learned.
"""

from __future__ import annotations

import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pdenet.cli.results import Result
from pdenet.cli.runs import read_log, read_record
from pdenet.errors import CheckpointError, GridError, StabilityError
from pdenet.events import TermDropped
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.report import DataSource, Evidence, StageCurve, build
from pdenet.storage import Data, open_data
from simulators.solver import Solver

__all__ = ["dropped_terms", "predict", "stage_curves", "write_report"]

logger = logging.getLogger(__name__)

# Held-out trajectories that are predicted: enough for percentiles, quick to solve.
MOST_PREDICTED = 8


def stage_curves(events: list[dict[str, Any]]) -> tuple[StageCurve, ...]:
    """The loss by stage, from the events of a run; a stage that was begun again starts afresh."""
    stages: dict[str, dict[str, Any]] = {}
    for event in events:
        kind, name = event.get("event"), event.get("stage", "")
        if kind == "StageStarted":
            stages[name] = {"blocks": event["blocks"], "points": {}, "validation": None}
        elif kind == "Iteration" and name in stages:
            stages[name]["points"][event["iteration"]] = event["loss"]
        elif kind == "StageFinished" and name in stages:
            stages[name]["validation"] = event["validation"]
    return tuple(
        StageCurve(
            name,
            stage["blocks"],
            np.array(list(stage["points"]), dtype=float),
            np.array(list(stage["points"].values()), dtype=float),
            stage["validation"],
        )
        for name, stage in stages.items()
        if stage["points"]
    )


def dropped_terms(events: list[dict[str, Any]]) -> tuple[TermDropped, ...]:
    """The terms that the last read-out removed, and why."""
    names = TermDropped.__dataclass_fields__
    return tuple(
        TermDropped(**{name: event[name] for name in names})
        for event in events
        if event.get("event") == "TermDropped" and set(names) <= set(event)
    )


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


def write_report(run: Path, result: Result, output: Path, *, data: Path | None) -> Path:
    """Write the report of a run as one HTML page.

    Raises CheckpointError if the data that the run was trained on are gone.
    """
    if data is None:
        raise CheckpointError(
            f"the data of '{run}' are gone: say where they are with --data, or leave --report out"
        )
    with open_data(data) as opened:
        evidence = _evidence(run, result, opened, str(data))
    return build(evidence).write(output, overwrite=True)


def _evidence(run: Path, result: Result, data: Data, path: str) -> Evidence:
    config = read_record(run, "config.json")
    events = read_log(run)
    curves = stage_curves(events)
    grid, problem = data.problem.grid, data.problem
    held_out = data.split["test"][:MOST_PREDICTED]
    observed = data.read(trajectories=held_out, dtype="float64")
    predicted = predict(result.found, grid, observed[:, 0], data.times)
    axes = tuple(range(2, observed.ndim))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        size = np.sqrt((observed**2).sum(axis=axes))
        errors = np.sqrt(((predicted - observed) ** 2).sum(axis=axes)) / size
    noise = (data.noise or {}).get("level")
    shape = (data.trajectories, data.frames, len(data.fields), *grid.shape)
    versions = config.get("versions", {})
    return Evidence(
        title=data.name or run.name,
        found=result.found,
        stderr=result.stderr,
        grid=grid,
        dt=data.dt,
        fields=data.fields,
        units=problem.units,
        observed=observed[0],
        predicted=predicted[0],
        times=data.times,
        data=DataSource(path, data.digest(), shape, noise),
        truth=result.truth,
        comparison=result.comparison,
        dropped=dropped_terms(events),
        errors={"equation": errors},
        error_times=data.times,
        horizon=max((curve.blocks for curve in curves), default=0) * data.dt or None,
        loss=curves,
        settings=config.get("config", config),
        seeds={"training": config["seed"]} if isinstance(config.get("seed"), int) else {},
        versions=versions if isinstance(versions, dict) else {},
        seconds=result.seconds,
    )
