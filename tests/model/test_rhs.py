"""The learned right-hand side against the compiled equation, and its pseudo-upwind form."""

import math

import pytest
import torch

from pdenet.errors import ConfigError, GridError
from pdenet.grid import Grid
from pdenet.model import LearnedRHS, NetworkShape, PDENet
from pdenet.nn import FilterBank, SymNet
from pdenet.pde import PDE
from pdenet.pde.catalogue import catalogue
from pdenet.pde.compile import compile_rhs
from pdenet.pde.jet import Jet
from pdenet.readout import assign


def make_model(pde: PDE, points: int = 16, **options: object) -> PDENet:
    """A network with random filters that is the PDE, in units that are not one."""
    grid = Grid((points,) * pde.ndim, (2 * math.pi,) * pde.ndim)
    generator = torch.Generator().manual_seed(0)
    model = PDENet(NetworkShape(pde.fields, grid, **options), 0.01, generator)
    net = model.symnet
    scales = torch.linspace(0.2, 5, net.inputs + net.fields, dtype=torch.float64)
    net.set_scales(scales[: net.inputs], scales[net.inputs :])
    with torch.no_grad():
        free = model.filters.free
        free.copy_(0.1 * torch.randn(free.shape, generator=generator, dtype=torch.float64))
    assign(net, model.filters.jets, pde)
    return model


def random_state(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


CONSTANT = [n for n in catalogue if n != "variable-coefficients"]


@pytest.mark.parametrize("name", CONSTANT)
def test_a_network_that_is_a_pde_is_the_compiled_pde(name):
    pde = catalogue[name].pde
    model = make_model(pde, units=10, functions=("sin",))
    u = random_state(3, len(pde.fields), *[16] * pde.ndim)
    with torch.no_grad():
        jets = model.filters(u)
        expected = compile_rhs(pde, model.filters.jets, torch)(0.0, jets)
        torch.testing.assert_close(model.rhs(u), expected, rtol=1e-11, atol=1e-11)


ADVECTION = PDE("u_t = 2*u_x - 1.5*u_y + 0.1*u*u_x")


def test_pseudo_upwind_takes_the_side_by_the_sign_of_the_slope():
    model = make_model(ADVECTION, pseudo_upwind=True)
    filters = model.filters
    u = random_state(2, 1, 16, 16)
    with torch.no_grad():
        found = model.rhs(u)
        jets = filters(u)
        # ∂F/∂u_y < 0 everywhere: the mirror image, -q[-k], which is the filter of a mirrored state.
        mirrored = -filters(u.flip(-1)).flip(-1)
        u_x, u_y = (filters.jets.index(Jet("u", index)) for index in [(1, 0), (0, 1)])
        assert bool((2 + 0.1 * u > 0).all())
        expected = (2 + 0.1 * u[:, 0]) * jets[:, u_x] - 1.5 * mirrored[:, u_y]
    torch.testing.assert_close(found[:, 0], expected)
    assert not torch.allclose(mirrored[:, u_y], jets[:, u_y])


def test_pseudo_upwind_has_derivatives_of_both_modes():
    model = make_model(ADVECTION, pseudo_upwind=True)
    u = random_state(1, 1, 16, 16)
    model.rhs(u).square().sum().backward()
    assert all(
        p.grad is not None and bool(p.grad.isfinite().all()) and bool(p.grad.any())
        for p in (model.symnet.linear, model.filters.free)
    )
    direction = random_state(1, 1, 16, 16)
    with torch.no_grad():
        tangent = torch.func.jvp(model.rhs, (u,), (direction,))[1]
        h = 1e-6
        difference = (model.rhs(u + h * direction) - model.rhs(u - h * direction)) / (2 * h)
    torch.testing.assert_close(tangent, difference, rtol=1e-5, atol=1e-6)


def test_parts_that_do_not_fit_are_refused():
    jets = Jet.all(("u",), 1, 2)
    bank = FilterBank(jets, ("u",), (0.1,))
    generator = torch.Generator()
    with pytest.raises(ConfigError, match="takes 2 jets of 1 field; the filters make 3 of 1"):
        LearnedRHS(bank, SymNet(2, 1, 1, generator))
    with pytest.raises(ConfigError, match="takes 3 jets of 2 fields"):
        LearnedRHS(bank, SymNet(3, 2, 1, generator))
    with pytest.raises(ConfigError, match="choose parity 'none'"):
        LearnedRHS(bank, SymNet(3, 1, 1, generator), pseudo_upwind=True)


def test_a_state_on_a_smaller_grid_is_refused():
    model = make_model(catalogue["burgers-1d"].pde)
    with pytest.raises(GridError, match="largest kernel size for it is 3"):
        model.rhs(torch.zeros(1, 1, 4, dtype=torch.float64))
