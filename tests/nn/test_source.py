"""Sources: against SciPy's splines, linear beyond their range, with the right derivatives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from torch import Tensor

from pdenet.errors import ConfigError
from pdenet.nn import PiecewiseSource, splines

LOW, HIGH = (-2.0, 0.5), (2.0, 3.0)


def random_source(pieces: int = 5, degree: int = 3) -> PiecewiseSource:
    source = PiecewiseSource(2, pieces, degree)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        source.weights.copy_(
            torch.randn(source.weights.shape, generator=generator, dtype=torch.float64)
        )
    source.set_range(torch.tensor(LOW).double(), torch.tensor(HIGH).double())
    return source


def of_points(source: PiecewiseSource, points: np.ndarray) -> np.ndarray:
    """f of both fields at the same points, (field, point)."""
    state = torch.from_numpy(points).expand(1, 2, -1)
    values: np.ndarray = source(state)[0].detach().numpy()
    return values


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("pieces", [1, 2, 9])
def test_inside_its_range_it_is_a_spline_and_beyond_its_tangent(pieces, degree):
    source = random_source(pieces, degree)
    for field, (low, high) in enumerate(zip(LOW, HIGH, strict=True)):
        spline = BSpline(
            splines.knots(low, high, pieces, degree), source.weights[field].detach().numpy(), degree
        )
        inside = np.linspace(low, high, 41)
        np.testing.assert_allclose(of_points(source, inside)[field], spline(inside), atol=1e-12)
        for end, away in ((low, -1.0), (high, 1.0)):
            slope = spline.derivative()(end - 1e-12 * away)
            beyond = end + away * np.linspace(0, 50, 11)
            tangent = spline(end - 1e-15 * away) + slope * (beyond - end)
            np.testing.assert_allclose(
                of_points(source, beyond)[field], tangent, rtol=1e-8, atol=1e-8
            )


@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize("space", [(6,), (2, 3), (2, 2, 2)])
def test_gradients_of_states_and_weights(degree, space):
    source = random_source(4, degree)
    generator = torch.Generator().manual_seed(1)
    u = 3 * torch.randn((2, 2, *space), generator=generator, dtype=torch.float64)
    weights = source.weights.detach().clone().requires_grad_()

    def run(u: Tensor, weights: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(source, {"weights": weights}, (u,))
        return found

    assert torch.autograd.gradcheck(run, (u.requires_grad_(), weights), check_forward_ad=True)


@settings(max_examples=60)
@given(st.integers(-1, 6), st.sampled_from([1, 2, 3]), st.booleans())
def test_it_is_continuous_with_its_slope_at_every_knot(knot, degree, second):
    source, field = random_source(5, degree), int(second)
    step = (HIGH[field] - LOW[field]) / 5
    place = LOW[field] + knot * step
    h = 1e-7
    below, at, above = of_points(source, np.array([place - h, place, place + h]))[field]
    assert abs(above - below) < 1e-4 and min(below, above) - 1e-6 <= at <= max(below, above) + 1e-6
    if degree > 1:
        assert (above - at) / h == pytest.approx((at - below) / h, abs=1e-4)


def test_fitting_a_source_to_its_curve_gives_it_back():
    source, other = random_source(), random_source()
    for field in range(2):
        points, values = source.curve(field, 80)
        assert (float(points[0]), float(points[-1])) == (LOW[field], HIGH[field])
        expected = of_points(source, points.numpy())[field]
        np.testing.assert_allclose(values.numpy(), expected, atol=1e-12)
        with torch.no_grad():
            other.weights[field] = 0
        other.fit(field, values)
    torch.testing.assert_close(other.weights, source.weights)


def test_each_source_sees_its_own_field_alone():
    source = random_source()
    u = torch.linspace(-3, 4, 20, dtype=torch.float64).expand(1, 2, 20).clone().requires_grad_()
    for field in range(2):
        gradient = torch.autograd.grad(source(u)[0, field].sum(), u)[0]
        assert bool(gradient[0, field].any()) and not bool(gradient[0, 1 - field].any())


def test_it_starts_at_zero_and_keeps_its_range_in_checkpoints():
    assert not bool(PiecewiseSource(1, 4, 3)(torch.randn(2, 1, 5, dtype=torch.float64)).any())
    source, other = random_source(), PiecewiseSource(2, 5, 3)
    other.load_state_dict(source.state_dict())
    points = np.linspace(-5, 5, 30)
    np.testing.assert_array_equal(of_points(other, points), of_points(source, points))


def test_a_field_that_does_not_change_has_a_range_around_it():
    source = PiecewiseSource(2, 3, 2)
    source.set_range(torch.tensor([1.0, 0.0]).double(), torch.tensor([1.0, 2.0]).double())
    assert source.low.tolist() == [0.5, 0.0] and source.high.tolist() == [1.5, 2.0]
    assert bool(source(torch.ones(1, 2, 3, dtype=torch.float64)).isfinite().all())


def test_a_state_that_is_not_finite_gives_no_finite_source_and_no_error():
    u = torch.tensor([0.1, float("nan"), float("inf"), -float("inf")], dtype=torch.float64)
    found = random_source()(u.expand(1, 2, 4))
    assert found.isfinite().tolist() == [[[True, False, False, False]] * 2]


def test_float32_stays_float32():
    source = random_source().float()
    assert source(torch.randn(1, 2, 4)).dtype == torch.float32


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ConfigError, match="at least one of each"):
        PiecewiseSource(*sizes)
