"""A long prediction as a moving picture: truth and predictions side by side, and the error.

GIF by Pillow, which comes with Matplotlib; MP4 where the program ffmpeg is there.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pdenet.errors import OutputError
from pdenet.evaluation.prediction import Prediction
from pdenet.report.forecast import colour_of, draw_errors
from pdenet.report.gallery import (
    FIELDS_MAP,
    PATTERNS,
    draw_image,
    limits,
    picture,
    plane_extent,
    predictors,
    slice_of,
)
from pdenet.report.style import INK, label, plain
from pdenet.storage.atomic import reason

__all__ = ["SUFFIXES", "animate", "require_writer"]

SUFFIXES = (".gif", ".mp4")
# Pictures in a second, pictures at most, and copies of the last one before it starts again.
_RATE, _MOST, _HOLD = 10, 51, 10
_DPI = 84
_WIDTH, _LEFT, _GAP, _TOP, _BOTTOM = 1.9, 0.5, 0.12, 0.58, 0.46
_ERROR_WIDTH, _ERROR_ROOM = 2.5, 0.78


def require_writer(path: Path) -> None:
    """Raise OutputError unless a moving picture of that name can be written here."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(
            f"a moving picture cannot be written as '{path.name}': end its name in .gif or .mp4"
        )
    if suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise OutputError(
            f"'{path.name}' needs the program ffmpeg, which is not on the path: install it, or end "
            "the name in .gif"
        )


def animate(
    prediction: Prediction, path: Path, progress: Callable[[float], None] | None = None
) -> None:
    """Write the moving picture of a prediction to `path`, .gif or .mp4.

    progress: called with the fraction done. Raises OutputError where it cannot be written.
    """
    require_writer(path)
    figure, update = _stage(prediction)
    count = min(_MOST, len(prediction.times))
    places = np.linspace(0, len(prediction.times) - 1, count).round().astype(int)
    kind: type[AbstractMovieWriter] = (
        PillowWriter if path.suffix.lower() == ".gif" else FFMpegWriter
    )
    writer = kind(fps=_RATE)
    try:
        with writer.saving(figure, str(path), _DPI):
            for number, place in enumerate([*places, *[places[-1]] * _HOLD]):
                update(int(place))
                writer.grab_frame(facecolor="white")
                if progress is not None:
                    progress((number + 1) / (count + _HOLD))
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {reason(error)}") from error


def _stage(prediction: Prediction) -> tuple[Figure, Callable[[int], None]]:
    """The figure, and what makes it show one of the times."""
    grid, rows = prediction.grid, len(prediction.fields)
    line = grid.ndim == 1
    columns = 1 if line else 1 + len(predictors(prediction))
    width = 2 * _WIDTH if line else _WIDTH
    ratio = 0.55 if line else min(max(grid.lengths[1] / grid.lengths[0], 0.5), 2.0)
    height = width * ratio
    block = height + 0.2
    fields = _LEFT + columns * (width + _GAP)
    size = (fields + _ERROR_ROOM + _ERROR_WIDTH + 0.15, _BOTTOM + rows * block + _TOP)
    figure = Figure(figsize=size)
    updates: list[Callable[[int], None]] = []
    for index in range(rows):
        bottom = _BOTTOM + (rows - 1 - index) * block
        boxes = [
            (_LEFT + column * (width + _GAP), bottom, width, height) for column in range(columns)
        ]
        draw = _draw_lines if line else _draw_planes
        updates.append(draw(prediction, index, [_axes(figure, box) for box in boxes]))
    tall = rows * block - 0.2
    errors = _axes(figure, (fields + _ERROR_ROOM, _BOTTOM, _ERROR_WIDTH, tall))
    draw_errors(errors, prediction, marks=False)
    label(errors.set_title("relative L2 error", loc="left"))
    errors.set_ylabel("")
    now = errors.axvline(0.0, color=INK, linewidth=1.1)
    clock = label(
        figure.text(_LEFT / size[0], 1 - 0.08 / size[1], "", va="top", fontsize=10, color=INK)
    )

    def update(place: int) -> None:
        time = float(prediction.times[place])
        elapsed = time - float(prediction.times[0])
        now.set_xdata([elapsed, elapsed])
        unit = prediction.units.get("t", "")
        clock.set_text(
            f"t = {time:.2f}{f' {plain(unit)}' if unit else ''}   "
            f"({elapsed / prediction.trained:.1f} × the training data)"
        )
        for each in updates:
            each(place)

    return figure, update


def _draw_planes(prediction: Prediction, index: int, panels: list[Axes]) -> Callable[[int], None]:
    """Truth and predictions as images, with the colours of the truth."""
    names = predictors(prediction)
    sources = [prediction.observed, *(prediction.predicted[name] for name in names)]
    scale = limits(prediction.observed[:, index])
    images = []
    for axes, words, values in zip(panels, ("truth", *names), sources, strict=True):
        first = slice_of(values[0, index])
        extent = plane_extent(prediction.grid)
        images.append(draw_image(axes, first, extent, FIELDS_MAP, scale))
        axes.set_xticks([])
        axes.set_yticks([])
        if index == 0:
            colour = INK if words == "truth" else colour_of(prediction, words)
            label(axes.set_title(words, loc="left", color=colour))
    label(
        panels[0].set_ylabel(plain(prediction.fields[index]), rotation=0, labelpad=12), italic=True
    )

    def update(place: int) -> None:
        for image, values in zip(images, sources, strict=True):
            image.set_data(picture(slice_of(values[place, index])))

    return update


def _draw_lines(prediction: Prediction, index: int, panels: list[Axes]) -> Callable[[int], None]:
    """Truth and predictions as curves over x."""
    (axes,) = panels
    (points,) = prediction.grid.coordinates()
    values = {"truth": prediction.observed}
    values |= {name: prediction.predicted[name] for name in predictors(prediction)}
    lines = {}
    for name, states in values.items():
        truth = name == "truth"
        colour = "#c4c4c4" if truth else colour_of(prediction, name)
        (lines[name],) = axes.plot(
            points, states[0, index], color=colour, linestyle=PATTERNS.get(name, "-"),
            linewidth=3.6 if truth else 1.4,
        )  # fmt: skip
    low, high = limits(prediction.observed[:, index])
    room = 0.08 * (high - low)
    axes.set_xlim(float(points[0]), float(points[-1]))
    axes.set_ylim(low - room, high + room)
    axes.spines[["top", "right"]].set_visible(False)
    label(axes.set_ylabel(plain(prediction.fields[index]), rotation=0, labelpad=8), italic=True)
    if index == 0:
        legend = axes.legend(
            lines.values(), lines, loc="lower left", bbox_to_anchor=(0, 1), ncols=3,
            borderaxespad=0.2,
        )  # fmt: skip
        for text in legend.get_texts():
            label(text)

    def update(place: int) -> None:
        for name, curve in lines.items():
            curve.set_ydata(values[name][place, index])

    return update


def _axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    width, height = figure.get_size_inches()
    return figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
