"""Coarse and missing data: what a refinement finds where points, times or fields are not seen.

    python benchmarks/coarse.py                     # everything; goes on where it stopped
    python benchmarks/coarse.py --cases half --seeds 0

Two-dimensional Burgers at 64² with 1 % noise, and at 0.1 % noise where points are left out: every
2nd, 4th and 8th point along each axis (with the true terms given: below the scale of the fronts
nothing but the equation knows them), half of all points missing at random, and v never seen (eight
trajectories, true terms given, coefficients a fifth off). "papers" is the papers' data, 32² of 128²
at 0.1 %, from the data alone. Results: benchmarks/results/coarse.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from _record import commit, previous, record

from pdenet import PDE, Grid, refine
from pdenet.events import Refining
from pdenet.likelihood import RefineConfig
from pdenet.pde.compare import compare
from pdenet.problem import Problem
from pdenet.storage import create, open_data
from simulators import simulate

SOURCE: dict[str, Any] = {"trajectories": 28, "frames": 20, "late_start": 1.0}
GUESS = PDE(
    "u_t = -0.8*u*u_x - 1.2*v*u_y + 0.04*u_xx + 0.06*u_yy",
    "v_t = -1.2*u*v_x - 0.8*v*v_y + 0.06*v_xx + 0.04*v_yy",
)
CASES = ("half", "every2", "every4", "every8", "hidden", "papers")


def make(case: str, seed: int, folder: Path) -> Path:
    """The data of a case."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"coarse-{case}-{seed}.h5"
    if path.exists():
        return path
    if case == "papers":
        shape = {"shape": (32, 32), "refine": 4}
        simulate("burgers", path, seed=seed, noise=0.001, **SOURCE, **shape)
    elif case == "half":
        simulate("burgers", path, seed=seed, noise=0.01, missing=0.5, **SOURCE)
    else:
        full = folder / f"coarse-full-{case == 'hidden'}-{seed}.h5"
        changed = {"noise": 0.01, "trajectories": 8} if case == "hidden" else {"noise": 0.001}
        simulate("burgers", full, seed=seed, overwrite=True, **{**SOURCE, **changed})
        _reduced(full, path, case)
    return path


def _reduced(full: Path, path: Path, case: str) -> None:
    """The data with every n-th point alone, or without v."""
    step = int(case.removeprefix("every")) if case.startswith("every") else 1
    with open_data(full) as data:
        states = data.read()[..., ::step, ::step]
        grid = Grid(tuple(n // step for n in data.problem.grid.shape), data.problem.grid.lengths)
        assert data.problem.pde is not None
        problem = Problem.periodic(data.problem.pde, grid)
        if case == "hidden":
            states[:, :, 1] = np.nan
        with create(
            path,
            problem,
            trajectories=len(states),
            times=data.times,
            metadata={**data.metadata, "missing": case == "hidden"},
            missing=case == "hidden",
        ) as writer:
            writer.append(states)


def run(case: str, seed: int, folder: Path) -> dict[str, Any]:
    """One refinement and its scores."""
    path = make(case, seed, folder)
    with open_data(path) as data:
        truth = data.problem.pde
    assert truth is not None
    given = {"half": None, "papers": None, "hidden": GUESS}.get(case, truth)
    config = RefineConfig(choose=given is None, finest=8 if case == "every8" else 4)

    def say(event: object) -> None:
        if isinstance(event, Refining):
            print(f"  {event.iteration} chi2 {event.chi2:.4g} {event.leading}", flush=True)

    found = refine(given, path, config=config, on_event=say)
    scored, result = compare(found.pde, truth), found.refinement
    assert result is not None
    return {
        "commit": commit(),
        "exact": scored.tpr == 1,
        "einf": scored.einf,
        "chi2": result.chi2,
        "converged": result.converged,
        "verdict": result.verdict,
        "shape": list(result.shape),
        "seconds": round(found.seconds["total"], 1),
        "equations": list(found.pde.equations()),
        "largest_over_stderr": max(
            abs(row.found - row.truth) / found.stderr[row.field][row.monomial]
            for row in scored.rows
            if row.found is not None and row.truth is not None
        ),
    }


def main() -> None:
    """Run what is missing and write the results after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(3)))
    parser.add_argument("--data", type=Path, default=Path("noise-data"), help="Folder of the data.")
    options = parser.parse_args()
    results: dict[str, Any] = previous("coarse") or {}
    for case, seed in ((case, seed) for case in options.cases for seed in options.seeds):
        done = results.setdefault(case, {})
        if str(seed) in done:
            continue
        try:
            done[str(seed)] = found = run(case, seed, options.data)
        except (ValueError, RuntimeError) as error:
            done[str(seed)] = found = {"commit": commit(), "failed": str(error)}
        record("coarse", {"results": results})
        print(case, seed, found, flush=True)


if __name__ == "__main__":
    main()
