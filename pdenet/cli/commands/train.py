"""What `pdenet train` takes."""

from __future__ import annotations

import click

from pdenet.cli.group import Late
from pdenet.cli.options import DATA, OUTPUT, PRESETS, common, learning, machine

__all__ = ["command"]


@click.command("train", cls=Late, short_help="Train a PDE-Net on the data of a file.")
@click.argument("data", type=DATA)
@click.option("-o", "--output", type=OUTPUT, required=True, help="The folder of the run.")
@learning
@machine
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="Named settings. [those of the equation that the data are of]",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier run.")
@common
def command() -> None:
    """Train a PDE-Net on the data of a file.

    \b
    pdenet train data.h5 -o run
    pdenet train data.h5 -o run --resume      after Ctrl-C or a lost machine

    The folder gets the settings, a log and a checkpoint, from which --resume goes on.
    """
