"""What `pdenet predict` takes."""

from __future__ import annotations

import click

from pdenet.cli.group import Late
from pdenet.cli.options import DATA, OUTPUT, Finite, Whole, common

__all__ = ["command"]

_POSITIVE = Finite(min=0, min_open=True, max=1e6)


@click.command(
    "predict", cls=Late, short_help="Predict far past the training, and show how the error grows."
)
@click.argument("run", type=DATA)
@click.argument("data", type=DATA, required=False, metavar="[DATA.h5]")
@click.option("-o", "--output", type=OUTPUT, help="The folder to write to. [RUN/prediction]")
@click.option("--times", type=_POSITIVE, help="Length, in training trajectories. [5]")
@click.option("--trajectories", type=Whole(1), help="Fresh initial fields. [20]")
@click.option("--seed", type=Whole(0), help="Seed of fresh fields. [a new one]")
@click.option("--noise", type=Finite(min=0, max=1e6), help="Noise of the first frame. [0]")
@click.option("--refine", type=click.IntRange(1, 8), help="Solve equations on a finer grid.")
@click.option("--against", type=DATA, multiple=True, metavar="RUN", help="Another run's network.")
@click.option("--animation", type=OUTPUT, metavar="FILE", help="A moving picture, .gif or .mp4.")
@click.option("--trained-on", type=DATA, metavar="FILE", help="The training data, if they moved.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier prediction.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone on stdout.")
@common
def command() -> None:
    """Predict far past the training, and show how the error grows.

    \b
    pdenet predict run                          fresh fields from the true equation
    pdenet predict run data.h5                  the trajectories of a file
    pdenet predict run --animation run.gif --against frozen

    The trained network and the extracted equation start from first frames that no training saw. The
    folder gets prediction.json, error.png and gallery.png.
    """
