"""Runge-Kutta schemes: measured orders, stability limits."""

import math

import numpy as np
import pytest
import torch

from pdenet.schemes.tableau import TABLEAUS
from simulators.stability import largest_step
from simulators.stepping import SCHEMES, Scheme, Stepper


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_measured_order_in_time(scheme):
    """u' = -u² + cos t with a reference from steps 64 times smaller."""

    def rhs(t, u, out):
        torch.mul(u, u, out=out).neg_().add_(math.cos(t))

    def solve(steps):
        u = torch.tensor([[0.5]], dtype=torch.float64)
        stepper = Stepper(scheme, rhs, u)
        for k in range(steps):
            stepper.step(k / steps, 1 / steps, u)
        return float(u)

    reference = solve(1024)
    counts = np.array([4, 6, 8, 12, 16])
    errors = [abs(solve(int(n)) - reference) for n in counts]
    measured = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert measured == pytest.approx(scheme.order, abs=0.2)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_growth_is_the_exponential_series(scheme):
    z = np.array([0.1j, -0.2 + 0.1j])
    series = sum(z**k / math.factorial(k) for k in range(scheme.order + 1))
    assert np.allclose(scheme.growth(z), np.abs(series), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "real", "imaginary"), [("ssprk3", 2.5127453, 3**0.5), ("rk4", 2.7852935, 8**0.5)]
)
def test_known_limits(name, real, imaginary):
    scheme = SCHEMES[name]
    assert largest_step(scheme, 10.0, 0.0) == pytest.approx(real / 10, rel=1e-5)
    assert largest_step(scheme, 0.0, 10.0) == pytest.approx(imaginary / 10, rel=1e-5)
    assert largest_step(scheme, 0.0, 0.0) == math.inf
    assert largest_step(scheme, math.inf, 0.0) == 0.0


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_the_whole_rectangle_is_stable_at_the_limit_and_not_much_beyond(scheme):
    for decay, rotation in ((1.0, 0.2), (1.0, 1.0), (0.1, 2.0)):
        h = largest_step(scheme, decay, rotation)
        a, b = np.meshgrid(np.linspace(-decay, 0, 50), np.linspace(-rotation, rotation, 51))
        assert scheme.growth(h * (a + 1j * b)).max() <= 1 + 1e-9
        assert scheme.growth(1.06 * h * (a + 1j * b)).max() > 1


def test_schemes_are_the_tableaus_to_the_last_digit():
    assert {name: (scheme.a, scheme.b, scheme.c) for name, scheme in SCHEMES.items()} == {
        "ssprk3": (((), (1.0,), (0.25, 0.25)), (1 / 6, 1 / 6, 2 / 3), (0.0, 1.0, 0.5)),
        "rk4": (
            ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)),
            (1 / 6, 1 / 3, 1 / 3, 1 / 6),
            (0.0, 0.5, 0.5, 1.0),
        ),
    }


@pytest.mark.parametrize("name", ["euler", "midpoint", "heun"])
def test_schemes_of_low_order_have_no_stable_step_for_waves_that_only_turn(name):
    assert largest_step(Scheme.of(TABLEAUS[name]), 0.0, 10.0) < 0.01
    assert largest_step(SCHEMES["rk4"], 0.0, 10.0) > 0.28
