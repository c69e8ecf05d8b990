"""`pdenet extract`: read the equation from a trained PDE-Net."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from pdenet.cli.console import note
from pdenet.cli.options import DATA, OUTPUT, common
from pdenet.cli.progress import Monitor
from pdenet.cli.reporting import write_report
from pdenet.cli.results import FORMATS, Result
from pdenet.cli.runs import recorded_data
from pdenet.errors import OutputError
from pdenet.estimator import extract
from pdenet.pde import PDE
from pdenet.storage import open_data

__all__ = ["command", "truth_in"]


def truth_in(data: Path | None) -> PDE | None:
    """The equation that a data file says it was made from."""
    if data is None:
        return None
    with open_data(data) as opened:
        return opened.problem.pde


@click.command(short_help="Read the equation from a trained PDE-Net.")
@click.argument("run", type=DATA)
@click.option("--format", "form", type=click.Choice(FORMATS), help="How to print it. [a table]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
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
    """
    report: Path | None = options["report"]
    if report is not None and report.exists() and not options["overwrite"]:
        raise OutputError(f"'{report}' exists: add --overwrite to replace it")
    source = options["data"] or recorded_data(run)
    started = time.perf_counter()
    with Monitor() as monitor:
        found = extract(run, data=source, on_event=monitor)
    seconds = {"extract": time.perf_counter() - started}
    result = Result(found.pde, found.stderr, truth_in(source), seconds)
    if report is not None:
        write_report(run, result, report, data=source)
        note(f"report: {report}")
    if as_json or form:
        result.print("json" if as_json else form or "text")
    else:
        result.print_summary()
