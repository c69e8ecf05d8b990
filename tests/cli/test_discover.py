"""`train`, `extract` and `discover`: what they find, write, print and refuse."""

import json
import shutil

import h5py
import numpy as np
import pytest

from pdenet.cli import main
from pdenet.evaluation.evidence import PAPERS, Evidence
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.results import load_equation
from pdenet.storage import create, open_data, write_arrays

pytestmark = pytest.mark.slow

EQUATION = PDE("u_t = 0.1*u_xx - 0.5*u_x")
TINY = [
    *("--pde", "u_t = 0.1*u_xx - 0.5*u_x", "--grid", "64", "--trajectories", "6"),
    *("--frames", "11", "--refine", "1", "--noise", "0.001"),
]


@pytest.fixture
def run(trained, tmp_path):
    """A finished training that a test may change."""
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    return copy


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_discover_leaves_data_run_and_report(tmp_path, settings, capsys, refused):
    run = tmp_path / "run"
    arguments = ["discover", *TINY, "-o", str(run), "--config", str(settings), "--seed", "3"]
    assert main([*arguments, "--json"]) == 0
    streams = capsys.readouterr()
    document = json.loads(streams.out)
    assert "stage 2/2: 2 blocks: 20 iterations" in streams.err and "report.html" in streams.err
    assert list(document) == [
        *("equations", "given", "terms", "scores", "seconds", "maps", "sources", "refinement"),
        "caution",
    ]
    assert document["refinement"]["converged"] and document["refinement"]["decisions"]
    assert document["scores"]["tpr"] == 1 and document["scores"]["einf"] < 0.02
    assert {(term["field"], term["term"]) for term in document["terms"]} == {
        *(("u", "u_x"), ("u", "u_xx")),
    }
    assert all(0 < term["stderr"] < 0.01 for term in document["terms"])
    assert set(document["seconds"]) == {"simulate", "train", "extract", "refine", "total"}
    assert sorted(path.name for path in run.iterdir()) == sorted(
        ["data.h5", "config.json", "checkpoint", "log.jsonl", "equation.json", "report.html"]
    )
    assert json.loads((run / "config.json").read_text())["seed"] == 3
    with open_data(run / "data.h5") as data:
        assert data.metadata["seed"] == 3
    page = (run / "report.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>") and "All 2 true terms" in page
    # An earlier run is kept, whatever is wrong with the next command.
    before = contents(run)
    said = refused(arguments)
    assert "--overwrite" in said and "--resume" in said
    refused([*arguments, "--overwrite", "--dt", "9", "--substeps", "1"])
    refused(["discover", "nonsense", "-o", run, "--overwrite"])
    refused(["discover", "diffusion", "--config", "no.toml", "-o", run, "--overwrite"])
    assert contents(run) == before


def test_the_report_has_the_evidence_of_the_run(run, data, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "pdenet.report.Report.write", lambda report, path, overwrite: seen.append(report.evidence)
    )
    assert main(["extract", str(run), "--report", str(tmp_path / "page.html")]) == 0
    evidence: Evidence = seen[0]
    assert [curve.name for curve in evidence.loss] == ["warm-up", "2 blocks"]
    assert [curve.blocks for curve in evidence.loss] == [1, 2]
    assert all(curve.validation > 0 for curve in evidence.loss)
    assert evidence.horizon == pytest.approx(0.02)
    with open_data(data) as opened:
        held_out = len(opened.split["test"])
        assert evidence.data.digest == opened.digest()
    for curve in ("equation", "network"):
        assert evidence.errors[curve].shape == (held_out, 11)
        # Of the first frame the filter takes away what is noise, and no more.
        assert 0 < evidence.errors[curve][:, 0].max() < evidence.errors["noise"][:, 0].max()
        assert 0 < evidence.errors[curve][:, 1:].max() < 0.05
    assert evidence.errors["equation"].max() < evidence.errors["network"].max()
    assert set(evidence.filters) == {"x", "xx"}
    for learned, frozen in evidence.filters.values():
        assert learned.shape == frozen.shape == (13,)
        assert np.isfinite(learned).all() and np.abs(learned - frozen).max() > 0
    assert evidence.seeds == {"data": 0, "training": 0}
    assert evidence.data.noise == 0.001
    assert evidence.dropped == load_equation(run / "equation.json").dropped != ()
    assert evidence.references == PAPERS
    assert set(evidence.seconds) == {"train", "extract", "refine"}
    kept = load_equation(run / "equation.json").refinement
    assert vars(evidence.refinement) == vars(kept)
    assert evidence.stderr == load_equation(run / "equation.json").stderr


def test_extract_in_every_form(run, tmp_path, capsys, refused):
    page = tmp_path / "page.html"
    assert main(["extract", str(run), "--format", "text"]) == 0
    assert PDE(*capsys.readouterr().out.splitlines()).fields == ("u",)
    assert main(["extract", str(run), "--json", "--no-refine", "--report", str(page)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["scores"]["tpr"] == 1 and document["refinement"] is None
    assert "refine" not in document["seconds"]
    assert page.exists()
    before = page.read_bytes()
    assert "--overwrite" in refused(["extract", run, "--report", page])
    assert "end its name in" in refused(["extract", run, "--report", "page"])
    assert page.read_bytes() == before
    assert main(["extract", str(run), "--no-refine"]) == 0
    streams = capsys.readouterr()
    assert "TPR 1" in streams.out and "u_xx" in streams.out and "χ²" not in streams.out
    assert "not finished" not in streams.err
    assert main(["extract", str(run), "--refine"]) == 0
    streams = capsys.readouterr()
    assert "recall 1" in streams.out and "χ² = " in streams.out
    assert "identifi" in streams.out and "refinement: chi² " in streams.err


def test_an_interrupted_extract_says_how_it_goes_on(run, capsys, monkeypatch):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("pdenet.cli.extract.extract", interrupted)
    assert main(["extract", str(run)]) == 130
    said = capsys.readouterr().err
    assert said == f"pdenet: interrupted; nothing was read yet and '{run}' is as it was\n"
    (run / "refinement.safetensors").touch()
    assert main(["extract", str(run)]) == 130
    assert capsys.readouterr().err == (
        "pdenet: interrupted; the same command goes on with the refinement\n"
    )


def test_discover_without_a_refinement(tmp_path, settings, data, capsys):
    run = tmp_path / "run"
    arguments = ["discover", str(data), "-o", str(run), "--config", str(settings), "--json"]
    assert main([*arguments, "--no-refine"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["refinement"] is None and "refine" not in document["seconds"]
    assert json.loads((run / "config.json").read_text())["config"]["refine"]["when"] == "never"
    # What a run was begun with stands.
    assert main([*arguments, "--resume", "--no-refine"]) == 0
    assert json.loads(capsys.readouterr().out)["refinement"] is None


def test_data_without_a_known_truth(tmp_path, settings, data, capsys):
    measured, run = tmp_path / "measured.h5", tmp_path / "run"
    with open_data(data) as opened:
        write_arrays(measured, opened.read(), opened.problem.grid, opened.dt, fields=("u",))
    assert main(["discover", str(measured), "-o", str(run), "--config", str(settings)]) == 0
    streams = capsys.readouterr()
    assert "TPR" not in streams.out and "u_xx" in streams.out
    assert not (run / "data.h5").exists()
    assert "the truth is not known" in (run / "report.html").read_text(encoding="utf-8")


def test_a_report_of_data_from_a_named_equation_names_its_source(tmp_path, settings, capsys):
    run = tmp_path / "run"
    arguments = ["burgers-1d", "--grid", "64", "--trajectories", "5", "--frames", "9", "-q"]
    more = ["--param", "nu=0.3", "--config", str(settings), "-o", str(run)]
    assert main(["discover", *arguments, *more]) == 0
    assert capsys.readouterr().err == f"report: {run / 'report.html'}\n"
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<h1>Burgers&#39; equation in one dimension</h1>" in page
    assert "J. M. Burgers, Adv. Appl. Mech." in page


def test_a_folder_with_other_files_is_never_a_run(tmp_path, refused):
    (tmp_path / "thesis.tex").write_text("precious")
    arguments = ["discover", "diffusion", "--overwrite", "-o"]
    assert "another folder" in refused([*arguments, tmp_path])
    (tmp_path / "file").touch()
    assert "not a folder" in refused([*arguments, tmp_path / "file"])


def test_options_that_make_data_do_not_go_with_data(tmp_path, data, refused):
    said = refused(["discover", data, "--noise", "0.1", "-o", tmp_path / "r"])
    assert "--noise" in said and not (tmp_path / "r").exists()


def test_a_finished_training_is_resumed_without_harm(run, data, settings, refused):
    before = contents(run / "checkpoint")
    assert "--resume" in refused(["train", data, "-o", run])
    again = ["train", str(data), "-o", str(run), "--resume"]
    assert main(again) == 0
    assert contents(run / "checkpoint") == before
    assert "another seed (0, not 5)" in refused([*again, "--seed", "5"])
    assert main([*again, "--config", str(settings)]) == 0


def test_resume_with_other_data(run, tmp_path, refused):
    other, before = tmp_path / "other.h5", contents(run)
    assert main(["simulate", *TINY, "--seed", "8", "-o", str(other)]) == 0
    said = refused(["train", other, "-o", run, "--resume"])
    assert "other.h5" in said and contents(run) == before
    said = refused(["extract", run, "--data", other])
    assert "other.h5" in said and contents(run) == before


@pytest.mark.parametrize(
    "command",
    [
        ["train", "DATA", "-o", "NEW"],
        ["train", "DATA", "-o", "RUN", "--resume"],
        ["train", "DATA", "-o", "RUN", "--overwrite"],
        ["discover", "DATA", "-o", "NEW"],
        ["discover", "DATA", "-o", "NEW", "--repeats", "2"],
        ["discover", "DATA", "-o", "RUN", "--overwrite"],
        ["study", "DATA", "-o", "NEW"],
        ["extract", "RUN", "--data", "DATA"],
    ],
    ids=" ".join,
)
def test_data_with_missing_values_are_for_another_command(command, run, data, tmp_path, refused):
    gaps = tmp_path / "gaps.h5"
    with open_data(data) as opened:
        states = opened.read()
        states[:, ::2, :, ::3] = np.nan
        write_arrays(gaps, states, opened.problem, opened.dt, missing=True)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    words = {"DATA": gaps, "RUN": run, "NEW": tmp_path / "new"}
    said = refused([words.get(word, word) for word in command])
    assert "missing values" in said and f"'pdenet refine {gaps}'" in said
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "new").exists()


def test_resume_of_nothing_leaves_nothing(tmp_path, data, refused):
    said = refused(["train", data, "-o", tmp_path / "run", "--resume"])
    assert "run" in said and list(tmp_path.iterdir()) == []


def test_extract_of_a_run_without_a_checkpoint(run, tmp_path, refused):
    shutil.rmtree(run / "checkpoint")
    assert "checkpoint" in refused(["extract", run])
    assert "nothing" in refused(["extract", tmp_path / "nothing"])


def test_data_that_moved_are_asked_for(run, data, tmp_path, refused):
    config = json.loads((run / "config.json").read_text())
    config["data"]["path"] = str(tmp_path / "gone.h5")
    (run / "config.json").write_text(json.dumps(config))
    said = refused(["extract", run])
    assert "gone.h5" in said and "--data" in said
    assert main(["extract", str(run), "--data", str(data)]) == 0


def write(path, states, shape):
    problem = Problem.periodic(EQUATION, Grid(shape, (1.0,) * len(shape)))
    times = 0.01 * np.arange(states.shape[1])
    with create(path, problem, trajectories=len(states), times=times, metadata={}) as writer:
        writer.append(states)


def spoilt(path):
    """Data with one NaN, which no writer of ours would write."""
    write(path, np.random.default_rng(0).normal(size=(5, 8, 1, 64)), (64,))
    with h5py.File(path, "r+") as file:
        file["t0_fields/u"][2, 3, 5] = np.nan


def one_frame(path):
    write(path, np.random.default_rng(0).normal(size=(5, 2, 1, 64)), (64,))
    with h5py.File(path, "r+") as file:
        for name in ("t0_fields/u", "dimensions/time"):
            old = file[name]
            values, attributes = old[:, :1] if "u" in name else old[:1], dict(old.attrs)
            del file[name]
            file[name] = values
            file[name].attrs.update(attributes)


def small_grid(path):
    write(path, np.random.default_rng(0).normal(size=(5, 8, 1, 4)), (4,))


def constant(path):
    write(path, np.ones((5, 8, 1, 64)), (64,))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (spoilt, ["trajectory 2", "frame 3"]),
        (one_frame, ["1 frame"]),
        (small_grid, ["4 points", "filters of at most 3"]),
        (constant, ["do not change in time"]),
    ],
    ids=["NaN", "one frame", "small grid", "constant"],
)
@pytest.mark.parametrize("command", ["train", "discover"])
def test_data_from_which_nothing_can_be_learned(command, make, said, tmp_path, settings, refused):
    make(tmp_path / "bad.h5")
    arguments = [command, tmp_path / "bad.h5", "-o", tmp_path / "run", "--config", settings]
    message = refused(arguments)
    assert all(part in message for part in said), message
    assert [path.name for path in tmp_path.iterdir()] == ["bad.h5"]


@pytest.mark.parametrize(
    ("size", "frames"), [(2, 11), (1, 11), (6, 3)], ids=["2 runs", "1 run", "3 frames"]
)
def test_little_data_still_gives_an_answer(size, frames, tmp_path, settings, capsys):
    run = tmp_path / "run"
    arguments = [*TINY, "--trajectories", str(size), "--frames", str(frames)]
    assert main(["discover", *arguments, "--config", str(settings), "-o", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"]["recall"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sede = 1", ["sede", "seed"]),
        ("seed = -1", ["seed", "-1"]),
        ("[network]\nfilter_size = 'big'", ["network.filter_size"]),
        ("[network]\nfilter_size = 6", ["6"]),
        ("stages = []", ["stages"]),
        ("[[stages]]\nblocks = 1", ["stages.0.iterations"]),
        ("seed = [", ["wrong.toml"]),
    ],
)
def test_a_wrong_configuration(text, said, tmp_path, data, refused):
    config = tmp_path / "wrong.toml"
    config.write_text(text)
    message = refused(["train", data, "-o", tmp_path / "run", "--config", config])
    assert all(part in message for part in said), message
    assert not (tmp_path / "run").exists()
