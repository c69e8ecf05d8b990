"""The report of a run: its records and its data put together into the evidence of `pdenet.report`.

Errors of prediction are those on trajectories that no training saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pdenet.boundary import Boundaries, chosen
from pdenet.cli.named import named_equation
from pdenet.cli.results import Result
from pdenet.cli.rollouts import predict, predict_with_network, relative_errors
from pdenet.cli.runs import read_log, read_record
from pdenet.discovery import DiscoveredEquation
from pdenet.discovery.caution import in_words
from pdenet.discovery.noise import noise_of
from pdenet.discovery.smooth import Smoothing, periodic_axes
from pdenet.discovery.solvable import solvable
from pdenet.errors import CheckpointError, OutputError
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.catalogue import Entry
from pdenet.report import PAPERS, DataSource, Evidence, StageCurve, build, form_of
from pdenet.report.coefficients import coefficients, sources
from pdenet.storage import Data, open_data
from pdenet.training.run import versions

__all__ = [
    "apart",
    "check_report",
    "check_target",
    "result_of",
    "seconds_of_training",
    "stage_curves",
    "write_report",
]

# Held-out trajectories that are predicted: enough for percentiles, quick to solve.
MOST_PREDICTED = 8

# Relative noise of the size of single-precision rounding, which is not worth a word.
NO_NOISE = 1e-6


def stage_curves(events: list[dict[str, Any]]) -> tuple[StageCurve, ...]:
    """The loss by stage, from the events of a run; a stage that was begun again goes on.

    Iterations that were lost with an interrupted run are replaced by those of the resumed one.
    """
    stages: dict[str, dict[str, Any]] = {}
    for event in events:
        kind, name = event.get("event"), event.get("stage", "")
        if kind == "StageStarted":
            stages.setdefault(name, {"blocks": event["blocks"], "points": {}, "validation": None})
        elif kind == "Iteration" and name in stages:
            stages[name]["points"][event["iteration"]] = event["loss"]
        elif kind == "StageFinished" and name in stages:
            stages[name]["validation"] = event["validation"]
    return tuple(
        StageCurve(
            name,
            stage["blocks"],
            np.array(sorted(stage["points"]), dtype=float),
            np.array([stage["points"][i] for i in sorted(stage["points"])], dtype=float),
            stage["validation"],
        )
        for name, stage in stages.items()
        if stage["points"]
    )


def seconds_of_training(run: Path) -> float:
    """The time that the stages of a run took, interruptions left out."""
    stages = {
        event["stage"]: float(event["seconds"])
        for event in read_log(run)
        if event.get("event") == "StageFinished"
    }
    return sum(stages.values())


def apart(found: DiscoveredEquation, seconds: float) -> dict[str, float]:
    """The time of a read-out, and that of its refinement if there was one."""
    refining = found.seconds.get("refine", 0.0) if found.refinement is not None else 0.0
    own = {"extract": seconds - refining}
    return {**own, "refine": refining} if refining else own


def result_of(
    found: DiscoveredEquation,
    data: Path | None,
    seconds: Mapping[str, float],
    noise: float | None = None,
) -> Result:
    """What is printed of a read-out: beside the truth, where the data say what that is.

    noise: the level that a refinement was given.
    Raises DataError for data on another grid than that of the read-out.
    """
    if data is None:
        return Result(
            found.pde,
            found.stderr,
            None,
            seconds,
            refinement=found.refinement,
            noise=noise,
            unknown=found.unknown,
            caution=in_words(found.cautions),
        )
    with open_data(data) as opened:
        problem = opened.problem
    maps = coefficients(found.maps, found.pde, problem.grid, problem.pde)
    curves = sources(found.curves, found.pde, problem.pde)
    return Result(
        found.pde,
        found.stderr,
        problem.pde,
        seconds,
        maps,
        curves,
        found.refinement,
        noise,
        found.unknown,
        in_words(found.cautions),
    )


def check_report(path: Path | None, *, overwrite: bool) -> None:
    """Refuse the name of a report that could not be written, before the work and not after it.

    Raises OutputError.
    """
    if path is not None:
        form_of(path)
        check_target(path, overwrite=overwrite)


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a file in a folder that is not there, or that exists, unless it may be replaced.

    Raises OutputError.
    """
    if not path.absolute().parent.is_dir():
        raise OutputError(f"there is no folder '{path.parent}': make it, or choose another")
    if path.is_dir():
        raise OutputError(f"'{path}' is a folder: name a file")
    if path.exists() and not overwrite:
        raise OutputError(f"'{path}' exists: add --overwrite to replace it")


def write_report(
    run: Path | None,
    result: Result,
    found: DiscoveredEquation,
    output: Path,
    *,
    data: Path | None,
    settings: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write the report of a run, in the form that the suffix of `output` names.

    run: None for an equation that no network was trained for; settings: those of the command then.
    about: boundary and outside, in place of what the file of the data says.
    result: what is printed; found: the read-out that it is from.
    Raises CheckpointError if the data that the run was trained on are gone.
    """
    if data is None:
        raise CheckpointError(
            f"the data of '{run}' are gone: say where they are with --data, or leave --report out"
        )
    config = {"config": dict(settings or {}), "versions": versions()}
    if run is not None:
        config = read_record(run, "config.json")
    with open_data(data) as opened:
        said = about or {}
        ends = chosen(said.get("boundary"), opened.problem.grid.axes)
        opened.assume(ends, said.get("outside"))
        evidence = _evidence(run, config, result, found, opened)
    return build(evidence).write(output, overwrite=True)


def _evidence(
    run: Path | None, config: dict[str, Any], result: Result, found: DiscoveredEquation, data: Data
) -> Evidence:
    curves = stage_curves(read_log(run)) if run is not None else ()
    grid, problem = data.problem.grid, data.problem
    noise = (data.noise or {}).get("level")
    shape = (data.trajectories, data.frames, len(data.fields), *grid.shape)
    entry = named_equation(data)
    return Evidence(
        title=entry.title if entry else _title(problem.pde, data, run),
        found=result.found,
        stderr=result.stderr,
        grid=grid,
        dt=data.dt,
        fields=data.fields,
        units=problem.units,
        data=DataSource(str(data.path), data.digest(), shape, noise),
        truth=result.truth,
        comparison=result.comparison,
        dropped=found.dropped,
        horizon=max((curve.blocks for curve in curves), default=0) * data.dt or None,
        maps=found.maps,
        curves=found.curves,
        refinement=found.refinement,
        caution=result.caution,
        filters={each.name: (each.learned, each.frozen) for each in found.filters},
        loss=curves,
        settings=config.get("config", config),
        seeds=_whole({"data": data.metadata.get("seed"), "training": config.get("seed")}),
        versions={str(k): str(v) for k, v in dict(config.get("versions") or {}).items()},
        seconds=result.seconds,
        references=_references(entry),
        **_predictions(run, found, data),
    )


def _predictions(run: Path | None, found: DiscoveredEquation, data: Data) -> dict[str, Any]:
    """The entries of the evidence that compare predictions with trajectories no training saw.

    Without values there is no first frame to start from, of a given field no next one, and beyond
    an open end no solver knows how to go on: then nothing is predicted.
    """
    grid, boundaries = data.problem.grid, data.problem.boundaries
    if data.missing or found.pde.given or data.obstacle():
        none = np.zeros((0, len(data.fields), *grid.shape))
        return {"observed": none, "predicted": none, "times": np.zeros(0)}
    held_out = data.split["test"][:MOST_PREDICTED]
    observed = data.read(trajectories=held_out, dtype="float64")
    start, errors = observed[:, 0], dict[str, np.ndarray]()
    if found.refinement is not None:
        filtered, noise = _without_noise(observed, found.refinement.chi2, grid, boundaries)
        if noise.max() > NO_NOISE:
            start, errors["noise"] = filtered, noise
    equation = solvable(found, grid, boundaries)
    predicted = predict(equation, grid, start, data.times, boundaries=boundaries)
    errors["equation"] = relative_errors(predicted, observed)
    by_network = None if run is None else predict_with_network(run, data, start)
    if by_network is not None:
        errors["network"] = relative_errors(by_network, observed)
    return {
        "observed": observed[0],
        "predicted": predicted[0],
        "times": data.times,
        "errors": errors,
        "error_times": data.times,
    }


def _without_noise(
    observed: np.ndarray, chi2: float, grid: Grid, boundaries: Boundaries
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


def _title(pde: PDE | None, data: Data, run: Path | None) -> str:
    if pde is not None:
        return "; ".join(pde.equations())
    return data.name or (run.name if run is not None else Path(data.path).name)


def _whole(seeds: dict[str, Any]) -> dict[str, int]:
    return {name: seed for name, seed in seeds.items() if type(seed) is int}


def _references(entry: Entry | None) -> tuple[str, ...]:
    """The papers of the method, and that of the equation unless it is one of them."""
    if entry is None:
        return PAPERS
    numbers = [paper.split("arXiv:")[-1] for paper in PAPERS]
    known = any(number in entry.reference for number in numbers)
    return PAPERS if known else (*PAPERS, entry.reference)
