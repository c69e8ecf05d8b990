"""The report of a run, and what is printed of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pdenet.boundary import chosen
from pdenet.cli.results import Result
from pdenet.errors import CheckpointError, OutputError
from pdenet.evaluation.coefficients import coefficients, sources
from pdenet.evaluation.gather import evidence_of
from pdenet.report import build, form_of
from pdenet.results import DiscoveredEquation
from pdenet.results.caution import in_words
from pdenet.storage import open_data

__all__ = ["apart", "check_report", "check_target", "result_of", "write_report"]


def apart(found: DiscoveredEquation, seconds: float) -> dict[str, float]:
    """The time of a read-out, and that of its refinement if there was one."""
    refining = found.seconds.get("refine", 0.0) if found.refinement is not None else 0.0
    own = {"extract": seconds - refining}
    return {**own, "refine": refining} if refining else own


def result_of(
    found: DiscoveredEquation,
    data: Path | None,
    seconds: Mapping[str, float],
    noise: float | None = None,
) -> Result:
    """What is printed of a read-out: beside the truth, where the data say what that is.

    noise: the level that a refinement was given.
    Raises DataError for data on another grid than that of the read-out.
    """
    if data is None:
        return Result(
            found.pde,
            found.stderr,
            None,
            seconds,
            refinement=found.refinement,
            noise=noise,
            unknown=found.unknown,
            caution=in_words(found.cautions),
        )
    with open_data(data) as opened:
        problem = opened.problem
    maps = coefficients(found.maps, found.pde, problem.grid, problem.pde)
    curves = sources(found.curves, found.pde, problem.pde)
    return Result(
        found.pde,
        found.stderr,
        problem.pde,
        seconds,
        maps,
        curves,
        found.refinement,
        noise,
        found.unknown,
        in_words(found.cautions),
    )


def check_report(path: Path | None, *, overwrite: bool) -> None:
    """Refuse the name of a report that could not be written, before the work and not after it.

    Raises OutputError.
    """
    if path is not None:
        form_of(path)
        check_target(path, overwrite=overwrite)


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a file in a folder that is not there, or that exists, unless it may be replaced.

    Raises OutputError.
    """
    if not path.absolute().parent.is_dir():
        raise OutputError(f"there is no folder '{path.parent}': make it, or choose another")
    if path.is_dir():
        raise OutputError(f"'{path}' is a folder: name a file")
    if path.exists() and not overwrite:
        raise OutputError(f"'{path}' exists: add --overwrite to replace it")


def write_report(
    run: Path | None,
    found: DiscoveredEquation,
    output: Path,
    *,
    data: Path | None,
    seconds: Mapping[str, float],
    settings: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write the report of a run, in the form that the suffix of `output` names.

    run: None for an equation that no network was trained for; settings: those of the command then.
    about: boundary and outside, in place of what the file of the data says.
    seconds: by phase.
    Raises CheckpointError if the data that the run was trained on are gone.
    """
    if data is None:
        raise CheckpointError(
            f"the data of '{run}' are gone: say where they are with --data, or leave --report out"
        )
    with open_data(data) as opened:
        said = about or {}
        ends = chosen(said.get("boundary"), opened.problem.grid.axes)
        opened.assume(ends, said.get("outside"))
        evidence = evidence_of(found, opened, run, seconds=seconds, settings=settings)
    return build(evidence).write(output, overwrite=True)
