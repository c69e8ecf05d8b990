"""Trajectories to predict: fresh ones, and which frames of them are kept."""

import numpy as np
import pytest

from pdenet.errors import ConfigError, DataError
from pdenet.evaluation.trajectories import (
    Fresh,
    read_from,
    require_same_problem,
    simulated,
    stored_frames,
)
from pdenet.grid import Grid
from pdenet.storage import open_data, write_arrays


def test_fresh_fields_are_no_training_fields(data):
    with open_data(data) as opened:
        trained = opened.read(frames=slice(0, 1))[:, 0]
        fresh = simulated(opened, Fresh(6, 3), [])
        again = simulated(opened, Fresh(6, 2, seed=1), [])
        noisy = simulated(opened, Fresh(6, 2, noise=0.01), [])
    assert fresh.states.shape == (3, 6, 1, 64)
    distances = np.abs(fresh.start[:, None] - trained[None]).max(axis=(2, 3))
    assert distances.min() > 0.1
    assert np.array_equal(again.states, fresh.states[:2])
    # Noise is in what predictions start from, not in what they are measured against.
    assert np.array_equal(noisy.states, again.states)
    scatter = (noisy.start - again.start).std() / again.start.std(axis=(1, 2)).mean()
    assert 0.005 < scatter < 0.02


def test_the_seed_of_the_training_is_refused_and_python_is_told_no_flag(data):
    with (
        open_data(data) as opened,
        pytest.raises(ConfigError, match=r"give another one, such as 1$") as caught,
    ):
        simulated(opened, Fresh(6, 2, seed=0), [])
    assert "--seed 1" in caught.value.shell


def test_data_of_which_nothing_is_known_cannot_be_simulated_again(data, tmp_path):
    path = tmp_path / "measured.h5"
    with open_data(data) as opened:
        write_arrays(path, opened.read(), opened.problem.grid, opened.dt, fields=("u",))
    with (
        open_data(path) as opened,
        pytest.raises(DataError, match="give a file of trajectories to predict") as caught,
    ):
        simulated(opened, Fresh(6, 2), [])
    assert "pdenet predict" in caught.value.shell


def test_trajectories_of_a_file_are_read_as_they_are(data):
    with open_data(data) as opened:
        whole = opened.read(dtype="float64")
        found = read_from(data, opened, [0.05])
    assert found.blocks == 1 and found.truth is not None
    assert np.array_equal(found.start, whole[:, 0])
    assert np.array_equal(found.states, whole[:, list(found.stored)])


def test_frames_that_are_kept():
    assert stored_frames(11, [2], 1) == tuple(range(11))
    many = stored_frames(1001, [3, 40, 5000], 1)
    assert many[0] == 0 and many[-1] == 1000 and {3, 40} < set(many) and len(many) <= 103
    assert len(stored_frames(1001, [], 1 << 26)) <= 9


def test_states_of_another_grid_are_refused(data, tmp_path):
    path = tmp_path / "coarse.h5"
    with open_data(data) as opened:
        grid = Grid((32,), opened.problem.grid.lengths)
        write_arrays(path, opened.read()[..., ::2], grid, opened.dt, fields=("u",))
    with open_data(data) as opened, open_data(path) as other:
        require_same_problem(opened, opened)
        with pytest.raises(DataError, match=r"has the grid 32, but the training on .* had 64"):
            require_same_problem(other, opened)
