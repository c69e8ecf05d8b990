"""The figure and the table of `noise.py`: errors against noise, from its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdenet.report.files import write_png
from pdenet.report.style import COLOURS, GREY, styled

__all__ = ["draw", "table"]

TITLES = {
    "burgers": "2-D Burgers, 64²",
    "burgers-1d": "1-D Burgers",
    "diffusion": "diffusion",
    "reactive-source": "reactive source",
    "public-burgers-1d": "PySINDy's burgers.mat",
}
METHODS = {
    "refined": "pdenet refine, data alone",
    "network": "PDE-Net without refinement",
    "both": "PDE-Net and refinement",
    "weak": "PySINDy, weak form",
    "strong": "PySINDy, derivatives",
}
CLEAN = 3e-4
"""Where no noise stands on the axis of noise levels."""

FLOOR = 1e-6
"""Errors below this stand at the bottom, as triangles."""


def draw(results: Mapping[str, Any], target: Path) -> Path | None:
    """Write the figure to `target`/noise.png; its path, None where there is nothing to draw."""
    cases = [case for case in TITLES if _any(results.get(case, {}))]
    if not cases:
        return None
    with styled():
        figure = Figure(figsize=(3.1 * len(cases) + 0.6, 3.6), layout="constrained")
        panels = figure.subplots(1, len(cases), squeeze=False, sharey=True)[0]
        for axes, case in zip(panels, cases, strict=True):
            _panel(axes, results[case])
            axes.set_title(TITLES[case])
        panels[0].set_ylabel("largest relative error of a coefficient")
        named = {
            label: handle
            for axes in panels
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=4)
        target.mkdir(parents=True, exist_ok=True)
        return write_png(target / "noise.png", figure, overwrite=True)


def table(results: Mapping[str, Any]) -> str:
    """Markdown: median of the largest errors in per cent, the worst, and how often the terms are
    exactly the true ones."""
    methods = [
        m for m in METHODS if any(m in level for c in results.values() for level in c.values())
    ]
    lines = [
        f"| data | noise | {' | '.join(METHODS[m] for m in methods)} |",
        f"| --- | --- |{' --- |' * len(methods)}",
    ]
    for case in (case for case in TITLES if _any(results.get(case, {}))):
        for level in sorted(results[case], key=float):
            cells = [_cell(list(results[case][level].get(m, {}).values())) for m in methods]
            if any(cells):
                noise = f"{100 * float(level):g} %"
                lines.append(f"| {TITLES[case]} | {noise} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(runs: list[Any]) -> str:
    """What one method reached."""
    errors = [run["einf"] for run in runs if run.get("einf") is not None]
    exact = sum(bool(run.get("exact")) for run in runs)
    if not errors:
        return f"{exact}/{len(runs)}" if runs else ""
    middle, worst = (100 * float(at(errors)) for at in (np.median, max))
    return f"{middle:.2g} ({worst:.2g}), {exact}/{len(runs)}"


def _any(levels: Mapping[str, Any]) -> bool:
    return any(seeds for methods in levels.values() for seeds in methods.values())


def _panel(axes: Axes, levels: Mapping[str, Any]) -> None:
    """Median and range over the seeds; open where one of them has not exactly the true terms."""
    for (method, words), colour in zip(METHODS.items(), COLOURS, strict=False):
        found = sorted(
            (max(float(level), CLEAN), list(methods[method].values()))
            for level, methods in levels.items()
            if methods.get(method)
        )
        points = [
            (level, errors, all(run.get("exact") for run in runs))
            for level, runs in found
            if (errors := [run["einf"] for run in runs if run.get("einf") is not None])
        ]
        if not points:
            continue
        x = np.array([level for level, _, _ in points])
        low, middle, high = (
            np.array([at(errors) for _, errors, _ in points]) for at in (min, np.median, max)
        )
        exact, below = np.array([right for _, _, right in points]), middle < FLOOR
        low, middle, high = (np.maximum(each, FLOOR) for each in (low, middle, high))
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(x, middle, color=colour, linewidth=1.2)
        shown = exact & ~below
        axes.plot(x[shown], middle[shown], "o", color=colour, markersize=4, label=words)
        axes.plot(x[below], middle[below], "v", color=colour, markersize=5)
        axes.plot(x[~exact], middle[~exact], "o", color=colour, markersize=4, fillstyle="none")
    bounds = sorted(
        (max(float(level), CLEAN), float(np.median(each)))
        for level, methods in levels.items()
        if float(level) > 0
        if (each := [_bound(run) for run in methods.get("refined", {}).values() if _bound(run)])
    )
    if bounds:
        axes.plot(*zip(*bounds, strict=True), color=GREY, linestyle=":", label="Cramér–Rao bound")
    axes.set(xscale="log", yscale="log", xlabel="noise")
    axes.set_ylim(bottom=FLOOR / 2)
    ticks = [CLEAN, 1e-3, 1e-2, 1e-1, 0.5]
    axes.set_xticks(ticks, ["0", "0.1 %", "1 %", "10 %", "50 %"])
    axes.minorticks_off()


def _bound(run: Mapping[str, Any]) -> float | None:
    """The largest bound of a coefficient of a run, relative to the coefficient."""
    found = [
        each["bound"] / abs(each["truth"])
        for each in run.get("errors", ())
        if each.get("truth") and each["bound"]
    ]
    return max(found, default=None)
