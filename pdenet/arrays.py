"""What somebody has in Python, as a file: NumPy arrays, lists, torch tensors, masked arrays.

Whatever NumPy takes for an array is one here. What it has to look like, and what is refused, is
said by `pdenet.storage.write_arrays`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from pdenet.boundary import Ends, Given, Open, chosen, endpoints, open_ends
from pdenet.errors import DataError, EquationError, PDENetError
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.unknown import OpenPDE
from pdenet.problem import Problem
from pdenet.seam import Fault, faults
from pdenet.storage import looked_at, named_fields, seam_in_words, write_arrays
from pdenet.storage.finite import without_mask
from pdenet.storage.outside import checked_mask
from pdenet.words import counted

__all__ = ["Source", "as_array", "as_file", "is_array", "removed_if_refused", "told_apart"]

_log = logging.getLogger(__name__)

Source: TypeAlias = Path | str | np.ndarray | torch.Tensor | Sequence[Any]
"""A file, or states of shape (trajectory, frame, field, *space)."""


def is_array(source: Source) -> bool:
    """Whether `source` holds the states itself, and is not the name of a file."""
    return not isinstance(source, str | os.PathLike)


def as_array(source: Source) -> np.ndarray:
    """The states as a NumPy array, masked where they are; raises DataError where they are none."""
    if isinstance(source, torch.Tensor):
        return np.asarray(source.detach().cpu().resolve_conj().resolve_neg().numpy())
    try:
        states = np.asanyarray(source)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{type(source).__name__} is no array ({' '.join(str(error).split())}): give numbers "
            "of shape (trajectory, frame, field, x, ..), in lists of equal lengths or an array"
        ) from error
    if states.dtype.kind not in "biufc":
        raise DataError(
            f"{type(source).__name__} holds {states.dtype}, not numbers: give an array of shape "
            "(trajectory, frame, field, x, ..), or the name of a data file"
        )
    return states


def as_file(
    source: Source,
    folder: Path,
    grid: Grid | Problem | None,
    dt: float | Sequence[float] | np.ndarray | None,
    fields: Sequence[str] | None,
    *,
    boundary: Given | None = None,
    gaps: bool = False,
    **beside: Any,
) -> Path:
    """The file of the data: `source`, or data.h5 in `folder`, made of an array.

    boundary: what holds at the ends of the axes, see `pdenet.boundary.chosen`. An axis of a plain
    grid that is not named is open where the grid has an endpoint or the data do not close, which is
    said as a warning, and periodic elsewhere. beside: outside and sigma of
    `pdenet.storage.write_arrays`. What is said goes into a file that is made here, and not into
    `source`.
    gaps: whether NaN, and what an array masks, may stand for missing values.
    Raises DataError where grid, dt or fields are missing, or given beside a file, GridError for
    a boundary that is none.
    """
    if not is_array(source):
        given = {"grid": grid, "dt": dt, "fields": fields}
        extra = [name for name, value in given.items() if value is not None]
        if extra:
            raise DataError(
                f"{' and '.join(extra)} belong{'s' * (len(extra) == 1)} to arrays, and a file "
                "brings its own: leave out, or give an array in place of the file"
            )
        return Path(str(source))
    if grid is None or dt is None:
        raise DataError("arrays need grid=Grid(shape, lengths) and dt=, the time between frames")
    states = as_array(source)
    missing = gaps and (bool(np.ma.is_masked(states)) or bool(np.isnan(states).any()))
    placed, notes = _placed(states, grid, boundary, fields, beside.get("outside"))
    named = None if isinstance(placed, Problem) and not isinstance(grid, Problem) else fields
    folder.mkdir(parents=True, exist_ok=True)
    options = {"fields": named, "missing": missing, **beside}
    path = write_arrays(folder / "data.h5", states, placed, dt, **options)
    for note in notes:
        _log.warning("%s", note)
    return path


def _placed(
    states: np.ndarray,
    grid: Grid | Problem,
    boundary: Given | None,
    fields: Sequence[str] | None,
    outside: Any,
) -> tuple[Grid | Problem, list[str]]:
    """The problem of an array, with what holds at the ends of its axes, and what to say of them.

    What does not fit together comes back as it is, to be refused where it is written.
    """
    plain = grid.grid if isinstance(grid, Problem) else grid
    if not isinstance(plain, Grid) or states.shape[3:] != plain.shape or states.ndim < 4:
        return grid, []
    ends = chosen(boundary, plain.axes)
    if isinstance(grid, Problem):
        return grid.with_ends(ends), []
    names = named_fields(fields, states.shape[2])
    notes = [_said(plain, axis) for axis in ends if _may_be_short(plain, ends, axis)]
    seams = _seams(states, plain, ends, outside)
    for fault in seams:
        axis = plain.axes[fault.axis]
        ends[axis] = (Open(), Open())
        notes.append(
            f"{axis} does not close and is taken as open: {seam_in_words(fault, names)}; its "
            f"points stay {plain.spacing[fault.axis]:.6g} apart. Where that is wrong say what "
            f"holds at its ends, as boundary='{axis}:periodic' or '{axis}:dirichlet=0', or put "
            "the axes in the order (trajectory, frame, field, x, ..)"
        )
    return Problem(None, plain, open_ends(plain.endpoints), names).with_ends(ends), notes


def _may_be_short(grid: Grid, ends: Mapping[str, Ends], axis: str) -> bool:
    """Whether an axis is said to have ends, and its grid to have no point at the far one."""
    return endpoints((ends[axis],))[0] and not grid.endpoints[grid.axes.index(axis)]


def _said(grid: Grid, axis: str) -> str:
    place = grid.axes.index(axis)
    n, length = grid.shape[place], grid.lengths[place]
    return (
        f"the {counted(n, 'point')} along {axis} are taken to be {grid.spacing[place]:.6g} apart, "
        f"as in Grid({n}, {length:.6g}): where the last one lies at {length:.6g} behind the first, "
        "make the grid with endpoint=True"
    )


def _seams(states: np.ndarray, grid: Grid, ends: Mapping[str, Ends], outside: Any) -> list[Fault]:
    """The jumps from the last to the first point along axes of which nothing was said."""
    asked = [
        axis not in ends and not last for axis, last in zip(grid.axes, grid.endpoints, strict=True)
    ]
    if not states.size or states.dtype.kind == "c" or not any(asked):
        return []
    rows, frames = looked_at(states.shape[0], states.shape[1], states[0, 0].size)
    sample = without_mask(states[rows][:, frames])
    mask = checked_mask(outside, grid.shape)
    if mask is not None:
        sample = np.where(mask, np.nan, sample)
    return [fault for fault in faults(sample, asked) if not fault.repeated]


@contextmanager
def removed_if_refused(source: Source, run: Path) -> Iterator[None]:
    """Remove what was made of an array where training did not begin, so that it can be retried."""
    made, before = run / "data.h5", (run / "data.h5").exists()
    new = not run.exists()
    try:
        yield
    except PDENetError:
        if is_array(source) and not before and not (run / "config.json").exists():
            made.unlink(missing_ok=True)
            if new and run.exists():
                run.rmdir()
        raise


def told_apart(
    equation: PDE | OpenPDE | Source | None, data: Source | None
) -> tuple[PDE | OpenPDE | Path | str | None, Source]:
    """An equation and data; one argument alone is the data. Raises DataError without data, and
    EquationError for an equation that is none."""
    text = isinstance(equation, str) and "=" in equation
    if data is None and (equation is None or text or isinstance(equation, PDE | OpenPDE)):
        raise DataError("there are no data to refine: give a file or an array after the equation")
    if data is None:
        assert equation is not None and not isinstance(equation, PDE | OpenPDE)
        return None, equation
    if equation is None or isinstance(equation, PDE | OpenPDE | Path | str):
        return equation, data
    raise EquationError(
        f"an equation is a PDE, its text or its file, or None, and not {type(equation).__name__}: "
        "refine(data, grid=..., dt=...), or refine(equation, data)"
    )
