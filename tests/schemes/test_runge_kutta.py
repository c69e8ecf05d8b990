"""Every integrator: tableau, measured order, derivatives, names."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import jvp, vmap

from pdenet.errors import ConfigError
from pdenet.schemes import NAMES, TABLEAUS, ButcherTableau, Integrator, get


def solve(integrator: Integrator, steps: int, u: Tensor, end: float = 1.0) -> Tensor:
    """u_t = u cos(t) - u^2 / 2: nonlinear and dependent on time."""

    def rhs(t: float, u: Tensor) -> Tensor:
        return u * math.cos(t) - 0.5 * u * u

    state = integrator.init(rhs, 0.0, u)
    dt = end / steps
    for n in range(steps):
        u, state = integrator.step(rhs, n * dt, dt, u, state)
    return u


@pytest.mark.parametrize("name", NAMES)
def test_measured_order(name: str) -> None:
    integrator = get(name)
    u = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    exact = solve(get("rk4"), 2000, u)
    steps = [16, 24, 32, 48, 64]
    errors = [float((solve(integrator, n, u) - exact).abs().max()) for n in steps]
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(integrator.order, abs=0.2)


@pytest.mark.parametrize("name", NAMES)
def test_stability_polynomial_is_the_exponential_series(name: str) -> None:
    integrator = get(name)
    z = 0.3
    u, _ = integrator.step(lambda t, u: z * u, 0.0, 1.0, torch.ones(1, dtype=torch.float64), ())
    # p stages suffice up to order four, and then R(z) is the series to z^p exactly.
    series = sum(z**k / math.factorial(k) for k in range(integrator.order + 1))
    assert integrator.stages == integrator.order
    assert float(u) == pytest.approx(series, abs=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_forward_and_backward(name: str) -> None:
    u = torch.tensor([[0.5, 1.0], [2.0, -0.3]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u: solve(get(name), 3, u), u, check_forward_ad=True)


@pytest.mark.parametrize("name", NAMES)
def test_batched_tangents(name: str) -> None:
    u = torch.tensor([0.5, 1.0], dtype=torch.float64)
    tangents = torch.eye(2, dtype=torch.float64)
    columns = vmap(lambda d: jvp(lambda u: solve(get(name), 3, u), (u,), (d,))[1])(tangents)
    step = 1e-6
    for direction, column in zip(tangents, columns, strict=True):
        plus = solve(get(name), 3, u + step * direction)
        minus = solve(get(name), 3, u - step * direction)
        assert torch.allclose((plus - minus) / (2 * step), column, atol=1e-8)


def test_the_step_calls_the_right_hand_side_once_per_stage_and_leaves_its_input() -> None:
    for name in NAMES:
        times: list[float] = []

        def rhs(t: float, u: Tensor, times: list[float] = times) -> Tensor:
            times.append(t)
            return -u

        u = torch.ones(3, dtype=torch.float64)
        get(name).step(rhs, 1.0, 0.5, u, ())
        assert torch.equal(u, torch.ones(3, dtype=torch.float64))
        assert times == [1.0 + 0.5 * float(c) for c in TABLEAUS[name].c]


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="euler, midpoint, heun, ssprk3, rk4"):
        get("rk45")


HALF = Fraction(1, 2)


@pytest.mark.parametrize(
    ("order", "a", "b", "c", "message"),
    [
        (2, ((HALF,),), (Fraction(0), Fraction(1)), (Fraction(0), Fraction(1)), "does not sum"),
        (3, ((HALF,),), (Fraction(0), Fraction(1)), (Fraction(0), HALF), "not of order 3"),
        (1, (), (HALF,), (Fraction(0),), "sum b is 1/2 and must be 1"),
        (2, ((HALF,),), (Fraction(1), Fraction(0)), (Fraction(0), HALF), "sum b c is 0"),
        (1, ((HALF,),), (Fraction(1),), (Fraction(0),), "number of stages"),
        (1, ((HALF, HALF),), (HALF, HALF), (Fraction(0), Fraction(1)), "1 entries"),
        (5, (), (Fraction(1),), (Fraction(0),), "1, 2, 3, 4"),
    ],
)
def test_inconsistent_tableaus_are_refused(
    order: int,
    a: tuple[tuple[Fraction, ...], ...],
    b: tuple[Fraction, ...],
    c: tuple[Fraction, ...],
    message: str,
) -> None:
    with pytest.raises(ConfigError, match=message):
        ButcherTableau("made up", order, a, b, c)


def test_every_condition_of_order_four_is_checked() -> None:
    good = TABLEAUS["rk4"]
    for i in range(4):
        for j in range(i):
            bad = [list(row) for row in good.a]
            bad[i - 1][j] += Fraction(1, 10)
            c = (Fraction(0), *(sum(row, Fraction(0)) for row in bad))
            with pytest.raises(ConfigError, match="not of order 4"):
                ButcherTableau("bad", 4, tuple(map(tuple, bad)), good.b, c)
