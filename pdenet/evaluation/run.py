"""What was learned, rolled out far past the training: how the error of each predictor grows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pdenet.errors import CheckpointError, ConfigError, DataError, EquationError
from pdenet.evaluation.forecast import Forecast, load_network, with_equation, with_network
from pdenet.evaluation.prediction import EQUATION, NETWORK, TRUTH, Prediction, median_trajectory
from pdenet.evaluation.score import errors_of, fields_of
from pdenet.evaluation.stages import stage_curves
from pdenet.evaluation.trajectories import (
    Fresh,
    Observed,
    read_from,
    require_same_problem,
    simulated,
)
from pdenet.events import Listener, Phase
from pdenet.model import PDENet
from pdenet.pde import PDE
from pdenet.results import DiscoveredEquation, load_equation
from pdenet.results.solvable import solvable
from pdenet.storage import Data, open_data
from pdenet.training.records import read_log, recorded_data
from pdenet.training.run import read_run
from pdenet.words import counted
from simulators import Numerics

__all__ = ["Request", "equation_of", "predict_run"]

logger = logging.getLogger(__name__)

TIMES, TRAJECTORIES = 5.0, 20


@dataclass(frozen=True)
class Request:
    """What `predict_run` is asked for.

    data: the trajectories to predict; None simulates fresh ones from the true equation.
    times: how many times the length of the training's trajectories. trajectories, seed, noise: of
    fresh trajectories, see `Fresh`. refine: how many times finer than the data the grid is on which
    equations are solved; None for that of the data's simulator.
    against: other runs, whose networks are predicted beside. trained_on: the training data, if they
    have moved.
    """

    data: Path | None = None
    times: float = TIMES
    trajectories: int = TRAJECTORIES
    seed: int | None = None
    noise: float = 0.0
    refine: int | None = None
    against: tuple[Path, ...] = ()
    trained_on: Path | None = None


def predict_run(
    run: Path,
    request: Request | None = None,
    on_event: Listener | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Prediction:
    """Roll the network and the equation of a run out, far past its training.

    request: None for fresh trajectories, five times as long as those of the training. on_event:
    told how far each predictor is. progress: told (done, total) steps of the simulation
    of fresh trajectories.

    Errors are ‖û − u‖/‖u‖ over trajectories that no training saw. Where the true equation is known,
    it is solved from the same first frames by the same solver: what it leaves is not the found
    equation's error but that of the first frame and of the solver.

    Raises CheckpointError where the run has no network or no equation, DataError and GridError
    where data do not fit, StabilityError where the true equation blows up.
    """
    request = request or Request()
    discovered = equation_of(run)
    found = discovered.pde
    with open_data(_training_data(run, request.trained_on)) as data:
        _require_same_fields(run, found, data)
        networks = {NETWORK: load_network(run, data)}
        for other in request.against:
            networks[_name_of(other, networks)] = _other_network(other, data)
        window, trained = _window(run) * data.dt, float(data.times[-1] - data.times[0])
        observed = _observed(data, request, (window, trained), progress)
        problem = data.problem
    _warn_beyond(discovered, observed.states)
    refine = request.refine or observed.refine
    # Other stencils than the truth's: errors that both solvers share would not be seen.
    numerics = Numerics(order=6 if observed.order in (8, None) else 8)
    solved = solvable(discovered, problem.grid, problem.boundaries)
    equations = {EQUATION: solved, TRUTH: observed.truth}
    forecasts = {
        name: with_equation(
            pde,
            problem.grid,
            observed.times,
            refine=refine,
            numerics=numerics,
            boundaries=problem.boundaries,
        )
        for name, pde in equations.items()
        if pde is not None
    }
    for name, model in networks.items():
        forecasts[name] = with_network(model, len(observed.times), observed.blocks)
    errors = {
        name: _errors(name, forecast, observed, on_event) for name, forecast in forecasts.items()
    }
    shown = median_trajectory(errors[EQUATION])
    return Prediction(
        grid=problem.grid,
        fields=found.fields,
        times=observed.times[list(observed.stored)],
        errors=errors,
        window=window,
        trained=trained,
        shown=shown,
        observed=observed.states[shown],
        predicted={
            name: fields_of(forecasts[name], observed.start[shown], observed.stored)
            for name in (NETWORK, EQUATION)
        },
        units=problem.units,
        settings=_settings(run, request, found, observed)
        | {"solver": {"refine": refine, "order": numerics.order, "scheme": numerics.scheme}},
    )


def _require_same_fields(run: Path, found: PDE, data: Data) -> None:
    """Raise EquationError unless the equation of a run is for its data."""
    if found.fields != data.fields or found.ndim != data.problem.grid.ndim:
        told = (
            f"the equation in '{run}' is for {', '.join(found.fields)} in "
            f"{counted(found.ndim, 'dimension')}, its data hold {', '.join(data.fields)} in "
            f"{data.problem.grid.ndim}: "
        )
        raise EquationError(
            f"{told}type extract({str(run)!r}) again",
            shell=f"{told}type 'pdenet extract {run}' again",
        )


def _settings(run: Path, request: Request, found: PDE, observed: Observed) -> dict[str, Any]:
    """What was predicted, and from what."""
    return {
        "run": str(run),
        "against": [str(other) for other in request.against],
        "equations": list(found.equations()),
        "true_equations": None if observed.truth is None else list(observed.truth.equations()),
        "data": {
            **observed.record,
            "trajectories": len(observed.start),
            "frames": len(observed.times),
        },
    }


def _warn_beyond(found: DiscoveredEquation, states: np.ndarray) -> None:
    """Say where fields leave the range in which the source of an equation was learned."""
    for curve in found.curves:
        values = states[:, :, found.pde.fields.index(curve.of)]
        low, high = curve.points[0], curve.points[-1]
        beyond = float(((values < low) | (values > high)).mean())
        if beyond:
            logger.warning(
                "%.2g %% of the values of %s are outside [%.4g, %.4g], where its source was "
                "learned: the equation is an extrapolation there",
                100 * beyond,
                curve.field,
                low,
                high,
            )


def equation_of(run: Path) -> DiscoveredEquation:
    """The equation that was read from a run. Raises CheckpointError where there is none."""
    read_run(run)  # first of all it must be a run
    record = run / "equation.json"
    if not record.exists():
        told = f"'{run}' has no equation yet: type"
        raise CheckpointError(
            f"{told} extract({str(run)!r}) first", shell=f"{told} 'pdenet extract {run}' first"
        )
    return load_equation(record)


def _training_data(run: Path, given_path: Path | None) -> Path:
    """The data that a run was trained on, checked by their digest."""
    current = read_run(run)
    source = given_path or recorded_data(run)
    if source is None:
        told = f"the data of '{run}' are no longer at '{current.data['path']}': say where they are"
        raise DataError(f"{told} in Request.trained_on", shell=f"{told} with --trained-on")
    with open_data(source) as opened:
        if opened.digest() != current.data["digest"]:
            told = f"'{source}' does not hold the data that '{run}' was trained on: give those"
            raise DataError(f"{told} as Request.trained_on", shell=f"{told} with --trained-on")
    return source


def _other_network(run: Path, data: Data) -> PDENet:
    """The network of another run that steps the same states by the same time."""
    with open_data(_training_data(run, None)) as other:
        require_same_problem(other, data)
        if abs(other.dt - data.dt) > 1e-9 * data.dt:
            raise DataError(
                f"the network of '{run}' steps by {other.dt:g}, not by {data.dt:g}: give a run "
                "that was trained on data with the same time between frames"
            )
        return load_network(run, other)


def _name_of(run: Path, taken: Mapping[str, object]) -> str:
    """What the network of another run is called: its folder's name where that is free."""
    name = f"network of {run.resolve().name}"
    if name not in taken:
        return name
    if f"network of {run}" in taken:
        raise ConfigError(
            f"'{run}' was given twice in Request.against: give each run once",
            shell=f"--against '{run}' was given twice: give each run once",
        )
    return f"network of {run}"


def _window(run: Path) -> int:
    """The most frames that a stage of the training looked ahead."""
    blocks = [curve.blocks for curve in stage_curves(read_log(run))]
    return max(blocks, default=max(stage.blocks for stage in read_run(run).config.stages))


def _observed(
    data: Data,
    request: Request,
    marks: tuple[float, float],
    progress: Callable[[int, int], None] | None,
) -> Observed:
    if request.data is not None:
        return read_from(request.data, data, marks)
    steps = max(1, round(request.times * (data.frames - 1)))
    fresh = Fresh(steps + 1, request.trajectories, request.seed, request.noise)
    numbers = [round(mark / data.dt) for mark in marks]
    return simulated(data, fresh, numbers, progress)


def _errors(
    name: str, forecast: Forecast, observed: Observed, on_event: Listener | None
) -> np.ndarray:
    def progress(fraction: float) -> None:
        if on_event is not None:
            on_event(Phase(name, fraction, counted(len(observed.start), "trajectory")))

    return errors_of(forecast, observed.start, observed.states, observed.stored, progress)
