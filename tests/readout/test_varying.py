"""Networks with maps and sources: from functions to formulas, at small size."""

import math

import numpy as np
import pytest
import torch

from pdenet.boundary import Dirichlet
from pdenet.errors import DiscoveryError
from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet, SplineShape
from pdenet.pde import PDE
from pdenet.pde.compare import compare
from pdenet.pde.compile import compile_rhs
from pdenet.readout import ReadoutConfig, read_out
from pdenet.results.solvable import solvable
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


def test_what_no_formula_describes_is_the_map_with_its_errors(caplog):
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
    assert varying.formula is None and varying.reason and "no formula" in caplog.text
    assert varying.errors.shape == varying.values.shape and (varying.errors > 0).all()
    assert found.pde.jets == (net.filters.jets[2],)
    assert found.lines()[0].endswith(" + c_1(x)*u_x")
    # What a solver is given in its place is the map itself.
    mesh = net.shape.grid.mesh()
    jets = np.zeros((1, 2, 48))
    jets[0, 0] = 1.0
    whole = solvable(found, net.shape.grid, net.filters.boundaries)
    rhs = compile_rhs(whole, net.filters.jets[1:], np, mesh)(0.0, jets)
    assert np.abs(rhs[0, 0] - varying.values).max() < 0.1 * np.abs(varying.values).max()


def reacting(source, starts: np.ndarray, noise: float) -> torch.Tensor:
    """Trajectories of u_t = 0.2 u_xx + f(u) from starts (n, 96), seen at every other point: any f,
    also one that no PDE can say. Runge-Kutta steps on Fourier modes."""
    waves = np.fft.rfftfreq(96, 1 / 96)

    def change(u):
        return np.fft.irfft(-0.2 * waves**2 * np.fft.rfft(u)) + source(u)

    u, frames, dt = starts, [starts], 0.02 / 40
    for _ in range(19):
        for _ in range(40):
            a = change(u)
            b = change(u + dt / 2 * a)
            c = change(u + dt / 2 * b)
            u = u + dt / 6 * (a + 2 * b + 2 * c + change(u + dt * c))
        frames.append(u)
    seen = np.stack(frames, 1)[:, :, None, ::2]
    rng = np.random.default_rng(1)
    return torch.from_numpy(seen + noise * seen.std() * rng.normal(size=seen.shape))


@pytest.mark.parametrize(
    ("source", "constant"),
    [
        (lambda u: 3 * u / (1 + u), 1.6),
        (lambda u: 3 * np.tanh(2 * u), 0.0),
        (lambda u: 4 * np.exp(-(u**2)), -0.5),
        (lambda u: 2.0 * (u > 0.3) - 1.0, 0.0),
    ],
    ids=["saturation", "steep", "bump", "step"],
)
def test_a_source_that_is_in_no_dictionary_is_a_curve_with_its_errors(source, constant):
    rng = np.random.default_rng(0)
    x = np.arange(96) * 2 * np.pi / 96
    modes = np.stack([f(k * x) / k for k in (1, 2, 3) for f in (np.sin, np.cos)])
    starts = rng.normal(size=(16, 6)) @ modes
    starts = constant + 1.5 * starts / np.abs(starts).max(1, keepdims=True)
    states = reacting(source, starts, 0.005)
    net = model(states[:11], source=SplineShape(16, 3))
    net.source.set_range(states[:11].amin().reshape(1), states[:11].amax().reshape(1))
    u, _ = net.source.curve(0, 101)
    guess = 0.8 * torch.from_numpy(source(u.numpy())) + 0.1 * u
    net.source.fit(0, guess / net.symnet.output_scale[0])
    set_constants(net, {"u_xx": 0.25})
    found = read_out(net, states[:11], states[11:], torch.Generator().manual_seed(0), CONFIG)
    (curve,) = found.curves
    assert curve.formula is None and curve.reason
    assert found.lines() == (f"{found.pde.equations()[0]} + f(u)",)
    assert {jet.name for jet in found.pde.jets} == {"u_xx"}
    off = curve.values - source(curve.points)
    sharp = abs(source(curve.points + 0.3) - source(curve.points - 0.3)) > 1.5
    assert np.median(np.abs(off / curve.errors)[~sharp]) < 2.5
    size = np.sqrt(np.mean(source(curve.points) ** 2))
    assert np.sqrt((curve.density * off**2)[~sharp].sum()) < 0.1 * size


def test_noise_alone_holds_no_equation():
    train = torch.randn(8, 12, 1, 48, generator=torch.Generator().manual_seed(0)).double()
    net = model(train, coefficients=SplineShape(8, 3))
    set_constants(net, {"u_xx": 0.1})
    with pytest.raises(DiscoveryError):
        read_out(net, train[:5], train[5:], torch.Generator().manual_seed(0), CONFIG)
