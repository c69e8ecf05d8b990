"""Pictures of coefficients in space: found, true and their difference.

The first two share one colour scale, the difference has a symmetric one. A coefficient in one
dimension is a curve, one in three is drawn as its middle z plane. Without a truth the formula
stands in its place.
"""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from pdenet.evaluation.coefficients import Coefficient
from pdenet.evaluation.evidence import Evidence
from pdenet.report.fields import Row
from pdenet.report.panel import Plane, limits, middle, name_axis, panel
from pdenet.report.style import COLOURS, INK, Drawing, label, new_axes, plain
from pdenet.report.tables import percent

__all__ = ["coefficient_rows"]

_SIZE = (5.0, 3.0)
_BOX = (0.62, 0.46, 4.26, 2.06)
# Below this share of the values a difference is rounding, and would be drawn as noise.
_ROUNDING = 1e-12


def coefficient_rows(evidence: Evidence) -> Iterator[Row]:
    """The pictures of every coefficient that varies."""
    varying = (each for each in evidence.coefficients if each.fitted.kind == "varying")
    for index, each in enumerate(varying):
        stem = f"coefficient-{index + 1}"
        heading = f"{_what(each)} in {each.fitted.field}_t"
        if len(each.places) == 1:
            yield Row(heading, (_curve(evidence, each, stem, heading),))
        else:
            yield Row(heading, tuple(_planes(evidence, each, stem, heading)))


def _planes(
    evidence: Evidence, coefficient: Coefficient, stem: str, heading: str
) -> Iterator[Drawing]:
    found = coefficient.fitted.values
    name, other = _other(coefficient)
    shown = [("found", found)] if other is None else [("found", found), (name, other)]
    ends = limits(np.stack([middle(values) for _, values in shown]))
    plane = Plane.along(coefficient.places)
    for kind, values in shown:
        axes = panel(plane, middle(values), "viridis", ends, evidence.units)
        label(
            axes.set_title(
                f"{plain(coefficient.fitted.multiplied or 'forcing')}  {kind}", loc="left"
            )
        )
        words = f"from {values.min():.3g} to {values.max():.3g}"
        yield Drawing.of(axes, name=f"{stem}-{kind}", alt=f"{heading}, {kind}: {words}.")
    if other is None:
        return
    difference = found - other
    reach = max(float(np.abs(middle(difference)).max()), _ROUNDING * max(map(abs, ends)))
    axes = panel(plane, middle(difference), "RdBu_r", (-reach, reach), evidence.units)
    error = _words(coefficient)
    label(axes.set_title(f"found − {name}{error}", loc="left"))
    words = f"found - {name}{error}, at most {np.abs(difference).max():.2g} in size"
    yield Drawing.of(axes, name=f"{stem}-error", alt=f"{heading}, difference: {words}.")


def _curve(evidence: Evidence, coefficient: Coefficient, stem: str, heading: str) -> Drawing:
    ((along, x),) = coefficient.places.items()
    axes: Axes = new_axes(_SIZE, _BOX)
    values, errors = coefficient.fitted.values, coefficient.fitted.errors
    if errors is not None:
        axes.fill_between(
            x, values - 2 * errors, values + 2 * errors, color=COLOURS[0], alpha=0.18, linewidth=0,
            label="± 2 standard errors",
        )  # fmt: skip
    axes.plot(x, values, color=COLOURS[0], linewidth=2.2, label="found")
    if coefficient.formula is not None:
        axes.plot(
            x, coefficient.formula, color=COLOURS[1], linestyle=(0, (4, 2)), label="formula"
        )  # fmt: skip
    if coefficient.truth is not None:
        axes.plot(x, coefficient.truth, color=INK, linewidth=0.9, label="true")
    axes.set_xlim(float(x[0]), float(x[-1]))
    axes.margins(y=0.08)
    axes.grid(axis="y")
    axes.spines[["top", "right"]].set_visible(False)
    name_axis(axes.xaxis, along, x, evidence.units)
    error = _words(coefficient)
    what = _what(coefficient)
    label(axes.set_title(f"{plain(what[0].lower() + what[1:])}{error}", loc="left"))
    axes.figure.legend(
        loc="upper right", bbox_to_anchor=(0.99, 1.0), ncols=3, columnspacing=1.2,
        borderaxespad=0.2,
    )  # fmt: skip
    words = f"found from {values.min():.3g} to {values.max():.3g}"
    return Drawing.of(axes, name=stem, alt=f"{heading} along {along}: {words}{error}.")


def _what(coefficient: Coefficient) -> str:
    """Coefficient of u_x, or forcing."""
    term = coefficient.fitted.multiplied
    return f"Coefficient of {term}" if term else "Forcing"


def _other(coefficient: Coefficient) -> tuple[str, np.ndarray | None]:
    """What the map is set beside: the truth, else the formula, else nothing."""
    if coefficient.truth is not None:
        return "true", coefficient.truth
    return "formula", coefficient.formula


def _words(coefficient: Coefficient) -> str:
    error = coefficient.error
    if error is None:
        return ""
    if np.isfinite(error.l2):
        return f", L2 error {percent(error.l2)}"
    return f", r.m.s. error {error.rms:.2g}"
