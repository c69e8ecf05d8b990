"""`pdenet predict`: what was learned, rolled out far past the training, and how the error grows."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from pdenet.cli.console import note, print_json, print_rows, print_text
from pdenet.cli.fresh import (
    Fresh,
    Observed,
    read_from,
    require_same_problem,
    simulated,
)
from pdenet.cli.options import given
from pdenet.cli.progress import monitored
from pdenet.cli.reporting import stage_curves
from pdenet.cli.rollouts import (
    Forecast,
    errors_of,
    fields_of,
    load_network,
    with_equation,
    with_network,
)
from pdenet.cli.runs import read_log, recorded_data
from pdenet.discovery import DiscoveredEquation, load_equation
from pdenet.discovery.solvable import solvable
from pdenet.errors import CheckpointError, ConfigError, DataError, EquationError
from pdenet.events import Phase
from pdenet.pde import PDE
from pdenet.progress import Monitor
from pdenet.report.outlook import check_places, write_prediction
from pdenet.report.prediction import (
    EQUATION,
    NETWORK,
    TRUTH,
    Prediction,
    median_trajectory,
    record,
)
from pdenet.storage import Data, open_data
from pdenet.training import read_run
from pdenet.words import counted
from simulators import Numerics

__all__ = ["Request", "predict_run", "work"]

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


def predict_run(run: Path, request: Request, monitor: Monitor | None = None) -> Prediction:
    """Roll the network and the equation of a run out, far past its training.

    Errors are ‖û − u‖/‖u‖ over trajectories that no training saw. Where the true equation is known,
    it is solved from the same first frames by the same solver: what it leaves is not the found
    equation's error but that of the first frame and of the solver.

    Raises CheckpointError where the run has no network or no equation, DataError and GridError
    where data do not fit, StabilityError where the true equation blows up.
    """
    discovered = _equation_of(run)
    found = discovered.pde
    with open_data(_training_data(run, request.trained_on)) as data:
        if found.fields != data.fields or found.ndim != data.problem.grid.ndim:
            raise EquationError(
                f"the equation in '{run}' is for {', '.join(found.fields)} in "
                f"{counted(found.ndim, 'dimension')}, its data hold {', '.join(data.fields)} in "
                f"{data.problem.grid.ndim}: "
                f"type 'pdenet extract {run}' again"
            )
        networks = {NETWORK: load_network(run, data)}
        for other in request.against:
            networks[_name_of(other, networks)] = _other_network(other, data)
        window, trained = _window(run) * data.dt, float(data.times[-1] - data.times[0])
        observed = _observed(data, request, (window, trained), monitor)
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
        name: _errors(name, forecast, observed, monitor) for name, forecast in forecasts.items()
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


def _equation_of(run: Path) -> DiscoveredEquation:
    read_run(run)  # first of all it must be a run
    record_of_equation = run / "equation.json"
    if not record_of_equation.exists():
        raise CheckpointError(f"'{run}' has no equation yet: type 'pdenet extract {run}' first")
    return load_equation(record_of_equation)


def _training_data(run: Path, given_path: Path | None) -> Path:
    """The data that a run was trained on, checked by their digest."""
    current = read_run(run)
    source = given_path or recorded_data(run)
    if source is None:
        raise DataError(
            f"the data of '{run}' are no longer at '{current.data['path']}': say where they are "
            "with --trained-on"
        )
    with open_data(source) as opened:
        if opened.digest() != current.data["digest"]:
            raise DataError(
                f"'{source}' does not hold the data that '{run}' was trained on: give those with "
                "--trained-on"
            )
    return source


def _other_network(run: Path, data: Data) -> Any:
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
        raise ConfigError(f"--against '{run}' was given twice: give each run once")
    return f"network of {run}"


def _window(run: Path) -> int:
    """The most frames that a stage of the training looked ahead."""
    blocks = [curve.blocks for curve in stage_curves(read_log(run))]
    return max(blocks, default=max(stage.blocks for stage in read_run(run).config.stages))


def _observed(
    data: Data, request: Request, marks: tuple[float, float], monitor: Monitor | None
) -> Observed:
    if request.data is not None:
        return read_from(request.data, data, marks)
    steps = max(1, round(request.times * (data.frames - 1)))
    fresh = Fresh(steps + 1, request.trajectories, request.seed, request.noise)
    numbers = [round(mark / data.dt) for mark in marks]
    return simulated(data, fresh, numbers, monitor.simulated if monitor else None)


def _errors(
    name: str, forecast: Forecast, observed: Observed, monitor: Monitor | None
) -> np.ndarray:
    def progress(fraction: float) -> None:
        if monitor is not None:
            monitor(Phase(name, fraction, f"{counted(len(observed.start), 'trajectory')}"))

    return errors_of(forecast, observed.start, observed.states, observed.stored, progress)


def _print_summary(prediction: Prediction, document: Mapping[str, Any]) -> None:
    """The median error of every predictor at three times."""
    horizon = document["horizon"]
    header = ["median error", *(f"t = {horizon[key]:.3g}" for key in ("window", "trained"))]
    header += [f"t = {horizon['predicted']:.3g} ({horizon['times']:.3g} ×)", "blown up"]
    rows = []
    for name, medians in document["median"].items():
        values = [medians[key] for key in ("window", "trained", "end")]
        shown = ["∞" if value is None else f"{100 * value:.2g} %" for value in values]
        rows.append([name, *shown, f"{100 * prediction.lost(name)[-1]:.3g} %"])
    print_rows("", header, rows, numeric=header[1:])
    print_text(
        f"trained to look {horizon['window']:.3g} ahead on trajectories of {horizon['trained']:.3g}"
    )
    floor = document["median"].get(TRUTH)
    if floor is not None:
        print_text(f"'{TRUTH}' is what the solver and the first frame leave of the exact equation")


def _check(options: Mapping[str, Any]) -> None:
    if options["data"] is None:
        return
    useless = list(given(options, "times", "trajectories", "seed", "noise"))
    if useless:
        raise ConfigError(
            f"--{useless[0]} makes data, but '{options['data']}' holds them already: leave it out"
        )


def work(run: Path, output: Path | None, as_json: bool, **options: Any) -> None:
    """Predict far past the training, and show how the error grows."""
    _check(options)
    folder = output or run / "prediction"
    animation, overwrite = options["animation"], options["overwrite"]
    equation = _equation_of(run)  # before anything that takes time
    check_places(folder, animation, overwrite=overwrite)
    chosen = given(options, "data", "times", "trajectories", "seed", "noise", "refine", "against")
    context = click.get_current_context()
    context.meta["pdenet.resume"] = f"nothing was written to '{folder}'"
    request = Request(**chosen, trained_on=options["trained_on"])
    seconds: dict[str, float] = {}
    with monitored("simulate", "read") as monitor:
        with _timed(seconds, "predict"):
            prediction = predict_run(run, request, monitor)
        document = {**record(prediction), "seconds": seconds}
        with _timed(seconds, "draw"):
            written = write_prediction(
                prediction,
                document,
                folder,
                animation=animation,
                overwrite=overwrite,
                progress=lambda fraction: monitor(Phase("animation", fraction, "")),
            )
    if as_json:
        print_json(document)
    else:
        print_text("\n".join(equation.lines("unicode")))
        print_text("")
        _print_summary(prediction, document)
    for path in written:
        note(f"wrote {path}")


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started
