"""What somebody has in Python, as a file: NumPy arrays, lists, torch tensors, masked arrays.

Whatever NumPy takes for an array is one here. What it has to look like, and what is refused, is
said by `pdenet.storage.write_arrays`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from pdenet.errors import DataError, EquationError, PDENetError
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.storage import write_arrays

__all__ = ["Source", "as_array", "as_file", "is_array", "removed_if_refused", "told_apart"]

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
    gaps: bool = False,
) -> Path:
    """The file of the data: `source`, or data.h5 in `folder`, made of an array.

    gaps: whether NaN, and what an array masks, may stand for missing values.
    Raises DataError where grid, dt or fields are missing, or given beside a file.
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
    folder.mkdir(parents=True, exist_ok=True)
    return write_arrays(folder / "data.h5", states, grid, dt, fields=fields, missing=missing)


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
    equation: PDE | Source | None, data: Source | None
) -> tuple[PDE | Path | str | None, Source]:
    """An equation and data; one argument alone is the data. Raises DataError without data, and
    EquationError for an equation that is none."""
    text = isinstance(equation, str) and "=" in equation
    if data is None and (equation is None or text or isinstance(equation, PDE)):
        raise DataError("there are no data to refine: give a file or an array after the equation")
    if data is None:
        assert equation is not None and not isinstance(equation, PDE)
        return None, equation
    if equation is None or isinstance(equation, PDE | Path | str):
        return equation, data
    raise EquationError(
        f"an equation is a PDE, its text or its file, or None, and not {type(equation).__name__}: "
        "refine(data, grid=..., dt=...), or refine(equation, data)"
    )
