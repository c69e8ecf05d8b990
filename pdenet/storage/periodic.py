"""The data of a file against what it says of its axes: what is called periodic has to close."""

import logging

import numpy as np

from pdenet.boundary import endpoints
from pdenet.errors import DataError
from pdenet.seam import Fault, equal_ends, faults
from pdenet.storage.read import Data

__all__ = ["require_periodic"]

_log = logging.getLogger(__name__)

TRAJECTORIES, FRAMES, VALUES = 8, 30, 1 << 23
"""At most so many are looked at, spread over the file, so that the look takes a second at most."""

_WALLS = "where there are walls at its ends, say what holds there"
_PROBLEM = "Problem(None, Grid(.., endpoint=True), boundaries, fields) in place of the grid"


def require_periodic(data: Data) -> None:
    """Raise DataError where an axis that is said to be periodic has an open seam.

    Says how large the jump is, beside the steps between neighbouring points, and what to do. Warns
    where the two end points are equal in a field that is symmetric about them, so that the data do
    not tell whether the end point of the period is stored twice.
    """
    states = _sample(data)
    joined = [not walled for walled in endpoints(data.problem.boundaries)]
    for fault in faults(states, joined):
        message, walls = _words(data, fault), f"{_WALLS}: {_PROBLEM}"
        raise DataError(f"{message}; {walls}", shell=f"{message}; {_WALLS}, in the file")
    for axis in equal_ends(states, joined):
        _log.warning(
            "along %s the first and the last point have the same values in every frame: if the end "
            "point of the period is stored a second time, leave it out",
            data.problem.grid.axes[axis],
        )


def _sample(data: Data) -> np.ndarray:
    """Some trajectories and frames, NaN where a value is missing."""
    size = len(data.fields) * data.problem.grid.size
    count = max(1, min(TRAJECTORIES, data.trajectories, VALUES // size))
    frames = max(1, min(FRAMES, data.frames, VALUES // (size * count)))
    rows = np.linspace(0, data.trajectories - 1, count).astype(int)
    return data.read(rows, slice(0, None, -(-data.frames // frames)), missing=True)


def _words(data: Data, fault: Fault) -> str:
    axis, field = data.problem.grid.axes[fault.axis], data.fields[fault.field]
    if fault.repeated:
        return (
            f"along {axis} the last point has the values of the first one in every frame: a "
            "periodic axis has its end point once, so leave the last one out"
        )
    return (
        f"the data are not periodic along {axis}: from the last point to the first {field} jumps "
        f"by {fault.jump:.3g} (r.m.s.), {fault.beside:.3g} times the steps beside it and "
        f"{fault.steps:.3g} times the largest between neighbouring points elsewhere; a window of a "
        f"larger field cannot be used yet: cut it to a whole period along {axis}, or exchange the "
        "axes where they are in another order than (trajectory, frame, field, x, ..)"
    )
