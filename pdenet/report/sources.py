"""Pictures of sources: f(u) as found, true and as formula, and their errors, over visited values.

Beyond these values the picture is shaded, and what is drawn there is an extrapolation. The strip
below shows how often the data visit a value.
"""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from pdenet.evaluation.coefficients import Source
from pdenet.evaluation.evidence import Evidence
from pdenet.report.fields import Row
from pdenet.report.style import COLOURS, GREY, INK, Drawing, label, new_axes, plain
from pdenet.report.summaries import extrapolation
from pdenet.report.tables import percent

__all__ = ["source_figures"]

_SIZE = (5.0, 3.7)
_BOX = (0.62, 0.98, 4.26, 2.24)
_STRIP = (0.62, 0.46, 4.26, 0.42)
# How far the picture goes on beyond what was visited, and above what was found there.
_BEYOND = 0.22
_ABOVE = 0.35
_POINTS = 400
_PEAK = 4.0


def source_figures(evidence: Evidence) -> Iterator[Row]:
    """The pictures of each source: the source, and where the truth is known its error."""
    for index, source in enumerate(evidence.sources):
        stem, heading = f"source-{index + 1}", f"Source of {source.fitted.field}_t"
        drawings = [_figure(evidence, source, stem)]
        if source.truth_at(source.fitted.points) is not None:
            drawings.append(_error_figure(evidence, source, f"{stem}-error"))
        yield Row(heading, tuple(drawings))


def _error_figure(evidence: Evidence, source: Source, stem: str) -> Drawing:
    """What was found and the formula, both minus the truth, over the visited values."""
    axes = new_axes(_SIZE, _BOX)
    points = source.fitted.points
    truth, formula = source.truth_at(points), source.formula_at(points)
    assert truth is not None
    axes.axhline(0.0, color=INK, linewidth=0.9, label="true")
    found = source.fitted.values - truth
    _band(axes, source, found)
    axes.plot(points, found, color=COLOURS[0], linewidth=1.8, label="found")
    if formula is not None:
        axes.plot(
            points, formula - truth, color=COLOURS[1], linestyle=(0, (4, 2)), label="formula"
        )  # fmt: skip
    axes.grid(axis="y")
    axes.margins(y=0.12)
    strip = _density(axes, source)
    _frame(axes, strip, source)
    _name(evidence, source, axes, strip)
    also = "" if formula is None else " and formula − true"
    label(axes.set_title(f"{plain(source.name)}: found − true{also}", loc="left"))
    field = plain(source.fitted.field)
    alt = f"Error of the source of {field}_t: at most {np.abs(found).max():.2g} in size"
    return Drawing.of(axes, name=stem, alt=f"{alt}{_words(source)}.")


def _frame(axes: Axes, strip: Axes, source: Source) -> np.ndarray:
    """Limits beyond the visited values, and shade there. Returns points over all of it."""
    low, high = source.low, source.high
    margin = _BEYOND * (high - low)
    everywhere = np.linspace(low - margin, high + margin, _POINTS)
    for each in (axes, strip):
        each.set_xlim(float(everywhere[0]), float(everywhere[-1]))
        for span in ((everywhere[0], low), (high, everywhere[-1])):
            each.axvspan(*span, color="#efefef", linewidth=0, zorder=0)
        each.spines[["top", "right"]].set_visible(False)
    for middle in ((everywhere[0] + low) / 2, (high + everywhere[-1]) / 2):
        axes.text(
            middle, 0.985, "not visited", transform=axes.get_xaxis_transform(), fontsize=7,
            ha="center", va="top", color="#555555",
        )  # fmt: skip
    return everywhere


def _figure(evidence: Evidence, source: Source, stem: str) -> Drawing:
    low, high = source.low, source.high
    points, values = source.fitted.points, source.fitted.values
    axes = new_axes(_SIZE, _BOX)
    strip = _density(axes, source)
    everywhere = _frame(axes, strip, source)
    _band(axes, source, values)
    axes.plot(points, values, color=COLOURS[0], linewidth=4.5, alpha=0.45, label="found")
    inside = [values]
    for name, at, colour, dashes in (
        ("true", source.truth_at, INK, "solid"),
        ("formula", source.formula_at, COLOURS[1], (0, (4, 2))),
    ):
        seen, beyond = at(points), at(everywhere)
        if seen is None or beyond is None:
            continue
        inside.append(seen)
        axes.plot(points, seen, color=colour, linewidth=1.2, linestyle=dashes, label=name)
        for outside in (everywhere <= low, everywhere >= high):
            axes.plot(
                everywhere[outside], beyond[outside], color=colour, linewidth=1.2, alpha=0.75,
                linestyle=(0, (1, 1.6)),
            )  # fmt: skip
    _set_limits(axes, np.concatenate(inside))
    _name(evidence, source, axes, strip)
    field = plain(source.fitted.field)
    label(axes.set_title(f"{plain(source.name)}{_words(source)}", loc="left"))
    words = f"found from {values.min():.3g} to {values.max():.3g} over {low:.3g} to {high:.3g}"
    alt = f"Source of {field}_t: {words}{_words(source)}; {extrapolation(source)}."
    return Drawing.of(axes, name=stem, alt=alt)


def _band(axes: Axes, source: Source, values: np.ndarray) -> None:
    """Two standard errors to either side, where they are known."""
    errors = source.fitted.errors
    if errors is not None:
        axes.fill_between(
            source.fitted.points, values - 2 * errors, values + 2 * errors, color=COLOURS[0],
            alpha=0.18, linewidth=0, label="± 2 standard errors",
        )  # fmt: skip


def _density(axes: Axes, source: Source) -> Axes:
    """The strip below: how often the data visit a value."""
    width, height = _SIZE
    left, bottom, across, up = _STRIP
    strip: Axes = axes.figure.add_axes((left / width, bottom / height, across / width, up / height))
    density = source.fitted.density
    strip.fill_between(source.fitted.points, density, color=GREY, alpha=0.55, linewidth=0)
    # A value that walls hold fixed may be visited far more often than all others: its peak is cut.
    top = min(float(density.max()), _PEAK * float(np.percentile(density, 90)))
    strip.set_ylim(0.0, 1.1 * top if top > 0 else 1.0)
    strip.set_yticks([])
    label(strip.set_ylabel("visits"))
    axes.set_xticklabels([])
    return strip


def _set_limits(axes: Axes, values: np.ndarray) -> None:
    """Room for what was visited, whatever an extrapolation does."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    room = _ABOVE * (high - low) or 1.0
    axes.set_ylim(low - room, high + room)
    axes.grid(axis="y")


def _name(evidence: Evidence, source: Source, axes: Axes, strip: Axes) -> None:
    field = source.fitted.of
    found = evidence.units.get(field, "")
    words = f"{plain(field)} ({plain(found)})" if found else plain(field)
    label(strip.xaxis.get_label(), italic=not found).set_text(words)
    axes.figure.legend(
        *axes.get_legend_handles_labels(), loc="upper right", bbox_to_anchor=(0.99, 1.0), ncols=3,
        columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip


def _words(source: Source) -> str:
    error = source.error
    if error is None:
        return ""
    if np.isfinite(error.l2):
        return f", L2 error {percent(error.l2)}"
    return f", r.m.s. error {error.rms:.2g}"
