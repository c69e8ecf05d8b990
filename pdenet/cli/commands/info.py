"""What `pdenet info` takes."""

from __future__ import annotations

import click

from pdenet.cli.group import Late
from pdenet.cli.options import DATA, common

__all__ = ["command"]


@click.command("info", cls=Late, short_help="Say what a data file or a run folder holds.")
@click.argument("path", type=DATA)
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone on stdout.")
@common
def command() -> None:
    """Say what a data file or a run folder holds."""
