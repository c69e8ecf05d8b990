"""What one run of a study achieves: errors of its equation and of its network, loss and seconds.

Errors are those of `pdenet.pde.compare`, the largest |found − true| / |true| of the terms of one
order of derivatives: convection and diffusion are hard to find for different reasons.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pdenet.evaluation.remainder import network_coefficients
from pdenet.evaluation.stages import seconds_of_training
from pdenet.evaluation.variants import Variant
from pdenet.pde import PDE
from pdenet.pde.compare import Comparison, compare
from pdenet.pde.jet import jets_in
from pdenet.results import load_equation
from pdenet.storage import Data
from pdenet.training.records import read_log

__all__ = ["Errors", "Measured", "measure"]


@dataclass(frozen=True)
class Errors:
    """Largest relative errors of coefficients: of the true terms with first derivatives, of those
    with second ones, and of all. None where there is no such term."""

    convection: float | None
    diffusion: float | None
    einf: float | None


@dataclass(frozen=True)
class Measured:
    """One run of a variant.

    equation: errors of the equation that was read and refitted; network: of what stands in the
    weights, where these are a polynomial. Both are None without a truth. validation: loss of the
    network on held-out windows of the last stage, one for a prediction of no change. seconds: of
    training and read-out.
    """

    variant: Variant
    seed: int
    equations: tuple[str, ...]
    exact: bool | None
    tpr: float | None
    equation: Errors | None
    network: Errors | None
    validation: float | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        entries = asdict(self)
        return {"variant": self.variant.name, **entries.pop("variant"), **entries}


def measure(run: Path, variant: Variant, seed: int, data: Data) -> Measured:
    """Measure a finished run.

    Raises CheckpointError where it holds no equation or no network.
    """
    found, truth = load_equation(run / "equation.json"), data.problem.pde
    comparison = network = None
    if truth is not None:
        comparison = compare(found.pde, truth)
        own = network_coefficients(run, data, truth)
        if own is not None:
            network = _errors(compare(PDE.from_terms(own, truth.coordinates), truth), truth)
    ends = [event for event in read_log(run) if event.get("event") == "StageFinished"]
    validation = float(ends[-1]["validation"]) if ends else math.nan
    return Measured(
        variant=variant,
        seed=seed,
        equations=found.lines(),
        exact=None if comparison is None else comparison.exact,
        tpr=None if comparison is None else comparison.tpr,
        equation=None if comparison is None or truth is None else _errors(comparison, truth),
        network=network,
        validation=validation if math.isfinite(validation) else None,
        seconds=seconds_of_training(run) + found.seconds.get("total", 0.0),
    )


def _errors(comparison: Comparison, truth: PDE) -> Errors:
    largest: dict[int, float] = {}
    for row in comparison.rows:
        if row.relative_error is not None:
            jets = jets_in(row.monomial, truth.fields, truth.ndim)
            order = max((jet.order for jet in jets), default=0)
            largest[order] = max(largest.get(order, 0.0), row.relative_error)
    return Errors(largest.get(1), largest.get(2), comparison.einf)
