"""Trajectories become tensors, and windows of them cover everything evenly."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pdenet.dataset import Windows, load
from pdenet.errors import ConfigError, DataError
from pdenet.grid import Grid
from pdenet.storage import open_data, write_arrays


@pytest.fixture(scope="module")
def states() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((6, 5, 2, 4, 3))


@pytest.fixture
def path(tmp_path: Path, states: np.ndarray) -> Path:
    return write_arrays(tmp_path / "data.h5", states, Grid((4, 3), (1.0, 1.0)), 0.1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("split", ["train", "validation", "test", [5, 0]])
def test_a_set_is_loaded_as_it_is_stored(path: Path, states, split, dtype: torch.dtype):
    with open_data(path) as data:
        loaded = load(data, split, dtype=dtype)
        rows = data.split[split] if isinstance(split, str) else split
    assert loaded.dtype == dtype and loaded.is_contiguous()
    assert torch.equal(loaded, torch.from_numpy(states[rows]).to(dtype))


def test_an_unknown_or_empty_set_is_refused(path: Path):
    with open_data(path) as data:
        with pytest.raises(DataError, match="train, validation, test"):
            load(data, "training")
        with pytest.raises(DataError, match="no trajectories"):
            load(data, [])


def test_nan_is_refused_with_its_place(path: Path):
    with h5py.File(path, "r+") as file:
        file["t0_fields/v"][4, 3, 2, 1] = np.nan
    with open_data(path) as data:
        with pytest.raises(DataError, match="trajectory 4, frame 3, field v"):
            load(data, [3, 4])
        assert load(data, [3]).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_missing_values_are_loaded_where_they_are_asked_for(
    tmp_path: Path, states, dtype: torch.dtype
):
    gaps = states.copy()
    gaps[:, 1:, 0, 2] = np.nan
    path = tmp_path / "gaps.h5"
    write_arrays(path, gaps, Grid((4, 3), (1.0, 1.0)), 0.1, missing=True)
    with open_data(path) as data:
        loaded = load(data, [4, 0], dtype=dtype, missing=True)
        expected = torch.from_numpy(gaps[[4, 0]]).to(dtype)
        assert torch.equal(loaded.nan_to_num(99), expected.nan_to_num(99))
        with pytest.raises(DataError, match=r"trajectory 4, frame 1, field u.*pdenet\.refine"):
            load(data, [4, 0], dtype=dtype)


def test_more_than_fits_into_memory_is_refused(path: Path, monkeypatch):
    def refuse(*_: object, **__: object) -> torch.Tensor:
        raise RuntimeError("not enough memory: you tried to allocate 1 byte.\nmore lines")

    with open_data(path) as data:
        monkeypatch.setattr(torch, "empty", refuse)
        with pytest.raises(DataError, match="do not fit into the memory of cpu") as caught:
            load(data, "train")
    assert "\n" not in str(caught.value)


@given(st.integers(1, 6), st.integers(2, 9), st.data())
def test_windows_are_all_the_runs_of_frames(trajectories: int, frames: int, data: st.DataObject):
    steps = data.draw(st.integers(1, frames - 1))
    states = torch.arange(trajectories * frames).reshape(trajectories, frames, 1, 1).double()
    windows = Windows(trajectories, frames, steps)
    expected = [
        states[n, t : t + steps + 1] for n in range(trajectories) for t in range(frames - steps)
    ]
    gathered = windows.gather(states)
    assert gathered.shape == (len(windows), steps + 1, 1, 1)
    assert torch.equal(gathered, torch.stack(expected))


@given(st.integers(1, 30), st.integers(2, 40), st.integers(1, 50), st.integers(0, 2**31))
def test_samples_differ_and_are_spread_evenly(trajectories: int, frames: int, n: int, seed: int):
    windows = Windows(trajectories, frames, 1)
    drawn = windows.sample(n, torch.Generator().manual_seed(seed))
    assert drawn.dtype == torch.int64
    assert len(drawn) == min(n, len(windows)) == len(set(drawn.tolist()))
    assert int(drawn.min()) >= 0 and int(drawn.max()) < len(windows)
    # One from each of n equal runs: no gap is longer than two runs.
    edges = torch.cat([torch.tensor([-1]), drawn, torch.tensor([len(windows)])])
    assert int(edges.diff().max()) <= 2 * -(-len(windows) // len(drawn))
    again = windows.sample(n, torch.Generator().manual_seed(seed))
    assert torch.equal(drawn, again)


def test_every_window_is_drawn_in_time():
    generator = torch.Generator().manual_seed(0)
    windows = Windows(3, 10, 4)
    seen = {int(i) for _ in range(60) for i in windows.sample(5, generator)}
    assert seen == set(range(len(windows)))


@pytest.mark.parametrize(("trajectories", "frames", "steps"), [(0, 5, 1), (2, 5, 5), (2, 5, 0)])
def test_a_window_must_fit(trajectories: int, frames: int, steps: int):
    with pytest.raises(ConfigError, match="use 1 to 4 or"):
        Windows(trajectories, frames, steps)


def test_states_must_be_those_of_the_windows():
    with pytest.raises(DataError, match="3 trajectories of 5 frames"):
        Windows(3, 5, 1).gather(torch.zeros(3, 4, 1, 8))
    with pytest.raises(ConfigError, match="at least 1"):
        Windows(3, 5, 1).sample(0, torch.Generator())
