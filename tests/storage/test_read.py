"""Reading: parts of a file, files of others, and all that can be wrong with one."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from pdenet.errors import DataError
from pdenet.pde import PDE
from pdenet.storage import check, open_data, write_arrays


@pytest.mark.parametrize("trajectories", [slice(None), slice(1, 4), slice(None, None, 2)])
@pytest.mark.parametrize("frames", [slice(None), slice(2, 5), slice(0, 6, 3), slice(2, 2)])
def test_any_part_can_be_read(path: Path, states, trajectories: slice, frames: slice):
    with open_data(path) as data:
        assert (data.read(trajectories, frames) == states[trajectories, frames]).all()


def test_trajectories_come_in_the_order_asked_for(path: Path, states):
    with open_data(path) as data:
        assert (data.read([4, 0, 4]) == states[[4, 0, 4]]).all()
        assert data.read(np.array([1]), dtype="float32").dtype == np.float32
        out = np.empty((1, 6, 2, 8, 4))
        assert data.read([2], out=out) is out
        assert (out[0] == states[2]).all()
        with pytest.raises(DataError, match="no trajectory 5"):
            data.read([5])
        with pytest.raises(DataError, match="backwards"):
            data.read(frames=slice(None, None, -1))
        with pytest.raises(DataError, match="out has shape"):
            data.read([0, 1], out=out)


def test_the_digest_is_of_the_values_alone(path: Path, tmp_path: Path, states, grid):
    with open_data(path) as data:
        first = data.digest()
    copy = write_arrays(tmp_path / "b.h5", states, grid, 0.2)
    with open_data(copy) as data:
        assert data.digest() == first
    changed = states.copy()
    changed[3, 2, 1, 0, 0] += 1e-12
    with open_data(write_arrays(copy, changed, grid, 0.2, overwrite=True)) as data:
        assert data.digest() != first


def test_the_split_is_the_one_in_the_file(path: Path):
    with h5py.File(path, "r+") as file:
        file["pdenet/split"][...] = [2, 1, 0, 0, 0]
    with open_data(path) as data:
        assert {name: list(rows) for name, rows in data.split.items()} == {
            "train": [2, 3, 4],
            "validation": [1],
            "test": [0],
        }


def test_few_trajectories_are_said_to_be_in_every_set(tmp_path: Path, grid, states, caplog):
    path = write_arrays(tmp_path / "a.h5", states[:2], grid, 0.1)
    with caplog.at_level(logging.WARNING), open_data(path) as data:
        assert [list(rows) for rows in data.split.values()] == [[0, 1]] * 3
    assert "none can be held out" in caplog.text


def strip(path: Path) -> None:
    """Make a native file one of The Well: no group of ours."""
    with h5py.File(path, "r+") as file:
        del file["pdenet"]


def test_a_file_of_the_well_is_read_without_our_group(path: Path, states):
    strip(path)
    with open_data(path) as data:
        assert data.problem.pde is None and data.noise is None
        assert data.problem.grid.lengths == pytest.approx((2.0, 1.0))
        assert (data.read() == states).all()
        assert {len(rows) for rows in data.split.values()} == {1, 3}


def test_components_of_a_vector_become_fields_and_constants_are_left_out(path: Path, states):
    strip(path)
    with h5py.File(path, "r+") as file:
        vectors = file["t1_fields"]
        vectors.attrs["field_names"] = ["wind_speed"]
        vectors["wind_speed"] = np.moveaxis(states, 2, -1).astype(">f4")
        vectors["wind_speed"].attrs.update(
            dim_varying=[True, True], sample_varying=True, time_varying=True
        )
        file["t0_fields"].attrs["field_names"] = ["v", "still"]
        file["t0_fields/still"] = np.zeros((5, 8, 4))
        file["t0_fields/still"].attrs.update(
            dim_varying=[True, True], sample_varying=True, time_varying=False
        )
    with open_data(path) as data:
        assert data.fields == ("v", "windspeedx", "windspeedy")
        read = data.read()
        assert (read[:, :, 0] == states[:, :, 1]).all()
        assert (read[:, :, 1:] == states.astype("f4")).all()


def test_float32_times_are_equally_spaced(path: Path):
    strip(path)
    with h5py.File(path, "r+") as file:
        del file["dimensions/time"]
        file["dimensions/time"] = np.linspace(1000, 1001, 6, dtype="f4")
        file["dimensions/time"].attrs["sample_varying"] = False
    with open_data(path) as data:
        assert data.dt == pytest.approx(0.2, rel=1e-3)


@pytest.mark.parametrize(
    "text",
    [
        "u_t = __import__('os').system('touch pwned')",
        "u_t = (lambda: 0)()",
        "u_t = " + "(" * 5000 + "u" + ")" * 5000,
        "u_t = u**99999999999",
        "u_t = zeta*u",
        "",
    ],
)
def test_a_hostile_equation_is_refused_and_never_run(path: Path, text: str, monkeypatch):
    monkeypatch.chdir(path.parent)
    with h5py.File(path, "r+") as file:
        file["pdenet"].attrs["equation"] = [text, "v_t = v"]
    with pytest.raises(DataError):
        open_data(path)
    assert os.listdir(path.parent) == [path.name]


def test_parameters_cannot_pose_as_arguments(path: Path):
    with h5py.File(path, "r+") as file:
        file["pdenet"].attrs["equation"] = ["u_t = self*u", "v_t = coordinates*v"]
        file["pdenet"].attrs["parameters"] = json.dumps({"self": 1, "coordinates": 2})
    with open_data(path) as data:
        assert data.problem.pde == PDE("u_t = u", "v_t = 2*v", coordinates=("x", "y"))


def test_nan_is_found_with_its_place(path: Path):
    with h5py.File(path, "r+") as file:
        file["t0_fields/v"][3, 4, 5, 1] = np.nan
        file["t0_fields/u"][1, 0, 0, 0] = -np.inf
    with open_data(path) as data:
        place = r"nan in trajectory 3, frame 4, field v, point \(5, 1\)"
        with pytest.raises(DataError, match=place):
            data.read([2, 3], frames=slice(0, None, 2))
        assert np.isfinite(data.read([0, 2])).all()
    assert len(check(path)) == 2 and "-inf in trajectory 1" in check(path)[0]


def test_check_lists_every_problem(path: Path):
    with h5py.File(path, "r+") as file:
        del file["t0_fields/u"].attrs["dim_varying"]
        del file["dimensions/x"]
        file["pdenet"].attrs["noise"] = "{"
    problems = check(path)
    assert len(problems) >= 3
    for place in ("/t0_fields/u@dim_varying", "/dimensions/x", "/pdenet@noise"):
        assert any(place in problem for problem in problems)


def make_missing(path: Path) -> None:
    path.unlink()


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


def make_text(path: Path) -> None:
    path.write_text("u,v\n1,2\n")


def make_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (make_missing, "no such file"),
        (make_folder, "is a folder"),
        (make_empty, "is empty"),
        (make_text, "a text table with commas"),
        (make_half, "truncated"),
        (make_pipe, "not a regular file"),
    ],
)
def test_what_is_no_file_of_ours_is_refused(path: Path, make, message: str):
    make(path)
    with pytest.raises(DataError, match=message) as caught:
        open_data(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert check(path) == [str(caught.value)]


def test_a_file_that_may_not_be_read_says_so(path: Path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="no permission to read"):
        open_data(path)
