"""Foreign data: public sets from the data alone, beside PySINDy's weak form on the same data.

    python benchmarks/foreign.py --data FOLDER          # everything; goes on where it stopped
    python benchmarks/foreign.py --only KdV KS --noises 0.1 --seeds 0 --methods refine
    python benchmarks/foreign.py --quick                # one run of each method, without a folder
    python benchmarks/foreign.py --table                # what is there, nothing is run

FOLDER holds the public files (`_foreign_data.py` says which, and where they are from); without it
only Kuramoto-Sivashinsky is run, which a solver of the benchmark's own makes. Noise is a fraction
of the standard deviation of each field. Methods:

    refine     `pdenet.refine(None, data)`: values, grid and time step, nothing else
    discover   `pdenet.discover(data)`, network and refinement, not run unless asked for
    weak       PySINDy's weak form with cubic polynomials and derivatives up to order 4
    weak-told  the same, told the degree and the order of the true equation

PySINDy (`pip install pdenet[baselines]`) is set as `_sindy.py` says; its threshold is chosen
without the truth, and one chosen with it stands beside it ("hindsight"). Every run is a process of
its own with a limit on CPU seconds. Results: benchmarks/results/foreign.json.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _blind import pack
from _foreign_data import CASES, PUBLIC, Foreign, load
from _record import Rows, measured, revision

from pdenet import PDE, Grid
from pdenet.problem import Problem
from pdenet.storage import write_arrays

METHODS = ("refine", "discover", "weak", "weak-told")
WIDEST = {"degree": 3, "order": 4}
"""What PySINDy's user may choose who knows no more than pdenet is told."""


def noisy(case: Foreign, noise: float, seed: int) -> np.ndarray:
    """The states with noise of this share of each field's standard deviation."""
    sigma = noise * case.states.std(axis=(0, 1, 3), keepdims=True)
    draws = np.random.default_rng(seed).standard_normal(case.states.shape)
    return np.asarray(case.states + sigma * draws)


def command(method: str, case: Foreign, states: np.ndarray, folder: Path) -> list[str]:
    """What is run on these states."""
    here = Path(__file__).resolve().parent
    if method in ("refine", "discover"):
        path = folder / "case.npz"
        pack(path, states, (case.length,), case.dt, case.fields, case.truth, (case.origin,))
        return [sys.executable, str(here / "_blind.py"), method, str(path)]
    grid = Grid(states.shape[3:], (case.length,), (case.origin,))
    problem = Problem.periodic(PDE(*case.truth), grid)
    data = write_arrays(folder / "case.h5", states, problem, case.dt)
    told = {"degree": case.degree, "order": case.order} if method == "weak-told" else WIDEST
    settings = [f"--{name}={value}" for name, value in told.items()]
    return [sys.executable, str(here / "_sindy.py"), str(data), *settings]


def run(method: str, case: Foreign, noise: float, seed: int, limit: int) -> dict[str, Any]:
    """One run: what was found, seconds, peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        made = command(method, case, noisy(case, noise, seed), Path(folder))
        numbers, text = measured(made, limit)
    return {**numbers, **(json.loads(text[text.index("{") :]) if text else {"exact": False})}


def said(row: dict[str, Any]) -> str:
    """In a word or two, what came of a run."""
    if not row.get("ended", True):
        return "no end"
    if "failed" in row:
        return "fault"
    if row.get("verdict") == "refused":
        return "refused"
    terms = "right terms" if row["exact"] else "other terms"
    return f"{terms}, {row['verdict']}" if "verdict" in row else terms


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: for each case, noise and method what was found in its draws."""
    lines = [
        "| data | noise | method | exact | Einf | in short | χ² | CPU s | GiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["case"], row["noise"], row["method"]), []).append(row)
    for (case, noise, method), draws in groups.items():
        exact = [row for row in draws if row.get("exact")]
        errors = [row["einf"] for row in exact if row.get("einf") is not None]
        chi2 = [row["chi2"] for row in draws if row.get("chi2") is not None]
        words = sorted({said(row) for row in draws})
        cells = [case, f"{100 * noise:g} %", method, f"{len(exact)} of {len(draws)}"]
        cells += [_spread(errors), "; ".join(words), _spread(chi2)]
        cells += [_spread([row["cpu_seconds"] for row in draws])]
        cells += [f"{max(row['memory_gib'] for row in draws):.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    """Median (and largest)."""
    if not values:
        return "–"
    middle = f"{statistics.median(values):.2g}"
    return middle if len(values) == 1 else f"{middle} ({max(values):.2g})"


def main() -> None:
    """Run what is missing and write the results after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the public files")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--noises", nargs="+", type=float, default=[0.0, 0.01, 0.1])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["refine", *METHODS[2:]])
    parser.add_argument("--limit", type=int, default=120, help="CPU seconds of a run")
    parser.add_argument("--quick", action="store_true", help="one small case, one draw")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    parser.add_argument("--again", action="store_true", help="run also what has results")
    options = parser.parse_args()
    if options.quick:
        options.only, options.noises, options.seeds = ["KS, four"], [0.01], [0]
    if importlib.util.find_spec("pysindy") is None:
        options.methods = [each for each in options.methods if not each.startswith("weak")]
    now, shown = revision(), list[dict[str, Any]]()
    for name in options.only:
        case = None if options.table else load(name, options.data)
        if case is None and not options.table:
            print(f"{name} needs --data FOLDER with {PUBLIC[name].file}", file=sys.stderr)
        kept = Rows("foreign", options.limit, again=options.again, still=case is None)
        for noise, method in ((n, m) for n in options.noises for m in options.methods):
            for seed in options.seeds if noise else [0]:
                key = {"case": name, "noise": noise, "method": method, "seed": seed}
                if not method.startswith("weak"):
                    key["revision"] = now
                made = partial(run, method, case, noise, seed, options.limit)
                rows, new = kept.of(key, made)
                if new:
                    print(table(rows).splitlines()[2], flush=True)
                shown += rows
    print(table(shown))


if __name__ == "__main__":
    main()
