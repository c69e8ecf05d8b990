"""benchmarks/gpu.py runs whole without a GPU, on tiny cases, and reports what fails."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def gpu():
    """The script as a module."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("gpu", BENCHMARKS / "gpu.py")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules["gpu"] = loaded
        spec.loader.exec_module(loaded)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return loaded


def ran(output, *arguments):
    """The script's exit code, what it printed and what it kept."""
    patient = ("--seconds", "3600", "--each", "1200")
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "-o", str(output), *patient, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    return done.returncode, done.stdout + done.stderr, json.loads(output.read_text("utf-8"))


def test_all_phases_run_without_a_gpu(tmp_path, gpu):
    code, printed, kept = ran(tmp_path / "gpu.json", "--device", "cpu", "--quick")
    assert code == 0, printed
    assert set(kept["phases"]) == {"burgers-2d-tiny", "burgers-3d-tiny"}
    assert kept["machine"]["versions"]["torch"] and kept["bandwidth"]["bytes_per_second"] > 0
    for phases in kept["phases"].values():
        assert list(phases) == list(gpu.PHASES)
        for name, row in phases.items():
            assert row["same"] and row["missed"] == [], name
            assert row["device"]["seconds"] > 0 and row["device"]["peak_bytes"] > 0
            assert row["counted"]["operations"] > 100 and row["counted"]["bytes"] > 1e5
            assert row["share_of_bandwidth"] > 0


def test_what_fails_is_reported_and_the_rest_goes_on(tmp_path):
    code, printed, kept = ran(
        tmp_path / "gpu.json", *("--device", "nowhere", "--quick", "--phases", "simulate")
    )
    assert code == 1
    for case in ("burgers-2d-tiny", "burgers-3d-tiny"):
        row = kept["phases"][case]["simulate"]
        assert row["reference"]["seconds"] > 0
        assert "Traceback" in row["device"]["failed"] and "nowhere" in row["device"]["failed"]
        assert f"== {case}, simulate, device" in printed


def test_what_is_not_done_in_time_is_ended(tmp_path, gpu, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)  # for the processes that it starts
    monkeypatch.setattr(gpu, "MARGIN", 600.0)
    bench = gpu.Bench(tmp_path, "cpu", math.inf, 1.5, tmp_path / "gpu.json")
    job = gpu.Job("burgers-2d", "refine, terms judged", "cpu", "reference", tmp_path)
    found = bench.process(job, "time")  # some twenty seconds of work
    assert "not done in 2 s" in found["failed"] and "most recent call first" in found["failed"]
    bench.ends = 0.0
    assert bench.process(job, "time") == {"failed": "no time was left"}


def test_digits(gpu):
    one = np.array([1.0, -20.0])
    assert gpu.digits(one, one) == 16
    assert gpu.digits(one + np.array([0, 2e-5]), one) == 6
    assert gpu.digits(one[:1], one) == 0
    assert gpu.digits(np.array([np.nan, -20.0]), one) == 0
    assert gpu.digits(-one, one) == 0


def test_bytes_are_those_of_arguments_and_results(gpu):
    torch = pytest.importorskip("torch")
    measure = sys.modules["_gpu_measure"]
    counter = measure.Counts("cpu")
    x = torch.ones(8, dtype=torch.float64)
    with counter:
        y = x.view(2, 4)[0]  # nothing moves
        z = y + 1.0  # 32 bytes in, 32 out
        x.add_(z.sum())  # 32 in, 8 out; 64 and 8 in, 64 out
        float(z[0])
    assert counter.operations == 3
    assert counter.bytes == 64 + 40 + 136
    assert counter.waits == {"_local_scalar_dense": 1}
