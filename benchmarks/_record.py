"""What benchmarks share: runs measured from outside, and results/<name>.json with the machine."""

import datetime
import hashlib
import json
import os
import platform
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

__all__ = ["RESULTS", "Rows", "commit", "machine", "measured", "previous", "record", "revision"]

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
WALL = 10
"""Seconds of wall time for each CPU second that a run may take: others use the machine too."""


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


def measured(command: list[str], limit: int | None = None) -> tuple[dict[str, Any], str | None]:
    """A command's commit, seconds and peak memory, and what it printed.

    limit: CPU seconds after which the system ends it; it runs on one thread of OpenMP then, and
    imports pdenet from where the benchmarks are.
    Where the command failed its output is None and "failed" holds the last line of its errors;
    "ended" is False where it had no end within the limit.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=error,
            env=_environment() if limit else None,
            preexec_fn=(lambda: _limit(limit)) if limit else None,
        )
        # A process that waits for ever uses no CPU.
        timer = threading.Timer(WALL * limit if limit else threading.TIMEOUT_MAX, process.kill)
        timer.daemon = True
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        numbers: dict[str, Any] = {
            "commit": commit(),
            "seconds": round(time.perf_counter() - started, 1),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
            "memory_gib": round(usage.ru_maxrss / 2**20, 2),
        }
        if limit:
            killed = process.returncode == -signal.SIGKILL
            late = numbers["seconds"] >= WALL * limit or numbers["cpu_seconds"] >= limit
            stopped = process.returncode == -signal.SIGXCPU or (killed and late)
            numbers |= {"limit": limit, "ended": not stopped}
            if stopped:
                return {**numbers, "failed": f"no end in {limit} CPU seconds"}, None
        out.seek(0)
        error.seek(0)
        if process.returncode:
            lines = error.read().strip().splitlines()
            return {**numbers, "failed": lines[-1] if lines else "no message"}, None
        return numbers, out.read()


class Rows:
    """The rows of results/<name>.json, kept after each run, so that a benchmark goes on where it
    stopped.

    limit: CPU seconds that a run has now. again: make also what has results. still: make nothing.
    """

    def __init__(self, name: str, limit: int, *, again: bool, still: bool) -> None:
        self.name, self.limit, self.again, self.still = name, limit, again, still
        self.rows: list[dict[str, Any]] = previous(name) or []

    def of(
        self, key: dict[str, Any], make: Callable[[], dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], bool]:
        """The rows with this key, and whether one was made now: where there was none, or none with
        as much time."""
        done = [row for row in self.rows if all(row.get(k) == v for k, v in key.items())]
        short = any(not row["ended"] and row["limit"] < self.limit for row in done)
        if self.still or (done and not self.again and not short):
            return done, False
        row = {**key, **make()}
        self.rows = [each for each in self.rows if each not in done] + [row]
        record(self.name, {"results": self.rows})
        return [row], True


def _limit(seconds: int) -> None:
    """For the process that is started: an end to its CPU time, and no core dump."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _environment() -> dict[str, str]:
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(path)}


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
    return _git("rev-parse", "HEAD").strip() or "unknown"


def revision() -> str:
    """The last commit that changed pdenet/, with a digest of what was changed there since.

    Results that are kept under it stay valid when a benchmark or a document changes.
    """
    last = _git("log", "-1", "--format=%h", "--", "pdenet").strip() or "unknown"
    changed = _git("diff", "HEAD", "--", "pdenet")
    return f"{last}+{hashlib.sha256(changed.encode()).hexdigest()[:8]}" if changed else last


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
