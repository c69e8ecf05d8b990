"""The command line: `pdenet discover`, and the commands that do its parts.

Each command lives in its own module, which is loaded when the command is called: `pdenet --help`
must not wait for torch. The summaries below are those of the commands themselves.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from pdenet import __version__
from pdenet.cli.failure import Interrupted, run

__all__ = ["COMMANDS", "commands", "main"]

# Command -> one line for `pdenet --help`; module `pdenet.cli.<command>` holds `command`.
COMMANDS = {
    "simulate": "Solve an equation and write the data to an HDF5 file.",
    "train": "Train a PDE-Net on the data of a file.",
    "extract": "Read the equation from a trained PDE-Net.",
    "refine": "Sharpen an equation by maximum likelihood, or find it in the data.",
    "predict": "Predict far past the training, and show how the error grows.",
    "discover": "Do all of it: simulate if need be, train, extract, report.",
    "study": "Compare ways to set up a PDE-Net: filters, blocks, steps.",
    "info": "Say what a data file or a run folder holds.",
    "equations": "List the named equations.",
}


class Commands(click.Group):
    """A group that imports a command when it is called, and not for its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"pdenet.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        # Here and not in main(): click would turn the interrupt into an error without its cause.
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise Interrupted(interrupt, ctx.meta.get("pdenet.resume", "")) from interrupt


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="pdenet")
def commands() -> None:
    """Discover partial differential equations from data with PDE-Nets.

    \b
    pdenet discover burgers -o run            simulate, train, read out, report
    pdenet simulate burgers -o data.h5        the same, step by step
    pdenet train data.h5 -o run
    pdenet extract run
    pdenet predict run                        far past the training, with figures
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on `arguments` (those of the process if None); the exit code."""
    return run(commands, list(sys.argv[1:] if arguments is None else arguments))
