"""`pdenet info` and `pdenet equations`: facts of good files, one line for bad ones."""

import json

import h5py
import numpy as np
import pytest

from pdenet.cli import main
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.catalogue import catalogue
from pdenet.problem import Problem
from pdenet.storage import create, write_arrays


@pytest.fixture
def data(tmp_path):
    """A small good file."""
    path = tmp_path / "data.h5"
    problem = Problem.periodic(PDE("u_t = c*u_xx", c=0.1), Grid.square(16, 1))
    states = np.random.default_rng(0).normal(size=(5, 4, 1, 16))
    with create(path, problem, trajectories=5, times=0.1 * np.arange(4), metadata={}) as writer:
        writer.append(states)
    return path


def test_info_of_a_data_file(data, capsys):
    assert main(["info", str(data)]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["equations"].strip() == "u_t = c*u_xx"
    assert lines["parameters.c"].strip() == "0.1"
    assert lines["grid"].strip() == "16"
    assert lines["split.test"].strip() == "1"


def test_info_as_json_stands_alone(data, capsys):
    assert main(["info", str(data), "--json"]) == 0
    streams = capsys.readouterr()
    facts = json.loads(streams.out)
    assert streams.err == ""
    assert facts["dt"] == pytest.approx(0.1) and facts["frames"] == 4
    assert facts["boundaries"] == {"x": ["periodic", "periodic"]}


def test_info_measures_what_is_missing(tmp_path, capsys):
    path = tmp_path / "gaps.h5"
    states = np.random.default_rng(0).normal(size=(5, 4, 2, 16))
    states[1:, :, 0, :4] = np.nan  # a quarter of four trajectories of five
    states[:, :, 1] = np.nan
    write_arrays(path, states, Grid.square(16, 1), 0.1, fields=("p", "q"), missing=True)
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["missing"] == {"p": pytest.approx(0.2), "q": 1.0}
    assert main(["info", str(path)]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["missing.p"].strip() == "0.2" and lines["missing.q"].strip() == "1"


def test_info_of_a_damaged_file_with_gaps_is_one_line(tmp_path, refused):
    path = tmp_path / "gaps.h5"
    states = np.full((3, 4, 1, 16), np.nan)
    write_arrays(path, states, Grid.square(16, 1), 0.1, missing=True)
    with h5py.File(path, "r+") as file:
        file["t0_fields/u"][2, 1, 0] = np.inf
    assert "inf in trajectory 2, frame 1, field u" in refused(["info", path])


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def foreign_bytes(path):
    path.write_bytes(b"not an HDF5 file at all, but text\n" * 100)


def foreign_layout(path):
    with h5py.File(path, "w") as file:
        file["tensor"] = np.zeros((3, 4))


def newer_version(path):
    with h5py.File(path, "r+") as file:
        file["pdenet"].attrs["format_version"] = 999


@pytest.mark.parametrize(
    "damage", [truncate, foreign_bytes, foreign_layout, newer_version], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("command", [["info"], ["train", "-o", "RUN"], ["discover", "-o", "RUN"]])
def test_a_bad_file_is_one_line(damage, command, data, tmp_path, capsys):
    damage(data)
    run = tmp_path / "run"
    arguments = [str(run) if word == "RUN" else word for word in command]
    assert main([*arguments, str(data)]) == 2
    streams = capsys.readouterr()
    assert streams.out == "" and not run.exists()
    assert streams.err.startswith("pdenet: error: ") and streams.err.count("\n") == 1
    assert "data.h5" in streams.err


@pytest.mark.parametrize("name", ["nothing.h5", "nothing"])
def test_what_is_not_there_is_one_line(name, tmp_path, capsys):
    assert main(["info", str(tmp_path / name)]) == 2
    streams = capsys.readouterr()
    assert name in streams.err and streams.err.count("\n") == 1


def test_info_of_a_run(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text(json.dumps({"seed": 4, "config": {"order": 2}}))
    events = [
        {"event": "StageStarted", "stage": "warm-up"},
        {"event": "StageFinished", "stage": "warm-up", "loss": 0.5, "validation": 0.6},
    ]
    lines = [json.dumps(event) for event in events]
    (run / "log.jsonl").write_text("\n".join([*lines, '{"event": "StageFin']))
    assert main(["info", str(run), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["config"]["seed"] == 4
    assert facts["stages"] == [{"stage": "warm-up", "loss": 0.5, "validation": 0.6}]
    assert main(["info", str(run)]) == 0
    assert "warm-up" in capsys.readouterr().out


def test_info_of_a_refined_run_does_not_fill_pages(tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    table = {"u": {"u_xx": 0.1}}
    refinement = {"chi2": 1.02, "verdict": "identified", "sigma": {"u": 0.01}, "bound": table,
                  "bootstrap": table, "bias": table, "decisions": [{}] * 5,
                  "alternatives": [{}] * 2}  # fmt: skip
    equation = {"equations": ["u_t = u_xx"], "dropped": [{}], "refinement": refinement}
    (tmp_path / "equation.json").write_text(json.dumps(equation))
    assert main(["info", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equation"] == {
        **{"equations": ["u_t = u_xx"], "dropped": 1},
        "refinement": {"chi2": 1.02, "verdict": "identified", "sigma": {"u": 0.01},
                       "decisions": 5, "alternatives": 2},
    }  # fmt: skip
    assert main(["info", str(tmp_path)]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["equation.refinement.chi2"].strip() == "1.02"


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_folder_that_is_no_run_is_one_line(content, tmp_path, capsys):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    assert main(["info", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_equations_lists_the_catalogue(capsys):
    assert main(["equations"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{name}: {entry.title}" in shown for name, entry in catalogue.items())
    assert main(["equations", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    for name, entry in catalogue.items():
        assert PDE(*listed[name]["equations"], **listed[name]["parameters"]) == entry.pde
