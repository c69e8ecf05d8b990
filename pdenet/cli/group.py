"""The commands of `pdenet`, by name.

What a command takes is declared in `pdenet.cli.commands.<name>`, which imports nothing heavy: its
help and the completion of a shell must not wait for torch. What it does is `work` in
`pdenet.cli.<name>`, which is loaded when the command is called.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from pdenet import __version__
from pdenet.cli.failure import Interrupted
from pdenet.cli.signals import Signals

__all__ = ["COMMANDS", "TYPED", "Commands", "Late", "commands"]

TYPED = "pdenet.typed"
"""Where the context of a command keeps what was typed, as text."""

# Command -> one line for `pdenet --help`, the same as in its declaration.
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


class Late(click.Command):
    """A command that imports what does its work when that begins."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[TYPED], _, _ = self.make_parser(ctx).parse_args(args=list(args))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        work = importlib.import_module(f"pdenet.cli.{self.name}").work
        signals = ctx.find_object(Signals)
        if signals is not None:
            signals.begin()
        return ctx.invoke(work, **ctx.params)


class Commands(click.Group):
    """A group that imports a command when it is called, and not for its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"pdenet.cli.commands.{cmd_name}").command
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
    pdenet refine data.h5                     the equation of your data, without a network
    pdenet discover data.h5 -o run            train a PDE-Net, read it out, refine, report
    pdenet discover burgers -o run            the same with simulated data
    pdenet simulate burgers -o data.h5        the same, step by step
    pdenet train data.h5 -o run
    pdenet extract run
    pdenet predict run                        far past the training, with figures
    """
