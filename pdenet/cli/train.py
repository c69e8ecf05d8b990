"""`pdenet train`: train a PDE-Net on a data file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pdenet.cli.console import note
from pdenet.cli.named import with_preset
from pdenet.cli.options import DATA, OUTPUT, common, learning, machine
from pdenet.cli.progress import Monitor
from pdenet.cli.runs import how_to_go_on, new_run
from pdenet.cli.settings import check_resumed, training_config
from pdenet.estimator import train
from pdenet.storage import open_data
from pdenet.training.config import PRESETS

__all__ = ["command"]


@click.command(short_help="Train a PDE-Net on the data of a file.")
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
def command(data: Path, output: Path, **options: Any) -> None:
    """Train a PDE-Net on the data of a file.

    \b
    pdenet train data.h5 -o run
    pdenet train data.h5 -o run --resume      after Ctrl-C or a lost machine

    The folder gets the settings, a log and a checkpoint, from which --resume goes on.
    """
    config = training_config(with_preset(options, data))
    with open_data(data) as opened:
        opened.require_complete()
    check_resumed(output, options, config)
    context = click.get_current_context()
    resume = options["resume"]
    with new_run(output, overwrite=options["overwrite"], resume=resume), Monitor() as monitor:
        context.meta["pdenet.resume"] = how_to_go_on(
            output, f"go on with 'pdenet train {data} -o {output} --resume'"
        )
        train(data, output, config, resume=resume, on_event=monitor)
    note(f"trained; read the equation with 'pdenet extract {output}'")
