"""`train`, `extract` and `discover` around a network that is replaced by its known answer.

What they find is tested elsewhere; here it is what they call, write, print and refuse.
"""

import json
from types import SimpleNamespace

import pytest

from pdenet.cli import main
from pdenet.errors import CheckpointError, TrainingError
from pdenet.events import Iteration, StageFinished, StageStarted, TermDropped, to_record
from pdenet.pde import PDE
from pdenet.report import Evidence
from pdenet.storage import open_data

FOUND = PDE("u_t = 0.101*u_xx + 0.099*u_yy")
DATA = ["--grid", "16", "--trajectories", "5", "--frames", "4", "--refine", "1"]
EVENTS = (
    StageStarted("train", 1, 2, 0, 1),
    Iteration("train", 1, 2, 0.5, 0.1),
    Iteration("train", 2, 2, 0.25, 0.2),
    StageFinished("train", 2, 0.25, 0.3, 0.2),
    TermDropped("u", "u", 1e-4, 1e-5, "validation does not need it"),
)


@pytest.fixture
def calls(monkeypatch):
    """The calls of `train` and `extract`, which leave what a run leaves."""
    seen = []

    def train(data, run, config, *, resume=False, on_event=None):
        seen.append(("train", config, resume))
        (run / "checkpoint").mkdir(parents=True, exist_ok=True)
        record = {"data": {"path": str(data)}, "seed": config.seed, "config": {"order": 2}}
        (run / "config.json").write_text(json.dumps(record))
        (run / "log.jsonl").write_text("".join(json.dumps(to_record(e)) + "\n" for e in EVENTS))
        for event in EVENTS:
            on_event(event)

    def extract(run, *, data=None, on_event=None):
        if not (run / "checkpoint").exists():
            raise CheckpointError(f"'{run}' has no checkpoint: train it first")
        seen.append(("extract", data))
        return SimpleNamespace(pde=FOUND, stderr={}, log=())

    for module in ("train", "discover"):
        monkeypatch.setattr(f"pdenet.cli.{module}.train", train)
    for module in ("extract", "discover"):
        monkeypatch.setattr(f"pdenet.cli.{module}.extract", extract)
    return seen


def refused(arguments, capsys):
    capsys.readouterr()
    assert main(arguments) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("pdenet: error: ") and streams.err.count("\n") == 1
    return streams.err


def test_discover_leaves_data_run_and_report(tmp_path, calls, capsys):
    run = tmp_path / "run"
    assert main(["discover", "diffusion", "-o", str(run), "--seed", "3", *DATA, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["scores"]["einf"] == pytest.approx(0.01)
    assert set(document["seconds"]) == {"simulate", "train", "extract", "total"}
    assert calls[0][1].seed == 3 and calls[0][2] is False
    with open_data(run / "data.h5") as data:
        assert data.metadata["seed"] == 3
    page = (run / "report.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>") and "0.101" in page


def test_the_report_has_the_evidence_of_the_run(tmp_path, calls, monkeypatch):
    seen = []
    report = SimpleNamespace(write=lambda path, overwrite: path)
    monkeypatch.setattr("pdenet.cli.reporting.build", lambda found: seen.append(found) or report)
    assert main(["discover", "diffusion", "-o", str(tmp_path / "run"), *DATA]) == 0
    evidence: Evidence = seen[0]
    assert [(curve.name, curve.validation) for curve in evidence.loss] == [("train", 0.3)]
    assert list(evidence.loss[0].loss) == [0.5, 0.25]
    assert evidence.dropped == (EVENTS[-1],)
    # 1 % in both coefficients, of opposite sign: over four frames the field hardly notices.
    assert evidence.errors["equation"].shape == (1, 4)
    assert 0 < evidence.errors["equation"].max() < 0.01
    assert evidence.horizon == pytest.approx(0.01)


def test_discover_from_a_file_and_its_table(tmp_path, calls, capsys):
    data, run = tmp_path / "data.h5", tmp_path / "run"
    assert main(["simulate", "diffusion", "-o", str(data), *DATA]) == 0
    capsys.readouterr()
    assert main(["discover", str(data), "-o", str(run)]) == 0
    streams = capsys.readouterr()
    assert "0.101·u_xx" in streams.out and "TPR 1" in streams.out
    assert "stage 1/1 train" in streams.err and "report.html" in streams.err
    assert not (run / "data.h5").exists()
    assert calls[-1] == ("extract", data)


def test_an_earlier_run_is_kept_without_overwrite(tmp_path, calls, capsys):
    run = tmp_path / "run"
    arguments = ["discover", "diffusion", "-o", str(run), *DATA]
    assert main(arguments) == 0
    (run / "notes.txt").write_text("mine")
    before = (run / "report.html").read_bytes()
    said = refused(arguments, capsys)
    assert "--overwrite" in said and "--resume" in said
    assert (run / "report.html").read_bytes() == before
    # Nor is it lost to an --overwrite that cannot work.
    refused(["discover", "nonsense", "-o", str(run), "--overwrite"], capsys)
    refused(["discover", "diffusion", "--config", "no.toml", "-o", str(run), "--overwrite"], capsys)
    assert (run / "report.html").read_bytes() == before
    refused([*arguments, "--overwrite", "--dt", "9", "--substeps", "1"], capsys)
    assert (run / "report.html").read_bytes() == before
    assert (run / "checkpoint").exists()
    assert main([*arguments, "--overwrite"]) == 0
    assert sorted(path.name for path in run.iterdir()) == sorted(
        ["notes.txt", "data.h5", "config.json", "checkpoint", "log.jsonl", "report.html"]
    )
    assert (run / "notes.txt").read_text() == "mine"


def test_a_folder_with_other_files_is_never_a_run(tmp_path, calls, capsys):
    (tmp_path / "thesis.tex").write_text("precious")
    arguments = ["discover", "diffusion", "-o", str(tmp_path), "--overwrite", *DATA]
    assert "another folder" in refused(arguments, capsys)
    (tmp_path / "file").touch()
    assert "not a folder" in refused([*arguments[:3], str(tmp_path / "file"), *DATA], capsys)


def test_resume_keeps_the_data_and_goes_on(tmp_path, calls):
    run = tmp_path / "run"
    assert main(["discover", "diffusion", "-o", str(run), *DATA]) == 0
    before = (run / "data.h5").stat().st_mtime_ns
    assert main(["discover", "diffusion", "-o", str(run), *DATA, "--resume"]) == 0
    assert (run / "data.h5").stat().st_mtime_ns == before
    assert [call[2] for call in calls if call[0] == "train"] == [False, True]


def test_options_that_make_data_do_not_go_with_data(tmp_path, calls, capsys):
    data = tmp_path / "data.h5"
    main(["simulate", "diffusion", "-o", str(data), *DATA])
    said = refused(["discover", str(data), "--noise", "0.1", "-o", str(tmp_path / "r")], capsys)
    assert "--noise" in said


def test_train_then_extract(tmp_path, calls, capsys):
    data, run, page = tmp_path / "data.h5", tmp_path / "run", tmp_path / "page.html"
    main(["simulate", "diffusion", "-o", str(data), *DATA])
    assert main(["train", str(data), "-o", str(run), "--dtype", "float32"]) == 0
    assert calls[0][1].dtype == "float32"
    assert "--resume" in refused(["train", str(data), "-o", str(run)], capsys)
    assert main(["train", str(data), "-o", str(run), "--resume"]) == 0
    capsys.readouterr()
    assert main(["extract", str(run), "--format", "text"]) == 0
    assert PDE(*capsys.readouterr().out.splitlines()) == FOUND
    assert main(["extract", str(run), "--json", "--report", str(page)]) == 0
    assert json.loads(capsys.readouterr().out)["scores"]["tpr"] == 1
    assert page.exists()
    assert "--overwrite" in refused(["extract", str(run), "--report", str(page)], capsys)


def test_extract_of_a_run_without_a_checkpoint(tmp_path, calls, capsys):
    (tmp_path / "config.json").write_text("{}")
    assert "checkpoint" in refused(["extract", str(tmp_path)], capsys)
    assert "nothing" in refused(["extract", str(tmp_path / "nothing")], capsys)


def test_an_interrupted_training_says_how_to_resume(tmp_path, calls, monkeypatch, capsys):
    data, run = tmp_path / "data.h5", tmp_path / "run"
    main(["simulate", "diffusion", "-o", str(data), *DATA])
    capsys.readouterr()

    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("pdenet.cli.train.train", interrupted)
    assert main(["train", str(data), "-o", str(run)]) == 130
    told = capsys.readouterr().err
    assert told == f"pdenet: interrupted; go on with 'pdenet train {data} -o {run} --resume'\n"


def test_a_training_that_fails_is_one_line(tmp_path, calls, monkeypatch, capsys):
    data = tmp_path / "data.h5"
    main(["simulate", "diffusion", "-o", str(data), *DATA])

    def failing(*arguments, **settings):
        raise TrainingError("the loss stays NaN: use more frames")

    monkeypatch.setattr("pdenet.cli.train.train", failing)
    said = refused(["train", str(data), "-o", str(tmp_path / "run")], capsys)
    assert "the loss stays NaN" in said
    assert [path.name for path in tmp_path.iterdir()] == ["data.h5"]


def test_json_is_that_of_the_report(tmp_path, calls, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(
        "pdenet.report.Report.write", lambda report, path, overwrite: seen.append(report.json())
    )
    assert main(["discover", "diffusion", "-o", str(tmp_path / "r"), *DATA, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == seen[0]
