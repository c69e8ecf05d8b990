"""B-splines: against their recursion, what they sum to and reproduce, and periodicity."""

import math

import numpy as np
import pytest
import torch

from pdenet.errors import ConfigError
from pdenet.nn.splines import functions, knots, values_at


def recursion(x: float, m: int, degree: int, row: np.ndarray) -> float:
    """B_m of a degree by the recursion of de Boor and Cox, on half-open pieces."""
    if degree == 0:
        return float(row[m] <= x < row[m + 1])
    low = (x - row[m]) / (row[m + degree] - row[m]) * recursion(x, m, degree - 1, row)
    high = (row[m + degree + 1] - x) / (row[m + degree + 1] - row[m + 1])
    return low + high * recursion(x, m + 1, degree - 1, row)


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_values_are_those_of_the_recursion(pieces, degree):
    low, high = -1.5, 2.5
    points = np.linspace(low, high, 23)[:-1]
    found = values_at(points, low, high, pieces, degree, periodic=False)
    row = knots(low, high, pieces, degree)
    assert len(row) == functions(pieces, degree, False) + degree + 1
    expected = [[recursion(x, m, degree, row) for m in range(pieces + degree)] for x in points]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_they_sum_to_one_up_to_both_ends(degree):
    points = np.linspace(0.0, 3.0, 50)
    for periodic in (False, True):
        found = values_at(points, 0.0, 3.0, 6, degree, periodic=periodic)
        assert found.shape == (50, functions(6, degree, periodic))
        torch.testing.assert_close(found.sum(1), torch.ones(50, dtype=torch.float64))


def test_both_ends_are_inside_however_they_are_rounded():
    # 16 steps of a sixteenth from this low end stop below the high one.
    low, high = -3.2530809568010897, 3.651022309110887
    assert low + 16 * ((high - low) / 16) < high
    ends = values_at(np.array([low, high]), low, high, 16, 3, periodic=False)
    torch.testing.assert_close(ends.sum(1), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_they_hold_every_polynomial_of_their_degree(degree):
    points = np.linspace(-1.0, 2.0, 40)
    basis = values_at(points, -1.0, 2.0, 4, degree, periodic=False).numpy()
    for power in range(degree + 1):
        weights = np.linalg.lstsq(basis, points**power, rcond=None)[0]
        np.testing.assert_allclose(basis @ weights, points**power, atol=1e-12)


@pytest.mark.parametrize(("pieces", "degree"), [(8, 3), (3, 3), (2, 3), (1, 2)])
def test_periodic_splines_repeat_and_are_shifts_of_each_other(pieces, degree):
    length = 2 * math.pi
    points = np.linspace(0.0, length, 24, endpoint=False)
    found = values_at(points, 0.0, length, pieces, degree, periodic=True).numpy()
    ends = values_at(np.array([0.0, length]), 0.0, length, pieces, degree, periodic=True).numpy()
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-14)
    if 24 % pieces == 0:
        shifted = np.roll(found, (24 // pieces, 1), (0, 1))
        np.testing.assert_allclose(found, shifted, atol=1e-13)


def test_a_periodic_spline_is_close_to_a_wave():
    points = np.linspace(0.0, 2 * math.pi, 50, endpoint=False)
    basis = values_at(points, 0.0, 2 * math.pi, 10, 3, periodic=True).numpy()
    weights = np.linalg.lstsq(basis, np.sin(points), rcond=None)[0]
    assert np.abs(basis @ weights - np.sin(points)).max() < 1e-3


@pytest.mark.parametrize(
    ("low", "high", "pieces", "degree"), [(1, 1, 3, 2), (0, 1, 0, 2), (0, 1, 1, -1)]
)
def test_splines_that_do_not_exist_are_refused(low, high, pieces, degree):
    with pytest.raises(ConfigError, match="give at least one piece"):
        knots(low, high, pieces, degree)
