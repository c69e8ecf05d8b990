"""Standard deviations in files: stored beside the fields, read by trajectory, checked."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from pdenet.boundary import Open
from pdenet.errors import DataError, OutputError
from pdenet.grid import Grid
from pdenet.problem import Problem
from pdenet.storage import check, open_data, write_arrays
from pdenet.storage.schema import FORMAT_VERSION, OUTSIDE_VERSION, SIGMA_VERSION
from pdenet.storage.sigma import checked_sigma, require_positive
from pdenet.storage.write import create

SHAPE = (3, 4, 2, 9, 8)
RNG = np.random.default_rng(0)
STATES, SIGMA = RNG.normal(size=SHAPE), 0.1 + RNG.random(SHAPE)
GRID = Grid(SHAPE[3:], (1.0, 1.0))
MASK = np.eye(9, 8, dtype=bool)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_arrays(tmp_path / "a.h5", STATES, GRID, 0.1, sigma=SIGMA)


@pytest.mark.parametrize("outside", [None, MASK])
@pytest.mark.parametrize("gap", [False, True])
def test_they_come_back_beside_the_fields(tmp_path: Path, outside, gap: bool):
    states, sigma = STATES.copy(), SIGMA.copy()
    if gap:
        states[0, 1, 0, 2, 3] = sigma[0, 1, 0, 2, 3] = np.nan
    path = write_arrays(
        tmp_path / "a.h5", states, GRID, 0.1, sigma=sigma, outside=outside, missing=gap
    )
    with h5py.File(path) as file:
        assert file["pdenet"].attrs["format_version"] == SIGMA_VERSION > OUTSIDE_VERSION
        assert sorted(file["pdenet/sigma"]) == ["u", "v"]
    with open_data(path) as data:
        assert data.weighed and data.missing == gap
        assert np.array_equal(data.read(missing=True), states, equal_nan=True)
        assert np.array_equal(data.sigma(), sigma, equal_nan=True)
        assert np.array_equal(data.sigma([2, 0]), sigma[[2, 0]], equal_nan=True)
        assert (data.outside is None) == (outside is None)
    assert check(path) == []


@pytest.mark.parametrize(
    "sigma", [0.1, [0.1, 0.2], 0.1 + RNG.random((2, 1, 1)), SIGMA[:, :1], SIGMA[:1, :, :1]]
)
def test_whatever_broadcasts_is_stored_whole(tmp_path: Path, sigma):
    path = write_arrays(tmp_path / "a.h5", STATES, GRID, 0.1, sigma=sigma)
    wide = np.asarray(sigma)
    wide = wide.reshape(2, 1, 1) if wide.shape == (2,) else wide
    with open_data(path) as data:
        assert np.array_equal(data.sigma(), np.broadcast_to(wide, SHAPE))


def test_files_without_them_are_as_they_were_and_a_digest_knows_them(tmp_path: Path, path: Path):
    plain = write_arrays(tmp_path / "b.h5", STATES, GRID, 0.1)
    with h5py.File(plain) as file, open_data(plain) as data, open_data(path) as other:
        assert file["pdenet"].attrs["format_version"] == FORMAT_VERSION
        assert not data.weighed and data.digest() != other.digest()
        with pytest.raises(DataError, match="does not say how well"):
            data.sigma()
        data.assume({}, sigma=SIGMA)
        assert data.weighed and np.array_equal(data.sigma([1]), SIGMA[1:2])
        assert data.digest() == other.digest()
        other.assume({}, sigma=2.0)
        assert float(other.sigma([0]).min()) == float(other.sigma([0]).max()) == 2.0


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        (np.ones((3, 4)), r"sigma has shape \(3, 4\), the values \(3, 4, 2, 9, 8\)"),
        ([0.1, 0.0], "sigma holds 0, and 1 such of 2: a standard deviation is above 0"),
        (-1.0, "sigma holds -1"),
        (np.inf, "sigma holds inf"),
        ("small", "and not <U5: give numbers above 0"),
        (True, "and not bool"),
        ([[1.0], [1.0, 2.0]], "and not object"),
    ],
)
def test_what_is_no_standard_deviation_is_refused(tmp_path: Path, sigma, message: str):
    with pytest.raises(DataError, match=message):
        write_arrays(tmp_path / "a.h5", STATES, GRID, 0.1, sigma=sigma)
    with pytest.raises(DataError, match=message):
        checked_sigma(sigma, SHAPE)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_is_told_once_and_while_it_is_open(tmp_path: Path):
    ends = ((Open(), Open()),) * 2
    problem = Problem(None, Grid((9, 8), (1.0, 1.0), endpoint=True), ends, ("u", "v"))
    writer = create(tmp_path / "a.h5", problem, trajectories=3, times=0.1 * np.arange(4))
    with pytest.raises(OutputError, match="not open"):
        writer.weigh(0.1)
    with writer:
        writer.append(STATES)
        writer.weigh(0.1)
        writer.exclude(MASK)  # in either order
        with pytest.raises(DataError, match="once"):
            writer.weigh(0.1)
    with open_data(tmp_path / "a.h5") as data:
        assert data.weighed and data.outside is not None


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: f["pdenet"].attrs.__setitem__("format_version", 3), "outside is missing"),
        (lambda f: f["pdenet"].attrs.__setitem__("format_version", 5), "reads 1 to 4"),
        (lambda f: f.__delitem__("pdenet/sigma"), "sigma is of no field"),
        (lambda f: f.__delitem__("pdenet/sigma/v"), "sigma is of u: files of version 4"),
        (lambda f: f["pdenet"].attrs.__delitem__("missing"), "missing None"),
    ],
)
def test_what_does_not_fit_its_file_is_refused(path: Path, edit, message: str):
    with h5py.File(path, "r+") as file:
        edit(file)
    with pytest.raises(DataError, match=message):
        open_data(path)


def test_stored_numbers_are_checked(path: Path):
    with h5py.File(path, "r+") as file:
        file["pdenet/sigma/u"][1, 2, 3, 4] = -0.5
    with open_data(path) as data:
        data.sigma([0, 2])
        with pytest.raises(DataError, match=r"/pdenet/sigma holds -0\.5"):
            data.sigma([1])
    assert any("/pdenet/sigma holds -0.5" in problem for problem in check(path))
    with h5py.File(path, "r+") as file:
        del file["pdenet/sigma/u"]
        file["pdenet/sigma/u"] = np.ones((3, 4, 9))
    with pytest.raises(DataError, match="/pdenet/sigma/u has shape"):
        open_data(path)
    require_positive(np.array([1.0, np.nan]), "sigma")
