"""What `pdenet study` takes."""

from __future__ import annotations

from typing import Any

import click

from pdenet.cli.group import Late
from pdenet.cli.options import DATA, OUTPUT, PRESETS, Whole, common, simulation

__all__ = ["command"]

INTEGRATORS = ("euler", "midpoint", "heun", "ssprk3", "rk4")


class _List(click.ParamType[tuple[Any, ...]]):
    """Values joined by commas: whole numbers, or some words."""

    name = "LIST"

    def __init__(self, *words: str, numbers: bool = True) -> None:
        self.words, self.numbers = words, numbers

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[Any, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        allowed = [*(["whole numbers"] if self.numbers else []), *self.words]
        for part in parts:
            if part not in self.words and not (self.numbers and part.isdecimal()):
                self.fail(f"{part!r} is none of {', '.join(allowed)}", param, ctx)
        return tuple(int(part) if part.isdecimal() else part for part in parts)


@click.command(
    "study", cls=Late, short_help="Compare ways to set up a PDE-Net: filters, blocks, steps."
)
@click.argument("source", required=False, metavar="[NAME|DATA.h5]")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The folder of the study.")
@click.option("--constraint", type=_List("frozen", "free"), multiple=True, help="[frozen,1,2,free]")
@click.option("--size", type=_List(), multiple=True, help="Points of a filter. [5,7,9]")
@click.option("--blocks", type=_List(), multiple=True, help="Of the last stage. [1,3,6,9]")
@click.option("--central", is_flag=True, help="Central filters. [both, unless one is given]")
@click.option("--upwind", is_flag=True, help="Pseudo-upwind filters.")
@click.option(
    "--integrator",
    type=_List(*INTEGRATORS, numbers=False),
    multiple=True,
    help="Of a δt-block. [euler,midpoint,rk4]",
)
@click.option("--seeds", type=_List(), multiple=True, help="[0,1,2]")
@click.option("--full", is_flag=True, help="Every combination, not one factor at a time.")
@simulation
@click.option("--config", type=DATA, metavar="FILE", help="All other settings, in TOML.")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="All other settings, and for an equation its data. [that of the equation, or paper]",
)
@click.option("--device", help="auto, cpu, cuda or cuda:N. [auto]")
@click.option("--dtype", type=click.Choice(["float64", "float32"]), help="Precision. [float64]")
@click.option("--jobs", type=Whole(1), help="Runs at once. [as many as cores; 1 on a GPU]")
@click.option("--resume", is_flag=True, help="Go on: finished runs stay as they are.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier study.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone on stdout.")
@common
def command() -> None:
    """Compare ways to set up a PDE-Net: filters, blocks, steps.

    \b
    pdenet study burgers -o study
    pdenet study data.h5 -o study --constraint frozen,2 --size 5,7 --seeds 0

    One factor varies at a time, the others stay at order 2, 5 points, 6 blocks, central filters and
    midpoint steps, or at the last value given where that is not among those given; --full takes
    every combination. The refit uses the filters of the variant. Without --config, equations are
    simulated and networks set up as in the papers.
    """
