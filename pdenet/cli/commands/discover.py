"""What `pdenet discover` takes."""

from __future__ import annotations

import click

from pdenet.cli.group import Late
from pdenet.cli.options import (
    OUTPUT,
    PRESETS,
    Whole,
    beside,
    common,
    learning,
    machine,
    simulation,
)

__all__ = ["command"]


@click.command(
    "discover", cls=Late, short_help="Do all of it: simulate if need be, train, extract, report."
)
@click.argument("source", required=False, metavar="[NAME|DATA.h5]")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The folder of the run.")
@simulation
@beside
@learning
@machine
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help='Settings; "paper": data and settings of the papers. [that of the equation]',
)
@click.option(
    "--repeats",
    type=Whole(1),
    help="So many repeats with the seeds from --seed on, side by side, and a summary of them.",
)
@click.option("--jobs", type=Whole(1), help="Repeats at once. [as many as cores; 1 on a GPU]")
@click.option("--no-refine", is_flag=True, help="No fit by maximum likelihood after the read-out.")
@click.option(
    "--given",
    multiple=True,
    metavar="FIELD",
    hidden=True,  # refused by the work, which says what to type instead
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier run.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone on stdout.")
@common
def command() -> None:
    """Do all of it: simulate if need be, train, extract, report.

    \b
    pdenet discover burgers -o run
    pdenet discover data.h5 -o run
    pdenet discover --pde 'u_t = -u*u_x + nu*u_xx' --param nu=0.1 -o run
    pdenet discover burgers -o runs --repeats 10
    pdenet discover data.h5 -o run --boundary x:open

    Where an end of the data is open, or points are outside, no network can be trained, and the
    equation is found in the data alone. The folder gets the data, the trained network, the equation
    and report.html. With --repeats it gets a run for each seed, and summary.json, coefficients.png
    and remainder.png of all of them.
    """
