"""Learned filters beside frozen ones, as matrices with their numbers, or as weights along an axis.

A kernel q is drawn as it lies on the grid: x to the right, y upwards, the centre framed. Its
numbers are in units of the grid: q/(Δxᵃ Δyᵇ) approximates ∂ᵃ⁺ᵇ/∂xᵃ∂yᵇ (PDE-Net 2.0, §2.1).
"""

from collections.abc import Iterator

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from pdenet.evaluation.evidence import Evidence
from pdenet.report.style import COLOURS, INK, Drawing, label, new_axes, plain

__all__ = ["derivative_name", "filter_figures", "number"]

# Inches: the side of a kernel, and the room around and between the two.
_SIDE = 2.2
_LEFT, _GAP, _RIGHT, _BOTTOM, _TOP = 0.36, 0.22, 0.08, 0.4, 0.28
# Numbers stay readable up to this many cells along a side.
_MOST_NUMBERS = 9


def filter_figures(evidence: Evidence) -> Iterator[Drawing]:
    """One picture for each derivative: the learned kernel, and the frozen one beside it.

    Long kernels that act along one axis only are drawn as weights over the offset.
    """
    for index, (name, pair) in enumerate(evidence.filters.items()):
        names = _plane_names(name, evidence.grid.axes)
        learned, frozen = (_plane(kernel, names, evidence.grid.axes) for kernel in pair)
        title = derivative_name(name)
        line = _line(learned, frozen)
        if line is not None:
            axes = _weights(learned, frozen, line, names[line], title)
        else:
            axes = _picture(learned, frozen, names, title)
        change = float(np.max(np.abs(learned - frozen))) if learned.shape == frozen.shape else None
        moved = "" if change is None else f"; largest difference {change:.2g}"
        words = f"Kernels for {title}: learned, largest entry {np.max(np.abs(learned)):.3g}, and "
        yield Drawing.of(axes, name=f"filter-{index + 1}", alt=f"{words}frozen{moved}.")


def derivative_name(name: str) -> str:
    """ "xxy" -> "∂³/∂x²∂y"; what is no multi-index stays as it is."""
    if not name or set(name) - set("xyz"):
        return plain(name)
    powers = {1: "", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶"}
    below = "".join(f"∂{axis}{powers.get(name.count(axis), '')}" for axis in "xyz" if axis in name)
    return f"∂{powers.get(len(name), '')}/{below}"


def number(value: float) -> str:
    """A kernel's entry in at most six characters: "−.083", "1.25", "0"."""
    if value == 0:
        return "0"
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.3g}"
    return (
        text.replace("0.", ".", 1).replace("-", "−") if abs(value) < 1 else text.replace("-", "−")
    )


def _plane_names(name: str, axes: tuple[str, ...]) -> tuple[str, ...]:
    """The axes that are drawn: in three dimensions, the plane in which the derivative acts."""
    acting = [axis for axis in axes if axis in name]
    others = [axis for axis in axes if axis not in acting]
    return tuple(sorted([*acting, *others][:2]))


def _plane(kernel: np.ndarray, names: tuple[str, ...], axes: tuple[str, ...]) -> np.ndarray:
    """(horizontal, vertical): the kernel, cut through its middle along axes that are not drawn."""
    kernel = np.asarray(kernel, dtype=np.float64)
    if kernel.ndim == 1:
        return kernel[:, None]
    cut = tuple(
        slice(None) if axis in names else kernel.shape[k] // 2 for k, axis in enumerate(axes)
    )
    return kernel[cut]


def _line(learned: np.ndarray, frozen: np.ndarray) -> int | None:
    """The axis along which all weights of two long kernels lie, if there is one."""
    if learned.shape != frozen.shape or max(learned.shape) <= _MOST_NUMBERS:
        return None
    held = np.argwhere((learned != 0) | (frozen != 0)) - np.array(learned.shape) // 2
    lines = [axis for axis in (0, 1) if not np.any(np.delete(held, axis, axis=1))]
    return lines[0] if lines else None


def _weights(learned: np.ndarray, frozen: np.ndarray, line: int, name: str, title: str) -> Axes:
    """The weights of both kernels over the offset along one axis, and their difference."""
    middle = learned.shape[1 - line] // 2
    weights = [np.take(kernel, middle, axis=1 - line) for kernel in (learned, frozen)]
    offsets = np.arange(len(weights[0])) - len(weights[0]) // 2
    height, left, gap = 1.35, 0.5, 0.62
    size = (left + 2 * _SIDE + gap + _RIGHT, _BOTTOM + height + _TOP)
    first = new_axes(size, (left, _BOTTOM, _SIDE, height))
    box = ((left + _SIDE + gap) / size[0], _BOTTOM / size[1], _SIDE / size[0], height / size[1])
    second = first.figure.add_axes(box)
    first.vlines(offsets, 0, weights[0], color=COLOURS[0], linewidth=1.4)
    first.plot(offsets, weights[0], "o", color=COLOURS[0], markersize=3.6, label="learned")
    first.plot(
        offsets, weights[1], "s", color=COLOURS[1], markersize=5.6, fillstyle="none", label="frozen"
    )
    first.legend(loc="best", fontsize=7)
    label(first.set_title(title, loc="left"))
    second.vlines(offsets, 0, weights[0] - weights[1], color=COLOURS[0], linewidth=1.4)
    second.plot(offsets, weights[0] - weights[1], "o", color=COLOURS[0], markersize=3.6)
    label(second.set_title(f"{title}  learned − frozen", loc="left"))
    for axes in (first, second):
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set_xlabel(f"offset in {name}")
        axes.set_xticks(offsets[::2] if len(offsets) < 20 else offsets[::4])
        axes.spines[["top", "right"]].set_visible(False)
        axes.locator_params(axis="y", nbins=5)
    return first


def _picture(learned: np.ndarray, frozen: np.ndarray, names: tuple[str, ...], title: str) -> Axes:
    height = _SIDE * max(learned.shape[1], 1) / learned.shape[0]
    size = (_LEFT + 2 * _SIDE + _GAP + _RIGHT, _BOTTOM + height + _TOP)
    entries = np.abs(np.concatenate([learned.ravel(), frozen.ravel()]))
    reach = float(np.max(entries[np.isfinite(entries)], initial=0.0)) or 1.0
    first = new_axes(size, (_LEFT, _BOTTOM, _SIDE, height))
    left = (_LEFT + _SIDE + _GAP) / size[0]
    second = first.figure.add_axes((left, _BOTTOM / size[1], _SIDE / size[0], height / size[1]))
    for axes, kernel, kind in ((first, learned, "learned"), (second, frozen, "frozen")):
        _matrix(axes, kernel, reach)
        label(axes.set_title(f"{title}  {kind}", loc="left"))
        axes.set_xlabel(f"offset in {names[0]}")
    if len(names) > 1:
        first.set_ylabel(f"offset in {names[1]}")
    second.set_yticklabels([])
    return first


def _matrix(axes: Axes, kernel: np.ndarray, reach: float) -> None:
    across, up = kernel.shape
    colours = matplotlib.colormaps["RdBu_r"]
    axes.imshow(
        kernel.T, origin="lower", cmap=colours, vmin=-reach, vmax=reach, interpolation="none",
        aspect="auto", alpha=0.85,
    )  # fmt: skip
    for axis, count in ((axes.xaxis, across), (axes.yaxis, up)):
        offsets = [f"{k - count // 2}".replace("-", "−") for k in range(count)]
        axis.set_ticks(range(count), offsets if count > 1 else [""])
        axis.set_tick_params(length=0)
    middle = (across // 2 - 0.5, up // 2 - 0.5)
    axes.add_patch(Rectangle(middle, 1, 1, fill=False, edgecolor=INK, linewidth=0.9))
    if max(across, up) > _MOST_NUMBERS:
        return
    size = min(8.0, 72 * _SIDE / across / 3.5)
    for i in range(across):
        for j in range(up):
            value = float(kernel[i, j])
            colour = "white" if abs(value) > 0.7 * reach else INK
            axes.text(i, j, number(value), ha="center", va="center", fontsize=size, color=colour)
