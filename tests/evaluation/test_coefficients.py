"""Maps and sources beside the truth: values and errors."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from pdenet.errors import DataError
from pdenet.evaluation.coefficients import coefficients, sources
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.results import FittedCurve

MEASURED = runpy.run_path(str(Path(__file__).with_name("measured.py")))
GRID, TRUTH = MEASURED["GRID"], MEASURED["TRUTH"]
a_map, one, a_source = MEASURED["a_map"], MEASURED["one"], MEASURED["a_source"]


def test_the_true_map_is_the_coefficient_on_the_grid():
    x, y = GRID.mesh()
    true = 0.5 * (np.cos(y) + x * (2 * np.pi - x) * np.sin(x)) + 0.6
    found = one(a_map(true + 0.01))
    np.testing.assert_allclose(found.truth, true, atol=1e-12)
    assert found.error.rms == pytest.approx(0.01)
    assert found.error.l2 == pytest.approx(0.01 / np.sqrt(np.mean(true**2)))
    assert found.rms == pytest.approx(np.sqrt(np.mean((true + 0.01) ** 2)))


def test_constant_and_absent_coefficients_have_true_maps_too():
    np.testing.assert_array_equal(one(a_map(0.2, "u_xx")).truth, np.full(GRID.shape, 0.2))
    absent = one(a_map(0.1, "u_xy"))
    np.testing.assert_array_equal(absent.truth, np.zeros(GRID.shape))
    assert absent.error.l2 == np.inf and absent.error.rms == pytest.approx(0.1)
    assert one(a_map(0.0, "u_xy", "zero")).error.l2 == 0.0


def test_parameters_of_the_truth_are_put_in():
    truth = PDE("u_t = (a + sin(k*x))*u_x + u_y", a=2.0, k=3.0)
    expected = 2.0 + np.sin(3.0 * GRID.mesh()[0])
    np.testing.assert_allclose(one(a_map(1.0), truth).truth, expected, atol=1e-12)


def test_a_coefficient_that_depends_on_time_has_no_true_map():
    assert one(a_map(1.0), PDE("u_t = (2 + sin(t))*u_x + u_y")).truth is None
    assert one(a_map(1.0), None).error is None


def test_the_formula_is_evaluated_and_measured():
    x, y = GRID.mesh()
    formula = "0.6 + 0.5*cos(y) + 3.0*x*sin(x) - 0.5*x**2*sin(x)"
    found = one(a_map(0.0, formula=formula))
    expected = 0.6 + 0.5 * np.cos(y) + 3.0 * x * np.sin(x) - 0.5 * x**2 * np.sin(x)
    np.testing.assert_allclose(found.formula, expected, atol=1e-12)
    assert found.formula_error.rms == pytest.approx(
        np.sqrt(np.mean(((np.pi - 3) * x * np.sin(x)) ** 2))
    )
    assert found.formula_text() == "0.6 + 0.5·cos(y) + 3·x·sin(x) − 0.5·x²·sin(x)"
    assert one(a_map(0.0, formula="0")).formula_text() == "0"


def test_the_formula_is_that_of_the_equation_whatever_its_text_rounds_to():
    found = PDE("u_t = (0.123456789 + sin(x))*u_x + u_y")
    measured = one(a_map(0.0, formula="0.12346 + sin(x)"), found=found)
    np.testing.assert_allclose(measured.formula, 0.123456789 + np.sin(GRID.mesh()[0]), rtol=1e-14)
    assert measured.fitted.formula == "0.12346 + sin(x)"
    assert one(a_map(0.0), found=found).formula is None


def test_maps_of_another_grid_and_empty_curves_are_refused():
    with pytest.raises(DataError, match=r"shape \(12, 10\), but the grid has \(50, 50\)"):
        coefficients((a_map(1.0),), TRUTH, Grid.square(50, 2))
    with pytest.raises(DataError, match="at least two finite points"):
        sources((FittedCurve("u", *(np.zeros(1),) * 3),), TRUTH)


@pytest.mark.parametrize(
    ("equation", "shown"),
    [
        ("u_t = 0.3*u_xx + 15*sin(u)", "15·sin(u)"),
        ("u_t = 2 + u - u^3 + u*u_x + x*u + cos(x) + u_xx", "2 + u − u³"),
        ("u_t = u_xx", "0"),
    ],
)
def test_the_true_source_is_what_depends_on_the_field_alone(equation, shown):
    assert a_source(truth=PDE(equation)).truth_text() == shown


def test_terms_of_two_fields_are_no_source():
    truth = PDE("u_t = u*v + v + 3*u + u_xx", "v_t = v_xx")
    assert a_source(truth=truth).truth_text() == "3·u"


def test_errors_of_a_source_are_over_the_visited_values():
    found = a_source(lambda u: 1.1 * np.sin(u), "1.2*sin(u)", PDE("u_t = u_xx + sin(u)"))
    assert found.error.l2 == pytest.approx(0.1)
    assert found.formula_error.l2 == pytest.approx(0.2)
    assert (found.low, found.high) == (-2.0, 3.0)
    far = found.formula_at(np.array([100.0]))
    assert far == pytest.approx(1.2 * np.sin(100.0))


def test_a_formula_with_a_pole_is_infinite_there_and_raises_no_warning():
    assert np.isinf(a_source(formula="1/u").formula_at(np.array([0.0]))[0])
