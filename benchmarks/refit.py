"""Filters and weights of the refit, compared on the papers' data with the true terms given.

    python benchmarks/refit.py

Burgers' equation, 32² points of 128², 0.1 % noise, windows of 12 frames: the largest errors of
convection and diffusion coefficients for longer and shorter filters, trained and frozen, with
robust weights and with plain least squares. Results: benchmarks/results/refit.json.
"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from _record import record

from pdenet.dataset import Windows, load
from pdenet.library.terms import Library
from pdenet.nn import FilterBank
from pdenet.nn.moments import Constraint
from pdenet.readout import fit
from pdenet.storage import open_data
from simulators import simulate

VARIANTS: tuple[tuple[int, Constraint, bool], ...] = (
    (13, 6, True),
    (13, "frozen", True),
    (9, 4, True),
    (9, "frozen", True),
    (5, 2, True),
    (5, "frozen", True),
    (13, 6, False),
    (13, "frozen", False),
    (5, "frozen", False),
)
STEPS, WINDOWS = 12, 24


def main() -> None:
    """Fit every variant to the same windows."""
    with tempfile.TemporaryDirectory() as scratch:
        path = simulate("burgers", Path(scratch) / "data.h5", shape=(32, 32), refine=4, seed=0)
        with open_data(path) as data:
            states, problem, dt = load(data, "train"), data.problem, data.dt
    chosen = Windows(states.shape[0], states.shape[1], STEPS)
    windows = chosen.gather(states, chosen.sample(WINDOWS, torch.Generator().manual_seed(0)))
    assert problem.pde is not None
    library, truth = Library.of(problem.pde)
    robust = fit.DEGREES_OF_FREEDOM
    rows: list[dict[str, Any]] = []
    for size, order, weighted in VARIANTS:
        fit.DEGREES_OF_FREEDOM = robust if weighted else math.ldexp(1, 60)
        spacing = problem.grid.spacing
        bank = FilterBank(library.jets, library.fields, spacing, size=size, constraint=order)
        rollouts = fit.Rollouts(library, bank, fit.learned_axes(bank), dt)
        x = rollouts.start(truth)
        rollouts = rollouts.stabilised(x, windows[:, 0], torch.Generator().manual_seed(0))
        started = time.perf_counter()
        found = fit.gauss_newton(rollouts, x, windows, iterations=8).x[: len(truth)]
        error = ((found - truth) / truth).abs()
        convection = truth.abs() == 1
        rows.append(
            {
                "size": size,
                "order": order,
                "weights": "Student's t" if weighted else "equal",
                "convection": float(error[convection].max()),
                "diffusion": float(error[~convection].max()),
                "seconds": round(time.perf_counter() - started, 1),
            }
        )
        print(rows[-1], flush=True)
        record("refit", {"steps": STEPS, "windows": WINDOWS, "variants": rows})


if __name__ == "__main__":
    main()
