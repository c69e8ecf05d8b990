"""SymNet: a loop over its own definition, its derivatives, its scales and its size."""

import math

import pytest
import torch
from torch import Tensor

from pdenet.errors import ConfigError
from pdenet.nn import SymNet
from pdenet.nn.symnet import DIVISION_FLOOR, FUNCTIONS

ALL = tuple(FUNCTIONS)


def random_net(
    inputs: int, fields: int, units: int, seed: int = 0, functions: tuple[str, ...] = ()
) -> SymNet:
    """A net whose weights, constants and scales are all random."""
    generator = torch.Generator().manual_seed(seed)
    net = SymNet(inputs, fields, units, generator, functions)
    with torch.no_grad():
        for weight in net.weights():
            weight.copy_(0.5 * torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    positive = torch.rand(inputs + fields, generator=generator, dtype=torch.float64) + 0.5
    net.set_scales(positive[:inputs], positive[inputs:])
    return net


@torch.no_grad()
def by_definition(net: SymNet, f: int, point: Tensor) -> float:
    """F of one field at one point: the equations of the module, in plain numbers."""
    z = [float(value) / float(scale) for value, scale in zip(point, net.input_scale, strict=True)]
    found: list[float] = []

    def row(k: int) -> float:
        linear = sum(float(w) * value for w, value in zip(net.linear[f, k], z, strict=True))
        return float(net.bias[f, k]) + linear

    for unit in range(net.units):
        eta, xi = row(2 * unit), row(2 * unit + 1)
        for earlier, product in enumerate(found):
            eta += float(net.products[unit - 1][f, 0, earlier]) * product
            xi += float(net.products[unit - 1][f, 1, earlier]) * product
        found.append(eta * xi)
    total = row(2 * net.units)
    total += sum(float(c) * product for c, product in zip(net.output[f], found, strict=True))
    done = 0
    for share, name in zip(net.shares[f] if net.functions else [], net.functions, strict=True):
        arguments = []
        for r in range(done, done + len(FUNCTIONS[name])):
            value = float(net.argument_bias[f, r])
            value += sum(float(w) * v for w, v in zip(net.arguments[f, r], z, strict=True))
            value += sum(float(w) * p for w, p in zip(net.argument_products[f, r], found))  # noqa: B905
            arguments.append(value)
        done += len(arguments)
        if name == "divide":
            above, below = arguments
            total += float(share) * above * below / (below**2 + DIVISION_FLOOR**2)
        else:
            total += float(share) * getattr(math, name)(*arguments)
    return float(net.output_scale[f]) * total


def random_jets(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("functions", [(), ("sin",), ("divide", "exp", "divide", "cos"), ALL])
@pytest.mark.parametrize("units", [0, 1, 2, 5])
@pytest.mark.parametrize("space", [(4,), (3, 2), (2, 3, 2)])
def test_forward_is_the_definition_at_every_point(units, space, functions):
    net = random_net(3, 2, units, functions=functions)
    jets = random_jets(2, 3, *space)
    with torch.no_grad():
        result = net(jets)
    assert result.shape == (2, 2, *space)
    for where in [(0, *[0] * len(space)), (1, *[n - 1 for n in space]), (1, *[0] * len(space))]:
        point = jets[(where[0], slice(None), *where[1:])]
        expected = [by_definition(net, f, point) for f in range(2)]
        actual = result[(where[0], slice(None), *where[1:])]
        torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize(("units", "functions"), [(3, ()), (2, ALL), (0, ALL)])
def test_gradients_of_inputs_and_of_all_weights(units, functions):
    net = random_net(3, 2, units, functions=functions)
    names = [name for name, _ in net.named_parameters()]
    weights = tuple(p.detach().clone().requires_grad_() for p in net.parameters())

    def run(jets: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(net, dict(zip(names, values, strict=True)), (jets,))

    jets = random_jets(2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(run, (jets, *weights))
    assert torch.autograd.gradgradcheck(run, (jets, *weights))


@pytest.mark.parametrize("functions", [(), ALL])
def test_scales_mean_sizes_of_one(functions):
    """A net whose data are in other units is the same net in those units."""
    net = random_net(3, 1, 2, functions=functions)
    jets = random_jets(2, 3, 5)
    with torch.no_grad():
        before = net(jets)
        factors = torch.tensor([1e3, 1e-3, 7.0], dtype=torch.float64)
        net.set_scales(net.input_scale * factors, net.output_scale * 50)
        after = net(jets * factors[:, None])
    torch.testing.assert_close(after, 50 * before)


def test_a_scale_of_zero_counts_as_one():
    net = SymNet(2, 1, 1, torch.Generator().manual_seed(0))
    net.set_scales(torch.tensor([0.0, 2.0]), torch.tensor([0.0]))
    assert net.input_scale.tolist() == [1.0, 2.0]
    assert net.output_scale.tolist() == [1.0]


@pytest.mark.parametrize("inputs", [4, 12])
@pytest.mark.parametrize("units", [1, 5, 10])
def test_its_size_is_k_times_m_plus_k(inputs, units):
    """Numbers held: 2k + 1 rows of m + 1, and k (k - 1) + k of products; a library needs more."""
    net = SymNet(inputs, 1, units, torch.Generator().manual_seed(0))
    count = sum(parameter.numel() for parameter in net.parameters())
    assert count == (2 * units + 1) * (inputs + 1) + units * (units - 1) + units
    assert count <= 4 * (units + 1) * (inputs + units)
    if inputs == 12:
        assert count < math.comb(inputs + units + 1, units + 1) or units == 1


def test_the_same_seed_gives_the_same_weights_and_no_global_state_is_used():
    state = torch.get_rng_state()
    first, second = (SymNet(4, 2, 3, torch.Generator().manual_seed(5)) for _ in range(2))
    other = SymNet(4, 2, 3, torch.Generator().manual_seed(6))
    assert torch.equal(torch.get_rng_state(), state)
    for a, b in zip(first.weights(), second.weights(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.linear, other.linear)


def test_functions_change_neither_the_weights_nor_the_names_of_a_net_without_them():
    """Runs and checkpoints of nets of products stay as they are."""
    plain, more = (SymNet(4, 2, 3, torch.Generator().manual_seed(5), f) for f in ((), ALL))
    names = {name for name, _ in plain.named_parameters()}
    assert not any("argument" in name or name == "shares" for name in names)
    for name, weight in plain.named_parameters():
        assert torch.equal(weight, dict(more.named_parameters())[name])
    assert len(more.weights()) == len(list(more.parameters()))


def test_functions_start_smoothly():
    """On data of size one: no quotient near a pole, no large exponential."""
    for seed in range(20):
        net = SymNet(12, 2, 3, torch.Generator().manual_seed(seed), ALL, (0, 6))
        with torch.no_grad():
            value = net(random_jets(1, 12, 1000, seed=seed))
        assert float(value.square().mean()) < 2


def test_functions_start_from_their_own_field_and_again_from_the_next():
    functions = ("sin", "divide", "sin", "sin")
    net = SymNet(6, 2, 0, torch.Generator().manual_seed(0), functions, (0, 3))
    largest = net.arguments.detach().argmax(2)
    assert largest[0, [0, 1, 3, 4]].tolist() == [0, 0, 3, 0]
    assert largest[1, [0, 1, 3, 4]].tolist() == [3, 3, 0, 3]
    assert net.argument_bias.tolist() == [[0, 0, 1, 0, 0]] * 2
    assert bool((net.arguments[:, 2].abs() < 0.5).all())


def test_a_quotient_is_the_quotient_and_bounded_at_its_pole():
    net = SymNet(2, 1, 0, torch.Generator(), ("divide",))
    with torch.no_grad():
        for weight in net.weights():
            weight.zero_()
        net.arguments[0, 0, 0] = net.arguments[0, 1, 1] = net.shares[0, 0] = 1
    below = torch.tensor([1.0, -2.0, 0.3, 1e-3, 0.0, -1e-9, 1e-300], dtype=torch.float64)
    jets = torch.stack([torch.full_like(below, 3.0), below])[None].requires_grad_()
    value = net(jets)[0, 0]
    gradient = torch.autograd.grad(value.sum(), jets)[0]
    assert bool(gradient.isfinite().all()) and float(value.detach().abs().max()) < 3 * 50
    assert value[4] == 0
    exact, share = 3 / below[:3], (DIVISION_FLOOR / below[:3]) ** 2
    assert bool(((value[:3] - exact).abs() <= share * exact.abs()).all())


def test_float32_stays_float32():
    net = random_net(3, 1, 2, functions=ALL).float()
    assert net(random_jets(1, 3, 4).float()).dtype == torch.float32


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ConfigError, match="at least one input"):
        SymNet(*sizes, torch.Generator())


def test_unknown_functions_are_refused():
    with pytest.raises(ConfigError, match="no units 'tan', 'log'; choose from sin, cos, exp, div"):
        SymNet(1, 1, 1, torch.Generator(), ("tan", "sin", "log"))
