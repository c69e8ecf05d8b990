"""One truth: the simulator's right-hand side is the compiled PDE on analytic jets."""

import math

import pytest
import torch

from pdenet.grid import Grid
from pdenet.pde.catalogue import catalogue
from pdenet.pde.compile import compile_rhs
from pdenet.pde.definition import PDE
from simulators.rhs import RightHandSide

OTHERS = {
    "1-d, third order": PDE("u_t = -6*u*u_x - u_xxx"),
    "3-d, three fields": PDE(
        "u_t = -w*u_z + 0.1*laplace(u)", "v_t = u_x + w_z", "w_t = 0.2*w_yz + u*v*w",
        coordinates=("x", "y", "z"),
    ),
    "nonlinear source": PDE("u_t = 0.3*(u_xx + u_yy) + 15*sin(u)"),
    "cubic source": PDE(
        "u_t = a*laplace(u) + (1 - u**2 - v**2)*u + (u**2 + v**2)*v",
        "v_t = a*laplace(v) - (u**2 + v**2)*u + (1 - u**2 - v**2)*v",
        coordinates=("x", "y"), a=0.1,
    ),
    "time and space": PDE("u_t = cos(t)*sin(x)*u_x + exp(-t) + cos(y) + 0.1*u_yy"),
    "slope of the slope": PDE("u_t = -0.5*u_x**2 + 0.1*u_xx"),
    "constant": PDE("u_t = 2.5 + 0*u_x"),
}  # fmt: skip
EQUATIONS = {**{name: entry.pde for name, entry in catalogue.items()}, **OTHERS}
WAVES = (1, 2, 1)


def waves(pde, n):
    """Smooth fields with exact jets: fields k is 0.8 sin(φ + k) + 0.3, φ = x + 2y + z."""
    grid = Grid.square(n, pde.ndim)
    mesh = [torch.from_numpy(points) for points in grid.mesh()]
    phase = sum(k * x for k, x in zip(WAVES, mesh, strict=False))

    def exact(field, index):
        scale = math.prod(k**count for k, count in zip(WAVES, index, strict=False))
        shift = pde.fields.index(field) + sum(index) * math.pi / 2
        return 0.8 * scale * torch.sin(phase + shift) + (0.3 if not any(index) else 0.0)

    u = torch.stack([exact(field, (0,) * pde.ndim) for field in pde.fields])
    return grid, mesh, u, exact


def compiled(pde, mesh, exact, t):
    jets = [exact(jet.field, jet.index) for jet in pde.jets]
    shape = mesh[0].shape
    stacked = torch.stack(jets)[None] if jets else torch.zeros(1, 0, *shape, dtype=torch.float64)
    function = compile_rhs(pde, pde.jets, torch, [points[None] for points in mesh])
    return function(t, stacked)[0]


@pytest.mark.parametrize("name", EQUATIONS)
def test_right_hand_side_is_the_compiled_equation(name):
    pde = EQUATIONS[name]
    grid, mesh, u, exact = waves(pde, 40 if pde.ndim == 3 else 64)
    state = torch.stack([torch.zeros_like(u), u])
    out = torch.full_like(state, float("nan"))
    RightHandSide(pde, grid, 8, state)(0.7, state, out)
    expected = compiled(pde, mesh, exact, 0.7)
    assert (out[1] - expected).abs().max() < 1e-5 * (1 + expected.abs().max())


def test_more_terms_than_products_of_two():
    pde = PDE("u_t = u**3*u_x**2*u_xx + x*u*u_x - u")
    grid, mesh, u, exact = waves(pde, 64)
    out = torch.empty_like(u)[None]
    RightHandSide(pde, grid, 8, u[None])(0.0, u[None], out)
    assert torch.allclose(out[0], compiled(pde, mesh, exact, 0.0), atol=1e-6)


def test_upwind_follows_the_local_wind():
    """-u u_x with u of both signs: backward-biased where u > 0, forward-biased elsewhere."""
    pde = PDE("u_t = -u*u_x")
    grid = Grid((64,), (2 * math.pi,))
    x = torch.from_numpy(grid.coordinates()[0])
    u, h = torch.sin(x) + 0.2, grid.spacing[0]
    left = (torch.roll(u, 2) - 6 * torch.roll(u, 1) + 3 * u + 2 * torch.roll(u, -1)) / (6 * h)
    right = -(torch.roll(u, -2) - 6 * torch.roll(u, -1) + 3 * u + 2 * torch.roll(u, 1)) / (6 * h)
    state = u[None, None].contiguous()
    out = torch.empty_like(state)
    RightHandSide(pde, grid, "upwind", state)(0.0, state, out)
    assert torch.allclose(out[0, 0], -u * torch.where(u > 0, left, right), atol=1e-12)


@pytest.mark.parametrize("name", ["burgers", "burgers-1d", "convection-diffusion"])
def test_upwind_is_consistent_with_the_equation(name):
    pde = EQUATIONS[name]
    errors = []
    for n in (64, 128):
        grid, mesh, u, exact = waves(pde, n)
        out = torch.empty_like(u)[None]
        RightHandSide(pde, grid, "upwind", u[None])(0.0, u[None], out)
        errors.append(float((out[0] - compiled(pde, mesh, exact, 0.0)).abs().max()))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(3, abs=0.4)


def test_float32_stays_float32():
    pde = EQUATIONS["variable-coefficients"]
    grid, mesh, u, exact = waves(pde, 32)
    state = u[None].float()
    out = torch.empty_like(state)
    RightHandSide(pde, grid, 4, state)(0.0, state, out)
    assert out.dtype == torch.float32
    assert torch.allclose(out[0].double(), compiled(pde, mesh, exact, 0.0), atol=0.05)
