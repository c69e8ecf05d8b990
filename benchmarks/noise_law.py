"""Noise that is not additive: what a refinement finds where the noise of a value depends on it.

    python benchmarks/noise_law.py                       # everything; goes on where it stopped
    python benchmarks/noise_law.py --cases burgers --again

Burgers' equation with every value multiplied by 1 + ε, and Fisher's with counts in place of values,
from the data alone: terms, coefficients, law and level of the noise. "even" is the same with one
standard deviation for all values of a trajectory, as given by `sigma=`, which is what a refinement
that knows of no laws does with a level that is right; "known" has the true one of every value. `z`
are errors over standard errors. Results: benchmarks/results/noise_law.json.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace
from typing import Any

import torch
from _law_data import Drawn, make
from _record import commit, previous, record

from pdenet.errors import DiscoveryError
from pdenet.likelihood import RefineConfig
from pdenet.likelihood.refine import refine
from pdenet.pde.compare import compare
from pdenet.pde.render import format_monomial

CASES = (
    ("burgers", "additive", 0.1),
    ("burgers", "multiplicative", 0.01),
    ("burgers", "multiplicative", 0.1),
    ("burgers", "multiplicative", 0.32),
    ("fisher", "additive", 0.1),
    ("fisher", "counts", 0.01),
    ("fisher", "counts", 0.03),
)
METHODS = ("law", "even", "known")
DRAWS = 5

LEAST = 1e-3
"""Least standard deviation that is said of a count, in that of a mean one: none is certain."""


def sigma_of(drawn: Drawn, method: str) -> torch.Tensor | None:
    """The standard deviations that are given."""
    if method == "law":
        return None
    variance = drawn.sigma.square()
    mean = variance.mean((1, 2, 3), keepdim=True).expand_as(variance)
    return (mean if method == "even" else variance.maximum(LEAST**2 * mean)).sqrt()


def draw(case: str, law: str, level: float, method: str, seed: int) -> dict[str, Any]:
    """One draw of the noise: the terms that were found, and how wrong they are."""
    drawn = make(case, law, level, seed)
    config = RefineConfig(seed=seed, workers=1, sigma=sigma_of(drawn, method))
    problem, started = replace(drawn.problem, pde=None), time.perf_counter()
    try:
        found = refine(None, drawn.data, problem, drawn.dt, config)
    except DiscoveryError as error:
        return {"exact": False, "failed": str(error)}
    refinement = found.refinement
    assert refinement is not None
    terms = compare(found.pde, drawn.truth)
    truth, right = drawn.truth.numeric_terms(), dict[str, tuple[float, float]]()
    for name, table in found.pde.numeric_terms().items():
        for monomial, value in table.items():
            if monomial in truth[name]:
                away = float(value) - float(truth[name][monomial])
                text = f"{name}: {format_monomial(monomial)}"
                right[text] = away, away / found.stderr[name][monomial]
    return {
        "exact": terms.exact,
        "error": {name: away for name, (away, _) in right.items()},
        "z": {name: z for name, (_, z) in right.items()},
        "chi2": refinement.chi2,
        "chi2_error": refinement.chi2_error if math.isfinite(refinement.chi2_error) else None,
        "verdict": refinement.verdict,
        "laws": {name: list(parts) for name, parts in refinement.laws.items()},
        "sigma": dict(refinement.sigma),
        "equations": list(found.lines()),
        "seconds": round(time.perf_counter() - started, 1),
        "commit": commit(),
    }


def said(key: str, rows: list[dict[str, Any]]) -> str:
    """All draws of a case in a line: how many had the right terms, r.m.s. errors and z."""
    right = [row for row in rows if row["exact"]]
    names = {name for row in right for name in row["error"]}
    errors = {
        name: math.sqrt(sum(row["error"][name] ** 2 for row in right) / len(right))
        for name in sorted(names)
    }
    z = [value for row in right for value in row["z"].values()]
    size = math.sqrt(sum(value**2 for value in z) / len(z)) if z else math.nan
    shown = ", ".join(f"{name} {error:.2g}" for name, error in errors.items())
    done = sum(row.get("verdict") == "identified" for row in rows)
    return (
        f"{key:32} terms {len(right)}/{len(rows)}, identified {done}: error {shown}; z {size:.2f}"
    )


def main() -> None:
    """Run what is missing and write the results after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=("burgers", "fisher"))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--again", action="store_true", help="run also what has results")
    options = parser.parse_args()
    results: dict[str, Any] = previous("noise_law") or {}
    for case, law, level in CASES:
        if options.cases and case not in options.cases:
            continue
        for method in options.methods:
            key = f"{case} {law} {level:g} {method}"
            rows = results.setdefault(key, {})
            for seed in range(DRAWS):
                if str(seed) not in rows or options.again:
                    rows[str(seed)] = draw(case, law, level, method, seed)
                    record("noise_law", {"results": results})
            print(said(key, list(rows.values())), flush=True)


if __name__ == "__main__":
    main()
