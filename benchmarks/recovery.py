"""What is recovered: `pdenet discover` as its users run it, from nothing to the equation.

    python benchmarks/recovery.py            # every case and seed; goes on where it was stopped
    python benchmarks/recovery.py --only paper-learned --seeds 0

Each run is a process of its own, timed from outside with its largest resident memory, and its data,
training and report are made anew. A run counts as exact when its terms are the true ones and no
others. "paper-frozen" is "paper-learned" with every filter frozen to the classical differences,
in the network and in the refit. Results: benchmarks/results/recovery.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from _record import measured, previous, record

from pdenet.training.config import preset

FULL = ["--trajectories", "28", "--frames", "41", "--late-start", "1"]
PAPER_DATA = ["--grid", "32x32", "--refine", "4", "--dt", "0.01", "--noise", "0.001", *FULL]
TALKS_LARGEST_ERROR = 0.10  # 0.055 for 0.05: the learned filters of the talks of 2019

CASES: dict[str, tuple[list[str], range]] = {
    "burgers": (["burgers", "--refine", "2", *FULL], range(5)),
    "paper-learned": (["burgers", "--preset", "paper", *FULL], range(3)),
    "paper-frozen": (["burgers", *PAPER_DATA, "--config", "{frozen}"], range(3)),
    "burgers-1d": (["burgers-1d"], range(3)),
    "diffusion": (["diffusion"], range(3)),
    "convection-diffusion": (["convection-diffusion"], range(3)),
}


def frozen_config(path: Path) -> Path:
    """The papers' settings with frozen filters, as TOML."""
    config = preset("paper")
    lines = [f"values = {config.values}"]
    lines += [
        "[network]",
        "filter_size = 5",
        'constraint = "frozen"',
        f"units = {config.network.units}",
    ]
    lines += ["[readout]", "size = 5", 'order = "frozen"']
    for stage in config.stages:
        lines += ["[[stages]]", f"blocks = {stage.blocks}", f"iterations = {stage.iterations}"]
        lines += [f"filters = {str(stage.filters).lower()}"]
        lines += [f"penalties = {str(stage.penalties).lower()}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(arguments: list[str], seed: int) -> dict[str, Any]:
    """One run of the command: its JSON, seconds and peak memory."""
    with tempfile.TemporaryDirectory() as scratch:
        frozen = str(frozen_config(Path(scratch) / "frozen.toml"))
        typed = [argument.replace("{frozen}", frozen) for argument in arguments]
        command = [sys.executable, "-m", "pdenet.cli", "discover", *typed]
        command += ["-o", str(Path(scratch) / "run"), "--seed", str(seed), "--json", "--quiet"]
        # What the network's read-out reaches by itself; noise.py measures refinement.
        command += ["--no-refine"]
        numbers, text = measured(command)
    if text is None:
        return {"seed": seed, **numbers}
    found = json.loads(text)
    errors = {f"{t['field']}: {t['term']}": t["relative_error"] for t in found["terms"]}
    return {
        "seed": seed,
        **numbers,
        "exact": not found["scores"]["extra"] and not found["scores"]["missing"],
        "einf": found["scores"]["einf"],
        "e2": found["scores"]["e2"],
        "tpr": found["scores"]["tpr"],
        "convection": largest(found["terms"], diffusion=False),
        "diffusion": largest(found["terms"], diffusion=True),
        "errors": errors,
        "equations": found["equations"],
        "seconds_by_step": found["seconds"],
    }


def largest(terms: list[dict[str, Any]], *, diffusion: bool) -> float | None:
    """The largest error of the true terms with, or without, a second derivative."""
    chosen = [
        term["relative_error"]
        for term in terms
        if term["relative_error"] is not None
        and term["truth"] is not None
        and (len(term["term"].partition("_")[2]) == 2 and "*" not in term["term"]) == diffusion
    ]
    return max(chosen) if chosen else None


def main() -> None:
    """Run what is missing and write the results after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(CASES), action="append")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--again", action="store_true", help="run also what has results")
    options = parser.parse_args()
    results: dict[str, Any] = previous("recovery") or {}
    for name in options.only or CASES:
        arguments, seeds = CASES[name]
        for seed in options.seeds or seeds:
            done = results.setdefault(name, {"command": " ".join(arguments), "runs": {}})
            if str(seed) in done["runs"] and not options.again:
                continue
            done["runs"][str(seed)] = found = run(arguments, seed)
            record("recovery", {"results": results, "talks_largest_error": TALKS_LARGEST_ERROR})
            print(name, seed, {k: v for k, v in found.items() if k != "errors"}, flush=True)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent)
    main()
