"""The statistical limit: errors of refined coefficients over many draws of the noise, beside the
Cramér–Rao bound, and how often 90 % intervals hold the truth.

    python benchmarks/limit.py                  # everything; goes on where it stopped
    python benchmarks/limit.py --cases burgers-1d

The clean data of a case are made once; each draw adds noise of its own. The true terms are given,
the coefficients start a tenth off, the noise level is estimated. `ratio` is the r.m.s. error over
the draws divided by the mean bound. Results: benchmarks/results/limit.json.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import _kinds_equations  # noqa: F401  (enter their cases)
import torch
from _kinds_data import CASES as KINDS
from _noise_data import make
from _record import commit, previous, record
from torch import Tensor

from pdenet.grid import Grid
from pdenet.likelihood import RefineConfig
from pdenet.likelihood.refine import refine
from pdenet.pde import PDE
from pdenet.pde.compare import compare
from pdenet.problem import Problem
from pdenet.storage import open_data

CASES: dict[str, dict[str, Any]] = {
    "kawahara": {"draws": 10},
    "burgers-1d": {"draws": 50, "trajectories": 18, "frames": 41},
    "burgers": {"draws": 20, "trajectories": 8, "frames": 20},
}
NOISES = (0.01, 0.1)
INTERVAL = 1.6449  # standard errors to either side that hold 90 % of a normal distribution


def start_of(truth: PDE) -> PDE:
    """The true terms with coefficients a tenth off, up and down in turn."""
    terms = {
        name: {
            monomial: float(value) * (1.1 if k % 2 else 0.9)
            for k, (monomial, value) in enumerate(table.items())
        }
        for name, table in truth.numeric_terms().items()
    }
    return PDE.from_terms(terms, truth.coordinates)


def _made(case: str, folder: Path) -> tuple[Tensor, Problem, float]:
    """The clean data of a case."""
    if case in KINDS:
        kind = KINDS[case](noise=0.0)
        grid = Grid(kind.states.shape[3:], kind.lengths)
        problem = Problem.periodic(PDE(*kind.truth), grid)
        return torch.from_numpy(kind.states), problem, kind.dt
    size = CASES[case]
    with open_data(make(case, 0.0, 0, folder)) as data:
        rows = data.split["train"][: size["trajectories"]]
        clean = torch.from_numpy(data.read(rows, slice(0, size["frames"]), dtype="float64"))
        return clean, data.problem, data.dt


def draw(case: str, noise: float, seed: int, folder: Path) -> dict[str, Any]:
    """One draw of the noise: error, standard error and bound of every coefficient."""
    clean, problem, dt = _made(case, folder)
    assert problem.pde is not None
    sigma = noise * clean[:, 0].flatten(2).std(2, correction=0)
    sigma = sigma[:, None].reshape([len(clean), 1, -1] + [1] * problem.grid.ndim)
    generator = torch.Generator().manual_seed(1000 + seed)
    noisy = clean + sigma * torch.randn(clean.shape, generator=generator, dtype=clean.dtype)
    started = time.perf_counter()
    config = RefineConfig(choose=False, seed=seed)
    found = refine(start_of(problem.pde), noisy, None, problem, dt, config)
    result = found.refinement
    assert result is not None
    return {
        "commit": commit(),
        "seconds": round(time.perf_counter() - started, 1),
        "chi2": result.chi2,
        "converged": result.converged,
        "terms": {
            f"{row.field}: {row.monomial}": [
                row.found - row.truth,
                found.stderr[row.field][row.monomial],
                result.bound[row.field][row.monomial],
            ]
            for row in compare(found.pde, problem.pde).rows
            if row.found is not None and row.truth is not None
        },
    }


def summary(draws: dict[str, Any]) -> dict[str, Any]:
    """Ratio to the bound and coverage of every coefficient, and over all of them."""
    found: dict[str, Any] = {"draws": len(draws)}
    for term in next(iter(draws.values()))["terms"]:
        rows = [each["terms"][term] for each in draws.values()]
        rms = math.sqrt(sum(error**2 for error, _, _ in rows) / len(rows))
        bound = sum(bound for _, _, bound in rows) / len(rows)
        held = sum(abs(error) <= INTERVAL * stderr for error, stderr, _ in rows)
        found[term] = {"rms": rms, "ratio": rms / bound, "coverage": held / len(rows)}
    terms = [value for value in found.values() if isinstance(value, dict)]
    found["largest_ratio"] = max(each["ratio"] for each in terms)
    found["coverage"] = sum(each["coverage"] for each in terms) / len(terms)
    return found


def main() -> None:
    """Run what is missing and write the results after every draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--noises", nargs="+", type=float, default=list(NOISES))
    parser.add_argument("--data", type=Path, default=Path("noise-data"), help="Folder of the data.")
    options = parser.parse_args()
    results: dict[str, Any] = previous("limit") or {}
    for case, noise in ((case, noise) for case in options.cases for noise in options.noises):
        done = results.setdefault(case, {}).setdefault(f"{noise:g}", {"draws": {}})
        for seed in range(CASES[case]["draws"]):
            if str(seed) not in done["draws"]:
                done["draws"][str(seed)] = draw(case, noise, seed, options.data)
                done["summary"] = summary(done["draws"])
                record("limit", {"results": results})
        print(case, noise, json.dumps(done["summary"], indent=1), flush=True)


if __name__ == "__main__":
    main()
