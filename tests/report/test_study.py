"""A study as a table and as panels: medians over seeds, the centre, what is not known."""

import math

import pytest

from pdenet.evaluation.study import Errors, Measured
from pdenet.evaluation.variants import CENTRE, Variant
from pdenet.report.study import panels, study_table

VALUES = {
    "constraint": ("frozen", 2),
    "size": (5,),
    "blocks": (6,),
    "upwind": (False,),
    "integrator": ("midpoint",),
}


def run(variant, seed, einf, *, known=True):
    errors = Errors(einf, 2 * einf, 2 * einf) if known else None
    return Measured(
        variant, seed, ("u_t = u_x",), known or None, 1.0, errors, errors, 10 * einf, 3.0 + seed
    )


FROZEN = Variant("frozen")
RUNS = [*(run(CENTRE, k, e) for k, e in enumerate((0.01, 0.04, 0.02))), run(FROZEN, 0, 0.5)]


def test_a_row_holds_the_medians_of_a_variant():
    header, rows = study_table(RUNS, VALUES)
    (centre, frozen) = (dict(zip(header, row, strict=True)) for row in rows)
    assert centre["integrator"] == "midpoint (centre)" and frozen["integrator"] == "midpoint"
    assert centre["exact"] == "3 of 3" and frozen["exact"] == "1 of 1"
    assert centre["equation: convection"].startswith("2") and centre["validation"] == "0.2"
    assert centre["seconds"] == "4" and header[5] == "exact"


def test_what_is_not_known_is_a_dash():
    header, (row,) = study_table([run(CENTRE, 0, 0.1, known=False)], VALUES)
    cells = dict(zip(header, row, strict=True))
    assert cells["exact"] == "–" and cells["network: diffusion"] == "–"


def test_only_factors_that_vary_have_panels():
    rows = panels(RUNS, VALUES)
    assert set(rows) == {"error of a coefficient (%)", "validation loss"}
    (panel,) = rows["error of a coefficient (%)"]
    assert panel.values == ("frozen", "2") and panel.centre == 1
    convection = panel.curves[0]
    assert convection.numbers == (pytest.approx((50.0,)), pytest.approx((1.0, 4.0, 2.0)))
    assert [curve.open for curve in panel.curves] == [False, False, True, True]
    assert panels(RUNS, {**VALUES, "constraint": (2,)}) == {}
    unknown = [run(each.variant, each.seed, 0.1, known=False) for each in RUNS]
    assert set(panels(unknown, VALUES)) == {"validation loss"}
    assert math.isfinite(panels(unknown, VALUES)["validation loss"][0].curves[0].numbers[0][0])
