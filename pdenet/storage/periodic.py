"""The data of a file against what it says of its axes: what is called periodic has to close."""

import logging
from collections.abc import Sequence

import numpy as np

from pdenet.boundary import endpoints
from pdenet.errors import DataError
from pdenet.seam import Fault, equal_ends, faults
from pdenet.storage.read import Data

__all__ = ["looked_at", "require_periodic", "seam_in_words"]

_log = logging.getLogger(__name__)

TRAJECTORIES, FRAMES, VALUES = 8, 30, 1 << 23
"""At most so many are looked at, spread over the file, so that the look takes a second at most."""

_OPEN = "where they are a window of a larger field say so"
_WALLS = "where there are walls say what holds there"
_AXES = (
    "or exchange the axes where they are in another order than (trajectory, frame, field, x, ..)"
)


def require_periodic(data: Data) -> None:
    """Raise DataError where an axis that is said to be periodic has an open seam.

    Says how large the jump is, beside the steps between neighbouring points, and what to do. Warns
    where the two end points are equal in a field that is symmetric about them, so that the data do
    not tell whether the end point of the period is stored twice.
    """
    states = _sample(data)
    joined = [not walled for walled in endpoints(data.problem.boundaries)]
    for fault in faults(states, joined):
        axis, path = data.problem.grid.axes[fault.axis], data.path
        if fault.repeated:
            raise DataError(
                f"along {axis} the last point has the values of the first one in every frame: a "
                "periodic axis has its end point once, so leave the last one out"
            )
        told = f"the data are not periodic along {axis}: "
        told += seam_in_words(fault, data.fields)
        typed = f"refine(None, {str(path)!r}, boundary='{axis}:open')"
        raise DataError(
            f"{told}; {_OPEN}, {typed}; {_WALLS}, boundary='{axis}:dirichlet=0'; {_AXES}",
            shell=f"{told}; {_OPEN}, 'pdenet refine {path} --boundary {axis}:open'; {_WALLS}, "
            f"'--boundary {axis}:dirichlet=0'; {_AXES}",
        )
    for place in equal_ends(states, joined):
        _log.warning(
            "along %s the first and the last point have the same values in every frame: if the end "
            "point of the period is stored a second time, leave it out",
            data.problem.grid.axes[place],
        )


def looked_at(trajectories: int, frames: int, size: int) -> tuple[np.ndarray, slice]:
    """The trajectories and frames that are looked at, spread over all of them; size: numbers in a
    frame of all fields."""
    count = max(1, min(TRAJECTORIES, trajectories, VALUES // size))
    some = max(1, min(FRAMES, frames, VALUES // (size * count)))
    return np.linspace(0, trajectories - 1, count).astype(int), slice(0, None, -(-frames // some))


def _sample(data: Data) -> np.ndarray:
    """Some trajectories and frames, NaN where a value is missing or outside."""
    size = len(data.fields) * data.problem.grid.size
    states = data.read(*looked_at(data.trajectories, data.frames, size), missing=True)
    return states if data.outside is None else np.where(data.outside, np.nan, states)


def seam_in_words(fault: Fault, fields: Sequence[str]) -> str:
    """How large the jump across a seam is, beside the steps between neighbouring points."""
    return (
        f"from the last point to the first {fields[fault.field]} jumps by {fault.jump:.3g} "
        f"(r.m.s.), {fault.beside:.3g} times the steps beside it and {fault.steps:.3g} times the "
        "largest between neighbouring points elsewhere"
    )
