"""What `pdenet refine` takes."""

from __future__ import annotations

import click

from pdenet.cli.group import Late
from pdenet.cli.options import DATA, FORMATS, OUTPUT, PARAMETER, Whole, budget, common, ends

__all__ = ["command"]


@click.command(
    "refine",
    cls=Late,
    short_help="Sharpen an equation by maximum likelihood, or find it in the data.",
)
@click.argument("sources", type=DATA, nargs=-1, required=True, metavar="[EQUATION.json] DATA.h5")
@click.option("-o", "--output", type=OUTPUT, help="Where to write the refined equation.")
@click.option("--pde", multiple=True, metavar="TEXT", help="The equation as text, once a field.")
@click.option(
    "--param", "parameters", type=PARAMETER, multiple=True, help="Value of a parameter of --pde."
)
@click.option(
    "--given",
    multiple=True,
    metavar="FIELD",
    help="A field that acts on the others and has no equation of its own; may be repeated.",
)
@ends
@click.option("--noise", type=float, help="Noise, relative to std(u), e.g. 0.01. [estimated]")
@click.option("--keep-terms", is_flag=True, help="Fit the terms as they are.")
@click.option(
    "--order",
    "--max-order",
    "order",
    type=click.IntRange(1, 6),
    help="Highest derivative of the equation, at most; how high the data say. [6]",
)
@budget("for all of it", 30)
@click.option("--memory", type=float, metavar="GiB", help="What it may take. [4]")
@click.option("--seed", type=Whole(0), help="Seed of all random numbers. [0]")
@click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N. [auto]")
@click.option("--resume", is_flag=True, help="Go on with a refinement that was interrupted.")
@click.option("--overwrite", is_flag=True, help="Replace an existing result or report.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="How to print it. [a table]")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--report", type=OUTPUT, metavar="FILE", help="Write a report as one HTML page.")
@common
def command() -> None:
    """Sharpen an equation by maximum likelihood, or find it in the data.

    \b
    pdenet refine run/equation.json data.h5 -o refined.json
    pdenet refine data.h5 --pde 'u_t = -u*u_x + 0.1*u_xx' --keep-terms
    pdenet refine data.h5 --pde 'u_t = a(x)*u_x + b*u_xx'   unknown numbers and functions
    pdenet refine data.h5                       the terms, too, from the data alone
    pdenet refine data.h5 --given v             v was measured, acts, and has no law
    pdenet refine data.h5 --boundary x:open     a window of a larger field along x

    Coefficients and initial states are fitted together, through solutions of the equation, to all
    values at once; terms stay where chi² asks for them. The data may lack values. With -o the
    state is kept in FILE.state until the result is complete, so that --resume can go on.
    """
