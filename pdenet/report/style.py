"""One look for every figure, and figures as SVG text whose bytes depend on the numbers only.

Colours are those of Okabe and Ito, which stay apart for colour-blind readers (Color Universal
Design, 2008); viridis for fields and a symmetric red-blue map for differences do so too. Figures
are drawn through Matplotlib's objects, never through pyplot: nothing global stays behind.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullFormatter

__all__ = [
    "COLOURS",
    "GREY",
    "INK",
    "Drawing",
    "label",
    "log_limits",
    "new_axes",
    "plain",
    "styled",
    "to_svg",
]

INK = "#222222"
GREY = "#8a8a8a"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 9.0,
    "axes.titlepad": 5.0,
    "axes.labelsize": 8.5,
    "axes.labelpad": 2.5,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#555555",
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.8,
    "ytick.minor.size": 1.8,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.5,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "path",
    "svg.hashsalt": "pdenet",
}
# What the fonts that come with Matplotlib can draw; a unit may hold anything.
_DRAWABLE = re.compile(r"[^\u0020-\u007e\u00a1-\u052f\u1e00-\u1eff\u2010-\u2044\u2070-\u209c]")
_LONGEST_TEXT = 28


@dataclass(frozen=True)
class Drawing:
    """One SVG picture, the name of its file, and the words that stand for it.

    width: its natural width in CSS pixels (96 to the inch).
    """

    name: str
    svg: str
    alt: str
    width: int

    @classmethod
    def of(cls, axes: Axes, *, name: str, alt: str) -> "Drawing":
        """The figure that `axes` stand in, drawn."""
        figure = axes.get_figure(root=True)
        assert figure is not None
        return cls(name, to_svg(figure), alt, round(96 * figure.get_figwidth()))


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's defaults with the style above, whatever the reader's own settings are."""
    with matplotlib.style.context(_STYLE, after_reset=True):
        yield


def to_svg(figure: Figure) -> str:
    """The figure as one SVG element, without a date, a version or an XML header."""
    buffer = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    return text[text.index("<svg") :].strip() + "\n"


def plain(text: str) -> str:
    """Text from outside that is safe to draw: short, on one line, with glyphs that exist."""
    line = _DRAWABLE.sub("?", " ".join(text.split()))
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def label(text: Text, *, italic: bool = False) -> Text:
    """Draw the words of `text` as they are: a dollar sign starts no formula."""
    text.set_parse_math(False)
    if italic:
        text.set_fontstyle("italic")
    return text


def new_axes(size: tuple[float, float], box: tuple[float, float, float, float]) -> Axes:
    """Axes in a new figure: `size` and `box` (left, bottom, width, height) in inches.

    Fixed boxes keep the axes of neighbouring pictures in line.
    """
    figure = Figure(figsize=size)
    width, height = size
    left, bottom, across, up = box
    return figure.add_axes((left / width, bottom / height, across / width, up / height))


def log_limits(axes: Axes, low: float, high: float) -> None:
    """Limits with a little room, at least one decade, and a label at every decade that fits."""
    low, high = low / 1.6, max(high, low) * 1.6
    if high < 10 * low:
        centre = (low * high) ** 0.5
        low, high = centre / 10**0.5, centre * 10**0.5
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(LogLocator(10, numticks=8))
    axes.yaxis.set_minor_locator(LogLocator(10, subs="auto", numticks=8))
    axes.yaxis.set_minor_formatter(NullFormatter())
