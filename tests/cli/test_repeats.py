"""Repeats of a discovery, side by side, and what is left when they are stopped."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pdenet.cli import main
from pdenet.cli.board import Board
from pdenet.evaluation.repeats import load_repeat
from pdenet.results import load_equation
from pdenet.storage import open_data

pytestmark = pytest.mark.slow

TINY = [
    *("--pde", "u_t = 0.1*u_xx - 0.5*u_x", "--grid", "32", "--trajectories", "4"),
    *("--frames", "9", "--refine", "1", "--noise", "0.001"),
]
FAST = """
values = 2048
[network]
units = 1
[[stages]]
blocks = 1
iterations = {iterations}
filters = false
penalties = false
[readout]
steps = 6
select_values = 2048
fit_values = 2048
iterations = 2
"""


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    """Settings of a training that takes a moment."""
    path = tmp_path_factory.mktemp("settings") / "fast.toml"
    path.write_text(FAST.format(iterations=20))
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory, fast):
    """A folder of two repeats with simulated data, and what was printed; not to be written to."""
    folder = tmp_path_factory.mktemp("two") / "runs"
    arguments = ["discover", *TINY, "--config", str(fast), "-o", str(folder), "--repeats", "2"]
    ran = run([*arguments, "--seed", "4", "--json"])
    assert ran.returncode == 0, ran.stderr
    return folder, ran


def run(arguments):
    """The command, and what it printed; the repeats are processes of their own."""
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        code = main(arguments)
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=told.getvalue())


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_repeats_are_ordinary_runs_with_data_of_their_own(two, capsys):
    folder, ran = two
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["seed-4", "seed-5", "plan.json", "summary.json", "coefficients.png", "remainder.png"]
    )
    for seed in (4, 5):
        single = folder / f"seed-{seed}"
        assert json.loads((single / "config.json").read_text())["seed"] == seed
        with open_data(single / "data.h5") as data:
            assert data.metadata["seed"] == seed
        assert "TPR" in (single / "output.log").read_text()
        assert main(["info", str(single), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["equation"]["equations"]
    assert "repeat seed-4: " in ran.stderr and "repeat seed-5: " in ran.stderr
    for name in ("coefficients.png", "remainder.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_the_summary_holds_the_numbers_of_the_runs(two):
    folder, ran = two
    document = json.loads((folder / "summary.json").read_text())
    assert document == json.loads(ran.stdout)
    assert document["seeds"] == [4, 5] and document["failed"] == [] and document["count"] == 2
    found = [load_equation(folder / f"seed-{seed}" / "equation.json") for seed in (4, 5)]
    terms = [each.pde.numeric_terms()["u"] for each in found]
    by_term = {term["term"]: term for term in document["terms"]}
    assert {"u_x", "u_xx"} <= set(by_term)
    assert by_term["u_x"]["truth"] == -0.5 and by_term["u_xx"]["truth"] == 0.1
    for name, term in by_term.items():
        values = [value for table in terms for m, value in table.items() if str(m) == name]
        assert term["count"] == len(values) > 0
        assert term["mean"] == pytest.approx(sum(values) / len(values), rel=1e-12)
        assert (term["min"], term["max"]) == (min(values), max(values))
        if len(values) == 2:
            difference = abs(values[0] - values[1])
            assert term["std"] == pytest.approx(difference / 2**0.5, rel=1e-9)
            assert term["median"] == pytest.approx(sum(values) / 2, rel=1e-12)
    for each, seed in zip(document["repeats"], (4, 5), strict=True):
        record = json.loads((folder / f"seed-{seed}" / "equation.json").read_text())
        assert each["seed"] == seed and each["equations"] == record["equations"]
        assert {term["term"] for term in each["remainder"]} == {
            dropped["monomial_text"] for dropped in record["dropped"]
        }
        assert each["seconds"]["train"] > 0 and each["seconds"]["extract"] > 0
    exact = sum(set(map(str, table)) == {"u_x", "u_xx"} for table in terms)
    assert document["exact"] == exact


def test_shares_are_those_of_the_equation(two):
    """u is a transported and damped wave: the shares follow from its two terms alone."""
    repeat = load_repeat(two[0] / "seed-4", 4)
    shares = {str(weight.monomial): weight.share for weight in repeat.kept}
    # c u_x and D u_xx are orthogonal over a period, so the squares of their shares add up to one.
    assert shares["u_x"] ** 2 + shares["u_xx"] ** 2 == pytest.approx(1, abs=0.05)
    assert all(0 < weight.share < 0.1 for weight in repeat.remainder)


def test_a_finished_folder_is_left_as_it_is(two, fast, capsys, refused):
    folder, _ = two
    before = contents(folder)
    again = ["discover", *TINY, "--config", str(fast), "-o", str(folder), "--repeats", "2"]
    again += ["--seed", "4"]
    said = refused(again)
    assert "--overwrite" in said and "--resume" in said
    assert main([*again, "--resume"]) == 0
    streams = capsys.readouterr()
    assert streams.err.count("done before") == 2
    lines = [line.split() for line in streams.out.splitlines()]
    header = next(line for line in lines if line[:1] == ["equation"])
    assert header == ["equation", "term", "true", "mean", "±", "std", "found"]
    assert any(line[:3] == ["u_t", "u_x", "−0.5"] and line[-3] == "2" for line in lines)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--config", "{other}"], ["stages"]),
        (["--seed", "3"], ["seed", "4", "3"]),
        (["--noise", "0.01"], ["--noise=0.001", "--noise=0.01"]),
        (["--substeps", "50"], ["--substeps"]),
        (["--preset", "paper"], ["--config", "--preset"]),
    ],
    ids=["settings", "seed", "noise", "another option", "preset"],
)
def test_resume_of_something_else_is_refused(two, fast, change, said, tmp_path, refused):
    folder, _ = two
    (tmp_path / "other.toml").write_text(FAST.format(iterations=21))
    before = contents(folder)
    again = ["discover", *TINY, "--config", str(fast), "--seed", "4", "-o", folder, "--resume"]
    again += ["--repeats", "2", *(part.format(other=tmp_path / "other.toml") for part in change)]
    message = refused(again)
    assert all(part in message for part in said), message
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--repeats", "0"], "0 is not a whole number from 1 to"),
        (["--repeats", "2", "--jobs", "0"], "0 is not a whole number from 1 to"),
        (["--repeats", "two"], "two"),
        (["--jobs", "2"], "--repeats"),
    ],
)
def test_numbers_that_mean_nothing(options, said, tmp_path, refused):
    folder = tmp_path / "runs"
    assert said in refused(["discover", *TINY, "-o", folder, *options])
    assert not folder.exists()


def test_folders_of_other_kinds_stay(two, trained, tmp_path, fast, refused):
    repeated = ["discover", *TINY, "--config", fast, "--repeats", "2", "-o"]
    before = contents(trained)
    for option in ("--overwrite", "--resume"):
        assert "no repeats" in refused([*repeated, trained, option])
        assert "no run" in refused(["discover", *TINY, "-o", two[0], option])
    assert contents(trained) == before
    (tmp_path / "thesis.tex").write_text("precious")
    assert "another folder" in refused([*repeated, tmp_path, "--overwrite"])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_one_repeat_fails_and_the_others_do_not(two, fast, tmp_path, capsys):
    """Of a finished folder one run is spoilt: that one fails, is told of, and tried again."""
    folder = tmp_path / "runs"
    shutil.copytree(two[0], folder)
    spoilt = folder / "seed-5" / "checkpoint" / "state.json"
    whole = spoilt.read_text()
    spoilt.write_text("{")
    again = ["discover", *TINY, "--config", str(fast), "--seed", "4", "-o", str(folder)]
    again += ["--repeats", "2", "--resume"]
    assert main(again) == 2
    streams = capsys.readouterr()
    last = streams.err.splitlines()[-1]
    assert last.startswith("pdenet: error: 1 of 2 repeats failed (seed-5: ")
    assert "state.json" in last and "--resume" in last
    document = json.loads((folder / "summary.json").read_text())
    assert [each["seed"] for each in document["failed"]] == [5]
    assert [each["seed"] for each in document["repeats"]] == [4] and document["count"] == 1
    spoilt.write_text(whole)
    assert main(again) == 0
    assert json.loads((folder / "summary.json").read_text())["count"] == 2


def test_when_all_fail_nothing_is_left(tmp_path, data, capsys):
    wrong = tmp_path / "blocks.toml"
    wrong.write_text("[[stages]]\nblocks = 50\niterations = 1\n")
    folder = tmp_path / "runs"
    arguments = ["discover", str(data), "-o", str(folder), "--repeats", "1", "--config", str(wrong)]
    assert main(arguments) == 2
    assert "50 blocks" in capsys.readouterr().err
    assert not folder.exists()


def spawn(arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "pdenet.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def iterations(run_folder):
    log = run_folder / "log.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    records = [json.loads(line) for line in lines if line.endswith("}")]
    return [r["iteration"] for r in records if r["event"] == "Iteration"]


def workers(folder):
    """Processes that have `folder` in their arguments, by number."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"--output={folder}" in words:
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=["SIGTERM", "SIGKILL"]
)
def test_stopped_repeats_go_on_where_they_were(
    number, code, data, tmp_path, capsys, monkeypatch, until, waits
):
    """The parent is stopped, and the same command with --resume finishes what is left.

    A parent that could not stop its child leaves it running: the next one waits for it.
    """
    settings, folder = tmp_path / "long.toml", tmp_path / "runs"
    settings.write_text(FAST.format(iterations=90))
    arguments = ["discover", str(data), "-o", str(folder), "--config", str(settings)]
    arguments += ["--repeats", "1", "--jobs", "1"]
    held = waits("Iteration", 60)
    told_of = Board.held
    monkeypatch.setattr(
        Board, "held", lambda *words: (held.unlink(missing_ok=True), told_of(*words))
    )
    process = spawn(arguments)
    until(lambda: len(iterations(folder / "seed-0")) > 3)
    os.kill(process.pid, number)
    _, told = process.communicate(timeout=600)
    assert process.returncode == code
    if number == signal.SIGTERM:
        assert told.splitlines()[-1] == (
            "pdenet: interrupted; go on with the same command and --resume"
        )
        held.unlink()
        assert workers(folder) == []
        assert (folder / "seed-0" / "checkpoint").exists()
        assert not (folder / "seed-0" / "equation.json").exists()
    assert main([*arguments, "--resume"]) == 0
    assert workers(folder) == []
    # A step whose word the interrupt took away is not told of, and none is made twice.
    done = iterations(folder / "seed-0")
    assert done == sorted(set(done)) and done[-1] - len(done) <= (number == signal.SIGTERM)
    assert json.loads((folder / "summary.json").read_text())["count"] == 1
    waited = "repeat seed-0: another process works on it" in capsys.readouterr().err
    assert waited == (number == signal.SIGKILL)


def test_a_stop_before_anything_was_learned_leaves_nothing(data, tmp_path, until, waits):
    waits("StageStarted")
    folder = tmp_path / "runs"
    process = spawn(["discover", str(data), "-o", str(folder), "--repeats", "1"])
    until(lambda: (folder / "seed-0" / "output.log").exists())
    os.kill(process.pid, signal.SIGTERM)
    _, told = process.communicate(timeout=600)
    assert process.returncode == 143, told
    assert told.splitlines()[-1].endswith(f"nothing was learned yet and '{folder}' is as it was")
    assert not folder.exists()
