"""The loss by hand."""

import math

import pytest
import torch

from pdenet.boundary import Neumann, periodic
from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet, SplineShape
from pdenet.pde import PDE
from pdenet.readout import assign
from pdenet.training.loss import huber, penalty, prediction_loss

DT = 0.25


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


def make_model(pde: PDE, points: int = 8) -> PDENet:
    shape = NetworkShape(pde.fields, Grid((points,), (1.0,)), size=5, units=1, integrator="euler")
    model = PDENet(shape, DT, torch.Generator().manual_seed(0))
    assign(model.symnet, model.filters.jets, pde)
    return model


def test_huber_by_hand():
    values = torch.tensor([0.0, 0.1, -0.1, 0.5, -2.0], dtype=torch.float64)
    assert float(huber(values, 0.5)) == pytest.approx(0.01 + 0.01 + 0.25 + 1.75, rel=1e-14)


def test_huber_is_smooth_and_even():
    x = torch.tensor([1e-3 - 1e-9, 1e-3 + 1e-9, -1e-3, 0.0], dtype=torch.float64)
    x.requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(huber(x, 1e-3), x)
    assert slope.tolist() == pytest.approx([1, 1, -1, 0], abs=1e-5)
    assert huber(-x, 1e-3) == huber(x, 1e-3)


def test_a_prediction_of_no_change_costs_one():
    """u_t = 0 for data with u_t of the size that the output scale says: L = 1 for one block."""
    model = make_model(PDE("u_t = 0*u"))
    rate = torch.tensor([3.0], dtype=torch.float64)
    model.symnet.set_scales(torch.ones(3, dtype=torch.float64), rate)
    first = torch.randn(5, 1, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    windows = torch.stack([first, first + 3.0 * DT, first + 6.0 * DT], 1)
    assert float(prediction_loss(model, windows[:, :2])) == pytest.approx(1.0, rel=1e-12)
    assert float(prediction_loss(model, windows)) == pytest.approx((1 + 4) / 2, rel=1e-12)


def test_the_loss_by_hand_for_two_fields():
    """u_t = 2, v_t = v by Euler from u = 1, v = 4, against frames that are off by known numbers."""
    model = make_model(PDE("u_t = 2", "v_t = v"))
    scales = torch.tensor([2.0, 0.5], dtype=torch.float64)
    model.symnet.set_scales(torch.ones(6, dtype=torch.float64), scales)
    assign(model.symnet, model.filters.jets, PDE("u_t = 2", "v_t = v"))
    start = torch.tensor([1.0, 4.0], dtype=torch.float64)
    states, loss = [start], 0.0
    u, v = 1.0, 4.0
    for k in range(1, 4):
        u, v = u + 2 * DT, v * (1 + DT)
        off = (0.1 * k, -0.02 * k)
        states.append(torch.tensor([u + off[0], v + off[1]], dtype=torch.float64))
        loss += ((off[0] / (2.0 * DT)) ** 2 + (off[1] / (0.5 * DT)) ** 2) / 2
    windows = torch.stack(states)[None, :, :, None].expand(3, 4, 2, 8)
    assert float(prediction_loss(model, windows)) == pytest.approx(loss / 3, rel=1e-12)


def test_the_true_equation_costs_nothing_and_another_one_more():
    pde = PDE("u_t = -u*u_x + 0.01*u_xx")
    model = make_model(pde)
    x = torch.linspace(0, 1, 9, dtype=torch.float64)[:-1]
    start = torch.sin(2 * math.pi * x)[None, None]
    windows = torch.cat([start[:, None], model(start, 3)], 1)
    assert float(prediction_loss(model, windows)) == 0.0
    assign(model.symnet, model.filters.jets, PDE("u_t = -u*u_x"))
    assert float(prediction_loss(model, windows)) > 1e-3


def test_a_margin_leaves_out_the_points_next_to_walls_alone():
    """Errors in the first two and the last two of 9 x 8 points along x, which has walls."""
    grid = Grid((9, 8), (1.0, 1.0), endpoint=(True, False))
    walls = ((Neumann(), Neumann()), *periodic(1))
    shape = NetworkShape(("u",), grid, size=3, units=0, integrator="euler", boundaries=walls)
    model = PDENet(shape, DT, torch.Generator().manual_seed(0))
    assign(model.symnet, model.filters.jets, PDE("u_t = 0*u_y"))
    windows = torch.zeros(2, 3, 1, 9, 8, dtype=torch.float64)
    windows[:, 1:, :, 0] = DT
    windows[:, 1:, :, 7] = 2 * DT
    windows[:, 1:, :, :, 0] += 3 * DT
    along_y, every = 9 / 8, (9 / 8) + (1 + 2 * 3 / 8) / 9 + (4 + 2 * 6 / 8) / 9
    assert float(prediction_loss(model, windows)) == pytest.approx(every, rel=1e-12)
    assert float(prediction_loss(model, windows, 2)) == pytest.approx(along_y, rel=1e-12)
    assert float(prediction_loss(model, windows, 4)) == pytest.approx(along_y, rel=1e-12)


def test_a_whole_function_is_penalised_as_one_weight():
    spline = SplineShape(5, 2)
    shape = NetworkShape(
        ("u",), Grid((8,), (1.0,)), size=3, units=0, coefficients=spline, source=spline
    )
    model = PDENet(shape, DT, torch.Generator().manual_seed(0))
    assign(model.symnet, model.filters.jets, PDE("u_t = 0*u_x"))
    assert float(penalty(model, 0.1, 7.0)) == 0
    assert model.maps is not None and model.source is not None
    model.maps.weights[1] = 3.0
    model.source.weights[0, 2] = -2.0
    expected = 0.1 * (3.0 - 0.5e-3) + 0.1 * (2.0 - 0.5e-3) / 7
    assert float(penalty(model, 0.1, 7.0)) == pytest.approx(expected)


def test_the_penalty_by_hand():
    model = make_model(PDE("u_t = 3*u - 0.5*u_x"))
    assert float(penalty(model, 0.1, 7.0)) == pytest.approx(0.1 * (3.5 - 2 * 0.5e-3))
    model.filters.free.fill_(2.0)
    moments = model.filters.free_moments()
    assert bool(moments.any())
    expected = 0.1 * (3.5 - 1e-3) + 7 * float(huber(moments, 1e-2))
    assert float(penalty(model, 0.1, 7.0)) == pytest.approx(expected)
