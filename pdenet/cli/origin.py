"""Where the data of a run come from: a file, or an equation and how it is simulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pdenet.cli.options import given
from pdenet.cli.runs import RUN
from pdenet.cli.simulate import equation_of, given_shape, overrides
from pdenet.errors import ConfigError
from pdenet.pde import PDE
from pdenet.storage import Data, open_data
from pdenet.training.run import read_run

__all__ = ["MAKES_DATA", "check_origin", "check_resumed_data", "check_useless", "data_file"]

# Options that make data; they mean nothing for data that are there already.
MAKES_DATA = (
    *("pde", "parameters", "grid", "lengths", "refine", "trajectories", "frames", "dt", "noise"),
    *("boundary", "order", "scheme", "substeps", "late_start"),
)
# Settings of a simulation that are not named as their option.
_OPTIONS = {"shape": "grid", "boundaries": "boundary", "late_start": "late start"}


def data_file(source: str | None) -> Path | None:
    """`source` as a data file, or None if it names an equation."""
    if source is None:
        return None
    path = Path(source)
    # No equation has a dot in its name; a folder of that name may be a run of it.
    is_file = bool(path.suffix) or len(path.parts) > 1 or path.is_file()
    return path if is_file else None


def check_origin(source: str | None, options: Mapping[str, Any]) -> None:
    """Look at what was asked for before an earlier run is touched.

    Raises ConfigError for options that make data beside a file that holds them, DataError where
    the file cannot be read or lacks values, EquationError for an equation that cannot be read.
    """
    data = data_file(source)
    if data is None:
        parameters = dict(options["parameters"])
        equation_of(source, options["pde"], parameters, given_shape(options))
        return
    check_useless(data, options)
    with open_data(data) as opened:
        opened.require_complete()


def check_useless(data: Path, options: Mapping[str, Any], but: tuple[str, ...] = ()) -> None:
    """Raise ConfigError for options that make data beside a file that holds them. but: those that
    say something of the file."""
    useless = [name for name in given(options, *MAKES_DATA) if name not in but]
    if useless:
        typed = "param" if useless[0] == "parameters" else useless[0]
        raise ConfigError(f"--{typed} makes data, but '{data}' holds them already: leave it out")


def check_resumed_data(run: Path, source: str | None, options: Mapping[str, Any]) -> None:
    """Refuse to resume a run on other data than its own: what was typed would have no effect.

    A data file is compared where it is trained on; here it is what simulated them.
    Raises ConfigError that names the first thing that differs.
    """
    if not options["resume"] or data_file(source) is not None:
        return
    path = run / "data.h5"
    if not path.exists():
        if RUN.begun(run):
            own = read_run(run).data["path"]
            raise ConfigError(
                f"'{run}' was begun with the data in '{own}': go on with 'pdenet discover {own} "
                f"-o {run} --resume', or begin anew with --overwrite"
            )
        return
    with open_data(path) as data:
        differing = next(_differing(data, source, options), None)
    if differing is not None:
        raise ConfigError(
            f"'{path}' was made with {differing}: --resume goes on with these data, so type what "
            "was typed then, or begin anew with --overwrite"
        )


def _differing(data: Data, source: str | None, options: Mapping[str, Any]) -> Iterator[str]:
    """What was typed and is not how the data were made: "grid (64, 64), not (32, 32)"."""
    parameters = dict(options["parameters"])
    pde = equation_of(source, options["pde"], parameters, given_shape(options))
    own = data.problem.pde
    if own is not None and not parameters and set(own.parameters) == set(pde.parameters):
        pde = pde.substitute(**own.parameters)
    if pde != own:
        yield f"{_lines(own)}, not {_lines(pde)}"
        return
    grid, solver = data.problem.grid, dict(data.metadata.get("solver") or {})
    known = {
        **{name: solver.get(name) for name in ("refine", "order", "scheme", "substeps", "dt")},
        "late_start": solver.get("late_start"),
        "shape": grid.shape,
        "lengths": grid.lengths,
        "boundaries": data.problem.boundaries,
        "frames": data.frames,
        "trajectories": data.trajectories,
        "noise": (data.noise or {}).get("level", 0.0),
        "seed": data.metadata.get("seed"),
    }
    for name, asked in overrides(pde, options).items():
        if name in known and known[name] != asked:
            yield f"{_OPTIONS.get(name, name)} {known[name]}, not {asked}"


def _lines(pde: PDE | None) -> str:
    return "an unknown equation" if pde is None else f"'{'; '.join(pde.numeric().equations())}'"
