"""`pdenet info` and `pdenet equations`: facts of good files, one line for bad ones."""

import json

import h5py
import numpy as np
import pytest

from pdenet.boundary import Open, PerField, Robin
from pdenet.cli import main
from pdenet.events import StageFinished, StageStarted, TermDropped, to_record
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.catalogue import catalogue
from pdenet.problem import Problem
from pdenet.results import DiscoveredEquation, save_equation
from pdenet.results.refinement import Alternative, Decision, Refinement
from pdenet.storage import create, write_arrays
from pdenet.training.config import TrainingConfig


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


def test_info_says_what_is_known_of_the_ends_and_what_is_outside(tmp_path, capsys):
    ends = (Open(), PerField((("u", Robin(2.0, 0.5)),)))
    problem = Problem(None, Grid(16, 1.0, endpoint=True), (ends,), ("u",))
    states = np.random.default_rng(0).normal(size=(5, 4, 1, 16))
    write_arrays(tmp_path / "a.h5", states, problem, 0.1, outside=np.arange(16) == 3)
    assert main(["info", str(tmp_path / "a.h5"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["boundaries"] == {"x": ["open", "u:robin=2/0.5"]}
    assert facts["outside"] == "1 of 16 points"
    assert main(["info", str(tmp_path / "a.h5")]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["boundaries.x"].strip() == "open u:robin=2/0.5"
    assert lines["outside"].strip() == "1 of 16 points"


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


@pytest.fixture
def run(tmp_path):
    """A run folder that holds its configuration alone."""
    folder = tmp_path / "run"
    folder.mkdir()
    config = TrainingConfig(seed=4).model_dump(mode="json")
    data = {"path": "data.h5", "digest": "0"}
    (folder / "config.json").write_text(json.dumps({"seed": 4, "config": config, "data": data}))
    return folder


def test_info_of_a_run(run, capsys):
    finished = StageFinished("warm-up", 3, 0.5, 0.6, 1.0)
    lines = [json.dumps(to_record(e)) for e in (StageStarted("warm-up", 1, 3, 0, 2), finished)]
    (run / "log.jsonl").write_text("\n".join([*lines, '{"event": "StageFin']))
    assert main(["info", str(run), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["config"]["seed"] == 4
    assert facts["stages"] == [{"stage": "warm-up", "loss": 0.5, "validation": 0.6}]
    assert main(["info", str(run)]) == 0
    assert "warm-up" in capsys.readouterr().out


def test_info_of_a_refined_run_does_not_fill_pages(run, capsys):
    pde = PDE("u_t = u_xx")
    table = {"u": dict.fromkeys(pde.terms()["u"], 0.1)}
    decisions = (Decision("u", "u_xx", True, 1.0, 9.0, 3.0, None, "it helps"),) * 5
    others = (Alternative(("u_t = u",), 0.1, 1.0, 1, "u for u_xx"),) * 2
    refined = Refinement(
        converged=True, iterations=3, chi2=1.02, chi2_error=0.1, sigma={"u": 0.01},
        noise_given=False, values=10, unknowns=1.0, shape=(8,), substeps=1, bound=table,
        bootstrap=table, bias=table, decisions=decisions, alternatives=others,
        verdict="identified", reason="",
    )  # fmt: skip
    dropped = (TermDropped("u", "u", 0.1, 0.1, "it does not help"),)
    save_equation(
        DiscoveredEquation(pde, table, dropped, refinement=refined), run / "equation.json"
    )
    assert main(["info", str(run), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["equation"]
    assert facts["equations"] == ["u_t = u_xx"] and facts["dropped"] == 1
    assert facts["refinement"]["chi2"] == 1.02 and facts["refinement"]["decisions"] == 5
    assert facts["refinement"]["alternatives"] == 2 and "bound" not in facts["refinement"]
    assert main(["info", str(run)]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert lines["equation.refinement.chi2"].strip() == "1.02"


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_folder_that_is_no_run_is_one_line(content, tmp_path, capsys):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    assert main(["info", str(run)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_equations_lists_the_catalogue(capsys):
    assert main(["equations"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{name}: {entry.title}" in shown for name, entry in catalogue.items())
    assert main(["equations", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    for name, entry in catalogue.items():
        assert PDE(*listed[name]["equations"], **listed[name]["parameters"]) == entry.pde
