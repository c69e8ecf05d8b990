"""What `pdenet equations` takes."""

from __future__ import annotations

import click

from pdenet.cli.group import Late
from pdenet.cli.options import common

__all__ = ["command"]


@click.command("equations", cls=Late, short_help="List the named equations.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone on stdout.")
@common
def command() -> None:
    """List the named equations."""
