"""Missing values: stored as NaN where a file says so, refused everywhere else."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.boundary import periodic
from pdenet.errors import DataError
from pdenet.grid import Grid
from pdenet.problem import Problem
from pdenet.storage import check, create, open_data, write_arrays


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.dtype == expected.dtype and np.array_equal(found, expected, equal_nan=True)


def test_gaps_are_read_where_they_were_written(gappy: Path, gaps: np.ndarray, states: np.ndarray):
    assert check(gappy) == []
    with open_data(gappy) as data:
        assert data.missing and data.fields == ("u", "v")
        found = data.read(missing=True)
        assert same(found, gaps)
        assert np.isnan(found[:, :, 1]).all(), "a field may be missing entirely"
        assert (found[~np.isnan(gaps)] == states[~np.isnan(gaps)]).all()
        part = data.read([3, 1], slice(0, None, 2), dtype="float32", missing=True)
        assert same(part, gaps[[3, 1], ::2].astype("f4"))


@settings(max_examples=40)
@given(
    share=st.floats(0, 1),
    whole=st.lists(st.booleans(), min_size=2, max_size=2),
    dtype=st.sampled_from(["float64", "float32"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_gaps_survive(
    tmp_path_factory: pytest.TempPathFactory,
    share: float,
    whole: list[bool],
    dtype: str,
    seed: int,
):
    random = np.random.default_rng(seed)
    states = random.standard_normal((3, 4, 2, 5)).astype(dtype)
    holes = random.random(states.shape) < share
    holes[:, :, np.flatnonzero(whole)] = True
    states[holes] = np.nan
    path = tmp_path_factory.mktemp("gaps") / "a.h5"
    write_arrays(path, states, Grid.square(5, 1), 0.1, missing=True, overwrite=True)
    assert check(path) == []
    with open_data(path) as data:
        assert data.missing and same(data.read(missing=True), states)
        if holes.any():
            with pytest.raises(DataError, match=r"pdenet\.refine"):
                data.read()
        else:
            assert same(data.read(), states)


def test_a_missing_value_is_refused_with_its_place_unless_asked_for(gappy: Path, gaps: np.ndarray):
    frame, _, *point = np.argwhere(np.isnan(gaps[2, 3:])).tolist()[0]
    place = rf"nan in trajectory 2, frame {3 + frame}, field u, point \({point[0]}, {point[1]}\)"
    with open_data(gappy) as data, pytest.raises(DataError, match=place) as caught:
        data.read([2], frames=slice(3, None))
    told = str(caught.value)
    assert told.startswith(f"{gappy}: ") and "\n" not in told and len(told) < 400
    assert "missing=True" in told and "pdenet.refine(None, file)" in told
    assert "missing=True" not in caught.value.shell
    assert "'pdenet refine DATA.h5'" in caught.value.shell


def test_only_a_file_that_may_have_gaps_says_so_and_is_of_the_newer_version(
    path: Path, gappy: Path, tmp_path: Path, states: np.ndarray, grid: Grid
):
    filled = write_arrays(tmp_path / "filled.h5", states, grid, 0.1, missing=True)
    for name, version in ((path, 1), (gappy, 2), (filled, 2)):
        with h5py.File(name) as file:
            group = file["pdenet"].attrs
            assert group["format_version"] == version
            assert ("missing" in group) == (version == 2)
        with open_data(name) as data:
            assert data.missing == (version == 2)
    with open_data(filled) as data:
        assert same(data.read(), states), "what is there can be read without a word about gaps"


def test_a_writer_must_be_told_of_gaps(tmp_path: Path, gaps: np.ndarray, grid: Grid):
    place = r"nan in trajectory \d, frame \d, field u, point .* write with missing=True"
    with pytest.raises(DataError, match=place):
        write_arrays(tmp_path / "a.h5", gaps, grid, 0.1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinity_is_no_missing_value(
    tmp_path: Path, states: np.ndarray, grid: Grid, value: float, missing: bool
):
    bad = states.copy()
    bad[1, 2, 0, 3, 1] = value
    bad[1, 3, 0, 0, 0] = np.nan if missing else 0.0
    place = rf"{value} in trajectory 1, frame 2, field u, point \(3, 1\): remove"
    with pytest.raises(DataError, match=place) as caught:
        write_arrays(tmp_path / "a.h5", bad, grid, 0.1, missing=missing)
    assert "missing=True" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_infinity_in_a_file_with_gaps_is_damage(gappy: Path):
    with h5py.File(gappy, "r+") as file:
        file["t0_fields/v"][4, 5, 6, 2] = np.inf
    with open_data(gappy) as data, pytest.raises(DataError, match=r"inf in trajectory 4, frame 5"):
        data.read(missing=True)
    assert len(check(gappy)) == 1


@pytest.mark.parametrize("native", [True, False])
def test_nan_in_a_file_that_declares_none_is_an_error_whatever_is_asked_for(
    path: Path, native: bool
):
    with h5py.File(path, "r+") as file:
        file["t0_fields/v"][3, 4, 5, 1] = np.nan
        if not native:
            del file["pdenet"]
    with open_data(path) as data:
        assert not data.missing
        for missing in (False, True):
            with pytest.raises(DataError, match=r"nan in trajectory 3, frame 4, field v") as caught:
                data.read(missing=missing)
            assert "write_arrays(.., missing=True)" in str(caught.value)
            assert "pdenet.refine(None, file)" in str(caught.value)
            assert "'pdenet refine DATA.h5'" in caught.value.shell
    assert len(check(path)) == 1


@pytest.mark.parametrize(("version", "flag"), [(1, True), (2, False), (2, None)])
def test_version_and_declaration_must_agree(gappy: Path, version: int, flag: bool | None):
    with h5py.File(gappy, "r+") as file:
        group = file["pdenet"].attrs
        group["format_version"] = version
        del group["missing"]
        if flag is not None:
            group["missing"] = flag
    with pytest.raises(DataError, match="/pdenet@missing") as caught:
        open_data(gappy)
    assert check(gappy) == [str(caught.value)]


def test_a_damaged_chunk_of_a_file_with_gaps_is_refused(gappy: Path):
    with h5py.File(gappy) as file:
        chunk = file["t0_fields/u"].id.get_chunk_info(2)
    image = bytearray(gappy.read_bytes())
    image[chunk.byte_offset + chunk.size // 2] ^= 0x10
    gappy.write_bytes(image)
    with open_data(gappy) as data:
        with pytest.raises(DataError, match="/t0_fields/u is damaged in trajectory 2"):
            data.read(missing=True)
        assert np.isnan(data.read([0, 1, 3, 4], missing=True)).any()
    assert len(check(gappy)) == 1


def test_equal_data_have_equal_bytes_whatever_bits_nan_has(
    tmp_path: Path, gaps: np.ndarray, grid: Grid
):
    digests = []
    for name, bits in (("a", 0x7FF8000000000000), ("b", 0xFFF8000000000123)):
        states = gaps.copy()
        states.view(np.uint64)[np.isnan(gaps)] = bits
        before = states.tobytes()
        with open_data(write_arrays(tmp_path / name, states, grid, 0.1, missing=True)) as data:
            digests.append(data.digest())
        assert states.tobytes() == before, "what was given is left alone"
    assert digests[0] == digests[1]


def test_blocks_with_gaps_may_come_in_any_order(tmp_path: Path, gaps: np.ndarray, grid: Grid):
    problem = Problem(None, grid, periodic(2), ("u", "v"))
    times = 0.1 * np.arange(6)
    path = tmp_path / "a.h5"
    with create(path, problem, trajectories=5, times=times, missing=True) as writer:
        for frame in reversed(range(6)):
            writer.write(0, frame, gaps[:, frame : frame + 1])
    with open_data(path) as data:
        assert same(data.read(missing=True), gaps)


def test_a_field_that_was_never_observed_takes_little_room(tmp_path: Path):
    states = np.full((2, 8, 1, 128, 128), np.nan)
    path = write_arrays(tmp_path / "a.h5", states, Grid.square(128, 2), 0.1, missing=True)
    assert check(path) == []
    assert path.stat().st_size < states.nbytes / 50


def test_what_needs_every_value_says_what_to_do_with_gaps(path: Path, gappy: Path):
    with open_data(path) as data:
        data.require_complete()
    with open_data(gappy) as data, pytest.raises(DataError) as caught:
        data.require_complete()
    told = f"{gappy} has missing values, and training needs every one: fit an equation to it with "
    assert str(caught.value) == f"{told}pdenet.refine(None, {str(gappy)!r})"
    assert caught.value.shell == f"{told}'pdenet refine {gappy}'"
