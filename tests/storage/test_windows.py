"""Files of windows: open ends, walls of every kind, and points where the equation does not hold."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdenet.boundary import Dirichlet, Neumann, Open, PerField, Periodic, Robin
from pdenet.errors import DataError, GridError, OutputError
from pdenet.grid import Grid
from pdenet.problem import Problem
from pdenet.storage import create, open_data, write_arrays
from pdenet.storage.outside import checked_mask
from pdenet.storage.schema import FORMAT_VERSION, MISSING_VERSION, OUTSIDE_VERSION

STATES = np.random.default_rng(0).standard_normal((3, 4, 2, 9, 8))
SHAPE = STATES.shape[3:]
WINDOW = Grid(SHAPE, (1.0, 1.0), endpoint=(True, False))
JOINED = (Periodic(), Periodic())

numbers = st.floats(-1e6, 1e6)
values = st.one_of(numbers, st.tuples(numbers, numbers, numbers, numbers))
sides = st.one_of(
    st.just(Open()),
    st.builds(Dirichlet, values),
    st.builds(Neumann, values),
    st.builds(Robin, values, values),
)
ends = st.one_of(
    sides,
    st.dictionaries(st.sampled_from("uv"), sides, min_size=1).map(
        lambda each: PerField(tuple(each.items()))
    ),
)


OPEN = Open()


def problem(lower=OPEN, upper=OPEN) -> Problem:
    return Problem(None, WINDOW, ((lower, upper), JOINED), ("u", "v"))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lower=ends, upper=ends)
def test_what_holds_at_the_ends_is_kept(tmp_path: Path, lower, upper):
    kept = problem(lower, upper)
    path = write_arrays(tmp_path / "a.h5", STATES, kept, 0.1, overwrite=True)
    with open_data(path) as data:
        assert data.problem == kept and data.outside is None


@pytest.mark.parametrize(
    ("lower", "upper", "groups"),
    [
        (Open(), Open(), {"x_open": "OPEN", "y_periodic": "PERIODIC"}),
        (Robin(1.0), Open(), {"x_open": "OPEN", "x_wall": "WALL", "y_periodic": "PERIODIC"}),
        (
            PerField((("u", Open()),)),
            PerField((("u", Neumann()),)),
            {"x_open": "OPEN", "x_wall": "WALL", "y_periodic": "PERIODIC"},
        ),
    ],
)
def test_the_well_sees_its_own_words(tmp_path: Path, lower, upper, groups):
    path = write_arrays(tmp_path / "a.h5", STATES, problem(lower, upper), 0.1)
    with h5py.File(path) as file:
        found = file["boundary_conditions"]
        assert {name: found[name].attrs["bc_type"] for name in found} == groups
        assert file["pdenet"].attrs["format_version"] == FORMAT_VERSION
        if "x_wall" in found:
            assert found["x_wall/mask"][()].tolist() == [
                lower == Robin(1.0),
                *[False] * 7,
                lower != Robin(1.0),
            ]


def test_values_in_time_are_as_many_as_frames(tmp_path: Path):
    with pytest.raises(GridError, match="3 numbers, the data have 4 frames"):
        write_arrays(tmp_path / "a.h5", STATES, problem(Dirichlet((1.0, 2.0, 3.0))), 0.1)
    assert list(tmp_path.iterdir()) == []
    path = write_arrays(tmp_path / "a.h5", STATES, problem(Dirichlet((1.0,) * 4)), 0.1)
    with h5py.File(path, "r+") as file:
        stored = json.loads(file["pdenet"].attrs["boundaries"])
        stored[0][0]["value"].pop()
        file["pdenet"].attrs["boundaries"] = json.dumps(stored)
    with pytest.raises(DataError, match="3 numbers, the data have 4 frames"):
        open_data(path)


def test_a_grid_with_an_endpoint_is_open(tmp_path: Path):
    with open_data(write_arrays(tmp_path / "a.h5", STATES, WINDOW, 0.1)) as data:
        assert data.problem == problem()


@pytest.mark.parametrize("missing", [False, True])
def test_points_outside_are_kept(tmp_path: Path, missing: bool):
    mask = np.zeros(SHAPE, bool)
    mask[2:5, 3:6] = True
    path = write_arrays(
        tmp_path / "a.h5", STATES, problem(), 0.1, outside=mask.astype(int), missing=missing
    )
    with open_data(path) as data:
        assert data.outside.dtype == bool and np.array_equal(data.outside, mask)
        assert data.missing == missing and np.array_equal(data.read(missing=True), STATES)
        digest = data.digest()
    plain = write_arrays(tmp_path / "b.h5", STATES, problem(), 0.1, outside=~np.ones(SHAPE, bool))
    with h5py.File(path) as file, h5py.File(plain) as other, open_data(plain) as data:
        assert file["pdenet"].attrs["format_version"] == OUTSIDE_VERSION
        assert other["pdenet"].attrs["format_version"] == FORMAT_VERSION < MISSING_VERSION
        assert data.outside is None and data.digest() != digest


def test_what_stands_outside_is_no_fault(tmp_path: Path):
    mask = np.zeros(SHAPE, bool)
    mask[2:5, 3:6] = True
    for blank in (np.nan, np.inf, 9.96921e36, -999.0):
        states = np.where(mask, blank, STATES)
        path = write_arrays(tmp_path / "a.h5", states, problem(), 0.1, outside=mask, overwrite=True)
        with open_data(path) as data:
            read = data.read(missing=True)
        assert np.array_equal(read[..., ~mask], STATES[..., ~mask])
        assert (np.isnan(read[..., mask]) | (read[..., mask] == -999)).all()
    hidden = np.ma.masked_array(STATES, np.broadcast_to(mask, STATES.shape))
    write_arrays(tmp_path / "a.h5", hidden, problem(), 0.1, outside=mask, overwrite=True)
    states[0, 0, 0, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"nan in trajectory 0, frame 0, field u, point \(0, 0\)"):
        write_arrays(tmp_path / "b.h5", states, problem(), 0.1, outside=mask)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((9, 9), bool), r"outside has shape \(9, 9\), the grid \(9, 8\)"),
        (np.ones(SHAPE, bool), "true at every point"),
        (np.full(SHAPE, 2), "true or false for each point"),
        (np.zeros(SHAPE), "not float64"),
        ([[True], [True, False]], "true or false for each point"),
        ("hole", "true or false for each point"),
    ],
)
def test_a_mask_that_is_none_is_refused(tmp_path: Path, mask, message: str):
    with pytest.raises(DataError, match=message):
        write_arrays(tmp_path / "a.h5", STATES, problem(), 0.1, outside=mask)
    with pytest.raises(DataError, match=message):
        checked_mask(mask, SHAPE)
    assert list(tmp_path.iterdir()) == [] and checked_mask(None, SHAPE) is None


def test_a_writer_is_told_once_and_while_it_is_open(tmp_path: Path):
    mask = np.eye(9, 8, dtype=bool)
    writer = create(tmp_path / "a.h5", problem(), trajectories=3, times=0.1 * np.arange(4))
    with pytest.raises(OutputError, match="not open"):
        writer.exclude(mask)
    with writer:
        writer.append(STATES)
        writer.exclude(mask)
        with pytest.raises(DataError, match="once"):
            writer.exclude(mask)
    with open_data(tmp_path / "a.h5") as data:
        assert np.array_equal(data.outside, mask)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda f: f["pdenet"].attrs.__setitem__("format_version", 1),
            "format_version is 1 and /pdenet@missing True",
        ),
        (lambda f: f.__delitem__("pdenet/outside"), "/pdenet/outside is missing"),
        (lambda f: f["pdenet/outside"].__setitem__(..., True), "nothing is left"),
    ],
)
def test_a_mask_that_does_not_fit_its_file_is_refused(holed: Path, edit, message: str):
    with h5py.File(holed, "r+") as file:
        edit(file)
    with pytest.raises(DataError, match=message):
        open_data(holed)


@pytest.mark.parametrize("wrong", [np.zeros((3, 3), bool), np.zeros((8, 4)), np.full((8, 4), 7)])
def test_a_stored_mask_is_checked(holed: Path, wrong: np.ndarray):
    with h5py.File(holed, "r+") as file:
        del file["pdenet/outside"]
        file["pdenet/outside"] = wrong
    with pytest.raises(DataError, match="/pdenet/outside"):
        open_data(holed)


def test_other_ends_than_the_file_says(path: Path):
    with open_data(path) as data:
        before = data.problem
        assert data.obstacle() == ""
        data.assume({"y": (Open(), Dirichlet(1.0))}, np.eye(8, 4, dtype=bool))
        grid = data.problem.grid
        assert data.problem.boundaries == (JOINED, (Open(), Dirichlet(1.0)))
        assert grid.endpoints == (False, True) and grid.spacing == before.grid.spacing
        assert grid.lengths == (2.0, 0.75) and data.outside.sum() == 4
        with pytest.raises(DataError, match=r"needs periodic axes .* every point"):
            data.require_complete()
        data.assume({"y": JOINED})
        assert data.problem == before and data.outside.sum() == 4
        assert data.obstacle() == "4 of 32 points are outside"
        with pytest.raises(DataError, match=r"4 of 32 points are outside.*pdenet\.refine\("):
            data.require_complete()
        with pytest.raises(GridError, match="2 numbers, the data have 6 frames"):
            data.assume({"x": (Dirichlet((0.0, 1.0)), Open())})


@pytest.mark.parametrize("kind", ["WALL", "OPEN", "Symmetric"])
def test_a_foreign_file_is_open_where_it_is_not_periodic(tmp_path: Path, kind: str):
    path = write_arrays(tmp_path / "a.h5", STATES, problem(), 0.1)
    with h5py.File(path, "r+") as file:
        del file["pdenet"]
        file["boundary_conditions/x_open"].attrs["bc_type"] = kind
    with open_data(path) as data:
        assert data.foreign and data.problem == problem()
    with h5py.File(path, "r+") as file:
        del file["boundary_conditions/x_open"]
    with open_data(path) as data:
        assert data.problem == problem(), "an end that is not named"
