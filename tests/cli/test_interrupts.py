"""Real processes that are interrupted, or run out of disk, in the middle of a training."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys

import pytest

from pdenet.cli import main

pytestmark = pytest.mark.slow

# Many short iterations: an interrupt finds the training at work.
LONG = """
values = 4096
[network]
units = 2
[[stages]]
blocks = 1
iterations = 20
filters = false
penalties = false
[[stages]]
blocks = 3
iterations = {iterations}
"""


def spawn(arguments, **settings):
    return subprocess.Popen(
        [sys.executable, "-m", "pdenet.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def iterations(log):
    """The iterations of the second stage that a log tells of, in order."""
    lines = log.read_text().splitlines() if log.exists() else []
    records = [json.loads(line) for line in lines if line.endswith("}")]
    return [r for r in records if r["event"] == "Iteration" and r["stage"] == "3 blocks"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_training_goes_on_where_it_was(
    tmp_path, data, number, code, capsys, until, waits
):
    (tmp_path / "long.toml").write_text(LONG.format(iterations=60))
    arguments = ["train", str(data), "-o", "run", "--config", "long.toml"]
    waits("Iteration", 40)
    process = spawn(arguments, cwd=tmp_path)
    log = tmp_path / "run" / "log.jsonl"
    until(lambda: len(iterations(log)) >= 3)
    os.kill(process.pid, number)
    out, told = process.communicate(timeout=600)
    assert (process.returncode, out) == (code, "")
    assert told.splitlines()[-1] == (
        f"pdenet: interrupted; go on with 'pdenet train {data} -o run --resume'"
    )
    before = len(iterations(log))
    run = tmp_path / "run"
    assert 3 <= before <= 40
    # What was interrupted can be read as it is, with a word about it.
    capsys.readouterr()
    assert main(["extract", str(run), "--format", "text"]) == 0
    streams = capsys.readouterr()
    assert "not finished (1 of 2 stages left)" in streams.err and "u_xx" in streams.out
    assert main(["train", str(data), "-o", str(run), "--resume"]) == 0
    # A step whose word the interrupt took away is not told of, and none is made twice.
    numbers = [record["iteration"] for record in iterations(log)]
    assert numbers == sorted(set(numbers)) and numbers[-1] - len(numbers) <= 1
    # The same as a training that nobody interrupted, bit by bit.
    whole = tmp_path / "whole"
    config = str(tmp_path / "long.toml")
    assert main(["train", str(data), "-o", str(whole), "--config", config]) == 0
    losses = {r["iteration"]: r["loss"] for r in iterations(whole / "log.jsonl")}
    assert len(losses) == numbers[-1]
    assert all(losses[record["iteration"]] == record["loss"] for record in iterations(log))
    weights = [next((r / "checkpoint").glob("weights-*")).name for r in (run, whole)]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("limit", [100, 3000], ids=["nothing fits", "a checkpoint does not fit"])
def test_a_full_disk_ends_a_training_in_one_line(tmp_path, data, limit):
    (tmp_path / "long.toml").write_text(LONG.format(iterations=5))
    process = spawn(
        ["train", str(data), "-o", "run", "--config", "long.toml", "-q"],
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    out, told = process.communicate(timeout=600)
    assert (process.returncode, out) == (2, "")
    assert told.startswith("pdenet: error: ") and told.count("\n") == 1
    assert "raise the limit" in told
    assert [path.name for path in tmp_path.iterdir()] == ["long.toml"]


def test_a_full_disk_keeps_the_earlier_run(tmp_path, data, trained):
    (tmp_path / "long.toml").write_text(LONG.format(iterations=5))
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    process = spawn(
        ["train", str(data), "-o", "run", "--config", "long.toml", "-q", "--overwrite"],
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
    )
    _, told = process.communicate(timeout=600)
    assert process.returncode == 2 and "beyond the size allowed here" in told
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
