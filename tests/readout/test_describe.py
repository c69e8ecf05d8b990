"""Which formulas are believed: those that data single out, and none whose terms cancel."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.boundary import periodic
from pdenet.grid import Grid
from pdenet.nn import splines
from pdenet.readout.describe import CANCELS, Quadratic, cancellation, describe, inverse
from pdenet.readout.fit import Normal
from pdenet.readout.formula import of_coordinates, of_field
from pdenet.readout.shapes import errors_of

U = sympy.Symbol("u", real=True)
WINDOWS, VALUES, PIECES = 24, 80, 16


def seen(truth, noise: float, seed: int, low: float = -3.0, high: float = 3.0, offset: float = 0.0):
    """What windows of values of a source, with noise and a constant beside it, say of a spline.

    offset: noise that all values of a window share, as errors of its first frame.
    """
    rng = np.random.default_rng(seed)
    u = rng.uniform(low, high, (WINDOWS, VALUES))
    design = splines.values_at(u.ravel(), low, high, PIECES, 3, periodic=False)
    jacobian = torch.cat([torch.from_numpy(rng.normal(size=(u.size, 1))), design], 1)
    y = 0.7 * jacobian[:, 0].numpy() + truth(u.ravel()) + noise * rng.normal(size=u.size)
    y = y + offset * np.repeat(rng.normal(size=WINDOWS), VALUES)
    x = torch.linalg.lstsq(jacobian, torch.from_numpy(y)[:, None]).solution[:, 0]
    rows = jacobian.reshape(WINDOWS, VALUES, -1)
    left = (torch.from_numpy(y) - jacobian @ x).reshape(WINDOWS, VALUES)
    normal = Normal(
        torch.einsum("wnk,wnl->wkl", rows, rows) / VALUES,
        torch.einsum("wnk,wn->wk", rows, left) / VALUES,
        left.square().mean(1),
    )
    points = np.linspace(low, high, 101)
    at = splines.values_at(points, low, high, PIECES, 3, periodic=False)
    dictionary = of_field(U, points)
    columns = torch.from_numpy(np.stack(list(dictionary.values()), 1))
    nearest = torch.linalg.lstsq(at, columns).solution
    return normal, x, nearest, dictionary, at


def described(truth, noise: float, seed: int, structure: float = 0.0, **settings_of_data):
    normal, x, nearest, dictionary, _ = seen(truth, noise, seed, **settings_of_data)
    quadratic = Quadratic.of(normal, x, slice(1, None), nearest)
    return describe(quadratic, dictionary, np.ones(101), structure, len(dictionary)), dictionary


FORMULAS = [
    15 * sympy.sin(U),
    2 * U - U**3 / 2,
    3 * U**2 / (1 + U**2),
    sympy.exp(-U) - 1,
    4 * sympy.tanh(U) + sympy.cos(2 * U),
    sympy.Float(1.5) * U,
]


@pytest.mark.parametrize("truth", FORMULAS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_formulas_come_back(truth, seed):
    function = sympy.lambdify(U, truth, "numpy")
    found, _ = described(function, 0.05, seed, structure=0.1, offset=0.03)
    assert found.reason is None
    np.testing.assert_allclose(
        sympy.lambdify(U, sum(a * name for name, a in found.formula.items()), "numpy")(1.3),
        function(1.3),
        rtol=0.03,
    )
    assert len(found.formula) == len(sympy.Add.make_args(truth.expand()))


@pytest.mark.parametrize(
    "truth",
    [
        lambda u: 3 * u / (4 + u),
        lambda u: 3 * np.tanh(2 * u),
        lambda u: 4 * np.exp(-(u**2)),
        lambda u: 2.0 * (u > 0.4),
        lambda u: np.abs(u) ** 1.5,
        lambda u: np.exp(np.cos(3 * u)),
    ],
    ids=["saturation", "steep", "bump", "step", "root", "waves"],
)
@pytest.mark.parametrize("noise", [0.01, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_in_no_dictionary_gets_no_formula(truth, noise, seed):
    found, _ = described(truth, noise, seed, offset=noise / 2)
    assert found.formula is None and found.reason


def test_what_looks_alike_over_a_short_range_is_linear_or_not_told_apart():
    found, _ = described(np.sin, 0.02, 0, low=-0.3, high=0.3)
    assert set(found.formula) == {U}
    found, _ = described(lambda u: u - u**2, 0.02, 0, low=0.05, high=0.4)
    assert found.formula is None and "cannot tell apart" in found.reason


weights = st.lists(st.floats(-10, 10), min_size=PIECES + 3, max_size=PIECES + 3)


@settings(max_examples=40, deadline=None)
@given(
    weights=weights, noise=st.floats(1e-6, 1.0), structure=st.floats(0, 1), seed=st.integers(0, 99)
)
def test_any_curve_gets_a_formula_that_is_near_it_and_does_not_cancel_or_none(
    weights, noise, structure, seed
):
    def truth(u):
        design = splines.values_at(u, -3.0, 3.0, PIECES, 3, periodic=False)
        return design.numpy() @ np.array(weights)

    found, dictionary = described(truth, noise, seed, structure)
    assert (found.formula is None) == bool(found.reason)
    if found.formula is not None:
        share = np.full(101, 1 / 101)
        assert not found.formula or cancellation(found.formula, dictionary, share) <= CANCELS
        values = sum(a * dictionary[name] for name, a in found.formula.items())
        off = np.sqrt(np.mean((values - truth(np.linspace(-3, 3, 101))) ** 2))
        assert off < 3 * noise


@settings(deadline=None)
@given(size=st.floats(1, 1e4), tiny=st.floats(1e-3, 1))
def test_cancellation_is_the_size_of_terms_over_that_of_their_sum(size, tiny):
    points = np.linspace(-1, 1, 51)
    dictionary, share = of_field(U, points), np.full(51, 1 / 51)
    assert cancellation({U: size}, dictionary, share) == pytest.approx(1)
    pair = {U: size + tiny, sympy.sin(U): -size}
    parts = [(size + tiny) * points, size * np.sin(points)]
    root = [np.sqrt(np.mean(part**2)) for part in (*parts, parts[0] - parts[1])]
    assert cancellation(pair, dictionary, share) == pytest.approx((root[0] + root[1]) / root[2])


def test_terms_that_cancel_are_no_formula():
    """The series of the fault: 463 u − 451 sin(u), as exact as the data may be."""
    found, _ = described(lambda u: 463 * u - 451 * np.sin(u), 1e-4, 0, low=-0.6, high=0.6)
    assert found.formula is None


def test_nothing_is_zero():
    found, _ = described(np.zeros_like, 0.1, 3, structure=0.2)
    assert found.formula == {} and found.reason is None


def test_three_waves_up_to_the_last_one_are_the_beginning_of_a_series():
    def three(u):
        return np.cos(u) + 0.5 * np.cos(2 * u) + 0.2 * np.cos(3 * u)

    found, _ = described(three, 0.01, 0)
    assert found.formula is None and "series" in found.reason
    found, _ = described(lambda u: np.cos(u) + 0.2 * np.cos(3 * u), 0.01, 0)
    assert set(found.formula) == {sympy.cos(U), sympy.cos(3 * U)}


@pytest.mark.parametrize("offset", [0.0, 0.2])
def test_standard_errors_of_a_curve_hold_the_truth(offset):
    """Over many draws the curve is off by its standard errors, with noise that windows share."""
    inside = []
    for seed in range(60):
        normal, x, _, dictionary, at = seen(np.sin, 0.2, seed, offset=offset)
        errors = errors_of(torch.cat([torch.zeros(101, 1).double(), at], 1), normal)
        off = at @ x[1:] - torch.from_numpy(dictionary[sympy.sin(U)])
        inside.append(float((off.abs() < 2 * errors).double().mean()))
    assert 0.9 < np.mean(inside) < 0.99


def test_the_rise_is_that_of_refits():
    normal, x, nearest, dictionary, _ = seen(np.tanh, 0.1, 1)
    quadratic = Quadratic.of(normal, x, slice(1, None), nearest)
    matrix, gradient = normal.matrix.mean(0), normal.gradient.mean(0)
    names = list(dictionary)
    for subset in ([names.index(sympy.tanh(U))], [1, 6], [0, 3, 9]):
        reduced = torch.block_diag(torch.eye(1).double(), nearest[:, subset])
        z = torch.linalg.solve(reduced.T @ matrix @ reduced, reduced.T @ (matrix @ x + gradient))
        off = reduced @ z - x
        rise = off @ matrix @ off - 2 * gradient @ off
        values, found = quadratic.solve(torch.tensor([subset]))
        torch.testing.assert_close(values[0], z[1:], rtol=1e-6, atol=1e-9)
        assert float(found[0]) == pytest.approx(float(rise), rel=1e-6)


def test_what_is_not_known_is_left_at_zero():
    matrix = torch.diag(torch.tensor([4.0, 0.0, 1e-6], dtype=torch.float64))
    expected = torch.tensor([0.25, 0.0, 1e6], dtype=torch.float64)
    torch.testing.assert_close(inverse(matrix).diagonal(), expected)


def test_a_map_is_judged_like_a_curve():
    """A dictionary of products of coordinates: nothing in it is about one variable alone."""
    grid = Grid.square(12, 2)
    dictionary = of_coordinates(grid, periodic(2))
    names = list(dictionary)
    columns = torch.from_numpy(np.stack([v.ravel() for v in dictionary.values()], 1))
    rng = np.random.default_rng(0)
    truth = columns[:, [0, 5, 9]] @ torch.tensor([0.6, 1.5, -2.0], dtype=torch.float64)
    rows = torch.from_numpy(rng.normal(size=(WINDOWS, 400, 144)))
    left = torch.from_numpy(0.3 * rng.normal(size=(WINDOWS, 400)))
    y = rows @ truth + left
    x = torch.linalg.lstsq(rows.reshape(-1, 144), y.reshape(-1, 1)).solution[:, 0]
    left = y - rows @ x
    normal = Normal(
        torch.einsum("wnk,wnl->wkl", rows, rows) / 400,
        torch.einsum("wnk,wn->wk", rows, left) / 400,
        left.square().mean(1),
    )
    quadratic = Quadratic.of(normal, x, slice(0, None), columns)
    found = describe(quadratic, dictionary, np.ones(144), 0.0, len(names))
    assert set(found.formula) == {names[k] for k in (0, 5, 9)}
