"""What `pdenet extract` takes."""

from __future__ import annotations

import click

from pdenet.cli.group import Late
from pdenet.cli.options import DATA, FORMATS, OUTPUT, budget, common

__all__ = ["command"]


@click.command("extract", cls=Late, short_help="Read the equation from a trained PDE-Net.")
@click.argument("run", type=DATA)
@click.option("--format", "form", type=click.Choice(FORMATS), help="How to print it. [a table]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--refine/--no-refine",
    default=None,
    help="Fit the equation by maximum likelihood. [where it pays]",
)
@budget("for read-out and refinement", 60)
@click.option("--anew", is_flag=True, help="Read the network again, whatever equation.json holds.")
@click.option("--data", type=DATA, help="The data, if they have moved since the training.")
@click.option("--report", type=OUTPUT, metavar="FILE", help="Write a report as one HTML page.")
@click.option("--overwrite", is_flag=True, help="Replace an existing report.")
@common
def command() -> None:
    """Read the equation from a trained PDE-Net.

    \b
    pdenet extract run
    pdenet extract run --format latex
    pdenet extract run --report report.html
    pdenet extract run --no-refine
    pdenet extract run --anew

    Where all axes are periodic and no coefficient varies, the equation is then refined, as by
    'pdenet refine'. Of a training that is not finished, the network of its last checkpoint is read.
    What equation.json holds already, of the same network and settings, is printed and not read
    again; --anew does.
    """
