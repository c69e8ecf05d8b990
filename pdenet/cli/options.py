"""Options that several commands share, and the types that read them.

`given` keeps what was typed: an option that was not typed has no value here, so that the good
values of an equation or of the configuration stand.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from pdenet.boundary import Boundary, parse
from pdenet.errors import GridError

__all__ = [
    "BOUNDARY",
    "DATA",
    "FORMATS",
    "LENGTHS",
    "OUTPUT",
    "PARAMETER",
    "PRESETS",
    "SHAPE",
    "Finite",
    "Whole",
    "beside",
    "budget",
    "common",
    "ends",
    "given",
    "learning",
    "machine",
    "quiet",
    "simulation",
    "verbose",
]

Command = TypeVar("Command", bound=Callable[..., Any])

DATA = click.Path(path_type=Path)
OUTPUT = click.Path(path_type=Path)

FORMATS = ("text", "unicode", "latex", "markdown", "json")
"""How an equation can be printed."""

PRESETS = ("paper", "variable-coefficients", "nonlinear-source")
"""The names of `pdenet.training.config.PRESETS`, which loads too much for a help."""

DIGITS = 20
"""Of a whole number that is looked at."""

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LENGTH = re.compile(rf"(?P<number>{_NUMBER})?\s*\*?\s*(?P<pi>pi|π)?")


class _Shape(click.ParamType[tuple[int, ...]]):
    name = "NxN"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = re.split(r"[x×,]", str(value))
        whole = all(part.strip().isdecimal() and len(part) <= DIGITS for part in parts)
        if not whole or not all(int(part) > 0 for part in parts):
            self.fail(f"{value!r:.60} is not a grid: type e.g. 64, 64x64 or 32x32x32", param, ctx)
        return tuple(int(part) for part in parts)


class _Lengths(click.ParamType[tuple[float, ...]]):
    name = "LxL"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        matches = [_LENGTH.fullmatch(part.strip()) for part in re.split(r"[x×,]", str(value))]
        lengths = tuple(
            float(match["number"] or 1) * (math.pi if match["pi"] else 1)
            for match in matches
            if match and match[0]
        )
        if len(lengths) != len(matches) or not all(0 < length < math.inf for length in lengths):
            self.fail(f"{value!r} is not a length: type e.g. 2pi, 2pix2pi or 1x0.5", param, ctx)
        return lengths


class _Parameter(click.ParamType[tuple[str, float]]):
    name = "NAME=VALUE"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, float]:
        if isinstance(value, tuple):
            return value
        name, _, number = (part.strip() for part in str(value).partition("="))
        try:
            parsed = float(number)
        except ValueError:
            parsed = math.nan
        if not name.isidentifier() or not math.isfinite(parsed):
            self.fail(f"{value!r} is not a parameter: type e.g. nu=0.05", param, ctx)
        return name, parsed


class _Minutes(click.FloatRange):
    name = "MINUTES"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value!r} is not a number of minutes: type e.g. 10", param, ctx)
        return found


class Finite(click.FloatRange):
    """A number in a range, neither infinite nor nan."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value!r} is not a finite number: type e.g. 5", param, ctx)
        return found


class Whole(click.IntRange):
    """A whole number that 63 bits hold, as counts and seeds are kept."""

    def __init__(self, least: int) -> None:
        super().__init__(min=least, max=2**63 - 1)

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            told = f"{value!s:.40} is not a whole number from {self.min} to {self.max}"
            self.fail(told, param, ctx)


class _Boundary(click.ParamType[tuple[str, tuple[Boundary, Boundary]]]):
    name = "[AXIS:[FIELD:]]KIND[=VALUE]"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, tuple[Boundary, Boundary]]:
        if isinstance(value, tuple):
            return value
        try:
            return parse(str(value))
        except GridError as error:
            self.fail(str(error), param, ctx)


BOUNDARY, SHAPE, LENGTHS, PARAMETER = _Boundary(), _Shape(), _Lengths(), _Parameter()


def quiet() -> bool:
    """Whether the current command was told to show no progress."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get("pdenet.quiet"))


def verbose() -> bool:
    """Whether the current command was told to show notes too."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get("pdenet.verbose"))


def given(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The options among `names` that were typed."""
    return {name: options[name] for name in names if options.get(name) not in (None, ())}


def _apply(function: Command, *decorators: Callable[[Command], Command]) -> Command:
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def _set_quiet(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.meta["pdenet.quiet"] = True


def _set_verbose(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.meta["pdenet.verbose"] = True
        for name in ("pdenet", "simulators"):
            logging.getLogger(name).setLevel(logging.INFO)


def common(function: Command) -> Command:
    """--quiet, --verbose and --debug, which every command has."""
    flag: dict[str, Any] = {"is_flag": True, "expose_value": False}
    return _apply(
        function,
        click.option("-q", "--quiet", callback=_set_quiet, help="Show no progress.", **flag),
        click.option("-v", "--verbose", callback=_set_verbose, help="Show notes too.", **flag),
        # Read by pdenet.cli.failure before anything is parsed.
        click.option("--debug", help="Show the traceback of an error.", **flag),
    )


def machine(function: Command) -> Command:
    """--seed, --device and --dtype."""
    return _apply(
        function,
        click.option("--seed", type=Whole(0), help="Seed of all random numbers. [0]"),
        click.option("--device", help="auto, cpu, cuda or cuda:N. [auto]"),
        click.option(
            "--dtype", type=click.Choice(["float64", "float32"]), help="Precision. [float64]"
        ),
    )


def simulation(function: Command) -> Command:
    """The equation as text, and everything that says how it is solved and observed."""
    positive = Whole(1)
    return _apply(
        function,
        click.option(
            "--pde",
            multiple=True,
            metavar="TEXT",
            help="An equation of your own, e.g. 'u_t = -u*u_x + nu*u_xx'; once for each field.",
        ),
        click.option(
            "--param",
            "parameters",
            type=PARAMETER,
            multiple=True,
            help="Value of a parameter, e.g. nu=0.05; may be repeated.",
        ),
        click.option("--grid", type=SHAPE, help="Observed grid points, e.g. 64x64."),
        click.option("--lengths", type=LENGTHS, help="Size of the domain, e.g. 2pix2pi."),
        click.option(
            "--boundary",
            type=BOUNDARY,
            multiple=True,
            help="What holds at the ends of the axes, or of one: dirichlet=0, y:neumann=0, "
            "x:periodic, or x:dirichlet=0,dirichlet=1 for lower and upper; may be repeated. "
            "[periodic]",
        ),
        click.option("--refine", type=positive, help="Solve on a grid so many times finer."),
        click.option("--trajectories", type=positive, help="Number of initial fields."),
        click.option("--frames", type=positive, help="Observed times of each trajectory."),
        click.option("--dt", type=float, help="Time between two frames."),
        click.option(
            "--late-start",
            type=Finite(min=0),
            help="Time for which every second trajectory has run before its first frame.",
        ),
        click.option("--noise", type=float, help="Noise, relative to std(u) of the first frame."),
        click.option(
            "--order",
            type=click.Choice(["2", "4", "6", "8", "upwind"]),
            help="Order of accuracy of the solver's finite differences.",
        ),
        click.option(
            "--scheme", type=click.Choice(["rk4", "ssprk3"]), help="Time scheme of the solver."
        ),
        click.option("--substeps", type=positive, help="Solver steps per frame. [from stability]"),
    )


def budget(what: str, minutes: int) -> Callable[[Command], Command]:
    """--budget, the minutes after which a command says what it has."""
    return click.option(
        "--budget",
        type=_Minutes(min=0, min_open=True),
        metavar="MINUTES",
        help=f"Time {what}; what is known after it is the result. [{minutes}]",
    )


def ends(function: Command) -> Command:
    """--boundary, --outside and --sigma: what is known of data, in place of what the file says."""
    return _apply(
        function,
        click.option(
            "--boundary",
            type=BOUNDARY,
            multiple=True,
            help="What is known at the ends of the axes, or of one, in place of what the file "
            "says: open, x:open, x:periodic, y:dirichlet=0,open for lower and upper, neumann=0, "
            "robin=2/0.5 for a derivative outwards of 0.5 - 2u, x:u:dirichlet=0 for one field; may "
            "be repeated.",
        ),
        beside,
    )


def beside(function: Command) -> Command:
    """--outside and --sigma, files of arrays beside the data."""
    return _apply(
        function,
        click.option(
            "--outside",
            type=DATA,
            metavar="FILE.npy",
            help="True at the points of the grid where the equation does not hold.",
        ),
        click.option(
            "--sigma",
            type=DATA,
            metavar="FILE.npy",
            help="Standard deviations in the units of the fields: one for each field, or what "
            "broadcasts to (trajectory, frame, field, x, ..).",
        ),
    )


def learning(function: Command) -> Command:
    """The configuration of a training run."""
    return _apply(
        function,
        click.option("--config", type=DATA, metavar="FILE", help="Settings in TOML."),
        click.option(
            "--max-order",
            type=click.IntRange(1, 6),
            help="Highest derivative of the equation, at most; how high the data say. [6]",
        ),
        budget("for the whole", 60),
        click.option("--resume", is_flag=True, help="Go on from the last checkpoint."),
    )
