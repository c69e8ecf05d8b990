"""`pdenet info`: what a data file or a run folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pdenet.boundary import to_text
from pdenet.cli.console import print_json, print_rows
from pdenet.cli.runs import MEMBERS
from pdenet.results import load_equation
from pdenet.storage import Data, open_data
from pdenet.training.records import read_log, read_record
from pdenet.training.run import read_run
from pdenet.words import counted

__all__ = ["describe_data", "describe_run", "work"]


def describe_data(path: Path) -> dict[str, Any]:
    """The facts of a data file; fields are read only where values may be NaN, to count them, and
    standard deviations where there are some."""
    with open_data(path) as data:
        problem = data.problem
        grid = problem.grid
        return {
            "file": str(path),
            "equations": list(problem.pde.equations()) if problem.pde else None,
            "parameters": dict(problem.pde.parameters) if problem.pde else None,
            "fields": list(data.fields),
            "grid": list(grid.shape),
            "lengths": list(grid.lengths),
            "boundaries": {
                axis: [to_text(side) for side in pair]
                for axis, pair in zip(grid.axes, problem.boundaries, strict=True)
            },
            "outside": _outside(data),
            "trajectories": data.trajectories,
            "frames": data.frames,
            "dt": data.dt if data.frames > 1 else None,
            "noise": data.noise,
            "sigma": data.sigma_range() if data.weighed else None,
            "missing": _gaps(data),
            "renamed": dict(data.renamed) or None,
            "left_out": dict(data.left_out) or None,
            "split": {name: len(members) for name, members in data.split.items()},
            "metadata": {name: item for name, item in data.metadata.items() if name != "noise"},
        }


def _outside(data: Data) -> str | None:
    """How many points are outside; None where the equation holds everywhere."""
    if data.outside is None:
        return None
    return f"{int(data.outside.sum())} of {counted(data.problem.grid.size, 'point')}"


def _gaps(data: Data) -> dict[str, float] | None:
    """The part of the values that is NaN, by field. pdenet writes none where it does not say so; a
    foreign file may hold some, and is then refused by whatever needs every value."""
    if not data.missing and not data.foreign:
        return None
    gaps = data.gaps()
    return gaps if data.missing or any(gaps.values()) else None


def describe_run(run: Path) -> dict[str, Any]:
    """The facts of a run folder: settings, stages done, and the equation if it was read."""
    read_run(run)  # what it holds must be that of a run
    stages = [
        {key: record[key] for key in ("stage", "loss", "validation")}
        for record in read_log(run)
        if record.get("event") == "StageFinished"
    ]
    equation = run / "equation.json"
    return {
        "run": str(run),
        "holds": [name for name in MEMBERS if (run / name).exists()],
        "config": read_record(run, "config.json"),
        "stages": stages,
        "equation": _equation(load_equation(equation).record()) if equation.exists() else None,
    }


def _equation(record: dict[str, Any]) -> dict[str, Any]:
    """An equation's record without kernels, reasons, and values of functions, which fill pages."""
    kept = {name: value for name, value in record.items() if name != "filters"}
    kept |= {name: len(record[name]) for name in ("maps", "curves")}
    refinement = record["refinement"]
    if refinement is not None:
        counted = {name: len(refinement[name]) for name in ("decisions", "alternatives")}
        tables = ("bound", "bootstrap", "bias")
        short = {name: value for name, value in refinement.items() if name not in tables}
        kept["refinement"] = {**short, **counted}
    return {**kept, "dropped": len(record["dropped"])}


def _lines(facts: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    lines = []
    for key, value in facts.items():
        if isinstance(value, dict) and value:
            inner = f"{prefix}{key}."
            lines += _lines(value, "settings." if inner == "config.config." else inner)
        elif isinstance(value, list) and key in ("equations", "stages"):
            shown = [_pairs(item) if isinstance(item, dict) else str(item) for item in value]
            lines += [(f"{prefix}{key}" if i == 0 else "", item) for i, item in enumerate(shown)]
        elif isinstance(value, list) and value:
            lines.append((f"{prefix}{key}", " ".join(str(item) for item in value)))
        elif value not in (None, {}, [], ""):
            lines.append(
                (f"{prefix}{key}", f"{value:g}" if isinstance(value, float) else str(value))
            )
    return lines


def _pairs(item: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in item.items()
    )


def work(path: Path, as_json: bool) -> None:
    """Say what a data file or a run folder holds."""
    facts = describe_run(path) if path.is_dir() else describe_data(path)
    if as_json:
        print_json(facts)
    else:
        print_rows("", ["", ""], _lines(facts))
