"""The figure of a long prediction: error against time, median and bands of every predictor."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pdenet.evaluation.prediction import EQUATION, NETWORK, TRUTH, Prediction
from pdenet.evaluation.score import error_percentiles
from pdenet.report.style import COLOURS, GREY, INK, label, log_limits, new_axes, plain

__all__ = ["colour_of", "draw_errors", "error_figure", "ordered"]

_SIZE = (5.6, 3.8)
_BOX = (0.66, 0.48, 4.74, 2.52)
# Inches: height of a line of the legend, and the width that the name of a mark needs.
_LINE, _ROOM = 0.21, 0.55
# Errors outside of these are rounding, or a prediction that blew up; the axis ends there.
_LOWEST, _HIGHEST = 1e-14, 1e2
_WORDS = {
    EQUATION: "found equation",
    NETWORK: "network",
    TRUTH: "true equation, same solver",
}


def ordered(prediction: Prediction) -> tuple[str, ...]:
    """The predictors: equation, network, those to compare with, and the floor last."""
    first = [name for name in (EQUATION, NETWORK) if name in prediction.errors]
    others = [name for name in prediction.errors if name not in _WORDS]
    return (*first, *others, *(name for name in (TRUTH,) if name in prediction.errors))


def colour_of(prediction: Prediction, name: str) -> str:
    """The colour of a predictor, the same in every figure."""
    known = {EQUATION: COLOURS[0], NETWORK: COLOURS[1], TRUTH: GREY}
    if name in known:
        return known[name]
    others = [other for other in ordered(prediction) if other not in known]
    rest = COLOURS[2:]
    return rest[others.index(name) % len(rest)]


def error_figure(prediction: Prediction) -> Figure:
    """Error against time with the training horizon marked."""
    names = [name for name in ordered(prediction) if name != TRUTH]
    rows = [names[:3], *(names[k : k + 2] for k in range(3, len(names), 2))]
    height = _SIZE[1] + _LINE * (len(rows) - 1)
    axes = new_axes((_SIZE[0], height), _BOX)
    drawn = draw_errors(axes, prediction)
    figure = axes.figure
    assert isinstance(figure, Figure)
    lines: list[list[Line2D | Patch]] = [[drawn[name] for name in row] for row in rows]
    lines.append([drawn[TRUTH]] if TRUTH in drawn else [])
    lines[-1].append(Patch(facecolor=GREY, alpha=0.55, label="25–75 %"))
    lines[-1].append(Patch(facecolor=GREY, alpha=0.25, label="0–100 %"))
    for number, row in enumerate(lines):
        legend = figure.legend(
            handles=row, loc="upper left", ncols=len(row), columnspacing=1.3, borderaxespad=0.3,
            borderpad=0.2, bbox_to_anchor=(_BOX[0] / _SIZE[0], 1 - number * _LINE / height),
        )  # fmt: skip
        for text in legend.get_texts():
            label(text)
    return figure


def draw_errors(axes: Axes, prediction: Prediction, *, marks: bool = True) -> dict[str, Line2D]:
    """Draw every predictor into `axes`; returns their lines, for a legend.

    marks: whether the training horizon is named, or only drawn.
    """
    times = np.asarray(prediction.times, dtype=np.float64) - prediction.times[0]
    lines: dict[str, Line2D] = {}
    lowest, highest = [], []
    for name in reversed(ordered(prediction)):
        colour = colour_of(prediction, name)
        bands = error_percentiles(np.asarray(prediction.errors[name], dtype=np.float64))
        # At the start the error is that of the first frame's noise, or nothing.
        shown = (times > 0) | (bands[0] > 0)
        bands = np.clip(bands[:, shown], _LOWEST, 10 * _HIGHEST)
        when = times[shown]
        floor = name == TRUTH
        outer, inner = (0.16, 0.24) if floor else (0.15, 0.30)
        axes.fill_between(when, bands[0], bands[4], color=colour, alpha=outer, linewidth=0)
        axes.fill_between(when, bands[1], bands[3], color=colour, alpha=inner, linewidth=0)
        style = (0, (3.5, 1.6)) if floor else "-"
        words = _WORDS.get(name) or plain(name)
        (lines[name],) = axes.plot(when, bands[2], color=colour, linestyle=style, label=words)
        # The first step from an exact start says nothing of the range that matters.
        lowest.append(float(bands[0, min(len(when) - 1, 1) :].min()))
        highest.append(float(bands[4].max()))
    axes.set_yscale("log")
    axes.grid(axis="y")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(0.0, float(times[-1]))
    log_limits(axes, min(lowest), min(max(highest), _HIGHEST))
    _mark(axes, prediction, named=marks)
    unit = prediction.units.get("t", "")
    label(axes.xaxis.get_label(), italic=not unit).set_text(f"t ({plain(unit)})" if unit else "t")
    axes.set_ylabel("relative L2 error")
    return lines


def _mark(axes: Axes, prediction: Prediction, *, named: bool) -> None:
    """The time that training looked ahead, and the length of its trajectories."""
    end = axes.get_xlim()[1]
    axes.axvspan(0, min(prediction.trained, end), color="#f1f1f1", linewidth=0, zorder=0)
    if 0 < prediction.window < end:
        axes.axvline(prediction.window, color=INK, linewidth=0.8, linestyle=(0, (2, 2)))
    if prediction.trained < end:
        axes.axvline(prediction.trained, color=INK, linewidth=0.8, linestyle=(0, (5, 2.5)))
    if not named:
        return
    inches = axes.bbox.width / axes.figure.dpi / end
    names = [
        (prediction.window, "training\nwindow"),
        (prediction.trained, "end of the\ntraining data"),
    ]
    if abs(prediction.trained - prediction.window) * inches < _ROOM:
        names = [(prediction.window, "training window,\nend of the training data")]
    for time, words in names:
        if 0 < time < end:
            axes.annotate(
                words, (time, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3),
                textcoords="offset points", fontsize=7.5, linespacing=1.05, ha="left", va="bottom",
                color=INK,
            )  # fmt: skip
