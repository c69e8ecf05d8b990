"""Figures of independent repeats: where coefficients fall, and what the read-out leaves over.

Every repeat is a dot. Boxes show the middle half and the median; they are drawn from five repeats
on, below that the dots say all there is.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from pdenet.evaluation.repeats import Repeat, Spread, remainders, spreads
from pdenet.pde.render import Style, format_monomial, format_number
from pdenet.report.style import COLOURS, GREY, INK, label, plain, styled
from pdenet.words import counted

__all__ = ["coefficient_figure", "remainder_figure"]

BOXES_FROM = 5
MOST_REMAINDERS = 12
"""Dropped terms of one equation that have a row of their own."""

_COLUMNS = 4
_UNICODE: Style = "unicode"


def coefficient_figure(repeats: Sequence[Repeat]) -> Figure:
    """A panel for each true term, and for each that most repeats found: the relative error of its
    coefficient in every repeat, (c - c*)/|c*|, or its distance from the median without a truth.

    repeats: at least one.
    """
    shown = [s for s in spreads(repeats) if s.truth is not None or 2 * s.count > s.of]
    with styled():
        return _coefficient_panels(shown, len(repeats))


def remainder_figure(repeats: Sequence[Repeat]) -> Figure:
    """A panel for each equation: the shares of u_t of the terms that stayed in some repeat, and
    below them those of the terms that were dropped, on a logarithmic scale.

    repeats: at least one.
    """
    kept, dropped = spreads(repeats), remainders(repeats)
    fields = repeats[0].found.fields
    panels = [
        _rows([s for s in kept if s.field == name], [s for s in dropped if s.field == name])
        for name in fields
    ]
    with styled():
        return _remainder_panels(fields, panels, len(repeats))


def _coefficient_panels(shown: Sequence[Spread], count: int) -> Figure:
    columns = min(_COLUMNS, max(1, len(shown)))
    lines = max(1, -(-len(shown) // columns))
    width, height, top, bottom = 1.95, 1.6, 0.3, 0.28
    figure = Figure(figsize=(max(4.2, width * columns + 0.2), height * lines + top + bottom))
    across, up = figure.get_size_inches()
    for place, spread in enumerate(shown):
        line, column = divmod(place, columns)
        left = 0.1 + column * (across - 0.1) / columns
        low = bottom + (lines - 1 - line) * height + 0.28
        box = (left + 0.08, low, (across - 0.1) / columns - 0.26, height - 0.8)
        axes = figure.add_axes((box[0] / across, box[1] / up, box[2] / across, box[3] / up))
        _coefficient_panel(axes, spread)
    where = "truth" if any(s.truth is not None for s in shown) else "median"
    words = f"coefficients of {count} repeats: relative distance from the {where}, in %"
    figure.text(0.1 / across, 1 - 0.06 / up, words, va="top", color=INK, fontsize=9)
    figure.text(
        0.1 / across, 0.05 / up, "dashed: the truth    grey: ± median standard error of one repeat",
        va="bottom", color=INK, fontsize=7.5,
    )  # fmt: skip
    return figure


def _coefficient_panel(axes: Axes, spread: Spread) -> None:
    values = np.array([spread.values[seed] for seed in sorted(spread.values)])
    true = spread.truth is not None
    centre = spread.truth if spread.truth is not None else spread.median
    colour = COLOURS[0] if true else COLOURS[1]
    number = format_number(centre, 4, _UNICODE) if len(values) or true else "–"
    name = plain(f"{spread.field}_t: {format_monomial(spread.monomial, _UNICODE)}")
    label(axes.set_title(name, loc="left", fontsize=8.5, pad=15))
    told = f"{'true' if true else 'median'} {number}, {spread.count} of {spread.of}"
    label(axes.text(0, 1.05, told, transform=axes.transAxes, va="bottom", fontsize=7, color=INK))
    axes.set_yticks([])
    axes.set_ylim(-0.12, 1.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    if not len(values) or not centre:
        axes.set_xticks([])
        return
    errors = 100 * (values - centre) / abs(centre)
    own = statistics.median(spread.errors.values()) if spread.errors else 0.0
    own *= 100 / abs(centre)
    middle = float(np.median(errors))
    axes.axvspan(middle - own, middle + own, color=GREY, alpha=0.18, linewidth=0)
    if true:
        axes.axvline(0, color=INK, linewidth=0.9, linestyle=(0, (4, 2.5)))
    heights = np.linspace(0, 0.82, len(errors)) if len(errors) > 1 else np.array([0.4])
    axes.plot(errors, heights, "o", color=colour, markersize=3.4, alpha=0.85)
    if len(errors) >= BOXES_FROM:
        _box(axes, errors, 1.06, colour, 0.16)
    reach = max([abs(e) for e in [*errors.tolist(), middle - own, middle + own] if true] or [0.0])
    if true and reach > 0:
        axes.set_xlim(-1.15 * reach, 1.15 * reach)
    axes.xaxis.set_major_locator(MaxNLocator(4, symmetric=True, min_n_ticks=3))
    axes.tick_params(axis="x", labelsize=7)


def _box(axes: Axes, values: np.ndarray, height: float, colour: str, size: float) -> None:
    low, first, middle, third, high = np.percentile(values, (0, 25, 50, 75, 100))
    axes.plot([low, high], [height] * 2, color=colour, linewidth=0.9)
    box = Rectangle((first, height - size / 2), third - first, size, facecolor="white")
    box.set(edgecolor=colour, linewidth=1.0, zorder=3)
    axes.add_patch(box)
    axes.plot([middle] * 2, [height - size / 2, height + size / 2], color=INK, lw=1.3, zorder=4)


# One line of the figure of shares: its words, shares where it stayed, shares where it was dropped.
_Row = tuple[str, tuple[float, ...], tuple[float, ...]]


def _rows(kept: Sequence[Spread], dropped: Sequence[Spread]) -> list[_Row]:
    """The terms that stayed somewhere, then the largest that never did, then all others as one."""
    left = {spread.monomial: spread for spread in dropped}

    def size(shares: Mapping[int, float]) -> float:
        return statistics.median(shares.values()) if shares else 0.0

    rows: list[_Row] = []
    for spread in sorted(kept, key=lambda s: -size(s.shares)):
        gone = left.pop(spread.monomial, None)
        name = format_monomial(spread.monomial, _UNICODE)
        rows.append(
            (name, tuple(spread.shares.values()), tuple(gone.shares.values()) if gone else ())
        )
    # What is dropped in every repeat says more than what turns up once.
    rest = sorted(left.values(), key=lambda s: (-s.count, -size(s.shares)))
    own = sorted(rest[:MOST_REMAINDERS], key=lambda s: -size(s.shares))
    rows += [(format_monomial(s.monomial, _UNICODE), (), tuple(s.shares.values())) for s in own]
    others = rest[MOST_REMAINDERS:]
    if others:
        every = tuple(share for spread in others for share in spread.shares.values())
        rows.append((counted(len(others), "other term"), (), every))
    return rows


def _remainder_panels(fields: Sequence[str], panels: Sequence[list[_Row]], count: int) -> Figure:
    line, left, right, top, gap = 0.185, 1.45, 0.75, 0.42, 0.42
    heights = [max(2, len(rows)) * line for rows in panels]
    size = (6.4, top + sum(heights) + gap * len(panels) + 0.06)
    figure = Figure(figsize=size)
    shares = [v for rows in panels for row in rows for v in (*row[1], *row[2]) if v > 0]
    low, high = min(shares, default=0.1) / 1.7, max(shares, default=1.0) * 1.7
    above = top
    for name, rows, height in zip(fields, panels, heights, strict=True):
        above += height
        box = (left, size[1] - above, size[0] - left - right, height)
        axes = figure.add_axes(
            (box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1])
        )
        _share_panel(axes, rows, count)
        label(axes.set_title(plain(f"{name}_t"), loc="left", pad=3))
        axes.set_xlim(low, high)
        axes.xaxis.set_major_locator(LogLocator(10, numticks=10))
        axes.xaxis.set_minor_locator(LogLocator(10, subs="auto", numticks=10))
        axes.xaxis.set_minor_formatter(NullFormatter())
        above += gap
    figure.axes[-1].set_xlabel("share of u_t:  |coefficient| · rms(term) / rms(u_t)")
    handles = [
        Line2D([], [], linestyle="", marker="o", color=COLOURS[0], markersize=4, label="stayed"),
        Line2D(
            [], [], linestyle="", marker="o", color=COLOURS[1], markersize=4, fillstyle="none",
            label="dropped",
        ),
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.3
    )
    words = f"terms of {count} repeats, one dot each"
    figure.text(0.08 / size[0], 1 - 0.07 / size[1], words, va="top", color=INK, fontsize=9)
    return figure


def _share_panel(axes: Axes, rows: Sequence[_Row], count: int) -> None:
    axes.set_xscale("log")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    for place, (_, stayed, gone) in enumerate(rows):
        for shares, colour, fill in ((stayed, COLOURS[0], "full"), (gone, COLOURS[1], "none")):
            values = np.array([share for share in shares if share > 0])
            if not len(values):
                continue
            # Neighbours in a row are set a little apart, by their order.
            offsets = 0.22 * np.sin(2.4 * np.arange(len(values)))
            axes.plot(
                values, place + offsets, linestyle="", marker="o", color=colour, fillstyle=fill,
                markersize=3.0, markeredgewidth=0.7, alpha=0.8,
            )  # fmt: skip
            axes.plot([np.median(values)] * 2, [place - 0.38, place + 0.38], color=INK, lw=1.2)
        told = f"{len(stayed)} of {count}" if stayed else "0"
        axes.text(
            1.015, place, told, transform=axes.get_yaxis_transform(), va="center", fontsize=7,
            color=INK if stayed else GREY,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [plain(row[0]) for row in rows])
    for text, row in zip(axes.get_yticklabels(), rows, strict=True):
        label(text)
        text.set_fontsize(7.5)
        text.set_color(INK if row[1] else GREY)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.spines[["top", "right", "left"]].set_visible(False)
