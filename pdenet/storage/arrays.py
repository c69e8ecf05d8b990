"""Store arrays that somebody already has."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pdenet.boundary import periodic
from pdenet.errors import DataError
from pdenet.grid import Grid
from pdenet.problem import Problem
from pdenet.storage.write import create

__all__ = ["write_arrays"]

_FIELDS = ("u", "v", "w")


def write_arrays(
    path: Path | str,
    states: np.ndarray,
    grid: Grid | Problem,
    dt: float,
    *,
    fields: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    missing: bool = False,
) -> Path:
    """Write trajectories (trajectory, frame, field, *space) to a file; returns its path.

    grid: the points of a periodic domain, or the whole problem, which also says what holds at walls
    and the true equation where it is known; then fields are not given. dt: time between two frames.
    fields: their names, u, v, w by default. missing: NaN stands for a missing value. float32 stays
    float32, every other number becomes float64. Raises DataError where the shapes do not fit or a
    value is not finite, GridError where the grid has points at both ends, OutputError as `create`.
    """
    states = np.asarray(states)
    known = grid if isinstance(grid, Problem) else None
    if known is not None and fields is not None:
        raise DataError("a problem has fields of its own: leave out fields=")
    grid = grid.grid if isinstance(grid, Problem) else grid
    if states.ndim != grid.ndim + 3 or states.shape[3:] != grid.shape:
        raise DataError(
            f"states have shape {states.shape}, a grid of shape {grid.shape} needs (trajectory, "
            f"frame, field, {', '.join(grid.axes)}): add axes of length 1 or transpose"
        )
    if not (np.isfinite(dt) and dt > 0):
        raise DataError(f"dt is {dt}: give the time between two frames, a positive number")
    names = known.fields if known is not None else tuple(fields or _FIELDS[: states.shape[2]])
    if len(names) != states.shape[2]:
        raise DataError(
            f"states have {states.shape[2]} fields, but the names are {names}: name each field"
        )
    problem = known or Problem(None, grid, periodic(grid.ndim), names)
    dtype = "float32" if states.dtype == np.float32 else "float64"
    times = dt * np.arange(states.shape[1])
    with create(
        path,
        problem,
        trajectories=states.shape[0],
        times=times,
        dtype=dtype,
        metadata=metadata,
        overwrite=overwrite,
        missing=missing,
    ) as writer:
        writer.append(states)
    return Path(path)
