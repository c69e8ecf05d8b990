"""Fields predicted beside true, at a few times: the second figure of a long prediction.

In two dimensions each field is a block of columns, one for each time; rows are the truth, and for
each predictor its field and its error. In three dimensions the middle z plane is drawn. In one
dimension the truth and the predictions are images over x and t, errors below them, and profiles at
a few times stand below the truth. Arrays are indexed "ij": images are transposed, x to the right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pdenet.evaluation.prediction import EQUATION, NETWORK, Prediction
from pdenet.grid import Grid
from pdenet.report.forecast import colour_of
from pdenet.report.style import INK, label, plain

__all__ = [
    "FIELDS_MAP",
    "PATTERNS",
    "draw_image",
    "gallery_figure",
    "limits",
    "picture",
    "plane_extent",
    "predictors",
    "shown_times",
    "slice_of",
]

FIELDS_MAP, ERRORS_MAP = "viridis", "RdBu_r"
# Dashes of curves that lie on each other.
PATTERNS = {NETWORK: (0, (1.2, 1.6)), EQUATION: (3, (4, 3))}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MOST_POINTS = 256
_MOST_ELONGATED = 3.0
_SHOWN_SHARE = 0.995
# Inches: margins, and the room that a colour bar takes beside its row.
_LEFT, _TOP, _BOTTOM, _GAP, _BAR, _BAR_ROOM = 0.95, 0.48, 0.42, 0.06, 0.09, 0.66


@dataclass(frozen=True)
class _Row:
    """One row of images of one field: (time, *space) and its colours."""

    words: str
    values: np.ndarray
    colours: str
    limits: tuple[float, float]


def gallery_figure(prediction: Prediction) -> Figure:
    """The fields of the shown trajectory and their errors."""
    return _profiles(prediction) if prediction.grid.ndim == 1 else _planes(prediction)


def predictors(prediction: Prediction) -> tuple[str, ...]:
    """The predictors whose fields are drawn."""
    return tuple(name for name in (NETWORK, EQUATION) if name in prediction.predicted)


def shown_times(prediction: Prediction, count: int) -> tuple[int, ...]:
    """Numbers of evenly spread times, from the end of the training data to the last one."""
    end = float(prediction.times[-1] - prediction.times[0])
    first = prediction.trained if prediction.trained < end else end / count
    return tuple(dict.fromkeys(prediction.place(t) for t in np.linspace(first, end, count)))


def limits(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest finite value, kept apart so that a colour scale exists."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 1e-12 - abs(low) / 2, high + 1e-12 + abs(high) / 2)


def slice_of(values: np.ndarray) -> np.ndarray:
    """The plane of a field in two or three dimensions that is drawn, (x, y)."""
    return values if values.ndim == 2 else values[:, :, values.shape[2] // 2]


def picture(values: np.ndarray) -> np.ndarray:
    """(horizontal, vertical) values as an image has them, without points that nobody could see."""
    strides = tuple(-(-count // _MOST_POINTS) for count in values.shape)
    return np.asarray(values[:: strides[0], :: strides[1]].T)


def draw_image(
    axes: Axes,
    values: np.ndarray,
    extent: tuple[float, float, float, float],
    colours: str,
    limits: tuple[float, float],
) -> AxesImage:
    """Draw (horizontal, vertical) values; what has blown up is grey."""
    return axes.imshow(
        picture(values),
        origin="lower",
        extent=extent,
        aspect="auto",
        interpolation="none",
        cmap=matplotlib.colormaps[colours].with_extremes(bad="#bdbdbd"),
        vmin=limits[0],
        vmax=limits[1],
    )


def _rows(prediction: Prediction, index: int, places: Sequence[int]) -> list[_Row]:
    """Truth, predictions and errors of one field at some times."""
    chosen = list(places)
    truth = prediction.observed[chosen, index]
    scale = limits(truth)
    rows = [_Row("truth", truth, FIELDS_MAP, scale)]
    for name in predictors(prediction):
        values = prediction.predicted[name][chosen, index]
        with np.errstate(all="ignore"):
            error = values - truth
        reach = _reach(error)
        rows.append(_Row(name, values, FIELDS_MAP, scale))
        rows.append(_Row(f"{name}\n− truth", error, ERRORS_MAP, (-reach, reach)))
    return rows


def _reach(error: np.ndarray) -> float:
    """The end of the colours of an error: a few points at a front do not make all others pale."""
    sizes = np.abs(error[np.isfinite(error)])
    reach = float(np.quantile(sizes, _SHOWN_SHARE)) if sizes.size else 0.0
    return reach or max(map(abs, limits(error)))


def _planes(prediction: Prediction) -> Figure:
    """Blocks of columns, one for each field."""
    grid, fields = prediction.grid, prediction.fields
    places = shown_times(prediction, 5 if len(fields) == 1 else 3)
    ratio = grid.lengths[1] / grid.lengths[0]
    ratio = ratio if 1 / _MOST_ELONGATED <= ratio <= _MOST_ELONGATED else 1.0
    width = 1.42 if len(fields) < 3 else 1.1
    height = width * ratio
    count = 1 + 2 * len(predictors(prediction))
    block = len(places) * (width + _GAP) + _BAR_ROOM
    size = (_LEFT + len(fields) * block + 0.1, _TOP + count * (height + _GAP) + _BOTTOM)
    figure = Figure(figsize=size)
    for index, name in enumerate(fields):
        for number, row in enumerate(_rows(prediction, index, places)):
            bottom = _BOTTOM + (count - 1 - number) * (height + _GAP)
            for column, values in enumerate(row.values):
                left = _LEFT + index * block + column * (width + _GAP)
                axes = _axes(figure, (left, bottom, width, height))
                image = draw_image(
                    axes, slice_of(values), plane_extent(grid), row.colours, row.limits
                )
                last = number == count - 1
                _outer(axes, prediction, bottom=last and column == 0 and index == 0)
                if number == 0:
                    label(axes.set_title(_time(prediction, places[column]), pad=4))
                if not np.isfinite(slice_of(values)).all():
                    _say_lost(axes)
            _colour_bar(figure, image, (left + width + 0.07, bottom, _BAR, height))
            if index == 0:
                _name_row(figure, row.words, (_LEFT - 0.12, bottom + height / 2))
        words = f"{plain(name)}{_unit(prediction, name)}{_plane_words(prediction)}"
        middle = _LEFT + index * block + (block - _BAR_ROOM) / 2
        label(
            figure.text(middle / size[0], 1 - 0.07 / size[1], words, ha="center", va="top",
                        fontsize=10.5, fontstyle="italic")
        )  # fmt: skip
    return figure


def _profiles(prediction: Prediction) -> Figure:
    """One dimension: images over x and t, and profiles."""
    width, height, gap, low = 2.15, 1.75, 0.95, 0.5
    names = predictors(prediction)
    block = 2 * height + 1.05
    size = (0.62 + (1 + len(names)) * (width + gap) - 0.25, len(prediction.fields) * block + 0.3)
    figure = Figure(figsize=size)
    times = np.asarray(prediction.times, dtype=np.float64)
    extent = (*_edges(prediction.grid.coordinates()[0]), *_edges(times))
    for index, field in enumerate(prediction.fields):
        rows = _rows(prediction, index, range(len(times)))
        bottom = low + (len(prediction.fields) - 1 - index) * block
        # Truth and predictions above, errors below.
        cells = [(0, 1, rows[0])]
        cells += [(1 + k // 2, 1 - k % 2, row) for k, row in enumerate(rows[1:])]
        for column, level, row in cells:
            box = (0.62 + column * (width + gap), bottom + level * (height + 0.45), width, height)
            axes = _axes(figure, box)
            image = draw_image(axes, row.values.T, extent, row.colours, row.limits)
            _ticks(axes.xaxis, prediction, "x", named=level == 0)
            _ticks(axes.yaxis, prediction, "t", named=column == 0)
            axes.axhline(times[0] + prediction.trained, color=INK, linewidth=0.8, dashes=(5, 2.5))
            words = " ".join(row.words.split())
            if len(prediction.fields) > 1:
                words = f"{plain(field)}: {words}"
            label(axes.set_title(words, loc="left"))
            _colour_bar(figure, image, (box[0] + width + 0.07, box[1], _BAR, height))
        _lines(figure, prediction, index, (0.62, bottom, width, height))
    return figure


def _lines(
    figure: Figure, prediction: Prediction, index: int, box: tuple[float, float, float, float]
) -> None:
    """Profiles of the truth and of the predictions at the start, in the middle and at the end."""
    axes = _axes(figure, box)
    (points,) = prediction.grid.coordinates()
    last = len(prediction.times) - 1
    names = predictors(prediction)
    shown = (0, prediction.place(prediction.trained), last)
    for place, alpha in zip(shown, (0.4, 0.7, 1.0), strict=True):
        drawn = axes.plot(
            points, prediction.observed[place, index], color="#c4c4c4", linewidth=3.4, label="truth"
        )
        for name in names:
            values = prediction.predicted[name][place, index]
            colour, style = colour_of(prediction, name), PATTERNS[name]
            drawn += axes.plot(
                points,
                values,
                color=colour,
                alpha=alpha,
                linestyle=style,
                linewidth=1.2,
                label=name,
            )
    low, high = limits(prediction.observed[list(shown), index])
    axes.set_ylim(low - 0.06 * (high - low), high + 0.25 * (high - low))
    legend = axes.legend(
        handles=drawn, loc="upper right", ncols=len(drawn), fontsize=7, borderaxespad=0.1,
        columnspacing=1.0, handletextpad=0.4,
    )  # fmt: skip
    for text in legend.get_texts():
        label(text)
    axes.set_xlim(float(points[0]), float(points[-1]))
    axes.spines[["top", "right"]].set_visible(False)
    _ticks(axes.xaxis, prediction, "x", named=True)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    marks = ", ".join(f"{prediction.times[place]:.3g}" for place in shown)
    name = f"{plain(prediction.fields[index])}{_unit(prediction, prediction.fields[index])}"
    label(axes.set_title(f"{name} at t = {marks}", loc="left"))


def _axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    """Axes in a box (left, bottom, width, height) in inches."""
    width, height = figure.get_size_inches()
    return figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))


def _outer(axes: Axes, prediction: Prediction, *, bottom: bool) -> None:
    """Coordinates at one corner of the gallery; all other images share them."""
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        if bottom:
            _ticks(axis, prediction, name, named=True)
        else:
            axis.set_ticks([])
    if bottom:
        axes.yaxis.set_ticks([])
        axes.set_ylabel("")


def _ticks(axis: Axis, prediction: Prediction, name: str, *, named: bool) -> None:
    """Few ticks, in parts of π where the domain has such a length."""
    view = axis.get_view_interval()
    axis.set_major_locator(MaxNLocator(4))
    if name != "t":
        number = prediction.grid.axes.index(name)
        turns = prediction.grid.lengths[number] / math.pi
        start = (prediction.grid.origin or (0.0,) * 3)[number]
        parts = {1: "0 π/4 π/2 3π/4", 2: "0 π/2 π 3π/2", 4: "0 π 2π 3π"}
        if round(turns) in parts and abs(turns - round(turns)) < 1e-9 and start == 0:
            quarter = round(turns) * math.pi / 4
            axis.set_ticks([count * quarter for count in range(4)], parts[round(turns)].split())
    axis.set_view_interval(*view, ignore=True)
    if named:
        unit = prediction.units.get(name, "")
        words = f"{name} ({plain(unit)})" if unit else name
        label(axis.get_label(), italic=not unit).set_text(words)


def plane_extent(grid: Grid) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of an image over x and y, each point in the middle of a cell."""
    x, y = grid.coordinates()[:2]
    return (*_edges(x), *_edges(y))


def _edges(points: np.ndarray) -> tuple[float, float]:
    """Where the outer cells of evenly spaced points begin and end."""
    half = float(points[1] - points[0]) / 2
    return float(points[0]) - half, float(points[-1]) + half


def _time(prediction: Prediction, place: int) -> str:
    unit = prediction.units.get("t", "")
    return f"t = {prediction.times[place]:.3g}{f' {plain(unit)}' if unit else ''}"


def _unit(prediction: Prediction, name: str) -> str:
    unit = prediction.units.get(name, "")
    return f" ({plain(unit)})" if unit else ""


def _plane_words(prediction: Prediction) -> str:
    if prediction.grid.ndim < 3:
        return ""
    z = prediction.grid.coordinates()[2][prediction.grid.shape[2] // 2]
    return f" at z = {z:.3g}"


def _name_row(figure: Figure, words: str, place: tuple[float, float]) -> None:
    width, height = figure.get_size_inches()
    label(
        figure.text(place[0] / width, place[1] / height, words, ha="right", va="center", fontsize=9)
    )


def _say_lost(axes: Axes) -> None:
    axes.text(0.5, 0.5, "blown up", transform=axes.transAxes, ha="center", va="center", fontsize=8)


def _colour_bar(figure: Figure, image: AxesImage, box: tuple[float, float, float, float]) -> None:
    """A bar beside an image; a power of ten of its numbers stands along it."""
    axes = _axes(figure, box)
    low, high = image.get_clim()
    power = math.floor(math.log10(max(abs(low), abs(high))))
    power = 0 if -1 <= power <= 3 else power
    signed = image.get_cmap().name == ERRORS_MAP
    bar = figure.colorbar(image, cax=axes, extend="both" if signed else "neither")
    bar.outline.set_linewidth(0.5)
    bar.locator = MaxNLocator(4, prune="both")
    bar.formatter = FuncFormatter(lambda value, _: f"{value / 10**power:.3g}".replace("-", "−"))
    bar.update_ticks()
    axes.tick_params(labelsize=7.5, length=2)
    if power:
        words = f"×10{str(power).translate(_RAISED)}"
        label(axes.set_ylabel(words, fontsize=7.5, labelpad=1))
