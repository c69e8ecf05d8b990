"""`pdenet train`: train a PDE-Net on a data file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pdenet.cli.console import note
from pdenet.cli.named import with_preset
from pdenet.cli.progress import monitored
from pdenet.cli.runs import how_to_go_on, new_run
from pdenet.cli.settings import check_resumed, training_config
from pdenet.estimator import train
from pdenet.storage import open_data

__all__ = ["work"]


def work(data: Path, output: Path, **options: Any) -> None:
    """Train a PDE-Net on the data of a file."""
    config = training_config(with_preset(options, data))
    with open_data(data) as opened:
        opened.require_complete()
    context = click.get_current_context()
    overwrite, resume = options["overwrite"], options["resume"]
    with new_run(output, overwrite=overwrite, resume=resume), monitored("train") as monitor:
        check_resumed(output, options, config)
        context.meta["pdenet.resume"] = how_to_go_on(
            output, f"go on with 'pdenet train {data} -o {output} --resume'"
        )
        train(data, output, config, resume=resume, budget=config.budget, on_event=monitor)
    note(f"trained; read the equation with 'pdenet extract {output}'")
