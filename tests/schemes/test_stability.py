"""The spectral radius of discretised operators whose eigenvalues are known, and the steps."""

import math

import pytest
import torch

from pdenet import schemes
from pdenet.nn import FilterBank
from pdenet.pde.jet import Jet
from pdenet.schemes import spectral_radius, stable_substeps
from pdenet.schemes.stability import LIMITS
from pdenet.schemes.tableau import TABLEAUS

POINTS = 32
SPACING = 2 * math.pi / POINTS


def operator(index: int, size: int):
    """u -> ∂ᵃu by the classical difference of that size, and its eigenvalues."""
    bank = FilterBank((Jet("u", (index,)),), ("u",), (SPACING,), size=size, constraint="frozen")
    symbols = bank.symbols((POINTS,)).detach()
    return lambda u: bank(u, symbols), symbols[0]


def radius(rhs, u, seed: int = 0, **options: int) -> float:
    return spectral_radius(rhs, u, torch.Generator().manual_seed(seed), **options)


@pytest.mark.parametrize(("size", "largest"), [(3, 4.0), (5, 16 / 3)])
def test_the_radius_of_diffusion(size, largest):
    """4 ν/dx² for the 3-point second difference, 16/3 ν/dx² for the 5-point one, at wave number
    π/dx."""
    second, eigenvalues = operator(2, size)
    assert float(eigenvalues.abs().max()) == pytest.approx(largest / SPACING**2, rel=1e-12)
    u = torch.zeros(1, 1, POINTS, dtype=torch.float64)
    found = radius(lambda t, u: 0.3 * second(u), u, iterations=64)
    assert found == pytest.approx(0.3 * largest / SPACING**2, rel=0.02)
    assert found <= 0.3 * largest / SPACING**2 * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_few_iterations_are_within_the_margin(seed):
    second, eigenvalues = operator(2, 5)
    u = torch.zeros(1, 1, POINTS, dtype=torch.float64)
    found = radius(lambda t, u: second(u), u, seed)
    assert 0.85 * float(eigenvalues.abs().max()) < found <= float(eigenvalues.abs().max())


def test_the_radius_is_that_of_the_jacobian_at_the_worst_state():
    """u_t = -u²: -2u at each point; the largest |u| of all states counts."""
    u = torch.tensor([[[1.0, 2.0]], [[-3.0, 0.5]]], dtype=torch.float64)
    assert radius(lambda t, u: -u * u, u, iterations=60) == pytest.approx(6.0, rel=1e-3)


def test_no_change_at_all_has_no_radius():
    u = torch.ones(1, 1, 4, dtype=torch.float64)
    found = radius(lambda t, u: 0 * u, u)
    assert stable_substeps(found, 0.1, "rk4") == 1


@pytest.mark.parametrize(
    ("value", "dt", "name", "steps"),
    [
        (100.0, 0.01, "euler", 1),
        (101.0, 0.01, "euler", 2),
        (100.0, 0.1, "midpoint", 7),
        (0.0, 1.0, "rk4", 1),
        (math.inf, 1.0, "rk4", 1),
        (math.nan, 1.0, "rk4", 1),
    ],
)
def test_steps_by_hand(value, dt, name, steps):
    assert stable_substeps(value, dt, name) == steps


@pytest.mark.parametrize("name", sorted(TABLEAUS))
def test_every_integrator_is_stable_at_its_limit(name):
    """|R(-limit)| ≤ 1 for u' = -u with a step of the limit, and |R| > 1 not far beyond."""
    integrator = schemes.get(name)
    u = torch.ones(1, 1, 1, dtype=torch.float64)

    def growth(h: float) -> float:
        rhs = lambda t, u: -u  # noqa: E731
        return abs(float(integrator.step(rhs, 0.0, h, u, integrator.init(rhs, 0.0, u))[0]))

    assert growth(LIMITS[name]) <= 1
    assert growth(2.05 * LIMITS[name]) > 1
