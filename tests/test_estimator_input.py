"""What bad input to discovery gets: one line, before any work, and nothing left behind."""

import math
from typing import Any

import numpy as np
import pytest

from pdenet import Grid, discover, refine
from pdenet.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    EquationError,
    GridError,
    PDENetError,
)
from pdenet.estimator import extract, train
from pdenet.events import Event
from pdenet.pde import PDE
from pdenet.training.config import StageConfig, TrainingConfig
from simulators import simulate

QUICK = TrainingConfig(
    stages=(StageConfig(blocks=1, iterations=2),), values=200, network={"units": 1}, compile="off"
)
GRID = Grid(16, 1.0)
RANDOM = np.random.default_rng(0).normal(size=(4, 5, 1, 16))


FILLED = np.where(RANDOM > 2, np.float32(9.96921e36), RANDOM)


def with_nan() -> np.ndarray:
    states = RANDOM.copy()
    states[2, 3, 0, 7] = np.nan
    return states


@pytest.mark.parametrize(
    ("states", "entries", "message"),
    [
        (RANDOM, {"dt": 0.1}, "arrays need grid="),
        (RANDOM, {"grid": GRID}, "arrays need grid=.*dt="),
        (RANDOM[0], {"grid": GRID, "dt": 0.1}, "shape"),
        (RANDOM[0, 0, 0], {"grid": GRID, "dt": 0.1}, "shape"),
        (RANDOM[..., :8], {"grid": GRID, "dt": 0.1}, "shape"),
        (RANDOM[:, :1], {"grid": GRID, "dt": 0.1}, "needs two frames"),
        (RANDOM[:0], {"grid": GRID, "dt": 0.1}, "0 trajectories"),
        (RANDOM, {"grid": GRID, "dt": 0.0}, "dt is 0"),
        (RANDOM, {"grid": GRID, "dt": math.nan}, "dt is nan"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "fields": ("u", "v")}, "name each field"),
        (with_nan(), {"grid": GRID, "dt": 0.1}, "nan|finite"),
        (RANDOM.astype(complex), {"grid": GRID, "dt": 0.1}, r"give states\.real"),
        (RANDOM * (1 + 1j), {"grid": GRID, "dt": 0.1}, "real and imaginary part as two fields"),
        (np.array(["text"]), {"grid": GRID, "dt": 0.1}, "not numbers"),
        ([[1.0, 2.0], [3.0]], {"grid": GRID, "dt": 0.1}, "lists of equal lengths"),
        (object(), {"grid": GRID, "dt": 0.1}, "not numbers"),
        (RANDOM[0, :, 0], {"grid": GRID, "dt": 0.1}, r"states\[None, :, None\]"),
        (RANDOM[0, :, 0].T, {"grid": GRID, "dt": 0.1}, r"np\.moveaxis\(states, -1, 0\)"),
        (RANDOM, {"grid": Grid(5, 1.0), "dt": 0.1}, r"exchanged, so give states\.swapaxes\(1, 3\)"),
        (RANDOM, {"grid": Grid(7, 1.0), "dt": 0.1}, r"give a grid of shape \(16,\)"),
        (RANDOM, {"grid": GRID, "dt": [0.0, 0.1, 0.2]}, "3 times.* 5 frames"),
        (RANDOM, {"grid": GRID, "dt": [0.0, 0.1, 0.2, 0.3, 0.5]}, "equally spaced"),
        (RANDOM, {"grid": GRID, "dt": [0.4, 0.3, 0.2, 0.1, 0.0]}, "goes backwards.*the order"),
        (RANDOM, {"grid": 16, "dt": 0.1}, "grid is of type int.*Grid"),
        (RANDOM, {"grid": np.arange(16), "dt": 0.1}, "grid is of type ndarray.*Grid"),
        (RANDOM[..., None], {"grid": (16, 1), "dt": 0.1}, "grid is of type tuple.*Grid"),
        (RANDOM, {"grid": GRID, "dt": "soon"}, "dt is 'soon'"),
        (np.ma.masked_greater(RANDOM, 2), {"grid": GRID, "dt": 0.1}, "masked.*missing=True"),
        (FILLED, {"grid": GRID, "dt": 0.1}, "NetCDF"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "boundary": "wall"}, "is no boundary"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "boundary": "y:open"}, "no axis 'y'"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "boundary": "x:w:open"}, "no field 'w'"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "boundaries": "open"}, "unknown entry boundaries"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "outside": [True]}, r"outside has shape \(1,\)"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "boundary": "open", "refine": False}, "x is open"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "truth": "w_t = w_x"}, "cannot compare"),
        (0 * RANDOM, {"grid": GRID, "dt": 0.1}, "change"),
        (0 * RANDOM + 1, {"grid": GRID, "dt": 0.1}, "change"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "sead": 1}, "unknown entry sead"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "truth": PDE("w_t = w_x")}, "cannot compare"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "truth": PDE("u_t = u_xx + u_yy")}, "cannot compare"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(tmp_path, states, entries, message):
    events: list[Event] = []
    with pytest.raises((DataError, ConfigError, EquationError, GridError), match=message) as caught:
        discover(states, output=tmp_path / "run", config=QUICK, on_event=events.append, **entries)
    assert "\n" not in str(caught.value)
    assert events == [], "it was refused only after work was done"
    left = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert left == []


def test_a_grid_smaller_than_the_filters_is_refused(tmp_path):
    states = RANDOM[..., :4]
    with pytest.raises(ConfigError, match="at most 3 points"):
        discover(states, grid=Grid((4,), (1.0,)), dt=0.1, output=tmp_path / "run", config=QUICK)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_file_brings_its_own_grid(tmp_path):
    path = simulate("diffusion", tmp_path / "a.h5", shape=(16, 16), frames=4)
    with pytest.raises(DataError, match="a file brings its own"):
        discover(path, grid=GRID, config=QUICK)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(PDENetError) as caught:
        discover(tmp_path / "none.h5", output=tmp_path / "run", config=QUICK)
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


def test_data_with_missing_values_are_for_another_command(tmp_path):
    path = simulate("diffusion", tmp_path / "a.h5", shape=(16, 16), frames=4, missing=0.5)
    for call in (discover, lambda source, output: train(source, output)):
        with pytest.raises(DataError, match=r"pdenet\.refine\(None, '.*a\.h5'\)") as caught:
            call(path, output=tmp_path / "run")
        assert f"'pdenet refine {path}'" in caught.value.shell
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_is_needed_to_extract(tmp_path):
    with pytest.raises(CheckpointError, match="no run"):
        extract(tmp_path / "none")


def test_data_that_have_moved_are_asked_for(tmp_path):
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    options = {"shape": (24,), "trajectories": 6, "frames": 8, "dt": 0.02, "noise": 1e-3}
    simulate("burgers-1d", first, seed=0, **options)
    simulate("burgers-1d", second, seed=1, **options)
    train(first, tmp_path / "run", QUICK)
    first.rename(tmp_path / "moved.h5")
    with pytest.raises(DataError, match=r"no longer at.*with data=$") as caught:
        extract(tmp_path / "run")
    assert caught.value.shell.endswith("--data")
    with pytest.raises(CheckpointError, match="does not hold the data"):
        extract(tmp_path / "run", data=second)


def test_one_argument_of_refine_is_the_data() -> None:
    """As one types it first; what is missing or out of place is named."""
    x = np.arange(32) * 2 * np.pi / 32
    t = 0.05 * np.arange(12)[:, None]
    states = (np.exp(-t) * np.sin(x))[None, :, None]
    states = states + 0.01 * np.random.default_rng(0).standard_normal(states.shape)
    about: dict[str, Any] = {"grid": Grid(32, 2 * np.pi), "dt": 0.05, "on_event": False}
    assert refine(states, **about).pde == refine(None, states, **about).pde
    with pytest.raises(DataError, match="no data to refine"):
        refine("u_t = u_xx", **about)
    with pytest.raises(DataError, match="no data to refine"):
        refine(None, **about)
    with pytest.raises(EquationError, match=r"not ndarray: refine\(data"):
        refine(states, states, **about)
