"""Maps and curves without a formula, as series that a solver can take."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.boundary import Dirichlet, periodic
from pdenet.discovery import DiscoveredEquation, FittedCurve, FittedMap
from pdenet.discovery.solvable import solvable
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.compile import compile_rhs
from pdenet.pde.jet import Jet

PLAIN = PDE("u_t = 0.3*u_xx")
WALLS = ((Dirichlet(), Dirichlet()),)


def right_side(pde, grid, **jets):
    """u_t with these values of the jets, by name, on a grid of one axis."""
    order = tuple(Jet("u", (n,)) for n in range(3))
    values = np.zeros((1, 3, *grid.shape))
    for name, value in jets.items():
        values[0, ["u", "u_x", "u_xx"].index(name)] = value
    return compile_rhs(pde, order, np, grid.mesh())(0.0, values)[0, 0]


def test_an_equation_with_formulas_is_itself():
    grid = Grid((16,), (1.0,))
    found = DiscoveredEquation(PLAIN, {}, maps=(FittedMap("u", "u", "zero", np.zeros(16)),))
    assert solvable(found, grid, periodic(1)) is PLAIN


@settings(max_examples=30, deadline=None)
@given(
    low=st.floats(-5, 4),
    width=st.floats(0.1, 10),
    rates=st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 3)),
)
def test_a_curve_comes_back_and_stays_near_its_chord_outside(low, width, rates):
    a, b, c = rates
    u = np.linspace(low, low + width, 150)

    def smooth(u):
        return a + b * u + np.tanh(c * (u - low - width / 2))

    curve = FittedCurve("u", u, smooth(u), np.full(150, 1 / 150))
    grid = Grid((64,), (1.0,))
    pde = solvable(DiscoveredEquation(PLAIN, {}, curves=(curve,)), grid, periodic(1))
    at = np.linspace(low, low + width, 64)
    np.testing.assert_allclose(right_side(pde, grid, u=at), smooth(at), atol=0.02)
    far = low + width * np.linspace(-3, 4, 64)
    chord = smooth(low) + (smooth(low + width) - smooth(low)) * (far - low) / width
    assert np.abs(right_side(pde, grid, u=far) - chord).max() < 2.5
    np.testing.assert_allclose(
        right_side(pde, grid, u=low, u_xx=1.0) - right_side(pde, grid, u=low), 0.3
    )


@pytest.mark.parametrize(
    ("grid", "boundaries"),
    [
        (Grid((40,), (3.0,), origin=(-1.0,)), periodic(1)),
        (Grid((41,), (2.0,), origin=(0.5,), endpoint=True), WALLS),
    ],
    ids=["periodic", "walls"],
)
def test_a_map_comes_back_on_its_grid(grid, boundaries):
    (x,) = grid.mesh()
    phase = 2 * np.pi * (x - grid.origin[0]) / grid.lengths[0]
    values = np.exp(np.cos(phase)) + 0.1 * np.cos(3 * phase)
    fitted = FittedMap("u", "u_x", "varying", values)
    pde = solvable(DiscoveredEquation(PLAIN, {}, maps=(fitted,)), grid, boundaries)
    np.testing.assert_allclose(right_side(pde, grid, u_x=1.0), values, rtol=2e-3)
    assert np.abs(right_side(pde, grid)).max() == 0


def test_a_map_in_two_dimensions_comes_back():
    grid = Grid.square(24, 2)
    x, y = grid.mesh()
    values = np.exp(np.cos(x) * np.sin(y)) + np.sin(x - 2 * y)
    pde = PDE("u_t = 0.1*u_yy")
    fitted = FittedMap("u", "u_x", "varying", values)
    whole = solvable(DiscoveredEquation(pde, {}, maps=(fitted,)), grid, periodic(2))
    order = (Jet("u", (1, 0)), Jet("u", (0, 2)))
    jets = np.zeros((1, 2, 24, 24))
    jets[0, 0] = 2.0
    found = compile_rhs(whole, order, np, grid.mesh())(0.0, jets)[0, 0]
    np.testing.assert_allclose(found, 2 * values, atol=2e-3)


def test_functions_of_time_and_of_one_axis_come_back():
    """Of a force g(x, t), a coefficient a(y) of u u_x, and a curve that multiplies u_x."""
    grid = Grid((16, 12), (2 * np.pi, 2 * np.pi))
    x, y = grid.coordinates()
    t, u = np.linspace(0, 1, 11), np.linspace(-1, 1, 101)
    force = np.sin(x)[:, None] * np.cos(np.pi * t)
    found = DiscoveredEquation(
        PDE("u_t = u_yy"),
        {},
        maps=(
            FittedMap("u", "1", "varying", force, None, None, None, "g", ("x", "t"), (x, t)),
            FittedMap("u", "u*u_x", "varying", np.cos(y), None, None, None, "a", ("y",), (y,)),
        ),
        curves=(FittedCurve("u", u, u**3, np.full(101, 0.01), name="h", term="u_x"),),
    )
    assert found.lines() == ("u_t = u_yy + g(x, t) + a(y)*u*u_x + h(u)*u_x",)
    pde = solvable(found, grid, periodic(2))
    jets = (Jet("u", (0, 0)), Jet("u", (1, 0)))
    values = np.stack([np.full(grid.shape, 0.5), np.full(grid.shape, 2.0)])[None]
    made = compile_rhs(pde.substitute(), (*jets, Jet("u", (0, 2))), np, grid.mesh())
    there = made(0.3, np.concatenate([values, np.zeros((1, 1, *grid.shape))], 1))[0, 0]
    true = np.sin(x)[:, None] * np.cos(0.3 * np.pi) + np.cos(y) * 0.5 * 2.0 + 0.125 * 2.0
    np.testing.assert_allclose(there, true, atol=0.02)
