"""Cost of a refinement: CPU seconds and memory against points x frames.

    python benchmarks/cost.py                       # every size; goes on where it stopped

Two-dimensional Burgers with 1 % noise and its true terms, coefficients a tenth off: more frames,
more trajectories, more points. With points on a finer grid the solver's steps get shorter too, as
its stability asks; the exponents are of CPU seconds per iteration against the numbers observed,
and against numbers x steps between two frames, by least squares of the logarithms. The largest
memory is that of the process. Results: benchmarks/results/cost.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _record import previous, record
from limit import start_of

from pdenet import refine
from pdenet.events import Event, Refining
from pdenet.likelihood import RefineConfig
from pdenet.storage import open_data
from simulators import simulate

# grid, trajectories, frames
SIZES = (
    *((64, 4, frames) for frames in (5, 10, 20, 40, 80)),
    *((64, n, 20) for n in (2, 8, 16)),
    *((n, 4, 20) for n in (32, 128)),
)


def one(path: Path) -> dict[str, Any]:
    """One refinement in this process."""
    with open_data(path) as data:
        assert data.problem.pde is not None
        guess = start_of(data.problem.pde)
    steps: list[float] = []

    def see(event: Event) -> None:
        if isinstance(event, Refining):
            usage = os.times()
            steps.append(usage.user + usage.system)

    started, before = time.perf_counter(), os.times()
    config = RefineConfig(choose=False, noise=0.01)
    found = refine(guess, path, config=config, on_event=see)
    spent = os.times()
    assert found.refinement is not None
    return {
        "iterations": len(steps),
        "cpu_per_iteration": float(np.mean(np.diff([before.user + before.system, *steps]))),
        "seconds": time.perf_counter() - started,
        "cpu_seconds": spent.user + spent.system - before.user - before.system,
        "memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "substeps": found.refinement.substeps,
        "states": found.refinement.shape,
        "threads": torch.get_num_threads(),
    }


def measure(grid: int, trajectories: int, frames: int, folder: Path) -> dict[str, Any]:
    """One size, in a process of its own."""
    path = folder / f"cost-{grid}-{trajectories}-{frames}.h5"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        size = {"trajectories": trajectories, "frames": frames, "shape": (grid, grid)}
        simulate("burgers", path, seed=0, noise=0.01, late_start=1.0, **size)
    command = [sys.executable, __file__, "--one", str(path)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    size = {"grid": grid, "trajectories": trajectories, "frames": frames}
    return {**size, **json.loads(found.stdout.splitlines()[-1])}


def exponents(found: list[dict[str, Any]]) -> dict[str, float]:
    """Of CPU seconds per iteration."""
    if len(found) < 3:
        return {}

    def slope(sizes: list[float]) -> float:
        cost = [each["cpu_per_iteration"] for each in found]
        return float(np.polyfit(np.log(sizes), np.log(cost), 1)[0])

    numbers = [each["grid"] ** 2 * each["frames"] * each["trajectories"] for each in found]
    steps = [n * each["substeps"] for n, each in zip(numbers, found, strict=True)]
    return {"numbers": slope(numbers), "numbers_times_steps": slope(steps)}


def main() -> None:
    """Measure what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, default=Path("noise-data"), help="Folder of the data.")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one)))
        return
    found: list[dict[str, Any]] = previous("cost", "sizes") or []
    done = {(each["grid"], each["trajectories"], each["frames"]) for each in found}
    for size in SIZES:
        if size not in done:
            found.append(measure(*size, options.data))
            record("cost", {"sizes": found, "exponents": exponents(found)})
            print(json.dumps(found[-1]), flush=True)
    print(exponents(found))


if __name__ == "__main__":
    main()
