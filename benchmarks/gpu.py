"""First light on a GPU: simulation, training, read-out and refinement beside the CPU's.

    python benchmarks/gpu.py                        # in less than six minutes
    python benchmarks/gpu.py --device cpu --quick   # the same of tiny cases, without a GPU

2-D Burgers' equation and a 3-D one. Every phase runs in a process of its own, on the CPU, on the
device, and on the device once more to be counted, from the same data and seed. What is raised, what
hangs and what dies is reported, and the rest goes on. Results, after every phase anew:
benchmarks/results/gpu.json; the exit code is 1 where something failed or differs.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from _gpu_measure import FORMULA, child
from _gpu_phases import COUNTED, DEVICE, PHASES, REFERENCE, ROLES, Job
from _record import RESULTS, record

__all__ = ["digits", "main"]

WANTED = {"states": 12, "errors": 2}
OTHERS = 6
"""Digits to which numbers must agree. A simulation only rounds; what is iterated multiplies
rounding by the condition of what is solved; of standard errors, which come from derivatives in
single precision, two digits are all that anybody prints."""

MOST = 16
MARGIN = 5.0
"""Seconds after which a process that does not end by itself is ended."""
CASES = ("burgers-2d", "burgers-3d")
ROOT = Path(__file__).resolve().parent.parent
MEMORY = Path("/dev/shm")
PRELOADED = ["torch._dynamo", "pdenet.estimator", "simulators"]


@dataclass
class Bench:
    """One run of the benchmark: where it works, when it has to end, how many seconds one process
    may take, and what it found."""

    folder: Path
    device: str
    ends: float
    longest: float
    output: Path
    found: dict[str, Any] = field(default_factory=dict)

    def process(self, job: Job, kind: str) -> dict[str, Any]:
        """What a job in a process of its own wrote; {"failed": why} where it wrote nothing."""
        limit = min(self.longest, self.ends - time.perf_counter())
        if limit < 1:
            return {"failed": "no time was left"}
        out = self.folder / job.name
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        process = context.Process(target=child, args=(job, kind, out, limit), daemon=True)
        process.start()
        process.join(limit + MARGIN)
        if process.is_alive():
            process.kill()
            process.join()
        result, log = Path(f"{out}.json"), Path(f"{out}.log")
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        text = text.replace(f"{ROOT}/", "")
        if not result.exists():
            late = "Timeout (" in text or process.exitcode in (1, -9)
            why = f"not done in {limit:.0f} s" if late else f"exit code {process.exitcode}"
            return {"failed": f"{why}\n{text[-4000:]}"}
        said: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return said if not text.strip() else {**said, "said": text[-2000:]}

    def phase(self, case: str, phase: str) -> None:
        """Time a phase on the CPU and on the device, and compare the answers."""
        row: dict[str, Any] = {}
        row[REFERENCE] = self.process(Job(case, phase, "cpu", REFERENCE, self.folder), "time")
        row[DEVICE] = row[REFERENCE]
        if self.device != "cpu":
            row[DEVICE] = self.process(Job(case, phase, self.device, DEVICE, self.folder), "time")
            self.compare(row, case, phase, DEVICE)
        self.found["phases"].setdefault(case, {})[phase] = row
        self.write()

    def count(self, case: str, phase: str) -> None:
        """Count what a phase asks of the device, beside what the device can do."""
        row = self.found["phases"][case][phase]
        row[COUNTED] = self.process(Job(case, phase, self.device, COUNTED, self.folder), "count")
        if self.device == "cpu":
            self.compare(row, case, phase, COUNTED)
        if not any(
            "failed" in each for each in (row[DEVICE], row[COUNTED], self.found["bandwidth"])
        ):
            row |= shares(row[COUNTED], row[DEVICE]["seconds"], self.found["bandwidth"])
        self.write()

    def compare(self, row: dict[str, Any], case: str, phase: str, role: str) -> None:
        """Compare an answer with the reference's, if there are both."""
        if "failed" in row[REFERENCE] or "failed" in row[role]:
            return
        answers = (
            self.folder / f"{Job(case, phase, '', each, self.folder).name}.npz"
            for each in (REFERENCE, role)
        )
        row |= compared(*answers)
        row["missed"] = [
            name for name, found in row["digits"].items() if found < WANTED.get(name, OTHERS)
        ]
        row["speed_beside_the_cpu"] = _short(row[REFERENCE]["seconds"] / row[DEVICE]["seconds"])

    def write(self) -> None:
        """Keep what was found so far."""
        record(self.output.stem, self.found, self.output.parent)


def compared(first: Path, second: Path) -> dict[str, Any]:
    """Digits to which two answers agree, by the name of what is compared, and whether their texts
    are the same."""
    with np.load(first) as mine, np.load(second) as theirs:
        numbers = [name for name in mine.files if mine[name].dtype.kind == "f"]
        found = {name: digits(theirs[name], mine[name]) for name in numbers}
        same = "terms" not in mine.files or mine["terms"].tolist() == theirs["terms"].tolist()
        row: dict[str, Any] = {"digits": found, "same": same}
        if "equation" in mine.files:
            row["equations"] = [mine["equation"].tolist(), theirs["equation"].tolist()]
        if same and "errors" in mine.files:
            change = np.abs(mine["coefficients"] - theirs["coefficients"]) / mine["errors"]
            row["largest_change_in_standard_errors"] = _short(float(change.max(initial=0.0)))
    return row


def digits(found: np.ndarray, truth: np.ndarray) -> float:
    """Digits to which arrays agree: −log10 of the largest difference over the largest number; 0
    where they have other shapes or hold other than numbers."""
    if found.shape != truth.shape or not (np.isfinite(found).all() and np.isfinite(truth).all()):
        return 0.0
    difference = float(np.abs(found - truth).max(initial=0.0))
    size = float(np.abs(truth).max(initial=0.0))
    if difference == 0:
        return float(MOST)
    return round(max(0.0, min(MOST, -math.log10(difference / size))), 1) if size else 0.0


def is_right(row: dict[str, Any]) -> bool:
    """Whether a phase ran everywhere, to the same answer."""
    ran = not any("failed" in row[role] for role in ROLES)
    return ran and row["same"] and not row["missed"]


def shares(counted: dict[str, Any], seconds: float, band: dict[str, Any]) -> dict[str, Any]:
    """Bytes per second beside the bandwidth, and for how much of the time kernels ran: seconds of a
    kernel as profiled times kernels in all."""
    if "failed" in band:
        return {}
    speed = counted["bytes"] / seconds
    found = {
        "bytes_per_second": _short(speed),
        "share_of_bandwidth": _short(speed / band["bytes_per_second"]),
        "operations_per_second": _short(counted["operations"] / seconds),
    }
    part = counted.get("profiled") or {}
    if part.get("operations"):
        each = part["kernel_seconds"] / part["operations"]
        found["share_of_time_in_kernels"] = _short(each * counted["operations"] / seconds)
    return found


def table(found: dict[str, Any]) -> str:
    """The phases one below the other, then what failed."""
    lines, failures = [], []
    for case, phases in found["phases"].items():
        for phase, row in phases.items():
            shown = [f"{case:16} {phase:22}"]
            for role in (REFERENCE, DEVICE):
                shown.append(f"{row[role].get('seconds', 'failed')!s:>8}")
            peak = row[DEVICE].get("peak_bytes")
            shown.append(f"{peak / 2**30:7.3f} GiB" if peak else f"{'':11}")
            least = min(row["digits"].values()) if "digits" in row else "none"
            short = row.get("missed", []) + ["terms"] * (not row.get("same", True))
            shown.append(f"{least!s:>5} {'short: ' + ', '.join(short) if short else '':22}")
            for name in ("share_of_bandwidth", "share_of_time_in_kernels"):
                shown.append(f"{row.get(name, '')!s:>10}")
            lines.append(" ".join(shown))
            failures += [
                f"== {case}, {phase}, {role}\n{row[role]['failed']}"
                for role in ROLES
                if "failed" in row.get(role, {})
            ]
    head = f"{'':39} {'CPU s':>8} {'device s':>8} {'memory':>11} {'digits':>5}"
    return "\n".join([f"{head} {'':22} bandwidth    kernels", *lines, *failures])


def main(arguments: list[str] | None = None) -> int:
    """Run every phase, keep and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Help)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu")
    parser.add_argument("--quick", action="store_true", help="tiny cases")
    parser.add_argument("--seconds", type=float, default=350.0, help="in which it ends")
    parser.add_argument("--each", type=float, default=60.0, help="seconds of one process, at most")
    parser.add_argument("--phases", nargs="+", choices=list(PHASES), default=list(PHASES))
    parser.add_argument("--commit", help="of the code, where its history is not at hand")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / "gpu.json")
    options = parser.parse_args(arguments)
    # In memory where there is such a place: this measures no disk.
    where = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    scratch = Path(tempfile.mkdtemp(prefix="pdenet-gpu-", dir=where))
    ends = time.perf_counter() + options.seconds
    bench = Bench(scratch, options.device, ends, options.each, options.output)
    cases = [f"{case}-tiny" if options.quick else case for case in CASES]
    try:
        nothing = Job("", "", options.device, "machine", scratch)
        bench.found = {
            "machine": bench.process(nothing, "machine"),
            "device": options.device,
            "bandwidth": bench.process(replace(nothing, role="bandwidth"), "bandwidth"),
            "bytes": FORMULA,
            "phases": {},
        }
        if options.commit:
            bench.found["machine"]["commit"] = options.commit
        bench.write()
        pairs = [(case, phase) for phase in options.phases for case in cases]
        for case, phase in pairs:
            bench.phase(case, phase)
        for case, phase in pairs:
            bench.count(case, phase)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(table(bench.found))
    rows = [row for phases in bench.found["phases"].values() for row in phases.values()]
    return int(not all(is_right(row) for row in rows))


class _Help(argparse.RawDescriptionHelpFormatter):
    """As it is written."""


def _short(value: float) -> float:
    return float(f"{value:.3g}")


if __name__ == "__main__":
    sys.exit(main())
