"""The zoo: what pdenet finds of many equations in boxes, between walls and in open windows.

    python benchmarks/zoo.py                             # everything; goes on where it stopped
    python benchmarks/zoo.py --cases window_kdv box_kdv --noises 0.01 --draws 5
    python benchmarks/zoo.py --quick                     # a few small runs, in minutes
    python benchmarks/zoo.py --table                     # what is there, nothing is run
    python benchmarks/zoo.py --check                     # whether the data are what they should be

Cases: periodic boxes with all kinds of first fields, orders 1 to 4, one to three axes, systems,
c(x) and f(u); walls (Dirichlet, Neumann, Robin), which are told; open windows cut out of larger
simulations, one of them with a hole, of which nothing else is told, each beside a periodic box with
as many values (goal: at most 1.5 times its Einf); and data that no single equation explains, which
must not be called identified. `_zoo_*.py` make them, with solvers of the benchmark's own. Every
draw has first fields and noise of its own. Noises, by name: `_zoo_data.py`.

Methods, each run a process of its own with a limit on CPU seconds (`--limit`):

    refine    `pdenet.refine(None, states, grid=..., dt=..., fields=...)`, boundary= where it is not
              periodic, outside= where there is a hole
    sindy     PySINDy's weak form, set as `_sindy.py` says, with cubic polynomials and derivatives
              up to order 4 (`pip install pdenet[baselines]`)

Results: benchmarks/results/zoo.json, those of pdenet each under the last commit that changed
pdenet/. `_zoo_scores.py` says what is scored.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import _zoo_nothing  # noqa: F401  (enter their cases)
import _zoo_periodic  # noqa: F401
import _zoo_walls  # noqa: F401
import _zoo_windows  # noqa: F401
import numpy as np
from _record import Rows, measured, revision
from _zoo_check import checked
from _zoo_data import ZOO, Zoo, noisy
from _zoo_run import packed, pysindy_cannot, sindy_file
from _zoo_scores import scored, tables

NOISES = ("0", "0.01", "0.1", "0.5")
QUICK = ("band", "box_advection_diffusion", "window_advection_diffusion", "travelling_wave")
HERE = Path(__file__).resolve().parent


def _refine(case: Zoo, states: np.ndarray, folder: Path) -> list[str]:
    path = packed(case, states, folder / "case.npz")
    return [sys.executable, str(HERE / "_zoo_run.py"), "refine", str(path)]


def _sindy(case: Zoo, states: np.ndarray, folder: Path) -> list[str]:
    path = sindy_file(case, states, folder / "case.h5")
    settings = ["--degree=3", "--order=4", "--pooled"]
    return [sys.executable, "-W", "ignore", str(HERE / "_sindy.py"), str(path), *settings]


METHODS: dict[str, Callable[[Zoo, np.ndarray, Path], list[str]]] = {
    "refine": _refine,
    "sindy": _sindy,
}
"""The command that finds the equation of a case; it prints JSON."""


def run(case: Zoo, noise: str, draw: int, method: str, limit: int) -> dict[str, Any]:
    """One run: what was found, its scores, seconds and peak memory."""
    why = pysindy_cannot(case) if method == "sindy" else ""
    if why:
        return {"skipped": why, "ended": True, **scored({}, case.truth)}
    with tempfile.TemporaryDirectory() as folder:
        command = METHODS[method](case, noisy(case, noise, draw), Path(folder))
        numbers, text = measured(command, limit)
    found = json.loads(text[text.index("{") :]) if text else {}
    if method == "sindy" and found.get("pde") is not None:
        found.setdefault("equations", [found["pde"]])
    return {**numbers, **scored({**found, **_failure(numbers)}, case.truth)}


def _failure(numbers: dict[str, Any]) -> dict[str, Any]:
    return {"failed": numbers["failed"]} if "failed" in numbers else {}


@cache
def _made(name: str, draw: int) -> Zoo:
    return ZOO[name].make(draw)


def _run(name: str, noise: str, draw: int, method: str, limit: int) -> dict[str, Any]:
    """The same with the case by name."""
    return run(_made(name, draw), noise, draw, method, limit)


def levels(name: str, asked: Sequence[str] | None) -> list[str]:
    """The noises of a case: those that are asked for, or the usual ones and its own."""
    entry = ZOO[name]
    return list(asked or entry.only or (*NOISES, *entry.more))


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=ZOO, default=list(ZOO), metavar="NAME")
    parser.add_argument("--noises", nargs="+", help="by name; each case has its own by default")
    parser.add_argument("--draws", type=int, default=3, help="of first fields and noise")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--limit", type=int, default=180, help="CPU seconds of a run")
    parser.add_argument("--quick", action="store_true", help=f"1 %% noise, one draw: {QUICK}")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    parser.add_argument("--again", action="store_true", help="run also what has results")
    parser.add_argument("--check", action="store_true", help="check the data, run nothing")
    options = parser.parse_args()
    if options.quick:
        options.cases, options.noises, options.draws = list(QUICK), ["0.01"], 1
    if importlib.util.find_spec("pysindy") is None and not options.table:
        options.methods = [each for each in options.methods if each != "sindy"]
    return options


def check(names: Sequence[str]) -> int:
    """The exit status: 1 where the data of a case are not what they should be."""
    faulty = False
    for name in names:
        found = checked(name)
        print(found, flush=True)
        faulty |= bool(found.fault)
    return int(faulty)


def main() -> None:
    """Run what is missing and write the results after every run."""
    options = _parsed()
    if options.check:
        sys.exit(check(options.cases))
    now, shown = revision(), list[dict[str, Any]]()
    kept = Rows("zoo", options.limit, again=options.again, still=options.table)
    for name in options.cases:
        for draw in range(options.draws):
            for noise in levels(name, options.noises):
                for method in options.methods:
                    key = {"case": name, "noise": noise, "draw": draw, "method": method}
                    key |= {"revision": now} if method == "refine" else {}
                    made = partial(_run, name, noise, draw, method, options.limit)
                    rows, new = kept.of(key, made)
                    if new:
                        print(tables(rows).splitlines()[2], flush=True)
                    shown += rows
    print(tables(shown))


if __name__ == "__main__":
    main()
