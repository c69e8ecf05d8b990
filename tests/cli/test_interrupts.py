"""Real processes that are interrupted, or run out of disk, in the middle of a training."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from pdenet.cli import main

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
def test_an_interrupted_training_goes_on_where_it_was(tmp_path, data, number, code, capsys):
    (tmp_path / "long.toml").write_text(LONG.format(iterations=60))
    arguments = ["train", str(data), "-o", "run", "--config", "long.toml"]
    process = spawn(arguments, cwd=tmp_path)
    log, deadline = tmp_path / "run" / "log.jsonl", time.monotonic() + 60
    while len(iterations(log)) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, number)
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert told.splitlines()[-1] == (
        f"pdenet: interrupted; go on with 'pdenet train {data} -o run --resume'"
    )
    before = len(iterations(log))
    run = tmp_path / "run"
    assert before < 60
    # What was interrupted can be read as it is, with a word about it.
    capsys.readouterr()
    assert main(["extract", str(run), "--format", "text"]) == 0
    streams = capsys.readouterr()
    assert "not finished (1 of 2 stages left)" in streams.err and "u_xx" in streams.out
    assert main(["train", str(data), "-o", str(run), "--resume"]) == 0
    numbers = [record["iteration"] for record in iterations(log)]
    assert numbers == list(range(1, len(numbers) + 1))
    # The same as a training that nobody interrupted, bit by bit.
    whole = tmp_path / "whole"
    config = str(tmp_path / "long.toml")
    assert main(["train", str(data), "-o", str(whole), "--config", config]) == 0
    losses = [record["loss"] for record in iterations(whole / "log.jsonl")]
    assert losses == [record["loss"] for record in iterations(log)]
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
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert told.startswith("pdenet: error: ") and told.count("\n") == 1
    assert "raise the limit" in told
    assert [path.name for path in tmp_path.iterdir()] == ["long.toml"]


def test_a_full_disk_keeps_the_earlier_run(tmp_path, data):
    (tmp_path / "long.toml").write_text(LONG.format(iterations=5))
    run, arguments = tmp_path / "run", ["-o", "run", "--config", "long.toml", "-q"]
    first = spawn(["train", str(data), *arguments], cwd=tmp_path)
    assert (first.communicate(timeout=60), first.returncode)[1] == 0
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    second = spawn(
        ["train", str(data), *arguments, "--overwrite"],
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
    )
    assert (second.communicate(timeout=60), second.returncode)[1] == 2
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
