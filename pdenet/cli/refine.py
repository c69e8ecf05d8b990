"""`pdenet refine`: sharpen an equation by maximum likelihood, or find one in the data alone."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from pdenet.cli.console import note
from pdenet.cli.options import given
from pdenet.cli.progress import monitored
from pdenet.cli.reporting import check_report, check_target, result_of, write_report
from pdenet.cli.results import Result
from pdenet.errors import ConfigError, OutputError
from pdenet.estimator import refine
from pdenet.likelihood.config import RefineConfig
from pdenet.pde.unknown import OpenPDE
from pdenet.results import save_equation
from pdenet.storage import open_data
from pdenet.storage.beside import known_beside
from pdenet.storage.claim import claimed_file
from pdenet.words import counted

__all__ = ["work"]

STATE = ".state"
"""What the name of the result is followed by in that of the state of its refinement."""


def work(sources: tuple[Path, ...], form: str | None, as_json: bool, **options: Any) -> None:
    """Sharpen an equation by maximum likelihood, or find it in the data."""
    equation, data = _sources(sources)
    config = _config(equation, options)
    begun = _begin(equation, data, options)
    output: Path | None = options["output"]
    with claimed_file(output) if output is not None else nullcontext():
        result = _refined(begun, data, config, options)
    result.tell()
    if as_json or form:
        result.print("json" if as_json else form or "text")
    else:
        result.print_summary()


def _refined(
    begun: OpenPDE | Path | None, data: Path, config: RefineConfig, options: dict[str, Any]
) -> Result:
    """The refined equation, written with its report where that is asked for."""
    output, report = options["output"], options["report"]
    state = None if output is None else output.parent / (output.name + STATE)
    resume = _check_targets(output, state, report, data, options)
    about = {"boundary": options["boundary"], **known_beside(options)}
    context = click.get_current_context()
    context.meta["pdenet.resume"] = lambda: _how_to_go_on(state)
    started = time.perf_counter()
    with monitored("read", "refine") as monitor:
        found = refine(
            begun,
            data,
            config=config,
            state=state,
            resume=resume,
            device=options["device"],
            on_event=monitor,
            **about,
        )
    seconds = {"refine": time.perf_counter() - started}
    if output is not None and state is not None:
        save_equation(found, output)
        state.unlink(missing_ok=True)
        note(f"equation: {output}")
    result = result_of(found, data, seconds, noise=config.noise)
    if report is not None:
        write_report(
            None,
            found,
            report,
            data=data,
            seconds=seconds,
            settings={"refine": vars(config)},
            about=about,
        )
        note(f"report: {report}")
    return result


def _sources(sources: tuple[Path, ...]) -> tuple[Path | None, Path]:
    """The file of an equation, if there is one, and that of the data; a run stands for its own."""
    if len(sources) > 2:
        raise ConfigError(
            f"{counted(len(sources), 'file')} were given: give one of an equation and one of "
            "data, or data "
            "alone"
        )
    *equations, data = sources
    if data.suffix == ".json":
        raise ConfigError(
            f"'{data}' is an equation: give the data to fit it to after it, as in 'pdenet refine "
            f"{data} DATA.h5'"
        )
    if not equations:
        return None, data
    (equation,) = equations
    return equation / "equation.json" if equation.is_dir() else equation, data


def _config(equation: Path | None, options: dict[str, Any]) -> RefineConfig:
    """What was typed, as settings of a refinement."""
    if equation is not None and options["pde"]:
        raise ConfigError(f"'{equation}' and --pde both give the equation: give one of the two")
    if options["parameters"] and not options["pde"]:
        raise ConfigError("--param gives a value to a parameter of --pde: give both or neither")
    if options["keep_terms"] and equation is None and not options["pde"]:
        raise ConfigError(
            "--keep-terms keeps the terms of an equation: give one (EQUATION.json or --pde), or "
            "leave it out"
        )
    chosen = given(options, "given", "noise", "order", "memory", "seed")
    if options["budget"] is not None:
        chosen["budget"] = 60 * options["budget"]
    return RefineConfig(choose=not options["keep_terms"], **chosen)


def _begin(equation: Path | None, data: Path, options: dict[str, Any]) -> OpenPDE | Path | None:
    """The equation that the refinement begins with."""
    if not options["pde"]:
        return equation
    with open_data(data) as opened:
        axes = opened.problem.grid.axes
    text = "\n".join(options["pde"])
    return OpenPDE.from_text(text, axes, dict(options["parameters"]), options["given"])


def _check_targets(
    output: Path | None,
    state: Path | None,
    report: Path | None,
    data: Path,
    options: dict[str, Any],
) -> bool:
    """Refuse what could not be written or must not be replaced; whether there is a state to go on
    from.

    Raises OutputError, and ConfigError where --resume has nothing that it could go on with.
    """
    overwrite, resume = options["overwrite"], options["resume"]
    if resume and state is None:
        raise ConfigError(f"--resume goes on from FILE{STATE} beside the result: add -o FILE")
    for path in (output, report):
        if path is not None and path.exists() and path.resolve() == data.resolve():
            raise OutputError(f"'{path}' holds the data: choose another file")
    if output is not None:
        check_target(output, overwrite=overwrite)
    check_report(report, overwrite=overwrite)
    if state is None or not state.exists():
        return False
    if not resume and not overwrite:
        raise OutputError(
            f"'{state}' is of a refinement that was interrupted: add --resume to go on, or "
            "--overwrite to begin anew"
        )
    return bool(resume)


def _how_to_go_on(state: Path | None) -> str:
    """What an interrupted refinement says."""
    if state is None:
        return "nothing is kept without -o FILE, with which --resume can go on"
    if state.exists():
        return "go on with the same command and --resume"
    return "nothing was fitted yet and nothing was written"
