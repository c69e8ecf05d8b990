"""Fields found against true: observed, predicted and their difference on a held-out trajectory.

A field in one dimension is drawn over x and t, one in three as its middle z plane.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pdenet.evaluation.evidence import Evidence
from pdenet.report.panel import Plane, limits, middle, panel, unit
from pdenet.report.style import Drawing, label, plain

__all__ = ["Row", "field_rows", "middle_plane", "relative_error", "shown_frames"]


@dataclass(frozen=True)
class Row:
    """Three pictures of one field side by side, and the words above them."""

    heading: str
    drawings: tuple[Drawing, ...]


def field_rows(evidence: Evidence) -> Iterator[Row]:
    """The pictures of every field: one row over space and time, or one for each shown frame; none
    where nothing was predicted."""
    if not len(evidence.times):
        return
    for index, name in enumerate(evidence.fields):
        stem = f"field-{index + 1}"
        if evidence.grid.ndim == 1:
            yield _row(evidence, index, slice(None), stem, f"{name} over x and t")
            continue
        for frame in shown_frames(evidence):
            time = f"t = {evidence.times[frame]:.4g}{unit(evidence.units, 't')}"
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
    low, high = limits(observed)
    reach = max(map(abs, limits(difference)))
    error = relative_error(predicted, observed)
    size = "not finite" if error is None else f"{100 * error:.2g} % of the field in the L2 norm"
    suffix = unit(evidence.units, name)
    panels = (
        ("observed", observed, "viridis", (low, high), f"from {low:.3g} to {high:.3g}{suffix}"),
        ("predicted", predicted, "viridis", (low, high), "by the found equation, same colours"),
        ("difference", difference, "RdBu_r", (-reach, reach), f"predicted - observed, {size}"),
    )
    plane = _plane(evidence)
    drawings = []
    for kind, values, colours, ends, words in panels:
        axes = panel(plane, _slice(values), colours, ends, evidence.units)
        title = "predicted − observed" if kind == "difference" else kind
        label(axes.set_title(f"{plain(name)} {title}", loc="left"))
        drawings.append(Drawing.of(axes, name=f"{stem}-{kind}", alt=f"{heading}, {kind}: {words}."))
    return Row(heading, tuple(drawings))


def _plane(evidence: Evidence) -> Plane:
    if evidence.grid.ndim == 1:
        (x,) = evidence.grid.coordinates()
        return Plane(("x", "t"), x, np.asarray(evidence.times, float), False)
    return Plane.of(evidence.grid)


def _slice(values: np.ndarray) -> np.ndarray:
    """(frames, *space) -> (horizontal, vertical) as drawn."""
    return np.transpose(values) if values.ndim == 2 else middle(values[0])
