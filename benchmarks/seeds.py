"""Every problem of the papers on seeds 0 to 19: how often exactly the true terms, and how far off.

    python benchmarks/seeds.py                        # goes on where it was stopped
    python benchmarks/seeds.py --problems burgers --seeds 0-4
    python benchmarks/seeds.py --minutes 30           # begins no run after so many
    python benchmarks/seeds.py --table                # what there is so far

A seed makes the data and the network's start. "exact": all true terms and no other. "curve": a map
or a source without a formula is the answer, nothing else is wrong. "error": the largest relative
error of a coefficient (a missing or extra term counts 1), "inside" how many of the true
coefficients lie within two standard errors of those found. Data are small and trainings short, so
that a run takes about half a minute (`PROBLEMS`); "full" is `pdenet discover` as it comes, and
--problems names it. Everything goes to benchmarks/results/seeds.json after every run.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _papers_runs import reduced
from _record import measured, previous, record

from pdenet.evaluation.variants import to_toml
from pdenet.training.config import ReadoutSection, TrainingConfig, preset

SEEDS = 20
PAPER = ("--grid", "32x32", "--refine", "4", "--dt", "0.01", "--noise", "0.001")
PAPER += ("--trajectories", "14", "--frames", "21", "--late-start", "1")
READ = (*PAPER, "--no-refine")
SOURCE = ("--grid", "40x40", "--refine", "2", "--noise", "0.01", "--trajectories", "12")
VARYING = ("--grid", "32x32", "--noise", "0.015", "--trajectories", "14", "--frames", "25")


@dataclass(frozen=True)
class Problem:
    """What is run. source: of the catalogue. options: of `pdenet discover`. preset: whose settings
    are shortened, None for those of the equation, or for those of a network without a preset;
    short: whether they are."""

    source: str
    options: tuple[str, ...] = ()
    preset: str | None = None
    short: bool = True

    def settings(self) -> TrainingConfig | None:
        """The configuration; None for the usual one."""
        if not self.short:
            return None
        if self.preset is None:
            return reduced(TrainingConfig())
        readout = ReadoutSection(
            select_values=24576, fit_values=40960, structure_values=8192, free_iterations=30
        )
        return reduced(preset(self.preset)).model_copy(update={"values": 16000, "readout": readout})


PROBLEMS = {
    "nonlinear source": Problem("nonlinear-source", SOURCE, "nonlinear-source"),
    "variable coefficients": Problem("variable-coefficients", VARYING, "variable-coefficients"),
    "diffusion": Problem("diffusion", READ),
    "Burgers": Problem("burgers", READ),
    "reactive source": Problem("reactive-source", READ),
    "reactive source, refined": Problem("reactive-source", PAPER),
    "nonlinear source, full": Problem("nonlinear-source", short=False),
    "variable coefficients, full": Problem("variable-coefficients", short=False),
    "Burgers, full": Problem("burgers", ("--no-refine",), short=False),
    "Burgers, refined": Problem("burgers", short=False),
    "Burgers, paper, refined": Problem("burgers", ("--preset", "paper"), short=False),
}
USUAL = [name for name, problem in PROBLEMS.items() if problem.short]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, and show the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=USUAL)
    parser.add_argument("--seeds", default=f"0-{SEEDS - 1}", help="first-last [%(default)s]")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no run after these")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    runs: list[dict[str, Any]] = previous("seeds", "runs") or []
    first, _, last = options.seeds.partition("-")
    wanted = [(p, s) for p in options.problems for s in range(int(first), int(last or first) + 1)]
    done = {(run["problem"], run["seed"]) for run in runs if "failed" not in run}
    runs = [run for run in runs if (run["problem"], run["seed"]) in done]
    started = time.monotonic()
    for problem, seed in wanted:
        late = time.monotonic() - started > 60 * options.minutes
        if options.table or late:
            break
        if (problem, seed) in done:
            continue
        runs.append({"problem": problem, "seed": seed, **_run(problem, seed)})
        record("seeds", {"table": table(runs), "runs": runs})
        print(problem, seed, runs[-1].get("kind", "failed"), runs[-1]["cpu_seconds"], flush=True)
    for row in table(runs):
        print("| " + " | ".join(row) + " |")
    return 1 if any("failed" in run for run in runs) else 0


def _run(problem: str, seed: int) -> dict[str, Any]:
    """One discovery: cost, equations and errors."""
    asked, config = PROBLEMS[problem], PROBLEMS[problem].settings()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pdenet.cli", "discover", asked.source, *asked.options]
        if config is not None:
            settings = Path(folder, "settings.toml")
            settings.write_text(to_toml(config), encoding="utf-8")
            command += ["--config", str(settings)]
        command += ["--seed", str(seed), "-o", str(Path(folder, "run")), "--json", "--quiet"]
        numbers, text = measured(command)
    if text is None:
        return numbers
    document = json.loads(text)
    functions = [*document["sources"], *(m for m in document["maps"] if m["kind"] == "varying")]
    for each in functions:  # hundreds of values
        del each["values"], each["errors"]
    return {
        **numbers,
        "equations": document["equations"],
        "scores": document["scores"],
        "deviations": deviations(document["terms"]),
        "functions": functions,
        "kind": kind_of(document["scores"], functions),
    }


def deviations(terms: Sequence[dict[str, Any]]) -> list[float]:
    """Of each coefficient from the truth, in standard errors; without those that have no truth."""
    known = (each for each in terms if each["truth"] is not None and each["stderr"])
    return [(each["coefficient"] - each["truth"]) / each["stderr"] for each in known]


def kind_of(scores: dict[str, Any], functions: Sequence[dict[str, Any]]) -> str:
    """ "exact", "curve" or "wrong"."""
    if not scores["extra"] and not scores["missing"]:
        return "exact"
    free = any(each["formula"] is None for each in functions)
    return "curve" if free and not scores["extra"] else "wrong"


def table(runs: Sequence[dict[str, Any]]) -> list[list[str]]:
    """A row for each problem, below the names of the columns."""
    rows = [
        ["problem", "exact", "curve", "wrong", "failed", "median error", "worst error",
         "inside", "largest error of a map or curve (L2)", "CPU s a run"],
        ["---"] * 10,
    ]  # fmt: skip
    for problem in PROBLEMS:
        found = [run for run in runs if run["problem"] == problem]
        ended = [run for run in found if "kind" in run]
        if not found:
            continue
        kinds = [run.get("kind") for run in found]
        errors = [run["scores"]["einf"] for run in ended if run["scores"]["einf"] is not None]
        z = [abs(each) for run in ended for each in run.get("deviations", [])]
        curves = [each["l2_error"] for run in ended for each in run["functions"]]
        curves = [error for error in curves if error is not None]
        rows.append(
            [
                problem,
                *(f"{kinds.count(kind)} of {len(found)}" for kind in ("exact", "curve", "wrong")),
                str(kinds.count(None)),
                _percent(statistics.median(errors) if errors else None),
                _percent(max(errors, default=None)),
                f"{sum(each <= 2 for each in z)} of {len(z)}, worst {max(z):.1f}" if z else "–",
                _percent(max(curves, default=None)),
                f"{statistics.median(run['cpu_seconds'] for run in found):.0f}",
            ]
        )
    return rows


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2g} %"


if __name__ == "__main__":
    raise SystemExit(main())
