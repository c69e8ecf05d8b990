"""Pseudo-upwind: mirror images, the choice by the wind, and that it is upwind."""

import math

import pytest
import torch
from torch import Tensor

from pdenet.nn.filters import FilterBank
from pdenet.nn.moments import moments_from_kernel
from pdenet.nn.upwind import mirror, upwind
from pdenet.pde.jet import Jet


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def leaning_bank(ndim: int = 2, seed: int = 0) -> FilterBank:
    bank = FilterBank(
        Jet.all(("u", "v"), ndim, 2), ("u", "v"), [0.3, 0.4, 0.5][:ndim], 5, 1, "none"
    )
    with torch.no_grad():
        bank.free.copy_(random_tensor(bank.free.numel(), seed=seed))
    return bank


def forward_difference(points: int) -> FilterBank:
    """d/dx by (u[k+1] - u[k]) / dx, and u itself."""
    bank = FilterBank([Jet("u", (0,)), Jet("u", (1,))], ["u"], [2 * math.pi / points], 3, 1, "none")
    with torch.no_grad():
        bank.free.copy_(torch.tensor([0.5], dtype=torch.float64) / bank.units)
    return bank


def test_the_mirror_image_keeps_the_derivative_and_its_order() -> None:
    bank = leaning_bank()
    for kernel, index in zip(bank.kernels().detach(), bank.indices, strict=True):
        if sum(index) != 1:
            continue
        axis = index.index(1)
        image = mirror(kernel, axis, 2)
        assert torch.allclose(mirror(image, axis, 2), kernel)
        before, after = moments_from_kernel(kernel), moments_from_kernel(image)
        signs = torch.tensor([-1.0, 1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
        signs = signs[:, None] if axis == 0 else signs[None, :]
        assert torch.allclose(after, before * signs, atol=1e-9)
        assert float(after[index]) == pytest.approx(1.0)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_the_choice_takes_each_side_where_its_wind_blows(ndim: int) -> None:
    bank = leaning_bank(ndim)
    u = random_tensor(2, 2, *([6] * ndim))
    sides = upwind(bank, u)
    plus = bank(u)
    assert torch.allclose(sides.jets, plus)
    slope = random_tensor(*plus.shape, seed=2)
    chosen = sides.choose(slope)
    for variable, jet in enumerate(bank.jets):
        if jet.order != 1:
            assert torch.equal(chosen[:, variable], sides.jets[:, variable])
            continue
        axis = jet.index.index(1) + 1
        kernel = mirror(bank.scaled_kernels()[bank.indices.index(jet.index)], axis - 1, ndim)
        other = explicit(u[:, bank.fields.index(jet.field)], kernel)
        wanted = torch.where(slope[:, variable] >= 0, plus[:, variable], other)
        assert torch.allclose(chosen[:, variable], wanted, atol=1e-9)
        mean = 0.5 * (plus[:, variable] + other)
        assert torch.allclose(sides.central()[:, variable], mean, atol=1e-9)


def explicit(u: Tensor, kernel: Tensor) -> Tensor:
    """The periodic correlation as a sum over the points of the kernel."""
    out = torch.zeros_like(u)
    for place in torch.cartesian_prod(*[torch.arange(5)] * kernel.dim()).reshape(-1, kernel.dim()):
        offsets = [2 - int(p) for p in place]
        out = out + kernel[tuple(place)] * torch.roll(u, offsets, tuple(range(1, u.dim())))
    return out


def test_reflected_states_with_reversed_wind_give_reflected_jets() -> None:
    bank = leaning_bank(1)
    u, slope = random_tensor(1, 2, 8), random_tensor(1, len(bank.jets), 8, seed=3)
    turned = torch.roll(u.flip(2), 1, 2)
    wind = -torch.roll(slope.flip(2), 1, 2)
    first = [v for v, jet in enumerate(bank.jets) if jet.order == 1]
    here = upwind(bank, u).choose(slope)[:, first]
    there = upwind(bank, turned).choose(wind)[:, first]
    assert torch.allclose(there, -torch.roll(here.flip(2), 1, 2), atol=1e-10)


@pytest.mark.parametrize("speed", [1.0, -1.0])
def test_a_step_carried_by_the_wind_stays_within_its_bounds(speed: float) -> None:
    bank = forward_difference(64)
    u = (torch.arange(64) < 20).double().reshape(1, 1, 64)
    wrong = u.clone()
    dt = 0.5 * bank.spacing[0]
    for _ in range(60):
        sides = upwind(bank, u)
        u = (u + dt * speed * sides.choose(torch.full_like(sides.jets, speed))[:, 1:]).detach()
        sides = upwind(bank, wrong)
        against = sides.choose(torch.full_like(sides.jets, -speed))[:, 1:]
        wrong = (wrong + dt * speed * against).detach()
    assert float(u.min()) >= 0.0 - 1e-12 and float(u.max()) <= 1.0 + 1e-12
    assert float(wrong.abs().max()) > 10.0


def test_mirror_parity_has_no_sides() -> None:
    bank = FilterBank(Jet.all(("u",), 2, 1), ("u",), (0.1, 0.1), 5, 2, "mirror")
    with torch.no_grad():
        bank.free.copy_(random_tensor(bank.free.numel()))
    sides = upwind(bank, random_tensor(1, 1, 6, 6))
    assert torch.allclose(sides.mirrored, sides.jets[:, 1:], atol=1e-10)


def test_gradients_and_banks_without_first_order_jets() -> None:
    bank = leaning_bank(1)
    slope = random_tensor(1, len(bank.jets), 6, seed=5)
    u = random_tensor(1, 2, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda u: upwind(bank, u).choose(slope), u)
    plain = FilterBank([Jet("u", (0,)), Jet("u", (2,))], ["u"], [0.1])
    state = random_tensor(1, 1, 6)
    sides = upwind(plain, state)
    assert torch.equal(sides.choose(torch.zeros(1, 2, 6)), plain(state))
    assert torch.equal(sides.central(), plain(state))
