from dataclasses import replace

import pytest
import torch
from torch.func import jvp

from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.nn import FilterBank
from pdenet.pde import PDE
from pdenet.pde.jet import Jet
from pdenet.readout import tangent
from pdenet.readout.fit import Rollouts, learned_axes

BURGERS = PDE(
    "u_t = -u*u_x - v*u_y + 0.05*(u_xx + u_yy)", "v_t = -u*v_x - v*v_y + 0.05*(v_xx + v_yy)"
)
CASES = {
    "Burgers": (BURGERS, (14, 12)),
    "every kind of term": (
        PDE("u_t = 0.3 + 0.5*u - 0.2*u**3 + 0.4*u*u_x*v_xy - 0.1*v", "v_t = u_x**2 + 0.1*u_xy"),
        (12, 13),
    ),
    "one dimension": (PDE("u_t = -u*u_x + 0.1*u_xx - 0.02*u_xxx"), (32,)),
    "three dimensions": (PDE("u_t = -u*u_x - 0.5*u_y + 0.1*u*u_zz"), (8, 9, 8)),
    "no derivatives": (PDE("u_t = 0.5*u - u**2"), (11,)),
    "products without derivatives": (PDE("u_t = 0.3 + 0.5*u*v", "v_t = -v**2"), (11,)),
    "coefficients that vary": (
        PDE("u_t = (1 + sin(x))*u_x - x*cos(y)*u*u_y + 0.1*u_xx + cos(x)*u + sin(y)"),
        (12, 10),
    ),
    "functions": (
        PDE("u_t = 0.3*u_xx + 2*sin(u) + u*exp(-u)*v_x", "v_t = cos(x)*v/(1 + u**2) + sin(2*u_x)"),
        (24,),
    ),
    "an equation without terms": (PDE("u_t = 0.5*v_x*u", "v_t = 0"), (12,)),
}


def problem(pde, shape, dtype=torch.float64, substeps=2):
    library, coefficients = Library.of(pde)
    library = library.on(Grid(shape, [0.5 * n for n in shape]), torch.zeros(1, dtype=dtype))
    bank = FilterBank(
        library.jets or (Jet("u", (0,) * len(shape)),),
        library.fields,
        [0.5] * len(shape),
        size=5 if len(shape) < 3 else 3,
        constraint=1,
        parity="none",
    ).to(dtype)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        bank.free.copy_(0.05 * torch.randn(bank.free.shape, generator=generator))
    rollouts = Rollouts(library, bank, learned_axes(bank), dt=0.02, substeps=substeps)
    u = torch.randn(2, len(library.fields), *shape, generator=generator, dtype=torch.float64)
    return rollouts, rollouts.start(coefficients.to(dtype)), 0.3 * u.to(dtype)


def tangents(rollouts, x, u, steps):
    with torch.no_grad():
        return rollouts.tangents(x, u.shape[2:]).along(u, rollouts.dt, steps, rollouts.substeps)


def by_jvp(rollouts, x, u, unknown, steps):
    direction = torch.zeros_like(x)
    direction[unknown] = 1
    value, part = jvp(lambda y: rollouts.predict(y, u, steps), (x,), (direction,))
    return value.detach(), part.detach()


@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_the_rollout(name):
    rollouts, x, u = problem(*CASES[name])
    value, found = tangents(rollouts, x, u, 3)
    for unknown in range(rollouts.unknowns):
        wanted_value, wanted = by_jvp(rollouts, x, u, unknown, 3)
        torch.testing.assert_close(value, wanted_value, rtol=1e-12, atol=1e-12)
        scale = float(wanted.abs().max())
        assert scale > 0
        torch.testing.assert_close(found[unknown], wanted, rtol=0, atol=1e-11 * scale)


@pytest.mark.parametrize("at_once", [1, 3])
def test_blocks_of_unknowns_do_not_change_them(at_once, monkeypatch):
    rollouts, x, u = problem(*CASES["Burgers"])
    _, wanted = tangents(rollouts, x, u, 2)
    jets = 6  # u_x, u_y, v_x, v_y, and the linear part of both equations
    monkeypatch.setitem(tangent.BLOCK, "cpu", at_once * jets * u[:, 0].nbytes)
    _, found = tangents(rollouts, x, u, 2)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13 * float(wanted.abs().max()))


def test_single_precision_stays_single():
    rollouts, x, u = problem(*CASES["Burgers"], dtype=torch.float32)
    value, found = tangents(rollouts, x, u, 2)
    assert value.dtype == found.dtype == torch.float32
    _, wanted = by_jvp(rollouts, x, u, 0, 2)
    torch.testing.assert_close(found[0], wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


def test_the_normal_equations_are_those_of_the_derivatives():
    rollouts, x, u = problem(*CASES["Burgers"])
    windows = torch.cat([u[:, None], rollouts.predict(x * 1.1, u, 3).detach()], 1)
    scale = torch.full((2, 2), 1e-3, dtype=torch.float64)
    normal = rollouts.normal(x, windows, scale, lambda part: None)
    columns = []
    for unknown in range(rollouts.unknowns):
        value, part = by_jvp(rollouts, x, u, unknown, 3)
        columns.append(part.flatten(1))
    jacobian = torch.stack(columns, 2)  # (window, value, unknown)
    residual = (windows[:, 1:] - value).flatten(1)
    weight = 5 / (4 + (residual / 1e-3).square()) / 1e-6
    n = residual.shape[1]
    matrix = jacobian.mT @ (weight[..., None] * jacobian) / n
    gradient = (jacobian.mT @ (weight * residual)[..., None])[..., 0] / n
    for found, wanted in ((normal.matrix, matrix), (normal.gradient, gradient)):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10 * float(wanted.abs().max()))
    torch.testing.assert_close(normal.misfit, (weight * residual.square()).sum(1) / n)


def test_frozen_filters_leave_the_coefficients():
    rollouts, x, u = problem(*CASES["Burgers"])
    frozen = replace(rollouts, free=rollouts.free[:0])
    terms = len(rollouts.library.terms)
    _, found = tangents(frozen, x[:terms], u, 2)
    _, wanted = tangents(rollouts, x, u, 2)
    assert len(found) == terms
    torch.testing.assert_close(
        found, wanted[:terms], rtol=0, atol=1e-13 * float(wanted.abs().max())
    )
