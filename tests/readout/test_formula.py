"""Formulas from values: what was put in comes out."""

import numpy as np
import pytest
import sympy

from pdenet.boundary import Dirichlet, periodic
from pdenet.grid import Grid
from pdenet.readout.formula import of_coordinates, of_field, pursue

X, Y, U = (sympy.Symbol(name, real=True) for name in ("x", "y", "u"))
WALLS = ((Dirichlet(), Dirichlet()),)


def values(expression, grid):
    return sympy.lambdify((X, Y)[: grid.ndim], expression, "numpy")(*grid.mesh()) + np.zeros(
        grid.shape
    )


def test_the_papers_coefficients_are_found_among_all_products():
    grid = Grid.square(50, 2)
    dictionary = of_coordinates(grid, periodic(2))
    ends = X * (sympy.Float(2 * np.pi) - X)
    truth = {ends * sympy.sin(X): 0.5, sympy.cos(Y): 0.5, sympy.Integer(1): 0.6}
    target = sum(c * values(e, grid) for e, c in truth.items())
    rng = np.random.default_rng(0)
    noisy = target + 0.02 * target.std() * rng.standard_normal(target.shape)
    found, left = pursue(noisy, dictionary, 3)
    assert 0.01 < left < 0.03
    assert set(found) == set(truth)
    for expression, coefficient in truth.items():
        assert found[expression] == pytest.approx(coefficient, rel=0.01)


@pytest.mark.parametrize(
    ("grid", "boundaries", "expression"),
    [
        (
            Grid((40,), (3.0,), origin=(-1.0,)),
            periodic(1),
            sympy.cos(sympy.Float(4 * np.pi / 3) * X),
        ),
        (Grid((41,), (2.0,), endpoint=True), WALLS, X**2),
        (Grid((41,), (np.pi,), endpoint=True), WALLS, X * sympy.sin(2 * X)),
    ],
)
def test_functions_fit_the_axis(grid, boundaries, expression):
    dictionary = of_coordinates(grid, boundaries)
    found, left = pursue(3 * values(expression, grid), dictionary, 1)
    assert left < 1e-10
    ((name, coefficient),) = found.items()
    assert sympy.simplify(name - expression) == 0
    assert coefficient == pytest.approx(3)


def test_every_expression_has_its_values():
    grid = Grid((12, 14), (2.0, 3.0), origin=(0.5, -1.0))
    for expression, column in of_coordinates(grid, periodic(2)).items():
        np.testing.assert_allclose(column, values(expression, grid), atol=1e-12)
    points = np.linspace(-2, 2, 9)
    for expression, column in of_field(U, points).items():
        wanted = sympy.lambdify(U, expression, "numpy")(points) + 0 * points
        np.testing.assert_allclose(column, wanted, rtol=1e-12)


@pytest.mark.parametrize("expression", [sympy.sin(U), U - U**3, U**2 / (1 + U**2), sympy.exp(-U)])
def test_sources_are_recognised(expression):
    points = np.linspace(-3, 3, 200)
    target = 15 * sympy.lambdify(U, expression, "numpy")(points)
    wanted = {part.as_independent(U)[1] for part in sympy.Add.make_args(expression)}
    assert set(pursue(target, of_field(U, points), len(wanted))[0]) == wanted


def test_nothing_is_chosen_for_nothing():
    assert pursue(np.zeros(5), of_field(U, np.linspace(0, 1, 5)), 4) == ({}, 0)


def test_weights_tell_which_points_count():
    points = np.linspace(-1, 1, 101)
    target = np.where(points < 0, 2 * points, 5.0)
    weight = (points < 0).astype(float)
    assert pursue(target, of_field(U, points), 1, weight)[0] == {U: pytest.approx(2)}
