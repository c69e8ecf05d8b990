"""Between a `Problem` and the values that the schema places in a file, in both directions."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import h5py
import numpy as np

from pdenet.boundary import (
    Boundaries,
    Boundary,
    Open,
    PerField,
    Periodic,
    check_frames,
    endpoints,
    from_json,
    open_ends,
    to_json,
)
from pdenet.errors import DataError, PDENetError
from pdenet.grid import AXES, Grid
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.storage import split
from pdenet.storage.scan import Scan
from pdenet.storage.schema import (
    FORMAT_VERSION,
    MISSING_VERSION,
    OUTSIDE_VERSION,
    SCHEMA,
    SIGMA_VERSION,
)
from pdenet.words import counted

__all__ = ["Column", "Header", "check_times", "describe", "interpret"]

_OWN = ("noise", "solver", "seed", "versions")  # metadata that has a place of its own


@dataclass(frozen=True)
class Column:
    """Where one field is stored: a dataset, and the component of a vector or tensor. stored: what
    it is called there, where that is another name."""

    name: str
    dataset: h5py.Dataset
    component: tuple[int, ...] = ()
    stored: str = ""


@dataclass(frozen=True)
class Header:
    """All of a file but the fields themselves."""

    name: str
    problem: Problem
    times: np.ndarray
    columns: tuple[Column, ...]
    codes: np.ndarray
    metadata: Mapping[str, Any]
    missing: bool
    outside: np.ndarray | None
    sigma: tuple[Column, ...]
    foreign: bool
    left_out: Mapping[str, str]
    renamed: Mapping[str, str]


def describe(
    problem: Problem,
    codes: np.ndarray,
    times: np.ndarray,
    metadata: Mapping[str, Any],
    name: str,
    *,
    missing: bool = False,
) -> dict[str, Any]:
    """The value of every address of the schema but the fields, by address (without braces).

    missing: whether values may be missing; what is said of it is left out where they may not.
    """
    pde, grid = problem.pde, problem.grid
    if pde is not None:
        pde.require_readable()
    parameters = {} if pde is None else dict(pde.parameters)
    taken = sorted({item.address.removeprefix("/@") for item in SCHEMA} & set(parameters))
    if taken:
        raise DataError(f"a parameter called {taken[0]!r} cannot be stored: rename it")
    rest = {key: value for key, value in metadata.items() if key not in _OWN}
    values: dict[str, Any] = {
        "/@dataset_name": name,
        "/@grid_type": "cartesian",
        "/@n_spatial_dims": grid.ndim,
        "/@n_trajectories": len(codes),
        "/@simulation_parameters": tuple(parameters),
        "/dimensions@spatial_dims": grid.axes,
        "/scalars@field_names": tuple(parameters),
        "/t0_fields@field_names": problem.fields,
        "/t1_fields@field_names": (),
        "/t2_fields@field_names": (),
        "/pdenet@format_version": MISSING_VERSION if missing else FORMAT_VERSION,
        "/pdenet@fields": problem.fields,
        "/pdenet@equation": () if pde is None else pde.equations(),
        "/pdenet@coordinates": grid.axes if pde is None else pde.coordinates,
        "/pdenet@parameters": parameters,
        "/pdenet@lengths": np.array(grid.lengths),
        "/pdenet@origin": np.array(grid.origin),
        "/pdenet@endpoint": np.array(grid.endpoints),
        "/pdenet@boundaries": [[to_json(end) for end in ends] for ends in problem.boundaries],
        "/pdenet@units": dict(problem.units),
        "/pdenet@metadata": rest,
        "/pdenet/split": codes,
    }
    values |= {"/pdenet@missing": True} if missing else {}
    values |= {f"/pdenet@{key}": metadata.get(key) for key in _OWN}
    values |= _varying("/dimensions/time", times, time=True)
    for axis, points, ends in zip(grid.axes, grid.coordinates(), problem.boundaries, strict=True):
        values |= _varying(f"/dimensions/{axis}", points)
        values |= _ends(axis, len(points), ends)
    for parameter, value in parameters.items():
        values[f"/@{parameter}"] = value
        values |= _varying(f"/scalars/{parameter}", value)
    for field in problem.fields:
        flags = {"dim_varying": np.ones(grid.ndim, bool), "sample_varying": True}
        flags["time_varying"] = True
        values |= {f"/t0_fields/{field}@{key}": value for key, value in flags.items()}
    return values


def _varying(path: str, value: Any, *, time: bool = False) -> dict[str, Any]:
    return {path: value, f"{path}@sample_varying": False, f"{path}@time_varying": time}


def _ends(axis: str, points: int, ends: Sequence[Boundary]) -> dict[str, Any]:
    """One group for each type of condition; the mask says at which ends it holds."""
    values: dict[str, Any] = {}
    for place, end in zip((0, -1), ends, strict=True):
        kind = _bc_type(end)
        path = f"/boundary_conditions/{axis}_{kind}"
        mask = values.setdefault(f"{path}/mask", np.zeros(points, bool))
        mask[place] = True
        values |= {
            f"{path}@bc_type": kind.upper(),
            f"{path}@associated_dims": (axis,),
            f"{path}@associated_fields": (),
            f"{path}@sample_varying": False,
            f"{path}@time_varying": False,
        }
    return values


def _bc_type(end: Boundary) -> str:
    """The Well's word for a condition; what only some fields know is a wall there."""
    if isinstance(end, PerField):
        return "wall" if any(not isinstance(s, Open) for _, s in end.conditions) else "open"
    return "periodic" if isinstance(end, Periodic) else "open" if isinstance(end, Open) else "wall"


def interpret(found: Scan) -> Header:
    """The header that a scan without problems stands for.

    Raises DataError where the values, each right by itself, do not agree.
    """
    values = found.values
    axes = values["/dimensions@spatial_dims"]
    if values["/@grid_type"] != "cartesian":
        raise DataError(f"/@grid_type is {values['/@grid_type']!r}: only 'cartesian' can be read")
    if axes != AXES[: len(axes)] or len(axes) != values["/@n_spatial_dims"] or not axes:
        raise DataError(
            f"/dimensions@spatial_dims is {list(axes)} and /@n_spatial_dims "
            f"{values['/@n_spatial_dims']}: they must be the first 1 to 3 of {list(AXES)}"
        )
    if found.sizes.get("B", 0) != values["/@n_trajectories"] or found.sizes["B"] < 1:
        raise DataError(
            f"/@n_trajectories is {values['/@n_trajectories']}, the fields have "
            f"{counted(found.sizes.get('B', 0), 'trajectory')}"
        )
    times = values["/dimensions/time"]
    check_times(times, "/dimensions/time")
    columns = _columns(found, axes)
    boundaries = _boundaries(found, axes)
    grid = _grid(found, axes, endpoints(boundaries))
    pde = _equation(values) if found.native else None
    fields = tuple(column.name for column in columns)
    units = values["/pdenet@units"] if found.native else {}
    if not isinstance(units, dict) or not all(isinstance(unit, str) for unit in units.values()):
        raise DataError("/pdenet@units must be a JSON object of texts")
    try:
        problem = Problem(pde, grid, boundaries, fields, units)
        check_frames(boundaries, len(times))
    except PDENetError as error:
        raise DataError(f"fields, grid and equation do not agree: {error}") from error
    codes = values.get("/pdenet/split")
    if codes is None:
        codes = split.assign(found.sizes["B"], seed=0)
    elif not np.isin(codes, (split.EVERY, *range(len(split.SPLITS)))).all():
        raise DataError("/pdenet/split holds codes other than -1, 0, 1, 2: simulate it again")
    name = values.get("/@dataset_name", "")
    return Header(
        name,
        problem,
        times,
        columns,
        codes,
        _metadata(values),
        _missing(values),
        _outside(values),
        _sigma(found, fields),
        not found.native,
        found.left_out,
        {c.name: c.stored for c in columns if c.stored},
    )


def _missing(values: Mapping[str, Any]) -> bool:
    said = values.get("/pdenet@missing")
    version, missing = values.get("/pdenet@format_version", FORMAT_VERSION), bool(said)
    right = (
        said is not None if version >= OUTSIDE_VERSION else missing == (version == MISSING_VERSION)
    )
    if not right:
        raise DataError(
            f"/pdenet@format_version is {version} and /pdenet@missing {said}: files that may lack "
            f"values are of version {MISSING_VERSION}, and those from version {OUTSIDE_VERSION} on "
            "say whether they may; write it again"
        )
    return missing


def _outside(values: Mapping[str, Any]) -> np.ndarray | None:
    outside: np.ndarray | None = values.get("/pdenet/outside")
    version = values.get("/pdenet@format_version", FORMAT_VERSION)
    if version < SIGMA_VERSION and (outside is not None) != (version == OUTSIDE_VERSION):
        raise DataError(
            f"/pdenet@format_version is {version} and /pdenet/outside is "
            f"{'missing' if outside is None else 'there'}: files with points outside are of "
            f"version {OUTSIDE_VERSION} or {SIGMA_VERSION} and no others, write it again"
        )
    if outside is not None and outside.all():
        raise DataError("/pdenet/outside is true at every point: nothing is left to be used")
    return outside


def _sigma(found: Scan, fields: Sequence[str]) -> tuple[Column, ...]:
    """Where the standard deviations of the fields are stored; none where they are not known."""
    names = found.names.get("sigma", ())
    version = found.values.get("/pdenet@format_version", FORMAT_VERSION)
    if bool(names) != (version == SIGMA_VERSION) or (names and set(names) != set(fields)):
        raise DataError(
            f"/pdenet@format_version is {version} and /pdenet/sigma is of "
            f"{', '.join(names) or 'no field'}: files of version {SIGMA_VERSION}, and no others, "
            "have standard deviations of every field, write it again"
        )
    return tuple(Column(n, found.values[f"/pdenet/sigma/{n}"]) for n in fields if n in names)


def check_times(times: np.ndarray, place: str) -> None:
    """Raise DataError unless there are at least two times and they are equally spaced."""
    if len(times) < 2:
        raise DataError(
            f"{place} has {counted(len(times), 'frame')}: a time derivative needs at least 2 "
            "frames, simulate or measure more"
        )
    steps = np.diff(times)
    # Float32 times, as in many files, carry a rounding error that grows with the time itself.
    slack = 1e-6 * abs(steps.mean()) + 2.0**-22 * np.abs(times).max()
    if steps.max() < 0:
        raise DataError(
            f"{place} goes backwards, from {times[0]:.6g} to {times[-1]:.6g}: put the frames and "
            "their times in the order in which they were taken"
        )
    if not (steps.min() > 0 and np.ptp(steps) <= slack):
        raise DataError(
            f"{place} has steps between {steps.min():.6g} and {steps.max():.6g}: "
            "frames must be equally spaced in time, interpolate them first"
        )


def _columns(found: Scan, axes: Sequence[str]) -> tuple[Column, ...]:
    columns = []
    for rank in range(3):
        for name in found.names.get(f"t{rank}", ()):
            dataset = found.values.get(f"/t{rank}_fields/{name}")
            if dataset is None:
                continue
            for component in product(range(len(axes)), repeat=rank):
                suffix = "".join(axes[c] for c in component)
                # Equations read u_x as a derivative, so a field cannot have that name.
                plain = name if found.native else re.sub(r"[^A-Za-z0-9]", "", name)
                called = "" if plain == name else name
                columns.append(Column(plain + suffix, dataset, component, called))
    names = [column.name for column in columns]
    wanted = list(found.values.get("/pdenet@fields", names))
    if not names:
        raise DataError("/t0_fields has no field that changes in time: there is nothing to learn")
    if sorted(names) != sorted(wanted) or len(set(names)) != len(names):
        raise DataError(f"/pdenet@fields is {wanted}, but the fields are {names}")
    return tuple(sorted(columns, key=lambda column: wanted.index(column.name)))


def _boundaries(found: Scan, axes: Sequence[str]) -> Boundaries:
    if found.native:
        stored = found.values["/pdenet@boundaries"]
        try:
            return tuple((from_json(low), from_json(high)) for low, high in stored)
        except (PDENetError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise DataError(f"/pdenet@boundaries cannot be read: {error}") from error
    # What holds at a wall, or at an end that is not named, the layout does not say: it is open.
    joined: set[str] = set()
    for name in found.names.get("boundary", ()):
        path = f"/boundary_conditions/{name}"
        if found.values[f"{path}@bc_type"].lower() == "periodic":
            joined |= set(found.values[f"{path}@associated_dims"])
    return open_ends([axis not in joined for axis in axes])


def _grid(found: Scan, axes: Sequence[str], endpoint: tuple[bool, ...]) -> Grid:
    values = found.values
    points = [values[f"/dimensions/{axis}"] for axis in axes]
    shape = tuple(len(x) for x in points)
    try:
        if found.native:
            lengths = tuple(values["/pdenet@lengths"].tolist())
            origin = tuple(values["/pdenet@origin"].tolist())
            flags = np.broadcast_to(values["/pdenet@endpoint"], len(shape))
            grid = Grid(shape, lengths, origin, tuple(flags.tolist()))
        else:
            steps = [(x[-1] - x[0]) / max(len(x) - 1, 1) for x in points]
            counts = [n - last for n, last in zip(shape, endpoint, strict=True)]
            lengths = tuple(float(dx * n) for dx, n in zip(steps, counts, strict=True))
            grid = Grid(shape, lengths, tuple(float(x[0]) for x in points), endpoint)
    except PDENetError as error:
        raise DataError(f"/dimensions describes no grid: {error}") from error
    for axis, x, expected, dx in zip(axes, points, grid.coordinates(), grid.spacing, strict=True):
        slack = 1e-6 * dx + 2.0**-22 * np.abs(x).max()
        if np.abs(x - expected).max() > slack:
            raise DataError(
                f"/dimensions/{axis} is not the uniform grid from {expected[0]:.6g} in steps of "
                f"{dx:.6g}: interpolate the fields onto a uniform grid"
            )
    return grid


def _equation(values: Mapping[str, Any]) -> PDE | None:
    lines = values["/pdenet@equation"]
    if not lines:
        return None
    parameters = values["/pdenet@parameters"]
    if not isinstance(parameters, dict):
        raise DataError("/pdenet@parameters must be a JSON object of numbers")
    try:
        return PDE.from_text("\n".join(lines), values["/pdenet@coordinates"], parameters)
    except PDENetError as error:
        raise DataError(f"/pdenet@equation cannot be read: {error}") from error


def _metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    rest = values.get("/pdenet@metadata") or {}
    if not isinstance(rest, dict):
        raise DataError("/pdenet@metadata must be a JSON object")
    own = {key: values.get(f"/pdenet@{key}") for key in _OWN}
    for key, value in own.items():
        whole = type(value) is int if key == "seed" else isinstance(value, dict)
        if value is not None and not whole:
            kind = "a whole number" if key == "seed" else "a JSON object"
            raise DataError(f"/pdenet@{key} is {str(value)[:40]!r}, and must be {kind} or null")
    level = (own["noise"] or {}).get("level", 0.0)
    if type(level) not in (int, float) or not level >= 0:
        raise DataError(f"/pdenet@noise has the level {str(level)[:40]!r}: a number >= 0 expected")
    return {**rest, **{key: value for key, value in own.items() if value is not None}}


def json_text(value: Any, address: str) -> str:
    """A value as JSON on one line. Raises DataError when it is none."""
    try:
        return json.dumps(value, allow_nan=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise DataError(f"{address} cannot be written as JSON: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON value, convert it first")
