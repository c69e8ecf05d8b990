"""How well coefficients that vary, forcings and sources are found: values against their errors.

    python benchmarks/varying.py            three CPU minutes; writes results/varying.json
    python benchmarks/varying.py --table    the rows of the README

Small periodic data in one dimension, of which the equation is told with the unknown function in it,
and its other coefficients as unknown numbers. The error of the function is that over its range,
r.m.s., relative to its own; z is the r.m.s. error over the r.m.s. standard error.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pdenet import PDE
from pdenet.sharpen import refine
from simulators import simulate

RESULTS = Path(__file__).parent / "results" / "varying.json"

CASES = {
    "a(x), with a formula": (
        "u_t = (1 + 0.5*sin(x))*u_x + 0.1*u_xx", "u_t = a(x)*u_x + b*u_xx",
        lambda x: 1 + 0.5 * np.sin(x),
    ),
    "a(x), without": (
        "u_t = exp(sin(x))*u_x + 0.1*u_xx", "u_t = a(x)*u_x + b*u_xx",
        lambda x: np.exp(np.sin(x)),
    ),
    "b(t)": (
        "u_t = 0.5*u_x + (0.2 + 0.1*cos(3*t))*u_xx", "u_t = c*u_x + b(t)*u_xx",
        lambda t: 0.2 + 0.1 * np.cos(3 * t),
    ),
    "g(x)": (
        "u_t = 0.1*u_xx + 0.5*u_x + exp(cos(x))", "u_t = b*u_xx + c*u_x + g(x)",
        lambda x: np.exp(np.cos(x)),
    ),
    "f(u)": (
        "u_t = 0.1*u_xx + u - u**3", "u_t = b*u_xx + f(u)",
        lambda u: u - u**3,
    ),
}  # fmt: skip
"""Name: the truth, what is told of it, and the function."""

NOISE, DRAWS = (0.01, 0.1), 2


def one(name: str, noise: float, draw: int) -> dict[str, Any]:
    """One refinement, and how far its function is off."""
    truth, told, function = CASES[name]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "data.h5"
        size: dict[str, Any] = {"shape": (48,), "trajectories": 6, "frames": 21, "dt": 0.05}
        simulate(PDE(truth), path, noise=noise, seed=draw, **size)
        begun = time.process_time()
        found = refine(told, path, choose=False, workers=1, on_event=False)
        seconds = time.process_time() - begun
    (each,) = (*found.maps, *found.curves)
    places = each.points[0] if isinstance(each.points, tuple) else each.points
    true = function(places)
    error = float(np.sqrt(np.mean((each.values - true) ** 2)))
    assert each.errors is not None and found.refinement is not None
    return {
        "name": name,
        "noise": noise,
        "draw": draw,
        "verdict": found.refinement.verdict,
        "error": error / float(np.sqrt(np.mean(true**2))),
        "z": error / float(np.sqrt(np.mean(each.errors**2))),
        "formula": each.formula,
        "seconds": seconds,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| function | noise | error | z | seconds |", "| --- | --- | --- | --- | --- |"]
    for name in CASES:
        for noise in NOISE:
            some = [row for row in rows if (row["name"], row["noise"]) == (name, noise)]
            errors = ", ".join(f"{100 * row['error']:.2g}" for row in some)
            ratios = ", ".join(f"{row['z']:.1f}" for row in some)
            seconds = np.mean([row["seconds"] for row in some])
            doubt = (
                ""
                if all(row["verdict"] == "identified" for row in some)
                else " (not all identified)"
            )
            lines.append(
                f"| {name}{doubt} | {100 * noise:.0f} % | {errors} % | {ratios} | {seconds:.0f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure all, or print what was measured."""
    if "--table" not in sys.argv:
        rows = [
            one(name, noise, draw) for name in CASES for noise in NOISE for draw in range(DRAWS)
        ]
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(json.loads(RESULTS.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
