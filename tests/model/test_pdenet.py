"""Stacks of δt-blocks: against the simulators, which share no code with them, and their shapes."""

import math

import pytest
import torch

from pdenet import schemes
from pdenet.errors import ConfigError
from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet, rollout, stack_rollout
from pdenet.pde import PDE
from pdenet.readout import assign
from simulators.initial import FourierInitial, initial_state
from simulators.solver import Solver

BURGERS = PDE(
    "u_t = -u*u_x - v*u_y + 0.1*(u_xx + u_yy)", "v_t = -u*v_x - v*v_y + 0.1*(v_xx + v_yy)"
)


def smooth(pde: PDE, grid: Grid, n: int = 2) -> torch.Tensor:
    settings = FourierInitial(waves=2, amplitude=1.0, constant=0.5)
    return torch.stack([initial_state(settings, len(pde.fields), grid, 0, k) for k in range(n)])


def make_model(pde: PDE, points: int, dt: float, **options: object) -> PDENet:
    grid = Grid((points,) * pde.ndim, (2 * math.pi,) * pde.ndim)
    generator = torch.Generator().manual_seed(0)
    model = PDENet(NetworkShape(pde.fields, grid, **options), dt, generator)
    assign(model.symnet, model.filters.jets, pde)
    return model


@pytest.mark.parametrize(
    ("pde", "points"),
    [(PDE("u_t = -u*u_x + 0.1*u_xx"), 128), (BURGERS, 48)],
    ids=["1-D", "2-D"],
)
def test_a_network_that_is_a_pde_predicts_what_the_solver_computes(pde, points):
    model = make_model(pde, points, 0.02, size=9, constraint="frozen", integrator="rk4", substeps=2)
    grid = model.shape.grid
    fine = grid.refine(2)
    u = smooth(pde, fine)
    coarse = u[(..., *[slice(None, None, 2)] * pde.ndim)].contiguous()
    with torch.no_grad():
        predicted = model(coarse, 5)
    assert predicted.shape == (2, 5, len(pde.fields), *grid.shape)
    solver = Solver(pde, fine)
    change = 0.0
    for k in range(5):
        solver.advance(0.02 * k, 0.02, u)
        seen = u[(..., *[slice(None, None, 2)] * pde.ndim)]
        change = float((seen - coarse).abs().max())
        assert float((predicted[:, k] - seen).abs().max()) < 1e-4 * change
    assert change > 0.05


def test_the_error_of_a_block_has_the_order_of_its_integrator():
    """Halving the substeps' length at fixed δt divides the error by 2^order."""
    pde = PDE("u_t = -u*u_x + 0.1*u_xx")
    u = smooth(pde, Grid((32,), (2 * math.pi,)))

    def at_end(name: str, substeps: int) -> torch.Tensor:
        model = make_model(pde, 32, 0.05, integrator=name, substeps=substeps)
        with torch.no_grad():
            return model(u, 2)[:, -1]

    exact = at_end("rk4", 64)
    for name, order in {"euler": 1, "midpoint": 2, "ssprk3": 3, "rk4": 4}.items():
        errors = [float((at_end(name, n) - exact).abs().max()) for n in (4, 8)]
        assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)


def test_rollouts_of_a_known_system():
    """u' = t u in two substeps of Euler a block: the products of 1 + h t."""
    euler = schemes.get("euler")
    u = torch.tensor([[[1.0]]], dtype=torch.float64)
    h, expected, value = 0.25, [], 1.0
    for step in range(3):
        for sub in range(2):
            value *= 1 + h * (0.5 * step + h * sub)
        expected.append(value)
    arguments = (lambda t, u: t * u, euler, u, 0.5, 3, 2)
    assert [float(v) for v in rollout(*arguments)] == pytest.approx(expected, rel=1e-14)
    assert stack_rollout(*arguments).shape == (1, 3, 1, 1)


def test_gradients_reach_filters_and_weights_through_the_blocks():
    model = make_model(PDE("u_t = -u*u_x + 0.1*u_xx"), 16, 0.01)
    u = smooth(PDE("u_t = -u*u_x + 0.1*u_xx"), model.shape.grid)
    model(u, 3).square().sum().backward()
    for parameter in (model.filters.free, model.symnet.linear, model.symnet.output):
        assert parameter.grad is not None and bool(parameter.grad.any())


@pytest.mark.parametrize(("points", "size", "largest"), [(6, 7, 5), (4, 5, 3), (9, 11, 9)])
def test_a_grid_smaller_than_the_filters_is_refused(points, size, largest):
    grid = Grid((64, points), (1.0, 1.0))
    with pytest.raises(ConfigError, match=f"filters of at most {largest} points"):
        PDENet(NetworkShape(("u",), grid, size=size), 0.01, torch.Generator())
    PDENet(NetworkShape(("u",), grid, size=largest), 0.01, torch.Generator())


def test_an_unknown_integrator_is_refused():
    with pytest.raises(ConfigError, match="midpoint"):
        PDENet(
            NetworkShape(("u",), Grid((8,), (1.0,)), integrator="leapfrog"), 0.1, torch.Generator()
        )
