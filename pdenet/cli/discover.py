"""`pdenet discover`: from a name, a text or a data file to an equation and a report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pdenet.cli.console import note
from pdenet.cli.extract import truth_in
from pdenet.cli.options import OUTPUT, common, given, learning, machine, simulation
from pdenet.cli.progress import Monitor
from pdenet.cli.reporting import write_report
from pdenet.cli.results import Result
from pdenet.cli.runs import how_to_go_on, new_run
from pdenet.cli.settings import check_resumed, training_config
from pdenet.cli.simulate import equation_of, generate
from pdenet.errors import ConfigError
from pdenet.estimator import extract, train
from pdenet.storage import open_data

__all__ = ["command"]

# Options that make data; they mean nothing for data that are there already.
MAKES_DATA = (
    *("pde", "parameters", "grid", "lengths", "refine", "trajectories", "frames", "dt", "noise"),
    *("boundary", "order", "scheme", "substeps"),
)


def data_file(source: str | None) -> Path | None:
    """`source` as a data file, or None if it names an equation."""
    if source is None:
        return None
    path = Path(source)
    is_file = path.suffix in (".h5", ".hdf5") or len(path.parts) > 1 or path.is_file()
    return path if is_file else None


def check(source: str | None, options: Mapping[str, Any]) -> None:
    """Look at what was asked for before an earlier run is touched."""
    data = data_file(source)
    if data is None:
        equation_of(source, options["pde"], dict(options["parameters"]))
        return
    useless = list(given(options, *MAKES_DATA))
    if useless:
        typed = "param" if useless[0] == "parameters" else useless[0]
        raise ConfigError(f"--{typed} makes data, but '{data}' holds them already: leave it out")
    open_data(data).close()


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the time of a block to `seconds`."""
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started


@click.command(short_help="Do all of it: simulate if need be, train, extract, report.")
@click.argument("source", required=False, metavar="[NAME|DATA.h5]")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The folder of the run.")
@simulation
@learning
@machine
@click.option("--preset", type=click.Choice(["paper"]), help="Data and settings of the papers.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone on stdout.")
@common
def command(source: str | None, output: Path, as_json: bool, **options: Any) -> None:
    """Do all of it: simulate if need be, train, extract, report.

    \b
    pdenet discover burgers -o run
    pdenet discover data.h5 -o run
    pdenet discover --pde 'u_t = -u*u_x + nu*u_xx' --param nu=0.1 -o run

    The folder gets the data, the trained network, the equation and report.html.
    """
    config = training_config(options)
    check(source, options)
    check_resumed(output, options, config)
    context = click.get_current_context()
    seconds: dict[str, float] = {}
    resume = options["resume"]
    with (
        timed(seconds, "total"),
        new_run(output, overwrite=options["overwrite"], resume=resume),
        Monitor() as monitor,
    ):
        data = data_file(source) or output / "data.h5"
        if data_file(source) is None and not (resume and data.exists()):
            context.meta["pdenet.resume"] = f"'{output}' is as it was"
            with timed(seconds, "simulate"):
                generate(source, data, {**options, "overwrite": True}, monitor)
        context.meta["pdenet.resume"] = how_to_go_on(
            output, "go on with the same command and --resume"
        )
        with timed(seconds, "train"):
            resume = resume and (output / "checkpoint").exists()
            train(data, output, config, resume=resume, on_event=monitor)
        with timed(seconds, "extract"):
            found = extract(output, data=data, on_event=monitor)
    result = Result(found.pde, found.stderr, truth_in(data), seconds)
    report = output / "report.html"
    write_report(output, result, found, report, data=data)
    if as_json:
        result.print("json")
    else:
        result.print_summary()
    note(f"report: {report}")
