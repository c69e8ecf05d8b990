"""The figures of `papers.py`, drawn from the runs that it keeps."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _papers_rows import HALF_DIGIT, LEARNED, TALKS, term_errors
from matplotlib.figure import Figure

from pdenet.evaluation.coefficients import coefficients, sources
from pdenet.report.files import write_png
from pdenet.report.style import COLOURS, GREY, INK, styled
from pdenet.results import load_equation
from pdenet.storage import open_data

__all__ = ["draw"]

# What the commands themselves have drawn: file of a run -> name here.
DRAWN = {
    "burgers/coefficients.png": "burgers-coefficients.png",
    "burgers/remainder.png": "burgers-remainder.png",
    "burgers/seed-0/prediction/error.png": "prediction-32.png",
    "burgers-64/seed-0/prediction/error.png": "prediction-64.png",
    "study/study.png": "study.png",
}


def draw(folder: Path, target: Path, runs: Mapping[str, Sequence[Any]]) -> list[Path]:
    """Write every figure whose runs are there to `target`; their paths."""
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for source, name in DRAWN.items():
        if (folder / source).exists():
            shutil.copyfile(folder / source, target / name)
            written.append(target / name)
    figures: dict[str, Figure] = {}
    with styled():
        if runs.get("burgers"):
            figures["burgers-errors.png"] = _errors(runs["burgers"], runs.get("burgers-frozen", ()))
        if runs.get("variable-coefficients"):
            run = folder / "variable-coefficients" / "seed-0"
            figures["variable-coefficients.png"] = _maps(run)
        if runs.get("nonlinear-source"):
            figures["nonlinear-source.png"] = _source(folder / "nonlinear-source" / "seed-0")
        written += [
            write_png(target / name, figure, overwrite=True) for name, figure in figures.items()
        ]
    return written


def _errors(learned: Sequence[Any], frozen: Sequence[Any]) -> Figure:
    """The relative error of each of the eight coefficients in every repeat, and the talks'."""
    figure = Figure(figsize=(6.6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(TALKS))
    for documents, colour, shift, words in (
        (learned, COLOURS[0], -0.12, f"ours, learned filters, {len(learned)} seeds"),
        (frozen, COLOURS[2], 0.12, f"ours, frozen filters, {len(frozen)} seeds"),
    ):
        errors = np.array([[term_errors(each)[key] for key in TALKS] for each in documents])
        if not errors.size:
            continue
        at = np.broadcast_to(places + shift, errors.shape)
        axes.plot(
            at.ravel(), 100 * errors.ravel(), "o", color=colour, markersize=3.2, alpha=0.75,
            label=words,
        )  # fmt: skip
    for which, words in enumerate(("learned", "frozen")):
        # 0.050 is the truth to the digits that were given: it stands at half of the last of them.
        shown = [
            max(abs(values[which] - _truth(term)), HALF_DIGIT) / abs(_truth(term))
            for (_, term), values in TALKS.items()
        ]
        axes.plot(
            places, 100 * np.array(shown), "_", color=COLOURS[1] if which == LEARNED else GREY,
            markersize=17, markeredgewidth=2, label=f"talks of 2019, {words}",
        )  # fmt: skip
    axes.set_yscale("log")
    names = [f"{field}_t:  {term}".replace("*", "·") for field, term in TALKS]
    axes.set_xticks(places, names, rotation=25)
    axes.set_ylabel("relative error (%)")
    axes.grid(axis="y")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def _truth(term: str) -> float:
    return -1.0 if "*" in term else 0.05


def _maps(run: Path) -> Figure:
    """The coefficients that vary: true, found, and their difference."""
    with open_data(run / "data.h5") as data:
        grid, truth = data.problem.grid, data.problem.pde
    found = load_equation(run / "equation.json")
    every = coefficients(found.maps, found.pde, grid, truth)
    shown = [each for each in every if each.fitted.kind == "varying"]
    figure = Figure(figsize=(7.2, 2.3 * max(1, len(shown))), layout="constrained")
    extent = (0.0, grid.lengths[0], 0.0, grid.lengths[1])
    for row, each in enumerate(shown):
        values, true = each.fitted.values, each.truth
        assert true is not None
        low, high = min(values.min(), true.min()), max(values.max(), true.max())
        reach = float(np.abs(values - true).max())
        for column, (name, shade, colours, ends) in enumerate(
            (
                ("true", true, "viridis", (low, high)),
                ("found", values, "viridis", (low, high)),
                ("found − true", values - true, "RdBu_r", (-reach, reach)),
            )
        ):
            axes = figure.add_subplot(len(shown), 3, 3 * row + column + 1)
            image = axes.imshow(
                shade.T, origin="lower", extent=extent, cmap=colours, vmin=ends[0], vmax=ends[1]
            )
            figure.colorbar(image, ax=axes, shrink=0.85)
            title = f"{each.fitted.term}: {name}"
            if column == 2 and each.error is not None:
                title = f"{name}, L2 {100 * each.error.l2:.2g} %"
            axes.set_title(title, loc="left")
            axes.set_xlabel("x")
            axes.set_ylabel("y")
    return figure


def _source(run: Path) -> Figure:
    """f(u) as found, true and as formula, and what they are off by."""
    with open_data(run / "data.h5") as data:
        truth = data.problem.pde
    equation = load_equation(run / "equation.json")
    (source,) = sources(equation.curves, equation.pde, truth)
    points, values = source.fitted.points, source.fitted.values
    true, formula = source.truth_at(points), source.formula_at(points)
    assert true is not None
    figure = Figure(figsize=(7.2, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(points, values, color=COLOURS[0], linewidth=4.5, alpha=0.45, label="found")
    left.plot(points, true, color=INK, linewidth=1.1, label="true")
    right.axhline(0.0, color=INK, linewidth=0.8)
    right.plot(points, values - true, color=COLOURS[0], label="found − true")
    if formula is not None:
        dashes = (0, (4, 2))
        words = f"formula {source.formula_text()}"
        left.plot(points, formula, color=COLOURS[1], linestyle=dashes, label=words)
        right.plot(
            points, formula - true, color=COLOURS[1], linestyle=dashes, label="formula − true"
        )
    left.set_title("source f(u) over the values that the data visit", loc="left")
    error = f", L2 {100 * source.error.l2:.2g} %" if source.error else ""
    right.set_title(f"errors{error}", loc="left")
    for axes in (left, right):
        axes.set_xlabel("u")
        axes.legend()
        axes.grid(axis="y")
        axes.spines[["top", "right"]].set_visible(False)
    return figure
