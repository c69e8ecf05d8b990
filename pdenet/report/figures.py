"""Every figure of a report, drawn from its `Evidence`.

A `Plate` is what a journal would number as one figure: pictures with one caption. Its pictures stay
apart, so that a page can set them side by side or below each other.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from pdenet.evaluation.evidence import Evidence
from pdenet.report.curves import error_figure, loss_figure
from pdenet.report.fields import Row, field_rows
from pdenet.report.files import write_text
from pdenet.report.kernels import filter_figures
from pdenet.report.maps import coefficient_rows
from pdenet.report.sources import source_figures
from pdenet.report.style import Drawing, styled

__all__ = ["Plates", "draw", "save_all"]


@dataclass(frozen=True)
class Plates:
    """The figures of a report; None or empty where the evidence has nothing to show."""

    coefficients: tuple[Row, ...]
    sources: tuple[Row, ...]
    fields: tuple[Row, ...]
    error: Drawing | None
    loss: Drawing | None
    filters: tuple[Drawing, ...]

    def drawings(self) -> tuple[Drawing, ...]:
        """Every picture, in the order of the report."""
        rows = (*self.coefficients, *self.sources, *self.fields)
        pictures = [drawing for row in rows for drawing in row.drawings]
        curves = [drawing for drawing in (self.error, self.loss) if drawing is not None]
        return (*pictures, *curves, *self.filters)


def draw(evidence: Evidence) -> Plates:
    """Draw every figure. The same evidence gives the same bytes."""
    with styled():
        return Plates(
            tuple(coefficient_rows(evidence)),
            tuple(source_figures(evidence)),
            tuple(field_rows(evidence)),
            error_figure(evidence),
            loss_figure(evidence),
            tuple(filter_figures(evidence)),
        )


def save_all(
    evidence: Evidence, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write every picture as an SVG file in `folder`, which is made if it does not exist.

    Returns the files. Raises OutputError when one exists already (unless `overwrite`) or cannot be
    written.
    """
    return tuple(
        write_text(Path(folder) / f"{drawing.name}.svg", drawing.svg, overwrite=overwrite)
        for drawing in draw(evidence).drawings()
    )
