"""What each variant of a study achieves: measured, as a table and for a figure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from pdenet.cli.console import print_rows
from pdenet.cli.reporting import seconds_of_training
from pdenet.cli.runs import read_log
from pdenet.cli.variants import FACTORS, Values, Variant, centre_of, shown
from pdenet.cli.weights import network_coefficients
from pdenet.discovery import load_equation
from pdenet.pde import PDE
from pdenet.pde.compare import Comparison, compare
from pdenet.pde.jet import jets_in
from pdenet.report.factors import Curve, Panel
from pdenet.report.tables import percent
from pdenet.storage import Data

__all__ = ["Errors", "Measured", "measure", "panels", "print_table"]


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


_Get: TypeAlias = Callable[[Measured], float | None]

# What is shown of a run, in columns of the table.
_COLUMNS: dict[str, _Get] = {
    "equation: convection": lambda m: m.equation.convection if m.equation else None,
    "equation: diffusion": lambda m: m.equation.diffusion if m.equation else None,
    "network: convection": lambda m: m.network.convection if m.network else None,
    "network: diffusion": lambda m: m.network.diffusion if m.network else None,
}


def print_table(measured: Sequence[Measured], values: Values) -> None:
    """A row for each variant, with medians over the seeds."""
    centre = centre_of(values)
    rows = []
    for variant in dict.fromkeys(each.variant for each in measured):
        runs = [each for each in measured if each.variant == variant]
        cells = [shown(name, getattr(variant, name)) for name in FACTORS]
        cells[-1] += " (centre)" * (variant == centre)
        known = [run.exact for run in runs if run.exact is not None]
        cells.append(f"{sum(known)} of {len(known)}" if known else "–")
        cells += [percent(_median(runs, get)) for get in _COLUMNS.values()]
        validation = _median(runs, lambda run: run.validation)
        cells.append("–" if validation is None else f"{validation:.3g}")
        rows.append([*cells, f"{_median(runs, lambda run: run.seconds) or 0.0:.0f}"])
    names = ("constraint", "size", "blocks", "filters", "integrator")
    header = [*names, "exact", *_COLUMNS, "validation", "seconds"]
    print_rows("", header, rows, numeric=header[5:])


def _median(runs: Sequence[Measured], get: _Get) -> float | None:
    known = [value for run in runs if (value := get(run)) is not None]
    return statistics.median(known) if known else None


_TITLES = {
    "constraint": "order kept by the filters",
    "size": "points of a filter",
    "blocks": "δt-blocks of the last stage",
    "upwind": "filters",
    "integrator": "integrator",
}


def panels(measured: Sequence[Measured], values: Values) -> dict[str, list[Panel]]:
    """The rows of the figure: a panel for each factor that varies, the others at the centre.

    Empty where nothing varies or nothing is known.
    """
    factors = [name for name, many in values.items() if len(many) > 1]
    if not factors:
        return {}
    curves: Mapping[str, Sequence[tuple[str, _Get]]] = {
        "error of a coefficient (%)": [(name, _percent(get)) for name, get in _COLUMNS.items()],
        "validation loss": [("validation loss", lambda m: m.validation)],
    }
    return {
        title: [_panel(measured, values, factor, chosen) for factor in factors]
        for title, chosen in curves.items()
        if any(get(each) is not None for each in measured for _, get in chosen)
    }


def _percent(get: _Get) -> _Get:
    def percentage(each: Measured) -> float | None:
        value = get(each)
        return None if value is None else 100 * value

    return percentage


def _panel(
    measured: Sequence[Measured],
    values: Values,
    factor: str,
    chosen: Sequence[tuple[str, _Get]],
) -> Panel:
    centre, many = centre_of(values), values[factor]

    def numbers(get: _Get, value: Any) -> tuple[float, ...]:
        variant = replace(centre, **{factor: value})
        found = (get(each) for each in measured if each.variant == variant)
        return tuple(math.nan if number is None else number for number in found)

    return Panel(
        factor=_TITLES[factor],
        values=tuple(shown(factor, value) for value in many),
        centre=many.index(getattr(centre, factor)),
        curves=tuple(
            Curve(
                name,
                tuple(numbers(get, value) for value in many),
                colour=2 if len(chosen) == 1 else k % 2,
                open=name.startswith("network"),
            )
            for k, (name, get) in enumerate(chosen)
        ),
    )
