"""A study as a table and as the panels of its figure: what each factor does, with medians."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from pdenet.evaluation.study import Measured
from pdenet.evaluation.variants import FACTORS, Values, centre_of, shown
from pdenet.report.factors import Curve, Panel
from pdenet.report.tables import percent

__all__ = ["panels", "study_table"]

_Get: TypeAlias = Callable[[Measured], float | None]

# What is shown of a run, in columns of the table.
_COLUMNS: dict[str, _Get] = {
    "equation: convection": lambda m: m.equation.convection if m.equation else None,
    "equation: diffusion": lambda m: m.equation.diffusion if m.equation else None,
    "network: convection": lambda m: m.network.convection if m.network else None,
    "network: diffusion": lambda m: m.network.diffusion if m.network else None,
}


def study_table(measured: Sequence[Measured], values: Values) -> tuple[list[str], list[list[str]]]:
    """Header and a row for each variant, with medians over the seeds; words up to "exact"."""
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
    return [*names, "exact", *_COLUMNS, "validation", "seconds"], rows


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
