"""How the thresholds decide whether a formula stands for a curve: rates over many draws.

    python benchmarks/formulas.py

Windows of values of a function with noise are fitted by splines and described
(`pdenet.readout.describe`), without any rollout: six functions of the dictionary, six that are in
none, each at four levels of noise and with five seeds. A formula that is not the true one counts as
wrong even where it is near. The table shows, for each threshold around its value: how many true
formulas were found, how many were given up for the curve, and how many of all were wrong. Written
to benchmarks/results/formulas.json.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
import torch
from _record import record

from pdenet.nn import splines
from pdenet.readout import describe as module
from pdenet.readout.describe import Quadratic, describe
from pdenet.readout.fit import Normal
from pdenet.readout.formula import of_field

U = sympy.Symbol("u", real=True)
WINDOWS, VALUES, PIECES, LOW, HIGH = 24, 200, 16, -3.0, 3.0
SEEDS = range(5)
NOISES = (0.003, 0.01, 0.03, 0.1)
INSIDE = (
    sympy.sin(U),
    2 * U - U**3 / 2,
    U**2 / (1 + U**2),
    sympy.exp(-U) - 1,
    4 * sympy.tanh(U) + sympy.cos(2 * U),
    U,
)
OUTSIDE: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda u: u / (4 + u),
    lambda u: np.tanh(2 * u),
    lambda u: np.exp(-(u**2)),
    lambda u: 1.0 * (u > 0.4),
    lambda u: np.abs(u) ** 1.5,
    lambda u: np.exp(np.cos(3 * u)),
)
AROUND = {
    "CANCELS": (3.0, 10.0, 30.0, 100.0, math.inf),
    "CONFIDENCE": (0.9, 0.95, 0.99, 0.999, 0.99999),
    "ODDS": tuple(2 * math.log(odds) for odds in (10, 100, 1000, 1e5)),
}


def problem(f: Callable[[np.ndarray], np.ndarray], noise: float, seed: int) -> Quadratic:
    """What windows of noisy values say of f. noise: over the r.m.s. of f; a fifth of it is shared
    by all values of a window."""
    rng = np.random.default_rng(seed)
    u = rng.uniform(LOW, HIGH, (WINDOWS, VALUES))
    size = noise * np.sqrt(np.mean(f(u) ** 2))
    y = f(u) + size * rng.normal(size=u.shape) + 0.2 * size * rng.normal(size=(WINDOWS, 1))
    design = splines.values_at(u.ravel(), LOW, HIGH, PIECES, 3, periodic=False)
    x = torch.linalg.lstsq(design, torch.from_numpy(y.reshape(-1, 1))).solution[:, 0]
    rows = design.reshape(WINDOWS, VALUES, -1)
    left = torch.from_numpy(y) - rows @ x
    normal = Normal(
        torch.einsum("wnk,wnl->wkl", rows, rows) / VALUES,
        torch.einsum("wnk,wn->wk", rows, left) / VALUES,
        left.square().mean(1),
    )
    at = splines.values_at(POINTS, LOW, HIGH, PIECES, 3, periodic=False)
    columns = torch.from_numpy(np.stack(list(DICTIONARY.values()), 1))
    return Quadratic.of(normal, x, slice(0, None), torch.linalg.lstsq(at, columns).solution)


POINTS = np.linspace(LOW, HIGH, 101)
DICTIONARY = of_field(U, POINTS)


def rates(inside: list[tuple[sympy.Expr, Quadratic]], outside: list[Quadratic]) -> dict[str, Any]:
    """Counts with the thresholds as they are."""
    share, count = np.ones(len(POINTS)), {"found": 0, "given up": 0, "wrong": 0}
    for truth, quadratic in inside:
        found = describe(quadratic, DICTIONARY, share, 0.0, len(DICTIONARY)).formula or {}
        names = {part.as_independent(U)[1] for part in sympy.Add.make_args(truth)}
        count["found" if set(found) == names else "wrong" if found else "given up"] += 1
    false = sum(
        bool(describe(each, DICTIONARY, share, 0.0, len(DICTIONARY)).formula) for each in outside
    )
    return {**count, "of": len(inside), "wrong outside": false, "of outside": len(outside)}


def main() -> None:
    """Every threshold around its value."""
    draws = list(itertools.product(NOISES, SEEDS))
    inside = [
        (truth, problem(sympy.lambdify(U, truth, "numpy"), noise, seed))
        for truth in INSIDE
        for noise, seed in draws
    ]
    outside = [problem(f, noise, seed) for f in OUTSIDE for noise, seed in draws]
    rows = []
    for name, values in AROUND.items():
        usual = getattr(module, name)
        for value in values:
            setattr(module, name, value)
            shown = None if math.isinf(value) else value
            rows.append({"threshold": name, "value": shown, "usual": value == usual}
                        | rates(inside, outside))  # fmt: skip
            print(rows[-1], flush=True)
        setattr(module, name, usual)
    record("formulas", {"rows": rows})


if __name__ == "__main__":
    main()
