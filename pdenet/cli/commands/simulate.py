"""What `pdenet simulate` takes."""

from __future__ import annotations

import click

from pdenet.cli.group import Late
from pdenet.cli.options import OUTPUT, common, machine, simulation

__all__ = ["command"]


@click.command(
    "simulate", cls=Late, short_help="Solve an equation and write the data to an HDF5 file."
)
@click.argument("name", required=False)
@click.option("-o", "--output", type=OUTPUT, required=True, help="The HDF5 file to write.")
@simulation
@click.option("--missing", type=float, help="Part of the points left out of each frame. [0]")
@machine
@click.option("--preset", type=click.Choice(["paper"]), help="The data of the PDE-Net papers.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@common
def command() -> None:
    """Solve an equation and write the data to an HDF5 file.

    \b
    pdenet simulate burgers -o data.h5
    pdenet simulate --pde 'u_t = -u*u_x + nu*u_xx' --param nu=0.1 --grid 128 -o data.h5
    pdenet simulate --pde 'u_t = u_xx + u_yy' --boundary x:periodic --boundary y:dirichlet=0 -o d.h5
    pdenet simulate burgers --missing 0.5 -o data.h5

    NAME is one of 'pdenet equations'. What is not given takes the good values of the equation.
    """
