"""Store arrays that somebody already has."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pdenet.boundary import open_ends
from pdenet.errors import DataError
from pdenet.grid import LARGEST, Grid
from pdenet.problem import Problem
from pdenet.storage.finite import without_mask
from pdenet.storage.header import check_times
from pdenet.storage.outside import checked_mask
from pdenet.storage.write import create
from pdenet.words import counted

__all__ = ["named_fields", "write_arrays"]

_FIELDS = ("u", "v", "w", "p", "q")

NO_VALUE = 9.969209968386869e36
"""What NetCDF stores where nothing was written (NC_FILL_FLOAT and NC_FILL_DOUBLE)."""

FAR = 10.0
"""Ranges of all other values from which on a number that occurs again and again is no value of a
field. Diffusion of a peak on one point leaves half of it, which is one range."""


def write_arrays(
    path: Path | str,
    states: np.ndarray,
    grid: Grid | Problem,
    dt: float | Sequence[float] | np.ndarray,
    *,
    fields: Sequence[str] | None = None,
    outside: Any = None,
    sigma: Any = None,
    **options: Any,
) -> Path:
    """Write trajectories (trajectory, frame, field, *space) to a file; returns its path.

    grid: the points, periodic along axes without an endpoint and open along others; or the whole
    problem, which also says what holds at walls and the true equation where it is known; then
    fields are not given. dt: time between two frames, or the times of all frames. fields: their
    names, u, v, w, .. by default. outside: true at the points where the equation does not hold,
    of the grid's shape; what cannot be a value there is missing. sigma: standard deviations of the
    values, one, one for each field, or what broadcasts to them.
    options: metadata, overwrite and missing of `create`; with missing=True NaN, and what a masked
    array masks, stands for a missing value. float32 stays float32, every other real number becomes
    float64. Raises DataError where the shapes do not fit, a value is not finite, complex or
    NetCDF's sign for no value, GridError where boundaries do not fit, OutputError as `create`.
    """
    options.setdefault("missing", False)
    states = np.asanyarray(states)
    known = grid if isinstance(grid, Problem) else None
    if known is not None and fields is not None:
        raise DataError("a problem has fields of its own: leave out fields=")
    grid = grid.grid if isinstance(grid, Problem) else grid
    if not isinstance(grid, Grid):
        raise DataError(
            f"grid is of type {type(grid).__name__}: give Grid(points, length), such as "
            "Grid(64, 1.0) or Grid((64, 64), (1.0, 1.0)), or a Problem"
        )
    if states.ndim != grid.ndim + 3 or states.shape[3:] != grid.shape:
        raise DataError(
            f"states have shape {states.shape}, a grid of shape {grid.shape} needs (trajectory, "
            f"frame, field, {', '.join(grid.axes)}): {_how(states.shape, grid.shape)}"
        )
    mask = checked_mask(outside, grid.shape)
    if mask is not None:
        states, options["missing"] = _blank(states, mask, missing=options["missing"])
    states = _real(states, mask, missing=options["missing"])
    names = named_fields(known.fields if known is not None else fields, states.shape[2])
    problem = known or Problem(None, grid, open_ends(grid.endpoints), names)
    with create(
        path,
        problem,
        trajectories=states.shape[0],
        times=_times(dt, states.shape[1]),
        dtype="float32" if states.dtype == np.float32 else "float64",
        **options,
    ) as writer:
        if mask is not None:
            writer.exclude(mask)
        if sigma is not None:
            writer.weigh(sigma)
        writer.append(states)
    return Path(path)


def named_fields(fields: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """The names of `count` fields; u, v, w, .. where None. Raises DataError for another number."""
    # One name is taken for itself, not for its letters.
    fields = (fields,) if isinstance(fields, str) else fields
    names = tuple(fields or _FIELDS[:count])
    if len(names) != count:
        raise DataError(
            f"states have {counted(count, 'field')}, but the names are {names}: name each field"
        )
    return names


def _blank(states: np.ndarray, mask: np.ndarray, *, missing: bool) -> tuple[np.ndarray, bool]:
    """The states with NaN outside where there is no value, or none that can be one; and whether
    values are missing then. What is wrong elsewhere is still refused."""
    if states.dtype.kind not in "biuf":
        return states, missing
    masked = np.ma.getmaskarray(states)
    if not missing and (masked | np.isnan(states.astype(float)))[..., ~mask].any():
        return states, missing
    real = np.array(without_mask(states))
    values = real[..., mask].astype(float)
    marks = ~(np.abs(values) < LARGEST)
    if not marks.any():
        return states, missing
    real = real if real.dtype.kind == "f" else real.astype(float)
    real[..., mask] = np.where(marks, np.nan, values)
    return real, True


def _real(states: np.ndarray, outside: np.ndarray | None, *, missing: bool) -> np.ndarray:
    """The states as real numbers, NaN where they are masked."""
    if states.dtype.kind == "c":
        parts = states[np.isfinite(states)].imag
        if not parts.any():
            raise DataError("states are complex with an imaginary part of zero: give states.real")
        raise DataError(
            f"states are complex ({states.dtype}), and fields are real numbers: give real and "
            "imaginary part as two fields, np.stack([states.real, states.imag], axis=2) of "
            "(trajectory, frame, x, ..)"
        )
    if np.ma.is_masked(states) and not missing:
        count = int(np.ma.getmaskarray(states).sum())
        raise DataError(
            f"{count} of {states.size} values are masked: write the array with missing=True, and "
            "fit it by refine(), which takes data with gaps; training needs every value"
        )
    real = without_mask(states)
    if real.dtype == np.float16:  # which cannot hold the number that is looked for
        real = real.astype(np.float64)
    fill = np.isclose(np.abs(real), NO_VALUE, rtol=1e-6, atol=0)
    if fill.any():
        raise DataError(
            f"{int(fill.sum())} of {real.size} values are {NO_VALUE:.6g}, which NetCDF stores "
            "where there is no value: set them to NaN and write with missing=True"
        )
    _refuse_marks(real if outside is None else real[..., ~outside])
    return real


def _refuse_marks(states: np.ndarray) -> None:
    """Raise DataError where the same number, far from all others, stands in many places.

    Fields are continuous: what is measured far from the rest is seldom the same number twice, and
    on its way there it takes values between. -999 or 1e20 in the place of missing values do not.
    """
    values = states[np.isfinite(states)]
    for mark in (values.min(), values.max()) if values.size else ():
        others = values[values != mark].astype(np.float64)
        count = values.size - others.size
        if count < 2 or not others.size:
            continue
        low, high = float(others.min()), float(others.max())
        if min(abs(float(mark) - low), abs(float(mark) - high)) > FAR * (high - low) > 0:
            raise DataError(
                f"{count} of {values.size} values are {mark:.6g}, and all others lie between "
                f"{low:.6g} and {high:.6g}: if that number stands for a missing value, set it to "
                "NaN (and write with missing=True), otherwise leave out what cannot be right"
            )


def _how(shape: tuple[int, ...], points: tuple[int, ...]) -> str:
    """What to type so that states of this shape fit a grid with so many points."""
    axes = len(shape) - len(points)
    if axes == 1 and shape[1:] == points:
        return "for one trajectory of one field give states[None, :, None]"
    if axes == 1 and shape[:-1] == points:
        return "time comes last, so give np.moveaxis(states, -1, 0)[None, :, None]"
    if axes == 2 and shape[2:] == points:
        return (
            "give states[None] of (frame, field, ..), states[:, :, None] of (trajectory, frame, ..)"
        )
    if axes == 3 and shape[1:2] == points:
        return "frames and points are exchanged, so give states.swapaxes(1, 3)"
    if axes == 3 and sorted(shape[3:]) == sorted(points):
        return (
            "the axes of space are in another order than those of the grid: transpose one of them"
        )
    if axes == 3:
        return f"give a grid of shape {shape[3:]}, or transpose the states"
    return "add axes of length 1 or transpose, and compare the number of points along each axis"


def _times(dt: float | Sequence[float] | np.ndarray, frames: int) -> np.ndarray:
    """The times of the frames, from the time between them or from all of them."""
    try:
        given = np.asarray(dt, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"dt is {dt!r:.60}: give the time between two frames, a number") from None
    if given.ndim == 0:
        if not (np.isfinite(given) and given > 0):
            raise DataError(f"dt is {dt}: give the time between two frames, a positive number")
        return float(given) * np.arange(frames)
    times = given.ravel()
    if times.shape != (frames,) or given.size != max(given.shape):
        raise DataError(
            f"dt holds {given.size} times (shape {given.shape}), but states have "
            f"{counted(frames, 'frame')}: "
            "give the time of each frame, or transpose the states if time is another axis"
        )
    check_times(times, "dt")
    return times
