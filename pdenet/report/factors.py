"""Figure of a study: what a factor does to the coefficients, and to what the network predicts.

A column for each factor, a row for each kind of number, a dot for each seed, a line through the
medians.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from pdenet.report.style import COLOURS, INK, label, plain, styled

__all__ = ["Curve", "Panel", "factor_figure"]

_WIDTH, _HEIGHT, _LEFT, _GAP, _BOTTOM, _TOP = 1.9, 2.1, 0.72, 0.16, 0.52, 0.62
_SPREAD = 0.085


@dataclass(frozen=True)
class Curve:
    """The numbers of one kind: for each value of the factor those of all seeds.

    open: drawn with open marks and no line.
    """

    name: str
    numbers: tuple[tuple[float, ...], ...]
    colour: int = 0
    open: bool = False


@dataclass(frozen=True)
class Panel:
    """What one factor does. values: in words. centre: the position of the usual value."""

    factor: str
    values: tuple[str, ...]
    centre: int
    curves: tuple[Curve, ...]


def factor_figure(rows: Mapping[str, Sequence[Panel]]) -> Figure:
    """The figure; rows: {label of the axis: one panel for each factor}, on logarithmic scales."""
    with styled():
        columns = max(len(panels) for panels in rows.values())
        width = _LEFT + columns * (_WIDTH + _GAP)
        abreast = max(1, int(width / 1.75))  # entries of the legend in one line
        entries = 1 + max(len(panel.curves) for panels in rows.values() for panel in panels)
        top = _TOP + 0.17 * (-(-entries // abreast) - 1)
        size = (width, top + len(rows) * _HEIGHT + (len(rows) - 1) * 0.34 + _BOTTOM)
        figure = Figure(figsize=size)
        handles: dict[str, Line2D] = {}
        for line, (name, panels) in enumerate(rows.items()):
            bottom = size[1] - top - (line + 1) * _HEIGHT - line * 0.34
            low, high = _limits([number for panel in panels for number in _numbers(panel)])
            for column, panel in enumerate(panels):
                left = _LEFT + column * (_WIDTH + _GAP)
                axes = figure.add_axes(
                    (left / size[0], bottom / size[1], _WIDTH / size[0], _HEIGHT / size[1])
                )
                drawn = _draw(axes, panel)
                handles |= drawn if len(drawn) > 1 else {}  # one kind is named by its axis
                axes.set_ylim(low, high)
                _decades(axes, named=column == 0)
                if line == 0:
                    label(axes.set_title(plain(panel.factor), loc="left"))
                if column == 0:
                    axes.set_ylabel(name)
        handles["centre"] = Line2D(
            [], [], linestyle="", marker="s", markersize=7, color="#e2e2e2",
            label="centre",
        )  # fmt: skip
        figure.legend(
            handles=list(handles.values()), loc="upper left", ncols=abreast,
            bbox_to_anchor=(0.01, 1.0), columnspacing=1.3, borderaxespad=0.35, handletextpad=0.2,
        )  # fmt: skip
        return figure


def _numbers(panel: Panel) -> list[float]:
    every = [n for curve in panel.curves for numbers in curve.numbers for n in numbers]
    return [number for number in every if np.isfinite(number) and number > 0]


def _limits(numbers: Sequence[float]) -> tuple[float, float]:
    low, high = min(numbers, default=0.1) / 1.8, max(numbers, default=1.0) * 1.8
    if high < 10 * low:
        centre = (low * high) ** 0.5
        low, high = centre / 10**0.5, centre * 10**0.5
    return low, high


def _draw(axes: Axes, panel: Panel) -> dict[str, Line2D]:
    axes.set_yscale("log")
    axes.axvspan(panel.centre - 0.5, panel.centre + 0.5, color="#efefef", linewidth=0)
    handles = {}
    count = len(panel.curves)
    for k, curve in enumerate(panel.curves):
        colour = COLOURS[curve.colour]
        fill: Literal["none", "full"] = "none" if curve.open else "full"
        shift = _SPREAD * (k - (count - 1) / 2) * 2
        middles = []
        for place, numbers in enumerate(curve.numbers):
            known = np.array([n for n in numbers if np.isfinite(n) and n > 0])
            middles.append(float(np.median(known)) if len(known) else np.nan)
            axes.plot(
                np.full(len(known), place + shift), known, linestyle="", marker="o",
                markersize=3.8, color=colour, fillstyle=fill, markeredgewidth=0.8, alpha=0.85,
            )  # fmt: skip
        if not curve.open:
            places = np.arange(len(middles)) + shift
            axes.plot(places, middles, color=colour, linewidth=0.9, alpha=0.6)
        handles[curve.name] = Line2D(
            [], [], linestyle="", marker="o", markersize=4.5, color=colour, fillstyle=fill,
            label=plain(curve.name),
        )  # fmt: skip
    axes.set_xlim(-0.5, len(panel.values) - 0.5)
    axes.set_xticks(range(len(panel.values)), [plain(value) for value in panel.values])
    for text in axes.get_xticklabels():
        label(text)
        text.set_color(INK)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
    axes.spines[["top", "right"]].set_visible(False)
    return handles


def _decades(axes: Axes, *, named: bool) -> None:
    axes.yaxis.set_major_locator(LogLocator(10, numticks=8))
    axes.yaxis.set_minor_locator(LogLocator(10, subs="auto", numticks=8))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if not named:
        axes.yaxis.set_major_formatter(NullFormatter())
