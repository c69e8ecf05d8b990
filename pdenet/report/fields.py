"""Fields found against true: observed, predicted and their difference on a held-out trajectory.

Arrays are indexed "ij" (index i of the first axis is x), while an image has its rows along the
vertical: every plane is transposed and drawn from the bottom, so that x runs to the right and y
upwards. A field in one dimension is drawn over x and t, one in three as its middle z plane.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from pdenet.report.evidence import Evidence
from pdenet.report.style import Drawing, label, new_axes, plain

__all__ = ["Row", "field_rows", "middle_plane", "relative_error", "shown_frames"]

# Inches: the longer side of an image, and the room for title, ticks and colour bar.
_SIDE = 2.2
_LEFT, _RIGHT, _BOTTOM, _TOP, _GAP, _BAR = 0.5, 0.58, 0.44, 0.32, 0.09, 0.1
# More points than these cannot be seen at that size and would only make the page heavy.
_MOST_POINTS = 160
_MOST_ELONGATED = 3.0


@dataclass(frozen=True)
class Row:
    """Three pictures of one field side by side, and the words above them."""

    heading: str
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True)
class _Plane:
    """The plane that is drawn: the names of its two axes and their coordinates."""

    names: tuple[str, str]
    across: np.ndarray
    up: np.ndarray
    equal: bool

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the image in inches."""
        ratio = _length(self.across) / _length(self.up)
        if not self.equal or not 1 / _MOST_ELONGATED <= ratio <= _MOST_ELONGATED:
            return _SIDE, _SIDE
        return (_SIDE, _SIDE / ratio) if ratio >= 1 else (_SIDE * ratio, _SIDE)


def field_rows(evidence: Evidence) -> Iterator[Row]:
    """The pictures of every field: one row over space and time, or one for each shown frame."""
    for index, name in enumerate(evidence.fields):
        stem = f"field-{index + 1}"
        if evidence.grid.ndim == 1:
            yield _row(evidence, index, slice(None), stem, f"{name} over x and t")
            continue
        for frame in shown_frames(evidence):
            time = f"t = {evidence.times[frame]:.4g}{_unit(evidence, 't')}"
            frames = slice(frame, frame + 1)
            yield _row(evidence, index, frames, f"{stem}-frame-{frame}", f"{name} at {time}")


def shown_frames(evidence: Evidence) -> tuple[int, ...]:
    """The frames that are drawn in 2 and 3 dimensions: the middle one and the last.

    The first is where the prediction starts, and shows nothing.
    """
    last = len(evidence.times) - 1
    return tuple(sorted({(last + 1) // 2, last}))


def middle_plane(evidence: Evidence) -> float | None:
    """The z of the plane that is drawn in three dimensions, else None."""
    if evidence.grid.ndim != 3:
        return None
    return float(evidence.grid.coordinates()[2][evidence.grid.shape[2] // 2])


def relative_error(predicted: np.ndarray, observed: np.ndarray) -> float | None:
    """‖û - u‖/‖u‖ over all points, or None where it means nothing."""
    with np.errstate(all="ignore"):
        scale = float(np.linalg.norm(np.ravel(observed)))
        error = float(np.linalg.norm(np.ravel(predicted - observed)))
        ratio = error / scale if scale > 0 else math.nan
    return ratio if math.isfinite(ratio) else None


def _row(evidence: Evidence, index: int, frames: slice, stem: str, heading: str) -> Row:
    name = evidence.fields[index]
    observed = np.asarray(evidence.observed[frames, index], dtype=np.float64)
    predicted = np.asarray(evidence.predicted[frames, index], dtype=np.float64)
    with np.errstate(all="ignore"):
        difference = predicted - observed
    low, high = _limits(observed)
    reach = max(map(abs, _limits(difference)))
    error = relative_error(predicted, observed)
    size = "not finite" if error is None else f"{100 * error:.2g} % of the field in the L2 norm"
    unit = _unit(evidence, name)
    panels = (
        ("observed", observed, "viridis", (low, high), f"from {low:.3g} to {high:.3g}{unit}"),
        ("predicted", predicted, "viridis", (low, high), "by the found equation, same colours"),
        ("difference", difference, "RdBu_r", (-reach, reach), f"predicted - observed, {size}"),
    )
    plane = _plane(evidence)
    drawings = []
    for kind, values, colours, limits, words in panels:
        axes = _panel(evidence, plane, _slice(values), colours, limits)
        title = "predicted − observed" if kind == "difference" else kind
        label(axes.set_title(f"{plain(name)} {title}", loc="left"))
        drawings.append(Drawing.of(axes, name=f"{stem}-{kind}", alt=f"{heading}, {kind}: {words}."))
    return Row(heading, tuple(drawings))


def _plane(evidence: Evidence) -> _Plane:
    coordinates = evidence.grid.coordinates()
    if evidence.grid.ndim == 1:
        return _Plane(("x", "t"), coordinates[0], np.asarray(evidence.times, float), False)
    return _Plane(("x", "y"), coordinates[0], coordinates[1], True)


def _slice(values: np.ndarray) -> np.ndarray:
    """(frames, *space) -> (horizontal, vertical) as drawn."""
    if values.ndim == 2:
        return np.transpose(values)
    return np.asarray(values[0] if values.ndim == 3 else values[0, :, :, values.shape[3] // 2])


def _panel(
    evidence: Evidence,
    plane: _Plane,
    values: np.ndarray,
    colours: str,
    limits: tuple[float, float],
) -> Axes:
    width, height = plane.size
    size = (_LEFT + width + _GAP + _BAR + _RIGHT, _BOTTOM + height + _TOP)
    axes = new_axes(size, (_LEFT, _BOTTOM, width, height))
    strides = tuple(-(-count // _MOST_POINTS) for count in values.shape)
    image = axes.imshow(
        values[:: strides[0], :: strides[1]].T,
        origin="lower",
        extent=(*_edges(plane.across), *_edges(plane.up)),
        aspect="auto",
        interpolation="none",
        cmap=matplotlib.colormaps[colours].with_extremes(bad="#bdbdbd"),
        vmin=limits[0],
        vmax=limits[1],
    )
    for axis, name, points in (
        (axes.xaxis, plane.names[0], plane.across),
        (axes.yaxis, plane.names[1], plane.up),
    ):
        unit = evidence.units.get(name, "")
        words = f"{name} ({plain(unit)})" if unit else name
        label(axis.get_label(), italic=not unit).set_text(words)
        _ticks(axis, points, pi=not unit and name != "t")
    _colour_bar(axes, image, ((_LEFT + width + _GAP) / size[0], _BAR / size[0]))
    return axes


def _colour_bar(axes: Axes, image: AxesImage, place: tuple[float, float]) -> None:
    box = axes.get_position()
    bar_axes = axes.figure.add_axes((place[0], box.y0, place[1], box.height))
    bar = axes.figure.colorbar(image, cax=bar_axes)
    bar.outline.set_linewidth(0.5)
    bar.locator = MaxNLocator(5)
    formatter = ScalarFormatter(useMathText=True)
    formatter.set_powerlimits((-2, 3))
    bar.formatter = formatter
    bar.update_ticks()
    bar_axes.yaxis.get_offset_text().set_fontsize(7.5)
    bar_axes.yaxis.set_offset_position("left")


def _ticks(axis: Axis, points: np.ndarray, *, pi: bool) -> None:
    """Few ticks; quarters of the length where the domain is [0, nπ], n = 1, 2 or 4."""
    low, high = _edges(points)
    turns = (high - low) / math.pi
    names = {1: "0 π/4 π/2 3π/4", 2: "0 π/2 π 3π/2", 4: "0 π 2π 3π"}
    whole = round(turns)
    if pi and whole in names and abs(turns - whole) < 1e-9 and abs(points[0]) < 1e-9:
        axis.set_ticks(
            [quarter * whole * math.pi / 4 for quarter in range(4)], names[whole].split()
        )
    else:
        axis.set_major_locator(MaxNLocator(4))


def _unit(evidence: Evidence, name: str) -> str:
    unit = evidence.units.get(name, "")
    return f" {plain(unit)}" if unit else ""


def _length(points: np.ndarray) -> float:
    low, high = _edges(points)
    return high - low


def _edges(points: np.ndarray) -> tuple[float, float]:
    """Where the outer cells of evenly spaced points begin and end."""
    half = float(points[1] - points[0]) / 2 if len(points) > 1 else 0.5
    return float(points[0]) - half, float(points[-1]) + half


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest finite value, kept apart so that a colour scale exists."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 1e-12 - abs(low) / 2, high + 1e-12 + abs(high) / 2)
