"""Noise: what is found of noisy data by PDE-Net alone, by refinement, and by PySINDy.

    python benchmarks/noise.py                                # everything; goes on where it stopped
    python benchmarks/noise.py --cases burgers --noises 0.1 --seeds 0 --methods refined
    python benchmarks/noise.py --public pysindy_burgers.mat   # PySINDy's own file as a fifth case

Every method reads the same files, in a process of its own whose time and largest memory are taken.
"refined" is `pdenet refine DATA`: terms and coefficients from the data alone. "network" is `pdenet
discover DATA --no-refine`, "both" the same with refinement. "weak" and "strong" are PySINDy
(`pip install pdenet[baselines]`; left out where it is missing), with a threshold chosen on held-out
trajectories, and one chosen knowing the truth beside it. `ratio` is the largest error of a
coefficient over its Cramér–Rao bound. Results: benchmarks/results/noise.json and noise.png.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from _noise_data import CASES, NOISES, make, public_burgers
from _noise_figures import draw, table
from _record import RESULTS, measured, previous, record

METHODS = ("refined", "network", "both", "weak", "strong")
PUBLIC = "public-burgers-1d"
DEGREE = {"reactive-source": 3}
SPAN = {"burgers": 2, "burgers-1d": 2, "diffusion": 2, "reactive-source": 2, PUBLIC: 3}
"""Highest derivative among the candidates of the refinement."""


def command(method: str, data: Path, case: str, scratch: Path) -> list[str]:
    """What is run."""
    own = [sys.executable, "-m", "pdenet.cli"]
    if method == "refined":
        return [*own, "refine", str(data), "--order", str(SPAN[case]), "--json", "--quiet"]
    if method in ("network", "both"):
        alone = ["--no-refine"] if method == "network" else []
        run = ["discover", str(data), "-o", str(scratch / "run"), "--json", "--quiet"]
        return [*own, *run, *alone]
    script = str(Path(__file__).resolve().parent / "_sindy.py")
    strong = ["--strong"] if method == "strong" else []
    return [sys.executable, script, str(data), "--degree", str(DEGREE.get(case, 2)), *strong]


def run(method: str, data: Path, case: str) -> dict[str, Any]:
    """One run: scores, seconds and peak memory."""
    with tempfile.TemporaryDirectory() as scratch:
        numbers, text = measured(command(method, data, case, Path(scratch)))
    if text is None:
        return {**numbers, "exact": False}
    found = json.loads(text[text.index("{") :])
    return {**numbers, **(found if method in ("weak", "strong") else scores(found))}


def scores(found: dict[str, Any]) -> dict[str, Any]:
    """The scores of pdenet's document."""
    result: dict[str, Any] = {
        "exact": not found["scores"]["extra"] and not found["scores"]["missing"],
        "einf": found["scores"]["einf"],
        "tpr": found["scores"]["tpr"],
        "equations": found["equations"],
        "seconds_by_step": found["seconds"],
    }
    refinement = found.get("refinement")
    if refinement:
        result |= {key: refinement[key] for key in ("chi2", "converged", "verdict", "shape")}
        result["errors"] = [
            {
                "term": f"{term['field']}: {term['term']}",
                "truth": term["truth"],
                "error": term["coefficient"] - term["truth"],
                "stderr": term["stderr"],
                "bound": refinement["bound"][term["field"]][term["term"]],
            }
            for term in found["terms"]
            if term["coefficient"] is not None and term["truth"] is not None
        ]
        ratios = [abs(each["error"]) / each["bound"] for each in result["errors"] if each["bound"]]
        result["ratio"] = max(ratios, default=None)
    return result


def main() -> None:
    """Run what is missing and write the results after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=(*CASES, PUBLIC))
    parser.add_argument("--noises", nargs="+", type=float, default=list(NOISES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--public", type=Path, help="PySINDy's examples/data/burgers.mat.")
    parser.add_argument("--data", type=Path, default=Path("noise-data"), help="Folder of the data.")
    parser.add_argument("--again", action="store_true", help="run also what has results")
    options = parser.parse_args()
    results: dict[str, Any] = previous("noise") or {}
    cases = options.cases or [*CASES, *([PUBLIC] if options.public else [])]
    if importlib.util.find_spec("pysindy") is None:
        options.methods = [m for m in options.methods if m not in ("weak", "strong")]
    for seed, case in ((seed, case) for seed in options.seeds for case in cases):
        for noise, method in ((n, m) for n in options.noises for m in options.methods):
            done = results.setdefault(case, {}).setdefault(f"{noise:g}", {}).setdefault(method, {})
            if str(seed) in done and not options.again:
                continue
            if case == PUBLIC:
                data = public_burgers(options.public, noise, seed, options.data)
            else:
                data = make(case, noise, seed, options.data)
            done[str(seed)] = found = run(method, data, case)
            record("noise", {"results": results})
            shown = {key: found.get(key) for key in ("exact", "einf", "ratio", "chi2", "seconds")}
            print(case, f"{noise:g}", method, seed, shown, found.get("failed", ""), flush=True)
    draw(results, RESULTS)
    print(table(results))


if __name__ == "__main__":
    main()
