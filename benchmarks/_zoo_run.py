"""One case of the zoo in a process of its own: what a method finds in a file, as JSON.

    python benchmarks/_zoo_run.py refine case.npz

`refine` is pdenet with its defaults. It gets values, grid, time step and names of the fields; where
the case is not periodic what is known of the boundary, and where the equation does not hold.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from _blind import errors, outcome, pack
from _zoo_data import Zoo

from pdenet import PDE, Grid, refine
from pdenet.boundary import Boundaries, Neumann, Periodic
from pdenet.errors import PDENetError
from pdenet.problem import Problem
from pdenet.storage import write_arrays

__all__ = ["packed", "pysindy_cannot", "sindy_file"]


def packed(case: Zoo, states: np.ndarray, path: Path) -> Path:
    """Write what `main` reads."""
    truth = case.truth if isinstance(case.truth, tuple) else ()
    more = {"boundary": np.array(case.boundary, dtype=str)}
    if case.outside is not None:
        more["outside"] = case.outside
    return pack(path, states, case.lengths, case.dt, case.fields, truth, **more)


def pysindy_cannot(case: Zoo) -> str:
    """Why PySINDy is not run on a case; "" where it is."""
    if case.outside is not None:
        return "its weak form takes no missing values"
    truth = " ".join(case.truth) if isinstance(case.truth, tuple) else ""
    if "sin(" in truth:
        return "no such function in its library as it is set here"
    if re.search(r"_[xyz]+\*\*", truth):
        return "its library has no products of two derivatives"
    return ""


def sindy_file(case: Zoo, states: np.ndarray, path: Path) -> Path:
    """The data file for PySINDy, whose weak form needs no boundary: the walls stand for any."""
    grid = Grid(states.shape[3:], case.lengths, endpoint=case.endpoint)
    walls: Boundaries = tuple(
        (Neumann(), Neumann()) if each else (Periodic(), Periodic()) for each in case.endpoint
    )
    pde = PDE(*case.truth, coordinates=grid.axes) if isinstance(case.truth, tuple) else None
    return write_arrays(path, states, Problem(pde, grid, walls, case.fields), case.dt)


def result_of(path: str) -> dict[str, Any]:
    """What pdenet says of a file."""
    with np.load(path, allow_pickle=False) as file:
        data = {name: file[name] for name in file}
    states, boundary = data["states"], data["boundary"].tolist()
    ends = [each != "periodic" for each in boundary]
    grid = Grid(states.shape[3:], tuple(data["lengths"]), endpoint=ends)
    told: dict[str, Any] = {}
    if any(ends):
        texts = zip(grid.axes, boundary, strict=True)
        told["boundary"] = tuple(f"{axis}:{each}" for axis, each in texts)
    if "outside" in data:
        told["outside"] = data["outside"]
    fields, dt = data["fields"].tolist(), float(data["dt"])
    try:
        found = refine(None, states, grid=grid, dt=dt, fields=fields, on_event=False, **told)
    except PDENetError as error:
        return {"verdict": "refused", "reason": str(error), "kind": type(error).__name__}
    truth = data["truth"].tolist()
    return {**outcome(found, truth), "terms": errors(found, truth)}


def main() -> None:
    """Print what comes of one file."""
    method, path = sys.argv[1:]
    if method != "refine":
        raise SystemExit(f"no method {method}")
    print(json.dumps(result_of(path)))


if __name__ == "__main__":
    main()
