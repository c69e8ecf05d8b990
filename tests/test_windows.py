"""Windows from Python: what is taken for open, what is said of it, and what reaches the core."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pdenet import Grid, discover, refine
from pdenet.alone import can_be_learned, without_network
from pdenet.arrays import as_file
from pdenet.boundary import Dirichlet, Neumann, Open, PerField, Periodic, Robin
from pdenet.errors import CheckpointError, ConfigError, DataError, DiscoveryError, GridError
from pdenet.estimator import train
from pdenet.likelihood import RefineConfig
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.results import DiscoveredEquation, load_equation
from pdenet.seam import Fault
from pdenet.sharpen import ABOUT, assume
from pdenet.storage import looked_at, named_fields, open_data, seam_in_words, write_arrays
from pdenet.training import refining
from pdenet.training.config import TrainingConfig

OPEN, JOINED = (Open(), Open()), (Periodic(), Periodic())
X, T = 0.1 * np.arange(40), 0.05 * np.arange(12)[:, None]
WINDOW = (np.exp(-T) * np.sin(X) + np.exp(-0.25 * T) * np.cos(X / 2))[None, :, None]
PERIODIC = (np.exp(-T) * np.sin(2 * np.pi * np.arange(40) / 40 - T))[None, :, None]
GRID = Grid(40, 4.0)
HOLE = np.arange(40) == 7


@dataclass
class Core:
    """Stands for the inference: keeps what it was given."""

    problems: list[Problem] = field(default_factory=list)
    outside: list[Any] = field(default_factory=list)
    configs: list[Any] = field(default_factory=list)

    def __call__(self, pde, data, problem, dt, config, *rest, outside=None):
        self.problems.append(problem)
        self.outside.append(outside)
        self.configs.append(config)
        found = PDE("u_t = 0.5*u_xx")
        return DiscoveredEquation(found, {"u": dict.fromkeys(found.terms()["u"], 0.01)})


@pytest.fixture
def core(monkeypatch) -> Core:
    stand_in = Core()
    monkeypatch.setattr(refining, "refine", stand_in)
    return stand_in


def test_an_axis_that_does_not_close_is_open_and_that_is_said_once(core, caplog):
    with caplog.at_level(logging.WARNING):
        refine(WINDOW, grid=GRID, dt=0.05, on_event=False)
    (problem,) = core.problems
    assert problem.boundaries == (OPEN,)
    assert problem.grid.spacing == pytest.approx(GRID.spacing) and problem.grid.shape == (40,)
    assert problem.grid.endpoints == (True,) and problem.grid.lengths == pytest.approx((3.9,))
    said = [record.getMessage() for record in caplog.records if "open" in record.getMessage()]
    assert len(said) == 1 and "boundary='x:periodic'" in said[0]
    assert "u jumps by" in said[0] and "times the steps beside it" in said[0]


def test_an_axis_that_closes_is_periodic_and_nothing_is_said(core, caplog):
    with caplog.at_level(logging.WARNING):
        refine(PERIODIC, grid=GRID, dt=0.05, on_event=False)
    assert core.problems[0].boundaries == (JOINED,) and core.outside == [None]
    assert "open" not in caplog.text


@pytest.mark.parametrize(
    ("entries", "ends"),
    [
        ({"boundary": "open"}, OPEN),
        ({"boundary": Open()}, OPEN),
        ({"boundary": {"x": (Neumann(0.5), "open")}}, (Neumann(0.5), Open())),
        ({"boundary": ["x:u:dirichlet=1"]}, (PerField((("u", Dirichlet(1.0)),)),) * 2),
        ({"boundary": Robin(1.0, (0.0,) * 12)}, (Robin(1.0, (0.0,) * 12),) * 2),
        ({"grid": Grid(40, 4.0, endpoint=True)}, OPEN),
        ({"grid": Problem(None, Grid(40, 4.0, endpoint=True), (OPEN,), ("u",))}, OPEN),
    ],
)
@pytest.mark.parametrize("states", [WINDOW, PERIODIC], ids=["window", "periodic"])
def test_what_was_said_goes_before_what_the_data_show(core, states, entries, ends, caplog):
    refine(states, **{"grid": GRID, "dt": 0.05, "on_event": False, **entries})
    assert core.problems[0].boundaries == (ends,)
    assert "does not close" not in caplog.text
    assert ("make the grid with endpoint=True" in caplog.text) == ("boundary" in entries)


def test_only_what_was_not_said_is_looked_at(core, tmp_path: Path):
    across = WINDOW[..., None] * np.cos(2 * np.pi * np.arange(16) / 16)
    grid = Grid((40, 16), (4.0, 1.0))
    path = as_file(across, tmp_path, grid, 0.05, ("q",), boundary={"y": "open"})
    with open_data(path) as data:
        assert data.problem.boundaries == (OPEN, OPEN) and data.fields == ("q",)
    path = as_file(across, tmp_path / "b", grid, 0.05, None)
    with open_data(path) as data:
        assert data.problem.boundaries == (OPEN, JOINED)
    with pytest.raises(DataError, match=r"not periodic along x.* jumps"):
        refine(across, grid=grid, dt=0.05, boundary="periodic", on_event=False)


def test_a_point_stored_twice_is_still_refused(core):
    twice = np.concatenate([PERIODIC, PERIODIC[..., :1]], axis=-1)
    with pytest.raises(DataError, match="leave the last one out"):
        refine(twice, grid=Grid(41, 4.1), dt=0.05, on_event=False)


def test_what_a_file_says_is_taken_unless_something_else_is_said(core, tmp_path: Path):
    path = write_arrays(tmp_path / "a.h5", WINDOW, GRID, 0.05)
    with pytest.raises(DataError, match=r"refine\(None, '.*a.h5', boundary='x:open'\)") as caught:
        refine(None, path, on_event=False)
    assert f"'pdenet refine {path} --boundary x:open'" in caught.value.shell
    refine(None, path, boundary="x:open", outside=HOLE, on_event=False)
    assert core.problems[0].boundaries == (OPEN,)
    assert core.outside[0].numpy().tolist() == HOLE.tolist()
    with open_data(path) as data:
        assert data.problem.boundaries == (JOINED,), "the file stays as it is"
    open_file = write_arrays(tmp_path / "b.h5", WINDOW, Grid(40, 3.9, endpoint=True), 0.05)
    with pytest.raises(DataError, match="not periodic along x"):
        refine(None, open_file, boundary="periodic", on_event=False)
    for wrong, message in (("y:open", "no axis 'y'"), ("x:v:open", "no field 'v'")):
        with pytest.raises(GridError, match=message):
            refine(None, path, boundary=wrong, on_event=False)
    with pytest.raises(DataError, match="outside has shape"):
        refine(None, path, outside=[True], on_event=False)
    with open_data(path) as data:
        assume(data, path, {**dict.fromkeys(ABOUT), "boundary": "open"})
        assert data.problem.boundaries == (OPEN,)
        assume(data, WINDOW, {**dict.fromkeys(ABOUT), "boundary": "periodic"})
        assert data.problem.boundaries == (OPEN,), "of an array it is in the file already"


def test_points_outside_reach_the_core(core):
    blank = np.where(HOLE, np.nan, WINDOW)
    refine(blank, grid=GRID, dt=0.05, outside=HOLE, on_event=False)
    assert core.outside[0].numpy().tolist() == HOLE.tolist()
    assert core.problems[0].boundaries == (OPEN,)


def test_standard_deviations_reach_the_core_of_the_trajectories_that_are_fitted(core, tmp_path):
    """Of an array, a file, and in place of what a file says; a noise level goes before a file's."""
    states = np.concatenate([(1 + 0.1 * k) * PERIODIC for k in range(8)])
    states[3] = np.nan  # nothing of it is left
    sigma = 0.01 * (1 + np.arange(8.0)).reshape(8, 1, 1, 1) * np.ones(states.shape[1:])
    path = write_arrays(tmp_path / "a.h5", states, GRID, 0.05, sigma=sigma, missing=True)
    with open_data(path) as data:
        rows = [*data.split["train"], *data.split["validation"]]
    wanted = sigma[[row for row in rows if row != 3]]
    refine(states, grid=GRID, dt=0.05, sigma=torch.from_numpy(sigma), on_event=False)
    refine(None, path, on_event=False)
    refine(None, path, sigma=[0.5], on_event=False)
    refine(None, path, config=RefineConfig(sigma=torch.tensor(0.25)), on_event=False)
    refine(None, path, noise=0.01, on_event=False)
    first, second, third, fourth, fifth = (config.sigma for config in core.configs)
    assert np.array_equal(first.numpy(), wanted) and np.array_equal(second.numpy(), wanted)
    assert third.shape == first.shape and bool((third == 0.5).all() and (fourth == 0.25).all())
    assert fifth is None and core.configs[4].noise == 0.01
    with pytest.raises(ConfigError, match="noise and sigma both"):
        refine(None, path, noise=0.01, sigma=0.1, on_event=False)
    with pytest.raises(DataError, match="sigma has shape"):
        refine(None, path, sigma=np.ones((3, 3)), on_event=False)


def test_values_weigh_as_they_are_known(tmp_path: Path):
    """Half of the points ten times as noisy, said or not: errors are smaller where it is said."""
    rng = np.random.default_rng(0)
    x, t = 2 * np.pi * np.arange(32) / 32, 0.05 * np.arange(12)[:, None]
    clean = np.array([np.cos(k * (x - t) + k) * np.exp(-0.1 * k**2 * t) for k in (1, 2, 3)])
    size = np.where(np.arange(32) < 16, 0.01, 0.1)
    states = (clean + size * rng.normal(size=clean.shape))[:, :, None]
    path = write_arrays(tmp_path / "a.h5", states, Grid(32, 2 * np.pi), 0.05, sigma=size)
    settings = {"choose": False, "workers": 1, "on_event": False}
    known = refine("u_t = -u_x + 0.1*u_xx", path, **settings)
    alike = refine("u_t = -u_x + 0.1*u_xx", path, sigma=0.07, **settings)
    assert known.refinement.noise_given and known.refinement.chi2 == pytest.approx(1, abs=0.15)
    for m, error in known.stderr["u"].items():
        assert error < 0.5 * alike.stderr["u"][m]
        assert abs(known.pde.terms()["u"][m] - {"u_x": -1, "u_xx": 0.1}[str(m)]) < 4 * error


def test_a_state_is_of_its_ends(core, tmp_path: Path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "pdenet.sharpen.RefinementState",
        lambda path, digest, *rest: (
            seen.append(digest) or refining.RefinementState(path, digest, *rest)
        ),
    )
    path = write_arrays(tmp_path / "a.h5", PERIODIC, GRID, 0.05)
    for boundary in (None, "open", "dirichlet=0,open", "open"):
        refine(None, path, boundary=boundary, state=tmp_path / "state", on_event=False)
    with open_data(path) as data:
        assert seen[0] == data.digest()
    assert seen[1] == seen[3] and len(set(seen)) == 3


def test_discovery_in_a_window_needs_no_network(core, tmp_path: Path, caplog):
    said = {"dt": 0.05, "on_event": False, "seed": 3, "output": tmp_path / "run"}
    found = discover(WINDOW, grid=GRID, truth="u_t = 0.5*u_xx", outside=HOLE, **said)
    assert found.equation == PDE("u_t = 0.5*u_xx") and found.comparison.exact
    assert set(found.seconds) == {"refine"} and core.configs[0].seed == 3
    assert caplog.text.count("no network can be trained there") == 1
    assert load_equation(tmp_path / "run" / "equation.json").pde == found.equation
    assert core.problems[0].boundaries == (OPEN,) and core.outside[0].sum() == 1


def test_discovery_in_a_file_of_a_window(core, tmp_path: Path):
    path = write_arrays(tmp_path / "a.h5", WINDOW, GRID, 0.05)
    discover(path, boundary="open", outside=HOLE, on_event=False)
    assert core.problems[0].boundaries == (OPEN,) and core.outside[0].sum() == 1
    with pytest.raises(ConfigError, match=r"trained on what the file says.*write_arrays\("):
        discover(path, boundary="dirichlet=0", on_event=False)
    with pytest.raises(ConfigError, match=r"x is open.*refine=False needs"):
        discover(path, boundary="open", refine=False, on_event=False)
    for preset, asked in (("coefficients", "that vary"), ("source", "unknown shape")):
        with pytest.raises(ConfigError, match=asked):
            discover(path, boundary="open", network={preset: {}}, on_event=False)


def test_a_folder_of_a_window_goes_on_and_is_of_its_data(core, tmp_path: Path):
    path = write_arrays(tmp_path / "a.h5", WINDOW, GRID, 0.05)
    about = {"boundary": "open", "outside": None, "sigma": None}
    config, run = TrainingConfig(), tmp_path / "run"
    assert can_be_learned(path, path, dict.fromkeys(about), config)
    assert not can_be_learned(path, path, about, config)
    found = without_network(path, about, config, None, run)
    assert {each.name for each in run.iterdir()} == {"config.json", "log.jsonl", "equation.json"}
    again = without_network(path, about, config, None, run, resume=True)
    assert again.pde == found.pde and len(core.problems) == 1
    assert without_network(path, about, config, None).pde == found.pde and len(core.problems) == 2
    other = write_arrays(tmp_path / "b.h5", 2 * WINDOW, GRID, 0.05)
    with pytest.raises(CheckpointError, match="does not hold the data"):
        without_network(other, about, config, None, run, resume=True)


def test_training_refuses_a_window_and_says_what_can(tmp_path: Path):
    for entries in ({"grid": Grid(40, 3.9, endpoint=True)}, {"grid": GRID, "outside": HOLE}):
        path = write_arrays(tmp_path / "a.h5", WINDOW, dt=0.05, overwrite=True, **entries)
        with pytest.raises(DataError, match=r"pdenet\.refine\(None, '.*a.h5'\)") as caught:
            train(path, tmp_path / "run")
        assert f"'pdenet refine {path}'" in caught.value.shell
        assert not (tmp_path / "run").exists() or not list((tmp_path / "run").iterdir())


def test_a_refused_array_leaves_nothing(tmp_path: Path):
    with pytest.raises((DiscoveryError, CheckpointError, GridError)):
        discover(WINDOW, grid=GRID, dt=0.05, boundary="x:w:open", output=tmp_path / "run")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_small_parts():
    rows, frames = looked_at(100, 61, 64)
    assert len(rows) == 8 and rows[0] == 0 and rows[-1] == 99 and frames.step == 3
    assert named_fields(None, 2) == ("u", "v") and named_fields("height", 1) == ("height",)
    with pytest.raises(DataError, match="name each field"):
        named_fields(("u",), 2)
    told = seam_in_words(Fault(0, 1, False, 0.5, 4.0, 5.0), ("u", "v"))
    assert told.startswith("from the last point to the first v jumps by 0.5")
