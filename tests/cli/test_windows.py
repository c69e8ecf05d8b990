"""Windows on the command line: what is said of their ends, what needs a network and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pdenet.boundary import Dirichlet, Open, PerField, Periodic
from pdenet.cli import main
from pdenet.cli.runs import REFINING
from pdenet.errors import DataError
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.results import DiscoveredEquation, load_equation
from pdenet.storage import write_arrays
from pdenet.storage.beside import array_in, known_beside
from pdenet.training import refining

X, T = 0.1 * np.arange(40), 0.05 * np.arange(12)[:, None]
WINDOW = (np.exp(-T) * np.sin(X) + np.exp(-0.25 * T) * np.cos(X / 2))[None, :, None]
WINDOW = np.concatenate([WINDOW, 2 * WINDOW, -WINDOW])
BESIDE: list[tuple] = []


@pytest.fixture
def problems(monkeypatch) -> list[Problem]:
    """What reaches the inference, for which a stand-in answers."""
    seen: list[Problem] = []

    def stand_in(pde, data, problem, dt, config, *rest, outside=None):
        seen.append(problem)
        BESIDE.append((outside, config.sigma))
        found = PDE("u_t = u_xx")
        return DiscoveredEquation(found, {"u": dict.fromkeys(found.terms()["u"], 0.01)})

    monkeypatch.setattr(refining, "refine", stand_in)
    return seen


@pytest.fixture
def window(tmp_path: Path) -> Path:
    """A file that says periodic, of data that are not."""
    return write_arrays(tmp_path / "window.h5", WINDOW, Grid(40, 4.0), 0.05)


def test_a_window_is_refused_with_what_to_type_and_that_works(window, problems, refused, capsys):
    told = refused(["refine", window])
    assert f"'pdenet refine {window} --boundary x:open'" in told and "boundary='" not in told
    assert main(["refine", str(window), "--boundary", "x:open", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equations"] == ["u_t = u_xx"]
    (problem,) = problems
    assert problem.boundaries == ((Open(), Open()),)
    assert problem.grid.spacing == pytest.approx((0.1,))


@pytest.mark.parametrize(
    ("typed", "ends"),
    [
        (["open"], (Open(), Open())),
        (["x:dirichlet=0,open"], (Dirichlet(), Open())),
        (["x:u:dirichlet=1"], (PerField((("u", Dirichlet(1.0)),)),) * 2),
    ],
)
def test_what_was_typed_goes_before_the_file(window, problems, typed, ends, tmp_path):
    page = tmp_path / "page.html"
    boundary = [word for each in typed for word in ("--boundary", each)]
    report = ["--report", str(page)]
    assert main(["refine", str(window), *boundary, *(report if ends[0] != ends[1] else [])]) == 0
    assert problems[0].boundaries == (ends,)
    if page.exists():
        text = page.read_text(encoding="utf-8")
        assert "Fields, observed and predicted" not in text, "no solver goes beyond an open end"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["window"], "is no boundary: type e.g. dirichlet=0"),
        (["y:open"], "no axis 'y' for a boundary: axes are x"),
        (["x:v:open"], "no field 'v'"),
        (["open", "periodic"], "given twice"),
        (["x:periodic", "x:u:dirichlet=0"], "the boundary of x is given twice"),
        (["x:periodic", "x:dirichlet=0"], "the boundary of x is given twice"),
        (["x:open,periodic"], "periodic at both ends"),
        (["periodic"], "not periodic along x"),
    ],
)
def test_ends_that_do_not_fit_are_one_line(window, refused, typed, message):
    words = [word for each in typed for word in ("--boundary", each)]
    assert message in refused(["refine", window, *words])


def test_a_network_is_refused_and_the_refinement_is_named(tmp_path, refused):
    problem = Problem(None, Grid(40, 3.9, endpoint=True), ((Open(), Open()),), ("u",))
    path, run = write_arrays(tmp_path / "a.h5", WINDOW, problem, 0.05), tmp_path / "run"
    hole = write_arrays(tmp_path / "b.h5", WINDOW, Grid(40, 4.0), 0.05, outside=X[3] == X)
    for data, why in ((path, "x is open at its lower end"), (hole, "1 of 40 points are outside")):
        told = refused(["train", data, "-o", run])
        assert why in told and f"'pdenet refine {data}'" in told
    assert not run.exists()


def test_discovery_in_a_window_makes_the_folder_of_a_run(window, problems, tmp_path, capsys):
    run, hole = tmp_path / "run", tmp_path / "hole.npy"
    np.save(hole, X > 3.5)
    words = ["discover", str(window), "-o", str(run), "--boundary", "x:open"]
    assert main([*words, "--outside", str(hole), "--budget", "5"]) == 0
    told = capsys.readouterr()
    assert told.err.count("no network can be trained there") == 1
    assert "x is open at its lower end, and no network can be trained there: the" in told.err
    assert f"as 'pdenet refine {window}' does it" in told.err and "u_t = u_xx" in told.out
    names = {path.name for path in run.iterdir()}
    assert names == {"config.json", "log.jsonl", "equation.json", "report.html"}
    assert problems[0].boundaries == ((Open(), Open()),) and BESIDE[-1][0].sum() == (X > 3.5).sum()
    assert load_equation(run / "equation.json").pde == PDE("u_t = u_xx")
    assert main(["extract", str(run), "--format", "text"]) == 0
    assert capsys.readouterr().out.strip() == "u_t = u_xx"
    assert main(["info", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"]["config"]["budget"] == 300
    assert main([*words, "--outside", str(hole), "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equations"] == ["u_t = u_xx"]
    assert len(problems) == 1, "what is there already is not found again"
    assert main([*words, "--overwrite", "-q"]) == 0 and len(problems) == 2
    assert BESIDE[-1][0] is None and not list(run.glob(".previous*"))


def test_a_window_refuses_what_only_networks_have(window, problems, refused, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["discover", window, "-o", run, "--boundary", "x:open"]
    assert "--no-refine needs" in refused([*words, "--no-refine"])
    assert "--noise makes data" in refused([*words, "--noise", "0.1"])
    assert "coefficients that vary needs" in refused([*words, "--preset", "variable-coefficients"])
    assert "write its data anew" in refused([*words[:-1], "x:dirichlet=0"])
    hole = tmp_path / "hole.npy"
    np.save(hole, X > 3.5)
    assert "of data, and a simulation has" in refused(
        ["discover", "burgers-1d", "-o", run, "--outside", hole]
    )
    assert not run.exists() and problems == []
    assert main([str(word) for word in [*words, "--repeats", "2"]]) == 2
    assert "leave --repeats out" in capsys.readouterr().err
    assert main([str(word) for word in words]) == 0
    other = write_arrays(tmp_path / "other.h5", 3 * WINDOW, Grid(40, 4.0), 0.05)
    for more, told in (
        (words, "exists: add --overwrite"),
        (["extract", run, "--anew"], "found in the data alone"),
        (["discover", other, *words[2:], "--resume"], "does not hold the data"),
    ):
        capsys.readouterr()
        assert main([str(word) for word in more]) == 2
        assert told in capsys.readouterr().err


def test_an_interrupted_window_goes_on(window, tmp_path, monkeypatch, capsys):
    run, found = tmp_path / "run", PDE("u_t = u_xx")
    seen: list = []

    def begins(pde, data, problem, dt, config, on_event, kept, outside=None):
        seen.append(kept.saved)
        if kept.saved is None:
            kept.save({"at": torch.ones(2)})
            raise KeyboardInterrupt
        return DiscoveredEquation(found, {"u": dict.fromkeys(found.terms()["u"], 0.01)})

    monkeypatch.setattr(refining, "refine", begins)
    words = ["discover", str(window), "-o", str(run), "--boundary", "x:open"]
    assert main(words) == 130
    assert "go on with the same command and --resume" in capsys.readouterr().err
    assert {path.name for path in run.iterdir()} == {"config.json", "log.jsonl", REFINING}
    assert main([*words, "--resume", "-q"]) == 0
    assert seen[0] is None and seen[1]["at"].tolist() == [1, 1]
    assert (run / "report.html").exists() and not (run / REFINING).exists()


def test_arrays_beside_the_data_reach_the_inference(window, problems, tmp_path, capsys):
    hole, sigma = tmp_path / "hole.npy", tmp_path / "sigma.npy"
    np.save(hole, X > 3.5)
    np.save(sigma, np.array([0.02]))
    words = ["refine", str(window), "--boundary", "x:open", "--outside", str(hole)]
    page = tmp_path / "page.html"
    assert main([*words, "--sigma", str(sigma), "--report", str(page), "-q"]) == 0
    outside, known = BESIDE[-1]
    assert outside.numpy().tolist() == (X > 3.5).tolist()
    assert known.shape[1:] == (12, 1, 40) and float(known.min()) == float(known.max()) == 0.02
    assert "Fields, observed and predicted" not in page.read_text(encoding="utf-8")
    path = write_arrays(tmp_path / "b.h5", WINDOW, Grid(40, 4.0), 0.05, sigma=[0.03])
    capsys.readouterr()
    assert main(["info", str(path)]) == 0
    assert "sigma.u" in capsys.readouterr().out
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sigma"] == {"u": [0.03, 0.03]}


def test_files_that_hold_no_such_array_are_one_line(window, refused, tmp_path):
    def told(option: str, write) -> str:
        path = tmp_path / "given.npy"
        path.unlink(missing_ok=True)
        write(path)
        return refused(["refine", window, "--boundary", "x:open", f"--{option}", path])

    assert "there is no file" in told("outside", lambda path: None)
    assert "no .npy file" in told("outside", lambda path: path.write_text("hole"))
    assert "no .npy file" in told("sigma", lambda path: path.write_bytes(b""))
    objects = np.array([{}], dtype=object)
    assert "no .npy file" in told("sigma", lambda p: np.save(p, objects, allow_pickle=True))

    def several(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, a=X, b=X)

    assert "several arrays" in told("outside", several)
    assert "not float64" in told("outside", lambda path: np.save(path, X))
    assert "shape (39,), the grid (40,)" in told("outside", lambda p: np.save(p, X[1:] > 1))
    assert "true at every point" in told("outside", lambda path: np.save(path, X > -1))
    assert "sigma has shape (7,)" in told("sigma", lambda path: np.save(path, np.ones(7)))
    assert "sigma holds 0" in told("sigma", lambda path: np.save(path, np.zeros(1)))
    with pytest.raises(DataError, match="for --sigma"):
        array_in(tmp_path, "sigma")
    np.save(tmp_path / "right.npy", X)
    assert known_beside({"sigma": tmp_path / "right.npy", "outside": None})["sigma"].shape == (40,)


def test_a_simulation_refuses_what_it_cannot_solve(tmp_path, refused):
    words = ["simulate", "burgers-1d", "-o", tmp_path / "a.h5", "--boundary"]
    for typed in ("open", "robin=1/0", "x:u:dirichlet=0"):
        assert "use periodic, dirichlet or neumann" in refused([*words, typed])
    assert list(tmp_path.iterdir()) == []


def test_periodic_is_what_a_file_may_be_told_too(tmp_path, problems):
    states = (np.exp(-T) * np.sin(2 * np.pi * np.arange(40) / 40 - T))[None, :, None]
    path = write_arrays(tmp_path / "a.h5", states, Grid(40, 3.9, endpoint=True), 0.05)
    assert main(["refine", str(path), "--boundary", "periodic", "-q"]) == 0
    assert problems[0].boundaries == ((Periodic(), Periodic()),)
