"""What benchmarks share: runs measured from outside, and results/<name>.json with the machine."""

import datetime
import json
import os
import platform
import subprocess
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

__all__ = ["RESULTS", "commit", "machine", "measured", "previous", "record"]

RESULTS = Path(__file__).resolve().parent / "results"


def machine() -> dict[str, Any]:
    """CPU, device, versions, commit and date."""
    versions = {name: _version(name) for name in ("pdenet", "torch", "numpy", "scipy", "sympy")}
    cuda = torch.cuda.is_available()
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "system": platform.platform(),
        "versions": {"python": platform.python_version(), **versions},
        "commit": commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def record(name: str, payload: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write {"machine": ..., **payload} to <folder>/<name>.json, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    partial = path.with_suffix(".json.partial")
    text = json.dumps({"machine": machine(), **payload}, indent=2, allow_nan=False) + "\n"
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def previous(name: str, key: str = "results") -> Any:
    """What an earlier run recorded under `key`, None where there was none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))[key] if path.exists() else None


def measured(command: list[str]) -> tuple[dict[str, Any], str | None]:
    """A command's commit, seconds and peak memory, and what it printed.

    Where the command failed its output is None and "failed" holds the last line of its errors.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=error)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        numbers: dict[str, Any] = {
            "commit": commit(),
            "seconds": round(time.perf_counter() - started, 1),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
            "memory_gib": round(usage.ru_maxrss / 2**20, 2),
        }
        out.seek(0)
        error.seek(0)
        if process.returncode:
            lines = error.read().strip().splitlines()
            return {**numbers, "failed": lines[-1] if lines else "no message"}, None
        return numbers, out.read()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    features = [word for line in lines[:40] for word in line.split() if word == "avx512f"]
    return f"{names[0] if names else platform.processor()}{' (AVX-512)' if features else ''}"


def commit() -> str:
    """The commit of the code that is measured."""
    root = Path(__file__).resolve().parent.parent
    command = ["git", "rev-parse", "HEAD"]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return ran.stdout.strip() or "unknown"
