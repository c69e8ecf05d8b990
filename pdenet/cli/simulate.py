"""`pdenet simulate`: solve a named equation, or one of your own, and write the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from pdenet.boundary import join
from pdenet.cli.console import note
from pdenet.cli.options import given
from pdenet.cli.progress import monitored
from pdenet.errors import ConfigError, EquationError, GridError
from pdenet.grid import AXES
from pdenet.pde import PDE
from pdenet.pde.catalogue import get
from pdenet.progress import Monitor
from pdenet.words import counted
from simulators import configure, simulate

__all__ = ["PAPER", "equation_of", "generate", "given_shape", "overrides", "work"]

# The papers' data: every 4th point of a 128² grid, Δt = 0.01, 0.1 % noise. Half of the trajectories
# begin when fronts have formed.
PAPER_POINTS = 32
TYPED = (
    *("refine", "trajectories", "frames", "dt", "noise", "seed", "device", "dtype"),
    *("scheme", "substeps", "missing", "late_start"),
)
PAPER: dict[str, Any] = {"refine": 4, "dt": 0.01, "noise": 0.001, "late_start": 1.0}


def equation_of(
    name: str | None,
    texts: tuple[str, ...],
    parameters: Mapping[str, float],
    shape: Sequence[float] = (),
) -> PDE:
    """The equation that a command was given, by name or as text.

    shape: one number for each axis of the grid, where it was given; it says how many axes an
    equation has that names none of them, such as u_t = laplace(u).
    Raises ConfigError unless exactly one of the two was given, EquationError from the equation.
    """
    if bool(name) == bool(texts):
        raise ConfigError(
            "give the name of an equation ('pdenet equations' lists them) or --pde 'u_t = ...', "
            "one of the two"
        )
    if texts:
        text = "\n".join(texts)
        if shape and "laplace" in text:
            with suppress(EquationError):
                return PDE.from_text(text, parameters=parameters)
            return PDE.from_text(text, AXES[: len(shape)], parameters)
        return PDE.from_text(text, parameters=parameters)
    entry = get(name or "")
    return entry.pde.substitute(**parameters) if parameters else entry.pde


def given_shape(options: Mapping[str, Any]) -> tuple[float, ...]:
    """The numbers of --grid, or else of --lengths; none where neither was typed."""
    return tuple(options.get("grid") or options.get("lengths") or ())


def overrides(pde: PDE, options: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, as settings of the simulation; the rest keeps its good values."""
    chosen = given(options, *TYPED)
    if options.get("preset") == "paper":
        chosen = {"shape": (PAPER_POINTS,) * pde.ndim, **PAPER, **chosen}
    for option, name in (("grid", "shape"), ("lengths", "lengths")):
        if options.get(option):
            chosen[name] = _per_axis(f"--{option}", options[option], pde.ndim)
    if options.get("boundary"):
        chosen["boundaries"] = join(options["boundary"], pde.coordinates)
    if options.get("order"):
        order = options["order"]
        chosen["order"] = int(order) if order.isdecimal() else order
    return chosen


def _per_axis(option: str, values: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    if len(values) not in (1, ndim):
        raise GridError(
            f"{option} has {counted(len(values), 'axis', 'axes')} but the equation has {ndim}: "
            f"give one number, or {ndim} joined by 'x'"
        )
    return values * ndim if len(values) == 1 else values


def generate(
    source: str | None, output: Path, options: Mapping[str, Any], monitor: Monitor
) -> Path:
    """Simulate what the options say into `output`."""
    parameters = dict(options["parameters"])
    pde = equation_of(source, options["pde"], parameters, given_shape(options))
    # A named equation with other parameters keeps its good values: grid, noise, initial fields.
    config = configure(source)[1] if source is not None and parameters else None
    return simulate(
        source if source is not None and not parameters else pde,
        output,
        config=config,
        progress=monitor.simulated,
        overwrite=options["overwrite"],
        **overrides(pde, options),
    )


def work(name: str | None, output: Path, **options: Any) -> None:
    """Solve an equation and write the data to an HDF5 file."""
    context = click.get_current_context()
    context.meta["pdenet.resume"] = f"nothing was written to '{output}'"
    with monitored("simulate") as monitor:
        written = generate(name, output, options, monitor)
    note(f"wrote {written}")
