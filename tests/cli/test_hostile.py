"""A share of `benchmarks/hostile.py`: hostile texts, damaged files and run folders end in words."""

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdenet.cli import main
from pdenet.errors import ConfigError, DataError, OutputError
from pdenet.events import Refining, StageFinished, TermDropped, from_record, to_record
from pdenet.grid import Grid
from pdenet.optimise import LBFGSState
from pdenet.pde import PDE
from pdenet.report.files import write_text
from pdenet.results import DiscoveredEquation, save_equation
from pdenet.storage import write_arrays
from pdenet.training import checkpoint
from simulators import SimulationConfig, configure
from simulators.generate import generate

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SHARE = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SEEDS = st.integers(0, 2**32)


def module(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


texts, files = module("_hostile_texts"), module("_hostile_files")


def ends_in_words(words, capfd):
    """Run a command, which must not fail itself; its exit code."""
    capfd.readouterr()
    code = main(words)
    said = capfd.readouterr().err
    assert code in (0, 2), said
    assert code == 0 or said.strip().splitlines()[-1].startswith("pdenet: error: "), said
    return code


@SHARE
@given(seed=SEEDS)
def test_hostile_command_lines(seed, tmp_path, data, trained, capfd):
    folder = tmp_path / str(seed)
    folder.mkdir(exist_ok=True)
    words = texts.command_line(Random(seed), str(folder), str(data), str(trained))
    if words[0] != "simulate":
        return  # the others are in the benchmark
    words = [word.replace("\0", "") for word in words]
    if ends_in_words(words, capfd) == 0:
        for path in folder.iterdir():
            assert ends_in_words(["info", str(path)], capfd) == 0
    shutil.rmtree(folder)


@SHARE
@given(seed=SEEDS)
def test_damaged_files(seed, tmp_path, data, capfd):
    path = tmp_path / f"{seed}.h5"
    if not os.path.lexists(path):
        shutil.copy(data, path)
        files.damage_data(path, Random(seed))
    ends_in_words(["info", "--json", str(path)], capfd)
    ends_in_words(["train", str(data), "-o", str(tmp_path / "r"), "--config", str(path)], capfd)


@pytest.fixture
def run(tmp_path, trained):
    """A copy of a trained run, with an equation."""
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    pde = PDE("u_t = 0.1*u_xx - 0.5*u_x")
    dropped = (TermDropped("u", "u", 0.1, 0.1, "it does not help"),)
    save_equation(DiscoveredEquation(pde, {}, dropped), run / "equation.json")
    return run


@SHARE
@given(seed=SEEDS)
def test_damaged_run_folders(seed, tmp_path, run, data, settings, capfd):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    files.damage_run(copy, Random(seed))
    ends_in_words(["info", str(copy)], capfd)
    words = ["train", str(data), "-o", str(copy), "--config", str(settings), "--resume"]
    ends_in_words(words, capfd)  # the training is finished, so that nothing is left but to read
    shutil.rmtree(copy)


@pytest.mark.parametrize(
    "event",
    [
        StageFinished("warm-up", 3, float("nan"), 0.5, 1.0),
        Refining(1, 12, 1.0, float("inf"), "u_t = u"),
        TermDropped("u", "u_x", 1e-320, 0.0, "it is small"),
    ],
)
def test_events_are_read_as_they_were_said(event):
    assert repr(from_record(to_record(event))) == repr(event)


@pytest.mark.parametrize(
    "record",
    [
        *(None, [], {}, {"event": "Event"}, {"event": ["StageStarted"]}, {"event": "StageStarted"}),
        {"event": "CheckpointSaved", "path": 3},
        {"event": "CheckpointSaved", "path": "x", "more": 1},
        {"event": "StageStarted", "stage": {}, "blocks": 1, "iterations": 1, "index": 0,
         "stages": 1},
        {"event": "StageStarted", "stage": "a", "blocks": -1, "iterations": 1, "index": 0,
         "stages": 1},
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(record):
    with pytest.raises(ValueError):
        from_record(record)


@pytest.mark.parametrize(
    "changes",
    [
        *({"dt": 1e-300}, {"dt": 1e300}, {"dt": 1e-17}, {"substeps": 10**15}, {"frames": 10**12}),
        *({"trajectories": 10**12}, {"refine": 10**9}, {"refine": 10**6}, {"seed": 2**63}),
        {"frames": 2**20, "trajectories": 2**20},
    ],
)
def test_a_simulation_without_end_is_refused_before_it_begins(changes):
    with pytest.raises(ConfigError):
        pde, config = configure(PDE("u_t = u_xx"), shape=(16,), lengths=(1.0,), **changes)
        next(iter(generate(pde, config)))


def test_the_largest_simulations_are_not_refused():
    SimulationConfig(shape=(8,), lengths=(1e-30,), frames=2**20, seed=2**63 - 1, dt=1e-30)


@pytest.mark.parametrize(
    "words",
    [
        *(["--grid", "9" * 400], ["--grid", str(2**20 + 1)], ["--lengths", "1e-300"]),
        *(["--lengths", "1e300"], ["--refine", "1000000000"], ["--dt", "1e-300"]),
        ["--substeps", "1000000000000000"],
    ],
)
def test_numbers_that_no_computer_holds_are_one_line(words, refused, tmp_path):
    out = tmp_path / "out.h5"
    refused(["simulate", "--pde", "u_t = u_xx", "-o", out, *words])
    assert not out.exists()


@pytest.mark.parametrize(
    "name",
    ["a\u00a0b", "a\u202fb", "a\nb", "a\x07", os.fsdecode(b"\xff\xfe")],
    ids=["no-break space", "narrow space", "line", "bell", "bytes"],
)
def test_a_file_of_any_name_can_be_read_again(name, tmp_path, capfd):
    path = tmp_path / f"{name}.h5"
    words = ["simulate", "--pde", "u_t = 0.1*u_xx", *texts.SMALL, "-o", str(path)]
    assert ends_in_words(words, capfd) == 0
    assert ends_in_words(["info", str(path)], capfd) == 0


def test_a_link_to_itself_is_one_line(refused, tmp_path):
    path = tmp_path / "loop.h5"
    path.symlink_to(path.name)
    said = refused(["simulate", "--pde", "u_t = u_xx", *texts.SMALL, "-o", path])
    assert "link that leads to itself" in said


@pytest.mark.parametrize("name", ["equation.json", "config.json", "log.jsonl"])
def test_a_link_to_itself_in_a_run_is_one_line(name, run, refused):
    path = run / name
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)
    said = refused(["extract", run, "--no-refine", "-q"])
    assert name in said and "link" in said


@pytest.mark.parametrize(
    "number, says", [("EROFS", "read-only"), ("ENOSPC", "disk is full"), ("EACCES", "permission")]
)
def test_what_cannot_be_written_says_why_and_what_to_do(number, says, tmp_path, monkeypatch):
    def fails(*arguments, **options):
        code = getattr(errno, number)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", fails)
    found = DiscoveredEquation(PDE("u_t = u"), {})
    for write in (
        lambda: write_text(tmp_path / "report.html", "text"),
        lambda: save_equation(found, tmp_path / "equation.json"),
    ):
        with pytest.raises(OutputError, match=f"{says}.*: (free|choose)"):
            write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["equations", "--json"], ["--help"], ["info", "nothing.h5"]])
def test_a_reader_that_leaves_ends_a_command_quietly(words, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pdenet.cli", *words]
    broken = {"stderr": writer} if words[0] == "info" else {"stderr": subprocess.PIPE}
    ended = subprocess.run(command, stdout=writer, cwd=tmp_path, check=False, **broken)
    os.close(writer)
    assert ended.returncode == 141 and not ended.stderr


def transported(points, frames=4, size=1.0, fields=1):
    """A wave in `fields` fields, some trajectories of it."""
    x, t = 2 * np.pi * np.arange(points) / points, 0.1 * np.arange(frames)[:, None]
    waves = [[np.sin(x - t + k + f) for f in range(fields)] for k in range(3)]
    return size * np.moveaxis(np.array(waves), 1, 2)


ZERO = transported(16, fields=2)
ZERO[:, :, 1] = 0.0


@pytest.mark.parametrize(
    "states, says",
    [
        (transported(2), "2 points"),
        (transported(3), "3 points"),
        (np.full((3, 4, 1, 16), 3.5), "u is 3.5 everywhere"),
        (ZERO, "v is 0 everywhere"),
        (transported(16, size=1e-200), "other units"),
        (transported(16, size=1e-310), "other units"),
    ],
)
def test_what_cannot_be_refined_says_why(states, says, refused, tmp_path):
    path = tmp_path / "data.h5"
    write_arrays(path, states, Grid.square(states.shape[-1], 1), 0.1)
    assert says in refused(["refine", path])


@pytest.mark.parametrize("value", [1e308, -1e308, 1e150, -1e31])
def test_values_that_no_square_holds_are_refused(value, tmp_path):
    states = transported(16)
    states[1, 2, 0, 3] = value
    with pytest.raises(DataError, match=r"trajectory 1, frame 2, field u, point .*other units"):
        write_arrays(tmp_path / "data.h5", states, Grid.square(16, 1), 0.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"windows": torch.tensor([0.5])},
        {"windows": torch.tensor([10**9])},
        {"windows": torch.tensor([-3])},
        {"windows": torch.zeros(0, dtype=torch.int64)},
        {"optimiser.position": torch.zeros(3, dtype=torch.float64)},
        {"optimiser.pairs": torch.tensor(-1)},
        {"stage": -3},
        {"stage": 99},
        {"substeps": 10**6},
        {"substeps": 0},
        {"doublings": 60},
        {"seconds": "x"},
    ],
    ids=lambda changes: ascii(next(iter(changes.items())))[:40],
)
def test_a_checkpoint_must_fit_its_run(changes, run, data, refused):
    tensors, state = checkpoint.load(run / "checkpoint")
    if next(iter(changes)).startswith("optimiser"):
        some = torch.zeros(2, dtype=torch.float64)
        begun = LBFGSState(some, some[0], some, *(some.expand(20, 2),) * 2)
        tensors |= {f"optimiser.{name}": tensor for name, tensor in begun.tensors().items()}
    tensors["windows"] = torch.arange(3)
    state["stage"] = 0
    for name, value in changes.items():
        (state if name in state else tensors)[name] = value
    checkpoint.save(run / "checkpoint", tensors, state)
    assert "train again" in refused(["train", data, "-o", run, "--resume"])
