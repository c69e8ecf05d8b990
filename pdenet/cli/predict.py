"""`pdenet predict`: what was learned, rolled out far past the training, and how the error grows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pdenet.cli.console import note, print_json, print_rows, print_text
from pdenet.cli.options import given
from pdenet.cli.progress import monitored
from pdenet.errors import ConfigError
from pdenet.evaluation.prediction import TRUTH, Prediction, record
from pdenet.evaluation.run import Request, equation_of, predict_run
from pdenet.events import Phase
from pdenet.report.outlook import check_places, write_prediction

__all__ = ["work"]


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
    equation = equation_of(run)  # before anything that takes time
    check_places(folder, animation, overwrite=overwrite)
    chosen = given(options, "data", "times", "trajectories", "seed", "noise", "refine", "against")
    context = click.get_current_context()
    context.meta["pdenet.resume"] = f"nothing was written to '{folder}'"
    request = Request(**chosen, trained_on=options["trained_on"])
    seconds: dict[str, float] = {}
    with monitored("simulate", "read") as monitor:
        with _timed(seconds, "predict"):
            prediction = predict_run(run, request, monitor, monitor.simulated)
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
