"""SymNet's cost against its size, beside a library of all monomials of the same degree.

For m inputs and k product units a SymNet holds about 2 k m + k² + m numbers and does twice as many
operations at each point: work k (m + k), memory of each unit m + k (PDE-Net 2.0, section 2.2). A
library of degree l holds C(m + l, l) numbers and evaluates as many monomials, where k units reach
every polynomial of degree l that takes k products, up to degree 2^k.

1. Time of one forward evaluation at 4096 points for growing m and k, fitted by
   a + b k m + c k² (linear, R²) and by powers of m and of k.
2. Numbers of weights, exactly.
3. A library of degree 2, 3, 4 for growing m: time and number of weights, fitted by powers of m.

Writes benchmarks/results/symnet_size.json.

    python benchmarks/symnet_size.py
"""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Callable

import numpy as np
import torch
from _record import record

from pdenet.library.polynomial import monomials
from pdenet.nn import SymNet

__all__ = ["main"]

logger = logging.getLogger("benchmarks.symnet_size")

POINTS = 4096
IN_CACHE = 2**16  # doubles; the library is evaluated on as many points at once as keep it there
INPUTS = (6, 12, 24, 48, 96)
UNITS = (2, 4, 8, 16, 32)
DEGREES = {2: (6, 12, 24, 48), 3: (6, 12, 24), 4: (6, 12)}


def least(function: Callable[[], object], seconds: float) -> float:
    """The shortest time of one call, of as many as fit."""
    best, end = float("inf"), time.perf_counter() + seconds
    function()
    while time.perf_counter() < end:
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def symnet(inputs: int, units: int, seconds: float) -> dict[str, float]:
    """Nanoseconds per point of one equation, and its number of weights."""
    net = SymNet(inputs, 1, units, torch.Generator().manual_seed(0))
    jets = torch.randn(1, inputs, POINTS, dtype=torch.float64)
    with torch.no_grad():
        spent = least(lambda: net(jets), seconds)
    weights = sum(weight.numel() for weight in net.weights())
    stated = (2 * units + 1) * (inputs + 1) + units * (units - 1) + units
    assert weights == stated, (weights, stated)
    return {"m": inputs, "k": units, "weights": weights, "ns": round(spent / POINTS * 1e9, 2)}


def library(inputs: int, degree: int, seconds: float) -> dict[str, float]:
    """Nanoseconds per point of all monomials and their sum, each monomial one product.

    The monomials of degree d whose first variable is z_v are z_v times those of degree d - 1 whose
    first variable is z_v or a later one, which are the last of their degree: no table is needed.
    """
    powers = monomials(inputs, degree).powers
    first = np.where(powers.any(1), (powers > 0).argmax(1), inputs)
    totals = powers.sum(1)
    moves = []
    for d in range(1, degree + 1):
        end = int((totals < d).sum())
        for v in range(inputs):
            rows = np.flatnonzero((totals == d) & (first == v))
            source = slice(end - len(rows), end)
            unit = np.eye(inputs, dtype=powers.dtype)[v]
            assert np.array_equal(powers[source] + unit, powers[rows])
            moves.append((source, slice(int(rows[0]), int(rows[-1]) + 1), v))
    assert len(powers) == math.comb(inputs + degree, degree)
    jets = torch.randn(inputs, POINTS, dtype=torch.float64)
    at_once = max(16, min(POINTS, IN_CACHE // len(powers)))
    values = torch.ones(len(powers), at_once, dtype=torch.float64)
    weights = torch.randn(1, len(powers), dtype=torch.float64)

    def evaluate() -> None:
        for some in jets.split(at_once, 1):
            held = values[:, : some.shape[1]]
            for source, target, v in moves:
                torch.mul(held[source], some[v], out=held[target])
            torch.mm(weights, held)

    spent = least(evaluate, seconds)
    return {"m": inputs, "l": degree, "weights": len(powers), "ns": round(spent / POINTS * 1e9, 2)}


def linear(rows: list[dict[str, float]]) -> dict[str, float]:
    """Least squares of ns = a + b k m + c k² with relative weights, and R² of log ns."""
    k, m, ns = (np.array([row[name] for row in rows]) for name in ("k", "m", "ns"))
    design = np.stack([np.ones_like(ns), k * m, k**2], 1)
    found = np.linalg.lstsq(design / ns[:, None], np.ones_like(ns), rcond=None)[0]
    logs, off = np.log(ns), np.log(np.maximum(design @ found, 1e-3)) - np.log(ns)
    quality = 1 - (off**2).sum() / ((logs - logs.mean()) ** 2).sum()
    return {
        "constant_ns": round(float(found[0]), 3),
        "per_km_ns": round(float(found[1]), 4),
        "per_kk_ns": round(float(found[2]), 4),
        "r2_of_logarithms": round(float(quality), 4),
    }


def power(rows: list[dict[str, float]], along: str, of: str = "ns") -> float:
    """Slope of log `of` over log `along`."""
    x, y = ([math.log(row[name]) for row in rows] for name in (along, of))
    return round(float(np.polyfit(x, y, 1)[0]), 3)


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measurement")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    networks = [symnet(m, k, options.seconds) for m in INPUTS for k in UNITS]
    libraries = [library(m, d, options.seconds) for d, sizes in DEGREES.items() for m in sizes]
    few = [row for row in networks if row["k"] == 4]
    wide = [row for row in networks if row["m"] == 12 and row["k"] >= 4]
    per_work = [round(row["ns"] / (row["k"] * (row["m"] + row["k"])), 3) for row in networks]
    payload: dict[str, object] = {
        "problem": f"one equation, forward, {POINTS} points, float64, one thread; ns per point",
        "symnet": networks,
        "symnet_fit": linear(networks),
        "symnet_ns_per_km_plus_kk": [
            min(per_work),
            max(per_work),
        ],
        "symnet_exponents": {
            "ns over m at k = 4": power(few, "m"),
            "weights over m at k = 4": power(few, "m", "weights"),
            "ns over k at m = 12": power(wide, "k"),
            "weights over k at m = 12": power(wide, "k", "weights"),
        },
        "library": libraries,
        "library_exponents": {
            f"degree {d}": {
                f"{of} over m": power([row for row in libraries if row["l"] == d], "m", of)
                for of in ("ns", "weights")
            }
            for d in DEGREES
        },
    }
    for row in [*networks, *libraries]:
        logger.info("%s", row)
    for name in ("symnet_fit", "symnet_exponents", "library_exponents"):
        logger.info("%s: %s", name, payload[name])
    logger.info("wrote %s", record("symnet_size", payload))


if __name__ == "__main__":
    main()
