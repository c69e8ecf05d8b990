"""`pdenet extract`: read the equation from a trained PDE-Net."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from pdenet.cli.console import note
from pdenet.cli.options import DATA, OUTPUT, common
from pdenet.cli.progress import Monitor
from pdenet.cli.reporting import apart, check_report, result_of, seconds_of_training, write_report
from pdenet.cli.results import FORMATS
from pdenet.cli.runs import REFINING, how_to_go_on, recorded_data
from pdenet.estimator import extract
from pdenet.pde import PDE
from pdenet.storage import open_data
from pdenet.training import checkpoint, read_run

__all__ = ["command", "stages_left", "truth_in"]


def truth_in(data: Path | None) -> PDE | None:
    """The equation that a data file says it was made from."""
    if data is None:
        return None
    with open_data(data) as opened:
        return opened.problem.pde


def stages_left(run: Path, data: Path | None) -> str:
    """The stages that a run has still to train, as words; "" if its training is finished.

    Raises CheckpointError where there is no checkpoint.
    """
    current = read_run(run)
    done = int(checkpoint.load(current.checkpoint)[1].get("stage", 0))
    left = current.config.stages[done:]
    if left and data is not None:
        with open_data(data) as opened:  # stages longer than the trajectories are left out
            left = tuple(stage for stage in left if stage.blocks < opened.frames)
    return f"{len(left)} of {len(current.config.stages)} stages" if left else ""


@click.command(short_help="Read the equation from a trained PDE-Net.")
@click.argument("run", type=DATA)
@click.option("--format", "form", type=click.Choice(FORMATS), help="How to print it. [a table]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--refine/--no-refine",
    default=None,
    help="Fit the equation by maximum likelihood. [where it pays]",
)
@click.option("--data", type=DATA, help="The data, if they have moved since the training.")
@click.option("--report", type=OUTPUT, metavar="FILE", help="Write a report as one HTML page.")
@click.option("--overwrite", is_flag=True, help="Replace an existing report.")
@common
def command(run: Path, form: str | None, as_json: bool, **options: Any) -> None:
    """Read the equation from a trained PDE-Net.

    \b
    pdenet extract run
    pdenet extract run --format latex
    pdenet extract run --report report.html
    pdenet extract run --no-refine

    Where all axes are periodic and no coefficient varies, the equation is then refined, as by
    'pdenet refine'. Of a training that is not finished, the network of its last checkpoint is read.
    """
    report: Path | None = options["report"]
    check_report(report, overwrite=options["overwrite"])
    source = options["data"] or recorded_data(run)
    left = stages_left(run, source)
    if left:
        note(
            f"the training of '{run}' is not finished ({left} left): this reads its last "
            f"checkpoint; finish it with 'pdenet train {source} -o {run} --resume'"
        )
    context = click.get_current_context()
    context.meta["pdenet.resume"] = how_to_go_on(
        run, "the same command goes on with the refinement", REFINING, otherwise="nothing was read"
    )
    seconds = {"train": seconds_of_training(run)}
    started = time.perf_counter()
    with Monitor() as monitor:
        found = extract(run, data=source, refine=options["refine"], on_event=monitor)
    seconds |= apart(found, time.perf_counter() - started)
    result = result_of(found, source, seconds, read_run(run).config.refine.noise)
    result.tell()
    if report is not None:
        write_report(run, result, found, report, data=source)
        note(f"report: {report}")
    if as_json or form:
        result.print("json" if as_json else form or "text")
    else:
        result.print_summary()
