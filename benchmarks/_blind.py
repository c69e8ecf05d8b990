"""One data set handed to pdenet as a new user would: values, grid and time step, nothing else.

    python benchmarks/_blind.py refine case.npz      # or discover; prints JSON

The file holds states (trajectory, frame, field, *space), lengths, origin, dt, fields, those of them
that are given, and the true equations as text, which are read after the equation was found, to
score it. Settings are the
defaults. What pdenet refuses with an error of its own is a result too.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pdenet import PDE, Grid, discover, refine
from pdenet.errors import EquationError, PDENetError
from pdenet.pde.compare import compare
from pdenet.pde.render import format_monomial
from pdenet.results import DiscoveredEquation

__all__ = ["METHODS", "errors", "outcome", "pack", "result_of", "scores"]


def _refine(
    states: np.ndarray, grid: Grid, dt: float, fields: list[str], given: list[str]
) -> DiscoveredEquation:
    return refine(None, states, grid=grid, dt=dt, fields=fields, given=given, on_event=False)


def _discover(
    states: np.ndarray, grid: Grid, dt: float, fields: list[str], given: list[str]
) -> DiscoveredEquation:
    settings = {"given": given} if given else {}
    return discover(states, grid=grid, dt=dt, fields=fields, **settings).details


METHODS = {"refine": _refine, "discover": _discover}


def pack(
    path: Path,
    states: np.ndarray,
    lengths: Sequence[float],
    dt: float,
    fields: Sequence[str],
    truth: Sequence[str],
    origin: Sequence[float] | None = None,
    given: Sequence[str] = (),
    **more: np.ndarray,
) -> Path:
    """Write what `main` reads, and more arrays for other readers."""
    start = origin or [0.0] * len(lengths)
    texts = {"fields": fields, "truth": truth, "given": given}
    names = {name: np.array(list(each), dtype=str) for name, each in texts.items()}
    np.savez(path, states=states, lengths=lengths, origin=start, dt=dt, **names, **more)
    return path


def _known(truth: Sequence[str], found: PDE) -> PDE | None:
    """The true equations, with nothing for fields that they leave out; None where pdenet has no
    such equations."""
    stated = {line.partition("_t")[0].strip() for line in truth}
    rest = [f"{name}_t = 0" for name in found.fields if name not in stated]
    try:
        if not truth:
            return None
        return PDE(*truth, *rest, coordinates=found.coordinates, given=found.given)
    except EquationError:
        return None


def errors(found: DiscoveredEquation, truth: Sequence[str]) -> dict[str, list[float | None]]:
    """Of every true term that was found: error, standard error, true coefficient."""
    known = _known(truth, found.pde)
    if known is None:
        return {}
    return {
        f"{row.field}_t: {format_monomial(row.monomial)}": [
            row.found - row.truth,
            _finite(found.stderr.get(row.field, {}).get(row.monomial)),
            row.truth,
        ]
        for row in compare(found.pde, known).rows
        if row.found is not None and row.truth is not None
    }


def scores(found: DiscoveredEquation, truth: Sequence[str]) -> dict[str, Any]:
    """Whether the terms are exactly the true ones, and how far off the coefficients are.

    Fields for which the truth has no equation do not count. einf: largest relative error of a true
    term, 1 for a missing one. z: largest error of a coefficient over its standard error. far:
    whether a coefficient is off by more than 1 % and more than five standard errors.
    """
    known = _known(truth, found.pde)
    if known is None:
        return {"exact": False, "einf": None, "z": None, "far": True, "extra": [], "missing": []}
    stated = {line.partition("_t")[0].strip() for line in truth}
    rows = [row for row in compare(found.pde, known).rows if row.field in stated]
    ratios, far = [], False
    for row in rows:
        if row.found is not None and row.truth is not None:
            error = abs(row.found - row.truth)
            stderr = found.stderr.get(row.field, {}).get(row.monomial, 0.0)
            ratios.append(error / stderr if stderr else math.inf)
            far |= error > 5 * stderr and error > 0.01 * abs(row.truth)
    relative = [row.relative_error for row in rows if row.relative_error is not None]
    named = {
        kind: [
            f"{row.field}_t: {format_monomial(row.monomial)}" for row in rows if row.kind == kind
        ]
        for kind in ("extra", "missing")
    }
    exact = not named["extra"] and not named["missing"]
    return {
        "exact": exact,
        "einf": max(relative, default=0.0),
        "z": max(ratios, default=0.0),
        "far": far,
        **named,
    }


def outcome(found: DiscoveredEquation, truth: Sequence[str]) -> dict[str, Any]:
    """What was found, as JSON has it."""
    result: dict[str, Any] = {
        "verdict": "no verdict",
        "reason": "",
        "equations": list(found.pde.equations()),
        **scores(found, truth),
    }
    refinement = found.refinement
    if refinement is not None:
        for name in ("verdict", "reason", "converged", "chi2", "chi2_error", "substeps"):
            result[name] = getattr(refinement, name)
        result["alternatives"] = [each.change for each in refinement.alternatives[:5]]
    return {key: _finite(value) for key, value in result.items()}


def _finite(value: Any) -> Any:
    """JSON has no infinite numbers."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main() -> None:
    """Find the equation of one file and print what came of it."""
    print(json.dumps(result_of(*sys.argv[1:])))


def result_of(method: str, path: str) -> dict[str, Any]:
    """What comes of one file, as JSON has it."""
    with np.load(path, allow_pickle=False) as packed:
        data = {name: packed[name] for name in packed}
    states, fields = data["states"], data["fields"].tolist()
    try:
        grid = Grid(states.shape[3:], tuple(data["lengths"]), tuple(data["origin"]))
        given = data["given"].tolist()
        found = METHODS[method](states, grid, float(data["dt"]), fields, given)
    except PDENetError as error:
        return {"verdict": "refused", "reason": str(error), "kind": type(error).__name__}
    return outcome(found, data["truth"].tolist())


if __name__ == "__main__":
    main()
