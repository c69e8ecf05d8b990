"""Discovery from end to end on small data, and what bad input gets."""

import math

import numpy as np
import pytest

from pdenet import Grid, discover
from pdenet.discovery import load_equation
from pdenet.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    EquationError,
    PDENetError,
)
from pdenet.estimator import extract, train
from pdenet.events import Event, Phase, TermDropped
from pdenet.pde import PDE
from pdenet.training.config import StageConfig, TrainingConfig
from simulators import simulate
from simulators.simulator import trajectories

SMALL = TrainingConfig(
    stages=(
        StageConfig(blocks=1, iterations=40, filters=False, penalties=False),
        StageConfig(blocks=1, iterations=30),
        StageConfig(blocks=3, iterations=20),
    ),
    values=6000,
    compile="off",
    readout={"select_values": 8000, "fit_values": 12000},
)


def assert_exactly_the_true_terms(found, largest_error: float) -> None:
    comparison = found.comparison
    assert comparison is not None
    assert (comparison.extra, comparison.missing) == ((), ()), str(found.equation)
    assert comparison.einf < largest_error, str(found.equation)


@pytest.fixture(scope="module")
def burgers(tmp_path_factory):
    """1-D Burgers with the papers' noise, on 64 points."""
    path = tmp_path_factory.mktemp("data") / "burgers.h5"
    initial = {"waves": 3, "amplitude": 1.0, "constant": 1.0}
    simulate(
        "burgers-1d", path, shape=(64,), trajectories=24, frames=21, refine=4, noise=1e-3, seed=0,
        dt=0.02, initial=initial, late_start=0.5,
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def found(burgers, tmp_path_factory):
    """The discovery, its folder and its events."""
    folder, events = tmp_path_factory.mktemp("run") / "run", []
    result = discover(burgers, output=folder, config=SMALL, on_event=events.append)
    return result, folder, events


def test_burgers_in_one_dimension(found):
    result, _, _ = found
    assert_exactly_the_true_terms(result, 0.02)
    for field, terms in result.equation.terms().items():
        assert result.stderr[field].keys() == terms.keys()
        assert all(0 < error < 0.02 for error in result.stderr[field].values())
    assert set(result.seconds) == {"train", "extract"}


def test_the_run_folder_holds_the_equation(found):
    result, folder, _ = found
    assert {"config.json", "checkpoint", "log.jsonl", "equation.json"} <= {
        path.name for path in folder.iterdir()
    }
    kept = load_equation(folder / "equation.json")
    assert kept.pde == result.equation and kept.stderr == result.stderr
    assert 0 < kept.misfit < 0.1


def test_what_happens_is_told(found):
    _, _, events = found
    fractions: dict[str, list[float]] = {}
    for event in events:
        if isinstance(event, Phase):
            fractions.setdefault(event.name, []).append(event.fraction)
    assert {"read-out", "selection", "refit"} <= fractions.keys()
    assert all(f == sorted(f) and f[0] >= 0 and f[-1] <= 1 for f in fractions.values())
    dropped = [event for event in events if isinstance(event, TermDropped)]
    assert dropped and all(event.reason and event.monomial_text for event in dropped)


def test_reading_a_run_twice_gives_the_same_bits(found, burgers):
    result, folder, _ = found
    again = extract(folder)
    assert again.pde.terms() == result.equation.terms()
    assert again.stderr == result.stderr


def test_diffusion_in_two_dimensions_from_an_array():
    """Another domain, time unit and size of the field than the catalogue's."""
    scale, stretch = 50.0, 3.0
    data = trajectories(
        "diffusion", shape=(24, 24), trajectories=12, frames=11, refine=1, noise=1e-3, seed=1,
        dt=0.02, initial={"waves": 2, "amplitude": 1.0, "constant": 1.0}, late_start=0.0,
    )  # fmt: skip
    grid = Grid((24, 24), (2 * math.pi * stretch,) * 2)
    result = discover(
        scale * data.states.numpy(),
        grid=grid,
        dt=0.02,
        truth=PDE("u_t = c*(u_xx + u_yy)", c=0.1 * stretch**2),
        config=SMALL,
    )
    assert_exactly_the_true_terms(result, 0.02)


def test_float32_data_and_training(burgers):
    result = discover(burgers, config=SMALL, dtype="float32")
    assert_exactly_the_true_terms(result, 0.02)


QUICK = TrainingConfig(
    stages=(StageConfig(blocks=1, iterations=2),), values=200, network={"units": 1}, compile="off"
)
GRID = Grid((16,), (1.0,))
RANDOM = np.random.default_rng(0).normal(size=(4, 5, 1, 16))


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
        (RANDOM, {"grid": GRID, "dt": 0.1, "fields": ("u", "v")}, "fields"),
        (with_nan(), {"grid": GRID, "dt": 0.1}, "nan|finite"),
        (RANDOM.astype(complex), {"grid": GRID, "dt": 0.1}, "real numbers"),
        (np.array(["text"]), {"grid": GRID, "dt": 0.1}, "shape"),
        (0 * RANDOM, {"grid": GRID, "dt": 0.1}, "change"),
        (0 * RANDOM + 1, {"grid": GRID, "dt": 0.1}, "change"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "sead": 1}, "unknown entry sead"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "truth": PDE("w_t = w_x")}, "cannot compare"),
        (RANDOM, {"grid": GRID, "dt": 0.1, "truth": PDE("u_t = u_xx + u_yy")}, "cannot compare"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(tmp_path, states, entries, message):
    events: list[Event] = []
    with pytest.raises((DataError, ConfigError, EquationError), match=message) as caught:
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


def test_a_file_brings_its_own_grid(burgers, tmp_path):
    with pytest.raises(DataError, match="a file brings its own"):
        discover(burgers, grid=GRID, config=QUICK)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(PDENetError) as caught:
        discover(tmp_path / "none.h5", output=tmp_path / "run", config=QUICK)
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


def test_data_with_missing_values_are_for_another_command(tmp_path):
    path = simulate("diffusion", tmp_path / "a.h5", shape=(16, 16), frames=4, missing=0.5)
    for call in (discover, lambda source, output: train(source, output)):
        with pytest.raises(DataError, match=r"`pdenet refine EQUATION\.json .*a\.h5`"):
            call(path, output=tmp_path / "run")
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
    with pytest.raises(DataError, match=r"no longer at.*--data"):
        extract(tmp_path / "run")
    with pytest.raises(CheckpointError, match="does not hold the data"):
        extract(tmp_path / "run", data=second)
