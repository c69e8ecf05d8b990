"""SymNet: a loop over its own definition, its derivatives, its scales and its size."""

import math

import pytest
import torch
from torch import Tensor

from pdenet.errors import ConfigError
from pdenet.nn import SymNet


def random_net(inputs: int, fields: int, units: int, seed: int = 0) -> SymNet:
    """A net whose weights, constants and scales are all random."""
    generator = torch.Generator().manual_seed(seed)
    net = SymNet(inputs, fields, units, generator)
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
    return float(net.output_scale[f]) * total


def random_jets(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("units", [0, 1, 2, 5])
@pytest.mark.parametrize("space", [(4,), (3, 2), (2, 3, 2)])
def test_forward_is_the_definition_at_every_point(units, space):
    net = random_net(3, 2, units)
    jets = random_jets(2, 3, *space)
    with torch.no_grad():
        result = net(jets)
    assert result.shape == (2, 2, *space)
    for where in [(0, *[0] * len(space)), (1, *[n - 1 for n in space]), (1, *[0] * len(space))]:
        point = jets[(where[0], slice(None), *where[1:])]
        expected = [by_definition(net, f, point) for f in range(2)]
        actual = result[(where[0], slice(None), *where[1:])]
        torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64))


def test_gradients_of_inputs_and_of_all_weights():
    net = random_net(3, 2, 3)
    names = [name for name, _ in net.named_parameters()]
    weights = tuple(p.detach().clone().requires_grad_() for p in net.parameters())

    def run(jets: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(net, dict(zip(names, values, strict=True)), (jets,))

    jets = random_jets(2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(run, (jets, *weights))
    assert torch.autograd.gradgradcheck(run, (jets, *weights))


def test_scales_mean_sizes_of_one():
    """A net whose data are in other units is the same net in those units."""
    net = random_net(3, 1, 2)
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


def test_float32_stays_float32():
    net = random_net(3, 1, 2).float()
    assert net(random_jets(1, 3, 4).float()).dtype == torch.float32


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ConfigError, match="at least one input"):
        SymNet(*sizes, torch.Generator())
