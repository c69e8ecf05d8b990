"""Prediction error against time, and the loss of every stage of training.

The error is ‖û(t) - u(t)‖/‖u(t)‖ on held-out trajectories; bands hold the middle half (25-75 %) and
all (0-100 %) of them, as in the figures of both PDE-Net papers.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pdenet.evaluation.evidence import Evidence
from pdenet.evaluation.score import error_percentiles
from pdenet.report.style import COLOURS, GREY, INK, Drawing, label, log_limits, new_axes, plain
from pdenet.words import counted

__all__ = ["error_figure", "loss_figure"]

_SIZE = (5.0, 3.3)
_BOX = (0.62, 0.46, 4.26, 2.36)
# An error beyond this is a run that blew up; the axis ends here.
_HIGHEST = 1e3
_NAMES = {"equation": "found equation", "network": "network", "noise": "noise of the data"}


def error_figure(evidence: Evidence) -> Drawing | None:
    """Median and bands of every error curve over time, or None without one."""
    curves = {
        name: np.asarray(errors, dtype=np.float64)
        for name, errors in evidence.errors.items()
        if np.size(errors)
    }
    times = np.asarray(evidence.error_times, dtype=np.float64)
    positive = [errors[np.isfinite(errors) & (errors > 0)] for errors in curves.values()]
    values = np.concatenate([np.zeros(0), *positive])
    if not values.size:
        return None
    floor = float(values.min())
    axes = _log_axes()
    handles: list[Line2D | Patch] = []
    predicted = {name: curves[name] for name in _ordered(curves) if name != "noise"}
    for colour, (name, errors) in zip(COLOURS, predicted.items(), strict=False):
        shown = times > 0 if np.all(errors[:, times <= 0] <= 0) else times >= 0
        bands = np.clip(error_percentiles(errors[:, shown]), floor, 10 * _HIGHEST)
        when = times[shown]
        axes.fill_between(when, bands[0], bands[4], color=colour, alpha=0.14, linewidth=0)
        axes.fill_between(when, bands[1], bands[3], color=colour, alpha=0.30, linewidth=0)
        marker = "o" if len(when) == 1 else ""
        handles += axes.plot(when, bands[2], color=colour, marker=marker, label=_words(name))
    if "noise" in curves:
        median = error_percentiles(curves["noise"])[2]
        handles += axes.plot(times, median, color=INK, linestyle=":", label=_NAMES["noise"])
    handles += [
        Patch(facecolor=GREY, alpha=0.5, label="25–75 %"),
        Patch(facecolor=GREY, alpha=0.22, label="0–100 %"),
    ]
    axes.set_xlim(0.0, float(times.max()) if times.max() > 0 else 1.0)
    log_limits(axes, floor, min(float(values.max()), _HIGHEST))
    _mark_horizon(axes, evidence)
    unit = evidence.units.get("t", "")
    label(axes.xaxis.get_label(), italic=not unit).set_text(f"t ({plain(unit)})" if unit else "t")
    axes.set_ylabel("relative L2 error")
    for text in axes.figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(0.99, 1.0), ncols=len(handles),
        columnspacing=0.9, handlelength=1.3, handletextpad=0.5, borderaxespad=0.2,
    ).get_texts():  # fmt: skip
        label(text)
    return Drawing.of(axes, name="prediction-error", alt=_error_words(curves, times))


def loss_figure(evidence: Evidence) -> Drawing | None:
    """The loss over all iterations, stage after stage, and the validation loss at their ends."""
    curves = [curve for curve in evidence.loss if np.size(curve.loss)]
    values = np.concatenate([np.zeros(0), *(np.ravel(curve.loss) for curve in curves)])
    values = values[np.isfinite(values) & (values > 0)]
    if not values.size:
        return None
    axes = _log_axes()
    start, ends, held_out = 0.0, [], []
    for index, curve in enumerate(curves):
        iterations = np.asarray(curve.iterations, dtype=np.float64)
        end = start + max(float(iterations.max()), 1.0)
        if index % 2:
            axes.axvspan(start, end, color="#f3f3f3", linewidth=0)
        loss = np.where(np.asarray(curve.loss) > 0, curve.loss, np.nan)
        axes.plot(start + iterations, loss, color=COLOURS[0], marker="." if len(loss) == 1 else "")
        if curve.validation is not None and np.isfinite(curve.validation) and curve.validation > 0:
            ends.append(end)
            held_out.append(curve.validation)
        axes.text(
            (start + end) / 2, 1.015, str(curve.blocks), transform=axes.get_xaxis_transform(),
            ha="center", va="bottom", fontsize=7.5, color=INK,
        )  # fmt: skip
        start = end
    axes.text(
        0.0, 1.085, "δt-blocks of the stage", transform=axes.transAxes, va="bottom", fontsize=7.5,
        color=INK,
    )  # fmt: skip
    axes.plot(
        ends, held_out, linestyle="", marker="D", markersize=4.2, color=COLOURS[1], clip_on=False
    )
    handles = [Line2D([], [], color=COLOURS[0], label="training")]
    if held_out:
        mark = Line2D([], [], linestyle="", marker="D", markersize=4.2, color=COLOURS[1])
        mark.set_label("validation, end of stage")
        handles.append(mark)
    axes.figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(0.99, 1.0), ncols=2,
        columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip
    axes.set_xlim(0.0, start)
    log_limits(axes, min([float(values.min()), *held_out]), max([float(values.max()), *held_out]))
    axes.set_xlabel("iteration")
    axes.set_ylabel("loss")
    words = (
        f"Training loss over {counted(round(start), 'iteration')} in "
        f"{counted(len(curves), 'stage')}, "
        f"from {values[0]:.2g} to {values[-1]:.2g}."
    )
    return Drawing.of(axes, name="loss", alt=words)


def _ordered(curves: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The equation first, so that it always has the first colour."""
    first = {name: curves[name] for name in _NAMES if name in curves}
    return {**first, **{name: curves[name] for name in sorted(curves) if name not in first}}


def _words(name: str) -> str:
    return _NAMES.get(name, plain(name))


def _error_words(curves: Mapping[str, np.ndarray], times: np.ndarray) -> str:
    parts = []
    for name, errors in _ordered(curves).items():
        low, _, median, _, high = error_percentiles(errors)[:, -1]
        parts.append(
            f"{_words(name)} {median:.2g} at the median, {low:.2g} to {high:.2g} over "
            f"{counted(len(errors), 'trajectory')}"
        )
    return f"Relative L2 error against time; at t = {times[-1]:.3g}: {'; '.join(parts)}."


def _log_axes() -> Axes:
    axes = new_axes(_SIZE, _BOX)
    axes.set_yscale("log")
    axes.grid(axis="y")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _mark_horizon(axes: Axes, evidence: Evidence) -> None:
    horizon = evidence.horizon
    end = axes.get_xlim()[1]
    if horizon is None or not 0 < horizon <= end:
        return
    axes.axvline(horizon, color=INK, linewidth=0.9, linestyle=(0, (4, 2.5)))
    left = horizon > 0.7 * end
    axes.annotate(
        "training horizon", (horizon, 0.03), xycoords=("data", "axes fraction"),
        xytext=(-4 if left else 4, 0), textcoords="offset points", fontsize=7.5,
        ha="right" if left else "left", va="bottom", color=INK,
    )  # fmt: skip
