"""The filter bank: measured orders, an independent convolution, derivatives, symmetries."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call, jvp, vmap

from pdenet.boundary import Boundaries, Dirichlet, Neumann, Open, Robin, periodic
from pdenet.errors import ConfigError, GridError
from pdenet.nn.filters import FilterBank
from pdenet.nn.moments import accuracy, constraint
from pdenet.nn.padding import pad
from pdenet.pde.jet import Jet

TWO_PI = 2 * math.pi


def make_bank(
    ndim: int,
    max_order: int = 2,
    points: int = 16,
    fields: tuple[str, ...] = ("u",),
    seed: int | None = 0,
    **options: object,
) -> FilterBank:
    """A bank on [0, 2 pi]^ndim whose free moments are random (seed None: those of the start)."""
    bank = FilterBank(Jet.all(fields, ndim, max_order), fields, [TWO_PI / points] * ndim, **options)
    if seed is not None:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            bank.free.copy_(torch.rand(bank.free.shape, dtype=torch.float64, generator=generator))
    return bank


def random_state(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def measured_order(index: tuple[int, ...], size: int, kind: int | str, parity: str) -> float:
    """Slope of log error over log spacing for a derivative of a product of waves."""
    errors, spacings = [], []
    # A low order shows only on fine grids, a high one only above the rounding errors.
    fine = kind in (1, 2) and len(index) < 3
    for points in (64, 96, 128) if fine else (24, 32, 48):
        ndim = len(index)
        jet = Jet("u", index)
        dx = TWO_PI / points
        bank = FilterBank([jet], ["u"], [dx] * ndim, size, kind, parity)
        with torch.no_grad():
            bank.free.copy_(0.2 + 0.1 * torch.arange(bank.free.numel(), dtype=torch.float64).cos())
        x = torch.arange(points, dtype=torch.float64) * dx
        u: Tensor = torch.ones((), dtype=torch.float64)
        wanted: Tensor = torch.ones((), dtype=torch.float64)
        for axis, a in enumerate(index):
            shape = [-1 if d == axis else 1 for d in range(ndim)]
            # d^a cos(x + axis) = cos(x + axis + a pi/2)
            u = u * torch.cos(x + axis).reshape(shape)
            wanted = wanted * torch.cos(x + axis + a * math.pi / 2).reshape(shape)
        error = bank(u[None, None])[0, 0] - wanted
        errors.append(float(error.detach().abs().max()))
        spacings.append(dx)
    return float(np.polyfit(np.log(spacings), np.log(errors), 1)[0])


CASES = [
    (index, size, order)
    for size in (3, 5, 7)
    for index in [
        (1,),
        (2,),
        (3,),
        (4,),
        (1, 0),
        (0, 1),
        (1, 1),
        (2, 0),
        (2, 1),
        (0, 0, 1),
        (1, 0, 1),
    ]
    if max(index) < size
    for order in range(1, accuracy(index, size) + 1)
]


@pytest.mark.parametrize(("index", "size", "order"), CASES)
def test_trained_filters_have_the_stated_order(
    index: tuple[int, ...], size: int, order: int
) -> None:
    # At the last orders of a size, no free moment is left that makes an error of just that order.
    stated = order if _free_at(index, size, order) else accuracy(index, size)
    assert measured_order(index, size, order, "none") == pytest.approx(stated, abs=0.2)


def _free_at(index: tuple[int, ...], size: int, order: int) -> bool:
    fixed, _ = constraint(index, size, order)
    orders = itertools.product(range(size), repeat=len(index))
    return any(sum(i) == sum(index) + order and not fixed[i] for i in orders)


@pytest.mark.parametrize("size", [3, 5, 7, 9])
@pytest.mark.parametrize("index", [(1,), (2,), (3,), (1, 1), (2, 1), (0, 2), (1, 0, 1)])
def test_frozen_filters_have_the_order_of_their_size(index: tuple[int, ...], size: int) -> None:
    if max(index) >= size:
        with pytest.raises(ConfigError):
            constraint(index, size, "frozen")
        return
    order = measured_order(index, size, "frozen", "none")
    assert order == pytest.approx(accuracy(index, size), abs=0.2)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_mirror_parity_rounds_the_order_up_to_even(order: int) -> None:
    for index in [(1, 0), (1, 1), (0, 2)]:
        measured = measured_order(index, 7, order, "mirror")
        assert measured == pytest.approx(order + order % 2, abs=0.2)


@pytest.mark.parametrize(("ndim", "shape"), [(1, (9,)), (2, (7, 10)), (3, (5, 6, 7))])
@pytest.mark.parametrize("size", [3, 5])
def test_forward_is_the_correlation_of_the_definition(
    ndim: int, shape: tuple[int, ...], size: int
) -> None:
    spacing = [0.3, 0.5, 0.7][:ndim]
    jets = Jet.all(("u", "v"), ndim, 2)
    bank = FilterBank(jets, ("u", "v"), spacing, size, "free", "none")
    with torch.no_grad():
        bank.free.copy_(random_state(bank.free.numel()))
    u = random_state(2, 2, *shape)
    padded = pad(u, [size // 2] * ndim, periodic(ndim), spacing).flatten(0, 1).unsqueeze(1)
    convolve = [torch.conv1d, torch.conv2d, torch.conv3d][ndim - 1]
    every = convolve(padded, bank.kernels().unsqueeze(1)).unflatten(0, (2, 2))
    out = bank(u)
    for place, jet in enumerate(jets):
        field = jets[0].field != jet.field
        if jet.order == 0:
            assert torch.equal(out[:, place], u[:, int(field)])
            continue
        scale = math.prod(dx**-a for dx, a in zip(spacing, jet.index, strict=True))
        wanted = every[:, int(field), bank.indices.index(jet.index)] * scale
        assert torch.allclose(out[:, place], wanted, rtol=1e-11, atol=1e-11)


WALLS: list[Boundaries] = [
    ((Dirichlet(0.4), Dirichlet(-1.0)),),
    ((Neumann(0.3), Dirichlet(2.0)),),
    ((Dirichlet(1.0), Neumann(-0.7)), *periodic(1)),
    (*periodic(1), (Neumann(1.0), Neumann(0.0))),
    ((Dirichlet(), Dirichlet()), (Neumann(), Neumann(0.5))),
    (*periodic(1), (Dirichlet(0.2), Dirichlet(0.1)), (Neumann(0.2), Dirichlet(1.0))),
]


@pytest.mark.parametrize("walls", WALLS, ids=str)
@pytest.mark.parametrize("size", [3, 5])
def test_between_walls_forward_is_the_correlation_with_ghost_cells(
    walls: Boundaries, size: int
) -> None:
    ndim = len(walls)
    spacing, shape = [0.3, 0.5, 0.7][:ndim], (5, 6, 7)[:ndim]
    jets = Jet.all(("u", "v"), ndim, 2)
    bank = FilterBank(jets, ("u", "v"), spacing, size, "free", "none", walls)
    with torch.no_grad():
        bank.free.copy_(random_state(bank.free.numel()))
    u = random_state(2, 2, *shape)
    padded = pad(u, [size // 2] * ndim, walls, spacing).flatten(0, 1).unsqueeze(1)
    convolve = [torch.conv1d, torch.conv2d, torch.conv3d][ndim - 1]
    every = convolve(padded, bank.scaled_kernels().unsqueeze(1)).unflatten(0, (2, 2))
    out = bank(u)
    for place, jet in enumerate(jets):
        field = int(jets[0].field != jet.field)
        if jet.order:
            wanted = every[:, field, bank.indices.index(jet.index)]
            assert torch.allclose(out[:, place], wanted, rtol=1e-11, atol=1e-11)
        else:
            assert torch.equal(out[:, place], u[:, field])
    assert torch.equal(bank.crop(bank.pad(u)), u)
    assert bank.pad(u).shape[2:] == bank.padded(shape)
    du = random_state(2, 2, *shape, seed=1)
    tangent = jvp(lambda state: bank.pad(state), (u,), (du,))[1]
    assert torch.allclose(bank.pad(du, homogeneous=True), tangent, atol=1e-14)


def test_a_periodic_bank_pads_and_crops_nothing() -> None:
    bank, u = make_bank(2), random_state(1, 1, 16, 16)
    assert bank.pad(u) is u and bank.crop(u) is u and bank.padded((16, 16)) == (16, 16)


@pytest.mark.parametrize(("kind", "size", "order"), [("frozen", 5, 4), ("frozen", 7, 6), (2, 5, 2)])
def test_reflection_keeps_the_order_where_the_field_is_odd_or_even(kind, size, order) -> None:
    """cos x between Neumann walls at 0 and π, g + sin x between Dirichlet walls at g."""
    for walls, phase in [((Neumann(), Neumann()), 0.0), ((Dirichlet(0.5), Dirichlet(0.5)), -1.0)]:
        errors = []
        for points in (33, 65):
            x = torch.linspace(0, math.pi, points, dtype=torch.float64)
            jets = [Jet("u", (1,)), Jet("u", (2,))]
            bank = FilterBank(
                jets, ["u"], [math.pi / (points - 1)], size, kind, boundaries=(walls,)
            )
            with torch.no_grad():
                bank.free.fill_(0.2)
            shift = phase * math.pi / 2
            value = torch.cos(x + shift) - 0.5 * phase
            wanted = torch.stack([torch.cos(x + shift + a * math.pi / 2) for a in (1, 2)])
            errors.append(float((bank(value[None, None])[0] - wanted).detach().abs().max()))
        assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_shifting_the_state_shifts_the_jets(ndim: int) -> None:
    bank = make_bank(ndim, points=8, constraint=1, parity="none", fields=("u", "v"))
    u = random_state(2, 2, *range(8, 8 + ndim))
    axes = tuple(range(-ndim, 0))
    shifts = tuple(range(1, ndim + 1))
    assert torch.allclose(
        bank(torch.roll(u, shifts, axes)), torch.roll(bank(u), shifts, axes), atol=1e-10
    )


def test_reflecting_the_state_reflects_the_jets_of_mirror_filters() -> None:
    bank = make_bank(2, points=8, constraint=1, parity="mirror")
    u = random_state(1, 1, 8, 9)
    for axis in (0, 1):
        reflected = torch.roll(u.flip(axis + 2), 1, axis + 2)
        wanted = torch.roll(bank(u).flip(axis + 2), 1, axis + 2)
        signs = torch.tensor([(-1.0) ** jet.index[axis] for jet in bank.jets]).reshape(-1, 1, 1)
        assert torch.allclose(bank(reflected), wanted * signs, atol=1e-10)


def test_the_start_is_the_frozen_kernel_and_order_keeps_the_fixed_moments() -> None:
    frozen = make_bank(2, seed=None, constraint="frozen")
    assert frozen.free.numel() == 0
    for kind in (1, 2, "free"):
        start = make_bank(2, seed=None, constraint=kind, parity="none")
        assert torch.equal(start.kernels(), frozen.kernels())
        trained = make_bank(2, constraint=kind, parity="none")
        for moments, index in zip(trained.moments(), trained.indices, strict=True):
            fixed, values = constraint(index, 5, kind)
            assert torch.equal(moments[fixed], values[fixed])
            assert bool((moments != values)[~fixed].all())


def test_each_parameter_changes_its_kernel_by_the_norm_of_the_kernel() -> None:
    bank = make_bank(2, seed=None, constraint=1, parity="none")
    start = bank.kernels().detach()
    norms = start.flatten(1).norm(dim=1)
    for k in range(bank.free.numel()):
        theta = torch.zeros_like(bank.free)
        theta[k] = 1.0
        moved = functional_call_kernels(bank, theta) - start
        changed = moved.flatten(1).norm(dim=1)
        assert int((changed > 1e-9).sum()) == 1
        assert torch.allclose(changed[changed > 1e-9], norms[changed > 1e-9])


def functional_call_kernels(bank: FilterBank, theta: Tensor) -> Tensor:
    with torch.no_grad():
        kept = bank.free.clone()
        bank.free.copy_(theta)
        kernels = bank.kernels()
        bank.free.copy_(kept)
    return kernels


def test_any_subset_and_order_of_jets() -> None:
    every = make_bank(2, fields=("u", "v"), constraint=2, seed=None)
    some = [Jet("v", (0, 2)), Jet("u", (1, 0)), Jet("u", (0, 0)), Jet("v", (1, 0))]
    u = random_state(2, 2, 16, 16)
    bank = FilterBank(some, ("u", "v"), every.spacing)
    places = [every.jets.index(jet) for jet in some]
    assert torch.allclose(bank(u), every(u)[:, places], atol=1e-11)
    only = FilterBank([Jet("v", (0, 0))], ("u", "v"), every.spacing)
    assert torch.equal(only(u), u[:, 1:])


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_gradients_of_states_and_moments(ndim: int) -> None:
    bank = make_bank(ndim, points=4, size=3, constraint=1, parity="none")
    u = random_state(1, 1, *([4] * ndim)).requires_grad_()
    theta = bank.free.detach().clone().requires_grad_()
    weights = random_state(len(bank.jets), *([4] * ndim), seed=1) * 0.1

    def loss(u: Tensor, theta: Tensor) -> Tensor:
        jets = functional_call(bank, {"free": theta}, (u,))
        return (weights * jets).sum() + (jets[:, 0] * jets[:, 1]).sum()

    assert torch.autograd.gradcheck(loss, (u, theta), check_forward_ad=True)


def test_forward_mode_derivatives_in_a_batch_are_finite_differences() -> None:
    bank = make_bank(2, points=8, constraint=2)
    u, du = random_state(2, 1, 8, 8), random_state(2, 1, 8, 8, seed=3)
    theta = bank.free.detach()
    directions = random_state(3, theta.numel(), seed=4)

    def jets(theta: Tensor, u: Tensor) -> Tensor:
        return functional_call(bank, {"free": theta}, (u,))

    tangents = vmap(lambda d: jvp(jets, (theta, u), (d, du))[1])(directions)
    for direction, tangent in zip(directions, tangents, strict=True):
        step = 1e-6
        plus = jets(theta + step * direction, u + step * du)
        minus = jets(theta - step * direction, u - step * du)
        assert torch.allclose((plus - minus).detach() / (2 * step), tangent, rtol=1e-6, atol=1e-6)


def test_symbols_made_once_give_the_same_jets() -> None:
    bank = make_bank(2, points=8)
    u = random_state(2, 1, 8, 9)
    assert torch.equal(bank(u, bank.symbols((8, 9))), bank(u))


def test_float32_follows_the_module() -> None:
    bank, u = make_bank(2), random_state(2, 1, 16, 16)
    wanted = bank(u).detach()
    single = bank.to(torch.float32)(u.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.detach().double(), wanted, atol=1e-4 * float(wanted.abs().max()))


def test_grids_and_jets_that_do_not_fit_are_refused() -> None:
    bank = make_bank(2)
    with pytest.raises(GridError, match="the largest kernel size for it is 3"):
        bank(random_state(1, 1, 16, 4))
    with pytest.raises(GridError, match=r"\(batch, 1, x, y\)"):
        bank(random_state(1, 2, 16, 16))
    with pytest.raises(GridError, match=r"\(batch, 1, x, y\)"):
        bank(random_state(1, 1, 16))
    with pytest.raises(ConfigError, match="w_x does not belong"):
        FilterBank([Jet("w", (1, 0))], ["u"], (0.1, 0.1))
    with pytest.raises(ConfigError, match="in 1 dimension"):
        FilterBank([Jet("u", (1, 0))], ["u"], (0.1,))
    with pytest.raises(ConfigError, match="each of them once"):
        FilterBank([Jet("u", (1,)), Jet("u", (1,))], ["u"], (0.1,))
    with pytest.raises(ConfigError, match="positive"):
        FilterBank([Jet("u", (1,))], ["u"], (0.0,))
    with pytest.raises(ConfigError, match="use size 5 or more"):
        FilterBank([Jet("u", (3,))], ["u"], (0.1,), size=3, constraint=1)
    with pytest.raises(ConfigError, match="boundaries of 1 axis were given for 2 axes"):
        FilterBank([Jet("u", (1, 0))], ["u"], (0.1, 0.1), boundaries=periodic(1))
    for end in (Open(), Robin(1.0), Dirichlet((0.0, 1.0))):
        with pytest.raises(GridError, match=r"at its upper end, and filters need periodic axes or"):
            FilterBank([Jet("u", (1,))], ["u"], (0.1,), boundaries=((Neumann(), end),))
