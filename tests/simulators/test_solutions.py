"""Closed forms: heat, advection, Cole-Hopf; the orders in space and time are measured."""

import math

import numpy as np
import pytest
import torch

from pdenet.grid import Grid
from pdenet.pde.definition import PDE
from simulators.config import Numerics
from simulators.solver import Solver

TWO_PI = 2 * math.pi


def cole_hopf(x, t, nu):
    """The Burgers solution u = -2ν φ_x/φ, φ = 2 + e^(-νt) cos x + 0.2 e^(-4νt) sin 2x.

    Reference: E. Hopf, Comm. Pure Appl. Math. 3 (1950) 201-230.
    """
    first, second = math.exp(-nu * t), 0.2 * math.exp(-4 * nu * t)
    phi = 2 + first * torch.cos(x) + second * torch.sin(2 * x)
    slope = -first * torch.sin(x) + 2 * second * torch.cos(2 * x)
    return -2 * nu * slope / phi


def heat(x, t, nu):
    return math.exp(-nu * t) * torch.sin(x) + 0.5 * math.exp(-9 * nu * t) * torch.cos(3 * x)


def advection(x, t, c):
    return torch.exp(torch.sin(x - c * t))


CASES = {
    "heat": (PDE("u_t = nu*u_xx", nu=0.7), lambda x, t: heat(x, t, 0.7)),
    "advection": (PDE("u_t + c*u_x = 0", c=1.3), lambda x, t: advection(x, t, 1.3)),
    "burgers": (PDE("u_t + u*u_x = nu*u_xx", nu=0.5), lambda x, t: cole_hopf(x, t, 0.5)),
}


def error(pde, exact, n, numerics, end=0.3, frames=3):
    grid = Grid((n,), (TWO_PI,))
    x = torch.from_numpy(grid.coordinates()[0])
    u = exact(x, 0.0)[None, None].clone()
    solver = Solver(pde, grid, numerics)
    for k in range(frames):
        solver.advance(k * end / frames, end / frames, u)
    return float((u[0, 0] - exact(x, end)).square().mean().sqrt())


def measured(steps, errors):
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_measured_order_in_space(name, order):
    pde, exact = CASES[name]
    sizes = np.array([56, 64, 72, 88] if order == 8 else [48, 64, 80, 96])
    # The order in space shows only where the error in time is far below it.
    numerics = Numerics(order=order, substeps=200)
    errors = [error(pde, exact, int(n), numerics) for n in sizes]
    assert -measured(sizes, errors) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("name", ["advection", "burgers"])
def test_measured_order_of_upwind(name):
    pde, exact = CASES[name]
    sizes = np.array([96, 128, 160, 192])
    errors = [error(pde, exact, int(n), Numerics(order="upwind", cfl=0.25)) for n in sizes]
    assert -measured(sizes, errors) == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("scheme", "order"), [("ssprk3", 3), ("rk4", 4)])
def test_measured_order_in_time(name, scheme, order):
    """Differences between numbers of substeps on one grid: the error in space drops out."""
    pde, exact = CASES[name]
    grid = Grid((32,), (TWO_PI,))
    x = torch.from_numpy(grid.coordinates()[0])

    def solve(substeps):
        u = exact(x, 0.0)[None, None].clone()
        solver = Solver(pde, grid, Numerics(scheme=scheme, substeps=substeps))
        solver.advance(0.0, 0.4, u)
        return u

    reference, counts = solve(800), np.array([20, 24, 32, 40, 48])
    errors = [float((solve(int(n)) - reference).abs().max()) for n in counts]
    assert -measured(counts, errors) == pytest.approx(order, abs=0.2)


def test_burgers_is_accurate_to_rounding_of_the_method():
    pde, exact = CASES["burgers"]
    assert error(pde, exact, 128, Numerics(substeps=200)) < 1e-9


@pytest.mark.parametrize("ndim", [2, 3])
def test_heat_in_more_dimensions(ndim):
    text = "u_t = 0.3*laplace(u)"
    pde = PDE(text, coordinates=("x", "y", "z")[:ndim])
    grid = Grid.square(24, ndim)
    mesh = [torch.from_numpy(points) for points in grid.mesh()]
    wave = sum((k + 1) * points for k, points in enumerate(mesh))
    decay = 0.3 * sum((k + 1) ** 2 for k in range(ndim))
    u = torch.sin(wave)[None, None].clone()
    Solver(pde, grid).advance(0.0, 0.2, u)
    assert (u[0, 0] - math.exp(-decay * 0.2) * torch.sin(wave)).abs().max() < 2e-4


def test_a_travelling_wave_in_three_fields_and_dimensions():
    """u, v, w are carried along (1, -2, 0.5)."""
    texts = [f"{f}_t = -{f}_x + 2*{f}_y - 0.5*{f}_z" for f in "uvw"]
    pde = PDE(*texts, coordinates=("x", "y", "z"))
    grid = Grid.square(16, 3)
    x, y, z = (torch.from_numpy(points) for points in grid.mesh())

    def exact(t):
        phases = (x - t, y + 2 * t, z - 0.5 * t)
        return torch.stack([torch.sin(phase) for phase in phases])[None]

    u = exact(0.0).clone()
    Solver(pde, grid).advance(0.0, 0.5, u)
    assert (u - exact(0.5)).abs().max() < 2e-4


def test_variable_coefficients_by_characteristics():
    """u_t = -sin(x) u_x: tan(x/2) grows as e^t along the characteristics."""
    pde = PDE("u_t = -sin(x)*u_x")
    grid = Grid((96,), (TWO_PI,))
    x = torch.from_numpy(grid.coordinates()[0])
    u = torch.cos(x)[None, None].clone()
    Solver(pde, grid, Numerics(cfl=0.2)).advance(0.0, 0.4, u)
    foot = 2 * torch.atan2(torch.sin(x / 2) * math.exp(-0.4), torch.cos(x / 2))
    assert (u[0, 0] - torch.cos(foot)).abs().max() < 1e-6


def test_forcing_in_time():
    u = torch.zeros(1, 1, 16, dtype=torch.float64)
    Solver(PDE("u_t = cos(t)*sin(x)"), Grid((16,), (TWO_PI,))).advance(0.3, 0.1, u)
    x = torch.from_numpy(Grid((16,), (TWO_PI,)).coordinates()[0])
    exact = (math.sin(0.4) - math.sin(0.3)) * torch.sin(x)
    assert (u[0, 0] - exact).abs().max() < 1e-7


def test_mass_is_conserved_in_conservation_form():
    x = torch.from_numpy(Grid((64,), (TWO_PI,)).coordinates()[0])
    u = (torch.sin(x) + 0.5)[None, None].clone()
    before = float(u.sum())
    Solver(PDE("u_t = 0.2*u_xx - 0.7*u_x"), Grid((64,), (TWO_PI,))).advance(0.0, 0.5, u)
    assert float(u.sum()) == pytest.approx(before, rel=1e-12)
