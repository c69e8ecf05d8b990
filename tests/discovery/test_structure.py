"""Networks with maps and sources: from functions to formulas, at small size."""

import math

import numpy as np
import pytest
import torch

from pdenet.boundary import Dirichlet
from pdenet.discovery import ReadoutConfig, read_out
from pdenet.errors import DiscoveryError
from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet, SplineShape
from pdenet.pde import PDE
from pdenet.pde.compare import compare
from pdenet.pde.compile import compile_rhs
from simulators import FourierInitial, trajectories

CONFIG = ReadoutConfig(
    steps=8,
    select_values=1200,
    fit_values=2400,
    structure_values=1200,
    size=9,
    order=6,
    free_iterations=40,
)
VARYING = PDE("u_t = (1 + 0.5*sin(x))*u_x + 0.2*u_xx")
SOURCE = PDE("u_t = 0.2*u_xx + 3*sin(u)")
WALLS = ((Dirichlet(), Dirichlet()),)


def data(pde: PDE, noise: float, **settings):
    """Training and held-out trajectories (n, frames, field, *space)."""
    states = trajectories(
        pde,
        shape=(48,),
        lengths=(2 * math.pi,),
        dt=0.02,
        frames=20,
        trajectories=16,
        refine=2,
        noise=noise,
        late_start=0.0,
        seed=4,
        **settings,
    ).states
    return states[:11], states[11:]


def model(train: torch.Tensor, **shape: object) -> PDENet:
    """A network whose SymNet has no products, at rest: nothing is known but its form."""
    boundaries = shape.get("boundaries")
    grid = Grid((48,), (2 * math.pi,), endpoint=boundaries is not None)
    net = PDENet(
        NetworkShape(("u",), grid, size=7, units=0, **shape),
        0.02,
        torch.Generator().manual_seed(0),
    )
    change = (train[:, 1:] - train[:, :-1]) / 0.02
    with torch.no_grad():
        jets = net.filters(train.flatten(0, 1))
        net.symnet.set_scales(
            jets.square().mean((0, 2)).sqrt(), change.square().mean().sqrt().reshape(1)
        )
        for weight in net.symnet.weights():
            weight.zero_()
    return net


def set_constants(net: PDENet, values: dict[str, float]) -> None:
    with torch.no_grad():
        for v, jet in enumerate(net.filters.jets):
            scale = net.symnet.input_scale[v] / net.symnet.output_scale[0]
            net.symnet.linear[0, -1, v] = values.get(jet.name, 0.0) * scale


@pytest.fixture(scope="module")
def varying():
    train, held_out = data(VARYING, 0.005, initial=FourierInitial(waves=4))
    net = model(train, coefficients=SplineShape(8, 3))
    x = torch.from_numpy(net.shape.grid.mesh()[0])
    generator = torch.Generator().manual_seed(1)
    set_constants(net, {"u_x": 0.9, "u_xx": 0.22, "u": 0.02})
    maps = {"u_x": 0.4 * torch.sin(x), "u_xx": 0.01 * torch.cos(2 * x), "u": 0.03 * torch.cos(x)}
    for v, jet in enumerate(net.filters.jets):
        scale = net.symnet.input_scale[v] / net.symnet.output_scale[0]
        rough = 0.02 * torch.randn(48, generator=generator, dtype=torch.float64)
        net.maps.fit(v, (maps[jet.name] + rough) * scale)
    return read_out(net, train, held_out, torch.Generator().manual_seed(0), CONFIG)


def test_kinds_of_coefficients(varying):
    assert {m.term: m.kind for m in varying.maps} == {
        "u": "zero", "u_x": "varying", "u_xx": "constant",
    }  # fmt: skip


def test_the_map_and_its_formula(varying):
    comparison = compare(varying.pde, VARYING)
    assert comparison.exact and comparison.einf < 0.03
    x = np.arange(48) * 2 * np.pi / 48
    truth = 1 + 0.5 * np.sin(x)
    (found,) = (m for m in varying.maps if m.kind == "varying")
    assert np.linalg.norm(found.values - truth) < 0.03 * np.linalg.norm(truth)
    assert "sin(x)" in found.formula
    (constant,) = (m for m in varying.maps if m.kind == "constant")
    np.testing.assert_allclose(constant.values, 0.2, rtol=0.03)


def test_every_coefficient_of_the_formula_has_an_error(varying):
    for field, table in varying.pde.expansions().items():
        names = {monomial * basis for monomial, bases in table.items() for basis in bases}
        assert names == set(varying.stderr[field])
        assert all(0 < value < 0.05 for value in varying.stderr[field].values())


def test_the_equation_that_comes_out_compiles(varying):
    grid = Grid((48,), (2 * math.pi,))
    mesh = [torch.from_numpy(axis) for axis in grid.mesh()]
    jets = torch.ones(1, 3, 48, dtype=torch.float64)
    order = varying.pde.jets
    found = compile_rhs(varying.pde, order, torch, mesh)(0.0, jets[:, : len(order)])
    assert found.shape == (1, 1, 48)


@pytest.mark.slow
def test_a_source_between_walls():
    initial = FourierInitial(waves=3, amplitude=3.0, constant=0.5)
    train, held_out = data(SOURCE, 0.005, boundaries=WALLS, initial=initial)
    net = model(train, boundaries=WALLS, source=SplineShape(10, 3))
    net.source.set_range(train.amin().reshape(1), train.amax().reshape(1))
    u, _ = net.source.curve(0, 101)
    net.source.fit(0, (2.5 * torch.sin(u) + 0.1 * u) / net.symnet.output_scale[0])
    set_constants(net, {"u_xx": 0.25, "u_x": 0.03})
    found = read_out(net, train, held_out, torch.Generator().manual_seed(0), CONFIG)
    comparison = compare(found.pde, SOURCE)
    assert comparison.exact and comparison.einf < 0.03
    (curve,) = found.curves
    truth = 3 * np.sin(curve.points)
    error = np.sqrt((curve.density * (curve.values - truth) ** 2).sum())
    assert error < 0.05 * np.sqrt((curve.density * truth**2).sum())
    assert "sin(u)" in curve.formula


def test_what_no_formula_describes_becomes_a_series(caplog):
    """A coefficient with waves that are in no dictionary of simple functions."""
    train, _ = data(VARYING, 0.0)
    net = model(train, coefficients=SplineShape(24, 3))
    bump = torch.exp(torch.cos(8 * torch.from_numpy(net.shape.grid.mesh()[0])))
    set_constants(net, {"u_xx": 0.1})
    net.maps.fit(1, bump * net.symnet.input_scale[1] / net.symnet.output_scale[0])
    net.substeps = 8
    with torch.no_grad():
        states = torch.cat([train[:, :1], net(train[:, 0], 19)], 1)
    found = read_out(net, states[:8], states[8:], torch.Generator().manual_seed(0), CONFIG)
    (varying,) = (m for m in found.maps if m.kind == "varying")
    assert varying.formula is None and "no formula" in caplog.text
    assert len(found.pde.expansions()["u"][net.filters.jets[1].symbol]) > 8


def test_noise_alone_holds_no_equation():
    train = torch.randn(8, 12, 1, 48, generator=torch.Generator().manual_seed(0)).double()
    net = model(train, coefficients=SplineShape(8, 3))
    set_constants(net, {"u_xx": 0.1})
    with pytest.raises(DiscoveryError):
        read_out(net, train[:5], train[5:], torch.Generator().manual_seed(0), CONFIG)
