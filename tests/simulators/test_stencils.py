"""Stencils: exact conditions, classical weights, measured orders, symbols."""

from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.stencils import ORDERS, central, fornberg, upwind


def slope(steps, errors):
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("derivative", [1, 2, 3, 4, 5])
def test_the_defining_conditions_hold_exactly(derivative, order):
    stencil = central(derivative, order)
    for power in range(derivative + order):
        pairs = zip(stencil.weights, stencil.offsets, strict=True)
        total = sum((w * Fraction(k) ** power for w, k in pairs), Fraction(0))
        assert total == (factorial(derivative) if power == derivative else 0)


def test_classical_weights():
    assert central(1, 2).weights == (Fraction(-1, 2), 0, Fraction(1, 2))
    assert central(2, 4).weights == tuple(Fraction(n, 12) for n in (-1, 16, -30, 16, -1))
    assert upwind().weights == tuple(Fraction(n, 6) for n in (1, -6, 3, 2))
    assert upwind(1).weights == (-1, 1)
    assert central(0, 6).weights == (1,)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
def test_measured_order(derivative, order):
    stencil = central(derivative, order)
    steps = 0.5 * 0.8 ** np.arange(6) if order >= 6 else 0.2 * 0.7 ** np.arange(6)
    exact = np.sin(0.3 + derivative * np.pi / 2)
    weights, offsets = np.array(stencil.weights, float), np.array(stencil.offsets)
    errors = [abs(weights @ np.sin(0.3 + offsets * h) / h**derivative - exact) for h in steps]
    assert slope(steps, errors) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("stencil", [upwind(1), upwind(3), upwind(5), upwind().mirrored()])
def test_measured_order_of_one_sided_stencils(stencil):
    steps = 0.3 * 0.7 ** np.arange(6)
    weights, offsets = np.array(stencil.weights, float), np.array(stencil.offsets)
    errors = [abs(weights @ np.exp(offsets * h) / h - 1) for h in steps]
    assert slope(steps, errors) == pytest.approx(stencil.order, abs=0.2)


@pytest.mark.parametrize("order", ORDERS)
def test_symbols_are_modified_wave_numbers(order):
    theta = np.linspace(0.05, 0.4, 8)
    for derivative in (1, 2):
        numbers = central(derivative, order).modified_wave_number(theta)
        assert np.allclose(numbers.imag, 0)
        assert slope(theta, np.abs(numbers - theta) / theta) == pytest.approx(order, abs=0.3)
    with pytest.raises(ValueError, match="derivatives 1 and 2"):
        central(3, order).modified_wave_number(theta)


def test_upwind_damps_and_central_does_not():
    theta = np.linspace(-np.pi, np.pi, 101)
    assert (upwind().symbol(theta).real >= -1e-14).all()
    assert upwind().symbol(theta).real.max() > 1
    assert (upwind().mirrored().symbol(theta).real <= 1e-14).all()
    assert np.abs(central(1, 8).symbol(theta).real).max() < 1e-14


@given(st.lists(st.integers(-6, 6), min_size=3, max_size=7, unique=True))
def test_weights_on_any_points_differentiate_polynomials(offsets):
    weights = fornberg(2, tuple(offsets))
    for power in range(len(offsets)):
        total = sum(w * Fraction(k) ** power for w, k in zip(weights, offsets, strict=True))
        assert total == (2 if power == 2 else 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: central(1, 3), "one of"),
        (lambda: upwind(4), "odd"),
        (lambda: fornberg(3, (0, 1, 2)), "at least 4 points"),
        (lambda: fornberg(1, (0, 1, 1)), "must differ"),
    ],
)
def test_what_is_no_stencil_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
