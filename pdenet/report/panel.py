"""Images of a plane with axes and colour bar, all of one size, so that they stand in line.

Arrays are indexed "ij" (index i of the first axis is x), while an image has its rows along the
vertical: every plane is transposed and drawn from the bottom, so that x runs to the right and y
upwards.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from pdenet.grid import Grid
from pdenet.report.style import label, new_axes, plain

__all__ = ["Plane", "limits", "middle", "name_axis", "panel", "unit"]

# Inches: the longer side of an image, and the room for title, ticks and colour bar.
_SIDE = 2.2
_LEFT, _RIGHT, _BOTTOM, _TOP, _GAP, _BAR = 0.5, 0.58, 0.44, 0.32, 0.09, 0.1
# More points than these cannot be seen at that size and would only make the page heavy.
_MOST_POINTS = 160
_MOST_ELONGATED = 3.0


@dataclass(frozen=True)
class Plane:
    """The plane that is drawn: the names of its two axes and their coordinates."""

    names: tuple[str, str]
    across: np.ndarray
    up: np.ndarray
    equal: bool

    @classmethod
    def of(cls, grid: Grid) -> "Plane":
        """The plane of x and y."""
        x, y = grid.coordinates()[:2]
        return cls(("x", "y"), x, y, True)

    @classmethod
    def along(cls, places: Mapping[str, np.ndarray]) -> "Plane":
        """The plane of the first two of some axes; one of time has no length beside others."""
        (first, across), (second, up), *_ = places.items()
        return cls((first, second), across, up, "t" not in (first, second))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the image in inches."""
        ratio = _length(self.across) / _length(self.up)
        if not self.equal or not 1 / _MOST_ELONGATED <= ratio <= _MOST_ELONGATED:
            return _SIDE, _SIDE
        return (_SIDE, _SIDE / ratio) if ratio >= 1 else (_SIDE * ratio, _SIDE)


def panel(
    plane: Plane,
    values: np.ndarray,
    colours: str,
    ends: tuple[float, float],
    units: Mapping[str, str],
) -> Axes:
    """One image of (horizontal, vertical) values, with a colour bar from `ends[0]` to `ends[1]`.

    colours: a colour map of Matplotlib. units: of the axes, by name.
    """
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
        vmin=ends[0],
        vmax=ends[1],
    )
    for axis, name, points in (
        (axes.xaxis, plane.names[0], plane.across),
        (axes.yaxis, plane.names[1], plane.up),
    ):
        name_axis(axis, name, points, units)
    _colour_bar(axes, image, ((_LEFT + width + _GAP) / size[0], _BAR / size[0]))
    return axes


def name_axis(axis: Axis, name: str, points: np.ndarray, units: Mapping[str, str]) -> None:
    """The name and the ticks of the axis along which evenly spaced `points` lie."""
    found = units.get(name, "")
    words = f"{name} ({plain(found)})" if found else name
    label(axis.get_label(), italic=not found).set_text(words)
    _ticks(axis, points, pi=not found and name != "t")


def middle(values: np.ndarray) -> np.ndarray:
    """The plane that is drawn of (x, y) or (x, y, z): the middle one of the latter."""
    return values if values.ndim == 2 else values[:, :, values.shape[2] // 2]


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


def unit(units: Mapping[str, str], name: str) -> str:
    """The unit of a coordinate or field after a space; nothing where it has none."""
    found = units.get(name, "")
    return f" {plain(found)}" if found else ""


def _length(points: np.ndarray) -> float:
    low, high = _edges(points)
    return high - low


def _edges(points: np.ndarray) -> tuple[float, float]:
    """Where the outer cells of evenly spaced points begin and end."""
    half = float(points[1] - points[0]) / 2 if len(points) > 1 else 0.5
    return float(points[0]) - half, float(points[-1]) + half


def limits(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest finite value, kept apart so that a colour scale exists."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 1e-12 - abs(low) / 2, high + 1e-12 + abs(high) / 2)
