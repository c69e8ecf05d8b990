"""Files appear complete or not at all, and hold exactly what was given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from pdenet.boundary import Dirichlet, Neumann, Periodic, periodic
from pdenet.errors import DataError, OutputError
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.storage import atomic as atomic_module
from pdenet.storage import check, create, open_data, write_arrays

TIMES = 0.1 * np.arange(6)


@pytest.fixture
def problem(pde: PDE, grid: Grid) -> Problem:
    return Problem(pde, grid, periodic(2), ("u", "v"), {"u": "m/s", "x": "m", "t": "s"})


def write(path: Path, problem: Problem, states: np.ndarray, **options: object) -> None:
    with create(path, problem, trajectories=len(states), times=TIMES, **options) as writer:
        writer.append(states[:2])
        writer.append(states[2:])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_written_is_read_back(tmp_path: Path, problem, states, dtype: str):
    path = tmp_path / "a.h5"
    metadata = {"seed": 3, "noise": {"level": 0.1}, "solver": {"dt": 0.01}, "name": "mine"}
    write(path, problem, states, dtype=dtype, metadata=metadata)
    assert check(path) == []
    with open_data(path) as data:
        assert data.problem == problem
        assert data.read().tobytes() == states.astype(dtype).tobytes()
        assert (data.times == TIMES).all() and data.dt == pytest.approx(0.1)
        assert dict(data.metadata) == metadata
        assert data.noise == {"level": 0.1}
        assert (data.trajectories, data.frames, data.fields) == (5, 6, ("u", "v"))


def test_blocks_may_come_in_any_order(tmp_path: Path, problem, states):
    path = tmp_path / "a.h5"
    with create(path, problem, trajectories=5, times=TIMES) as writer:
        for frame in reversed(range(6)):
            writer.write(2, frame, states[2:, frame : frame + 1])
        writer.write(0, 0, states[:2])
    with open_data(path) as data:
        assert (data.read() == states).all()


def test_walls_units_and_an_unknown_equation_survive(tmp_path: Path):
    grid = Grid((9,), (1.0,), (-0.5,), endpoint=True)
    ends = ((Dirichlet(1.5), Neumann(-0.25)),)
    problem = Problem(None, grid, ends, ("u",), {"u": "K"})
    with create(tmp_path / "a.h5", problem, trajectories=1, times=[0.0, 1.0]) as writer:
        writer.append(np.ones((1, 2, 1, 9)))
    with open_data(tmp_path / "a.h5") as data:
        assert data.problem == problem
    assert check(tmp_path / "a.h5") == []
    assert Periodic() not in problem.boundaries[0]


@pytest.mark.parametrize("old", [False, True])
def test_a_channel_survives_and_older_files_have_one_flag(tmp_path: Path, old: bool):
    walls, ends = (Dirichlet(1.5), Neumann(-0.25)), (Periodic(), Periodic())
    grid = Grid((8, 5), (1.0, 2.0), endpoint=True if old else (False, True))
    problem = Problem(None, grid, (walls, walls) if old else (ends, walls), ("u",))
    path = tmp_path / "a.h5"
    write(path, problem, np.ones((4, 6, 1, 8, 5)))
    if old:
        with h5py.File(path, "r+") as file:
            del file["pdenet"].attrs["endpoint"]
            file["pdenet"].attrs["endpoint"] = True
    with open_data(path) as data:
        assert data.problem == problem
    assert check(path) == []


def test_the_same_states_give_the_same_bytes(tmp_path: Path, problem, states):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "data.h5", problem, states, metadata={"seed": 1})
    first, second = ((tmp_path / name / "data.h5").read_bytes() for name in ("a", "b"))
    assert first == second


def test_arrays_with_walls_are_written_with_their_problem(tmp_path: Path):
    ends = ((Dirichlet(1.5), Neumann(-0.25)),)
    problem = Problem(None, Grid((9,), (1.0,), endpoint=True), ends, ("u",), {"u": "K"})
    with open_data(write_arrays(tmp_path / "a.h5", np.ones((1, 2, 1, 9)), problem, 0.1)) as data:
        assert data.problem == problem
    with pytest.raises(DataError, match="leave out fields="):
        write_arrays(tmp_path / "b.h5", np.ones((1, 2, 1, 9)), problem, 0.1, fields=("u",))


def test_an_existing_file_is_kept_unless_told_otherwise(path: Path, problem, states):
    before = path.read_bytes()
    with pytest.raises(OutputError, match="overwrite=True"):
        write(path, problem, states)
    assert path.read_bytes() == before
    write(path, problem, 2 * states, overwrite=True)
    with open_data(path) as data:
        assert (data.read() == 2 * states).all()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interrupted_writer_leaves_what_was_there(
    path: Path, problem, states, interruption: type[BaseException]
):
    before = path.read_bytes()
    with (
        pytest.raises(interruption),
        create(path, problem, trajectories=5, times=TIMES, overwrite=True) as writer,
    ):
        writer.append(states[:2])
        raise interruption
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_an_incomplete_file_does_not_appear(tmp_path: Path, problem, states):
    with (
        pytest.raises(DataError, match="12 of 30 frames"),
        create(tmp_path / "a.h5", problem, trajectories=5, times=TIMES) as writer,
    ):
        writer.append(states[:2])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[:, :, :1], "states have shape"),
        (lambda s: s[..., 0], "states have shape"),
        (lambda s: s.astype(complex), "real numbers"),
        (lambda s: np.concatenate([s, s]), "do not fit"),
        (
            lambda s: np.where(np.arange(5)[:, None, None, None, None] == 3, np.nan, s),
            "trajectory 3",
        ),
    ],
)
def test_states_that_do_not_fit_are_refused(tmp_path: Path, problem, states, change, message: str):
    with (
        pytest.raises(DataError, match=message),
        create(tmp_path / "a.h5", problem, trajectories=5, times=TIMES) as writer,
    ):
        writer.append(change(states))
    assert os.listdir(tmp_path) == []


def test_values_beyond_float32_are_refused(tmp_path: Path, problem, states):
    with pytest.raises(DataError, match="inf in trajectory 0"):
        write(tmp_path / "a.h5", problem, 1e40 * np.abs(states), dtype="float32")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trajectories": 0}, "at least 1"),
        ({"times": [0.0]}, "at least 2"),
        ({"times": [0.0, np.nan]}, "finite"),
        ({"dtype": "int8"}, "float64, float32"),
    ],
)
def test_numbers_that_describe_no_file_are_refused(tmp_path: Path, problem, options, message: str):
    with pytest.raises(DataError, match=message):
        create(tmp_path / "a.h5", problem, **{"trajectories": 5, "times": TIMES, **options})


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}])
def test_metadata_must_be_json(tmp_path: Path, problem, states, value: object):
    with pytest.raises(DataError, match="JSON"):
        write(tmp_path / "a.h5", problem, states, metadata={"note": value})
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, problem, states, monkeypatch):
    with pytest.raises(OutputError, match="make it first"):
        write(tmp_path / "missing" / "a.h5", problem, states)
    with pytest.raises(OutputError, match="regular file"):
        write(tmp_path, problem, states)
    with pytest.raises(OutputError, match="too long"):
        write(tmp_path / ("a" * 300), problem, states)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(atomic_module.os, "open", refuse)
    with pytest.raises(OutputError, match="no permission"):
        write(tmp_path / "a.h5", problem, states)


# Run with the limit on the size of a file as its argument; the writer must fail as on a full disk.
_LIMITED = """
import resource, sys, numpy as np
from pathlib import Path
from pdenet.errors import OutputError
from pdenet.grid import Grid
from pdenet.storage import write_arrays
folder = Path(sys.argv[1])
states = np.random.default_rng(0).standard_normal((4, 8, 1, 128, 128))
for limit in (0, 3000, 100_000, 1_500_000, 3_000_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write_arrays(folder / "a.h5", states, Grid.square(128, 2), 0.1, overwrite=True)
        sys.exit("written beyond the limit")
    except OutputError as error:
        assert "size allowed" in str(error) and "\\n" not in str(error), error
    assert (folder / "a.h5").read_bytes() == b"old", "the old file is gone"
    assert len(list(folder.iterdir())) == 1, list(folder.iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
write_arrays(folder / "a.h5", states, Grid.square(128, 2), 0.1, overwrite=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is a Linux one")
def test_a_full_disk_leaves_the_old_file_and_a_working_process(tmp_path: Path):
    (tmp_path / "a.h5").write_bytes(b"old")
    run = subprocess.run([sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True)
    assert (run.returncode, run.stderr.decode()) == (0, "")
    assert check(tmp_path / "a.h5") == []


_ENDLESS = """
import sys, numpy as np
from pdenet.grid import Grid
from pdenet.problem import Problem
from pdenet.boundary import periodic
from pdenet.storage import create
problem = Problem(None, Grid.square(8, 1), periodic(1), ("u",))
with create(sys.argv[1], problem, trajectories=9, times=[0.0, 1.0], overwrite=True) as writer:
    writer.append(np.zeros((3, 2, 1, 8)))
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_a_killed_writer_leaves_the_old_file_and_is_cleaned_up_after(path: Path, states, grid):
    before = path.read_bytes()
    writer = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None and writer.stdout.readline() == "writing\n"
    hidden = [p for p in path.parent.iterdir() if p != path]
    assert len(hidden) == 1 and hidden[0].name.startswith(f".{path.name}.")
    # While it lives, its file is not taken away by another writer of the same name.
    write_arrays(path, states, grid, 0.1, overwrite=True)
    assert hidden[0].exists()
    path.write_bytes(before)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert path.read_bytes() == before and hidden[0].exists()
    write_arrays(path, states, grid, 0.1, overwrite=True)
    assert os.listdir(path.parent) == [path.name]


def test_no_room_is_left_at_the_end_of_a_file(tmp_path: Path):
    states = np.zeros((4, 4, 1, 64, 64))
    states += np.arange(64.0)
    path = write_arrays(tmp_path / "a.h5", states, Grid.square(64, 2), 0.1)
    assert path.stat().st_size < states.nbytes / 4


def test_arrays_are_checked_and_named(tmp_path: Path, grid: Grid, states):
    path = tmp_path / "a.h5"
    with pytest.raises(DataError, match=r"states\[None\]"):
        write_arrays(path, states[:, :, 0], grid, 0.1)
    with pytest.raises(DataError, match="dt is -1"):
        write_arrays(path, states, grid, -1)
    with pytest.raises(DataError, match="name each field"):
        write_arrays(path, states, grid, 0.1, fields=("u",))
    write_arrays(path, states.astype(np.float32), grid, 0.1)
    with open_data(path) as data:
        assert data.fields == ("u", "v") and data.problem.pde is None
        assert data.read().dtype == np.float32
