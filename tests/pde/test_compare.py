"""Scores against values worked out by hand."""

import math

import numpy as np
import pytest
import sympy

from pdenet.errors import EquationError
from pdenet.pde import PDE
from pdenet.pde.compare import compare, field_error, root_mean_square

TRUTH = PDE("u_t = -u*u_x + 0.1*u_xx")
u = sympy.Symbol("u", real=True)
u_x = sympy.Symbol("u_x", real=True)


def test_itself():
    result = compare(TRUTH, TRUTH)
    assert result.exact
    assert (result.e2, result.einf) == (0.0, 0.0)
    assert (result.tpr, result.recall, result.precision) == (1.0, 1.0, 1.0)


def test_extra_term_and_wrong_coefficients():
    result = compare(PDE("u_t = -0.9*u*u_x + 0.11*u_xx + 0.3*u"), TRUTH)
    assert result.einf == pytest.approx(0.1)
    assert result.e2 == pytest.approx(math.sqrt(0.1**2 + 0.01**2 + 0.3**2) / math.sqrt(1.01))
    assert result.tpr == pytest.approx(2 / 3)
    assert result.recall == 1.0
    assert result.precision == pytest.approx(2 / 3)
    assert result.extra == (("u", u),)
    assert result.missing == ()
    assert [row.kind for row in result.rows] == ["true", "true", "extra"]
    assert result.rows[-1].relative_error is None


def test_a_missing_term_counts_as_a_relative_error_of_one():
    result = compare(PDE("u_t = 0.1*u_xx"), TRUTH)
    assert result.einf == 1.0
    assert result.e2 == pytest.approx(1 / math.sqrt(1.01))
    assert result.recall == result.tpr == 0.5
    assert result.precision == 1.0
    assert result.missing == (("u", u * u_x),)


def test_a_term_in_the_wrong_equation_is_extra_there_and_missing_here():
    truth = PDE("u_t = v_x", "v_t = u_x")
    found = PDE("v_t = u_x + v_x", "u_t = 0", coordinates=("x",))
    result = compare(found, truth)
    assert [field for field, _ in result.missing] == ["u"]
    assert [field for field, _ in result.extra] == ["v"]
    assert result.tpr == pytest.approx(1 / 3)


def test_nothing_found_and_nothing_true():
    nothing = PDE("u_t = 0")
    assert compare(nothing, TRUTH).recall == 0.0
    assert compare(nothing, TRUTH).precision == 1.0
    assert compare(TRUTH, nothing).e2 == math.inf
    assert compare(nothing, nothing).e2 == 0.0


def test_coefficients_that_vary_are_compared_by_basis_function():
    truth = PDE("u_t = (0.6 + 0.5*sin(x))*u_x")
    result = compare(PDE("u_t = (0.6 + 0.4*sin(x))*u_x"), truth)
    assert len(result.rows) == 2
    assert result.einf == pytest.approx(0.2)


def test_parameters_are_put_in():
    assert compare(PDE("u_t = -u*u_x + nu*u_xx", nu=0.1), TRUTH).e2 == 0.0


def test_other_fields_or_coordinates_cannot_be_compared():
    for other in (PDE("v_t = v_xx"), PDE("u_t = u_xx + u_yy")):
        with pytest.raises(EquationError, match="cannot compare"):
            compare(other, TRUTH)


def test_errors_of_values_on_a_grid():
    truth = np.array([[3.0, 4.0], [0.0, 0.0]])
    error = field_error(truth + np.array([[0.0, 0.0], [0.3, 0.4]]), truth)
    assert error.l2 == pytest.approx(0.1)
    assert error.rms == pytest.approx(0.25)
    assert error.truth_rms == root_mean_square(truth) == 2.5


def test_values_beside_a_truth_that_vanishes():
    nothing = np.zeros(4)
    assert field_error(nothing + 0.1, nothing).l2 == math.inf
    assert field_error(nothing + 0.1, nothing).rms == pytest.approx(0.1)
    assert field_error(nothing, nothing).l2 == 0.0


def test_only_equations_that_both_have_are_compared():
    truth = PDE("u_t = -v*u_x", "v_t = v_xx")
    rows = compare(PDE("u_t = -0.9*v*u_x", given=("v",)), truth).rows
    assert [(row.field, row.kind) for row in rows] == [("u", "true")]
    with pytest.raises(EquationError, match="cannot compare u, w"):
        compare(PDE("u_t = -w*u_x", given=("w",)), truth)
