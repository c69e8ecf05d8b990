"""Moment matrices against sums, constraints against the written-out examples."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.errors import ConfigError
from pdenet.nn.moments import (
    accuracy,
    constraint,
    kernel_from_moments,
    moments_from_kernel,
    vandermonde,
)


@settings(max_examples=40)
@given(
    ndim=st.integers(1, 3),
    size=st.sampled_from([1, 3, 5, 7, 9]),
    batch=st.integers(1, 3),
    seed=st.integers(0, 2**31),
)
def test_kernel_and_moments_are_inverse(ndim: int, size: int, batch: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    kernel = torch.randn([batch] + [size] * ndim, dtype=torch.float64, generator=generator)
    moments = moments_from_kernel(kernel, ndim)
    scale = moments.abs().max()
    assert torch.allclose(kernel_from_moments(moments, ndim), kernel, atol=1e-13 * scale)
    back = moments_from_kernel(kernel_from_moments(kernel, ndim), ndim)
    assert torch.allclose(back, kernel, atol=1e-9)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_moments_are_the_sums_of_the_definition(size: int) -> None:
    kernel = torch.randn(
        size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    moments = moments_from_kernel(kernel)
    points = range(-(size // 2), size // 2 + 1)
    for i, j in itertools.product(range(size), repeat=2):
        wanted = sum(
            k1**i * k2**j * float(kernel[a, b])
            for a, k1 in enumerate(points)
            for b, k2 in enumerate(points)
        ) / (math.factorial(i) * math.factorial(j))
        assert float(moments[i, j]) == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_the_columns_of_the_inverse_are_the_textbook_differences() -> None:
    inverse = vandermonde(5)[1]
    assert np.allclose(inverse[:, 1], np.array([1, -8, 0, 8, -1]) / 12, rtol=0, atol=1e-16)
    assert np.allclose(inverse[:, 2], np.array([-1, 16, -30, 16, -1]) / 12, rtol=0, atol=1e-15)
    assert np.allclose(inverse[:, 4], [1, -4, 6, -4, 1], rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("kind", "fixed"),
    [
        (1, ["11.", "1..", "..."]),
        (2, ["111", "11.", "1.."]),
        ("frozen", ["111", "111", "111"]),
        ("free", ["...", "...", "..."]),
    ],
)
def test_masks_of_the_first_derivative_on_three_by_three(kind: int | str, fixed: list[str]) -> None:
    mask, values = constraint((1, 0), 3, kind)
    assert ["".join("1" if cell else "." for cell in row) for row in mask.tolist()] == fixed
    assert values.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_mirror_parity_leaves_only_moments_of_the_symmetry() -> None:
    mask, values = constraint((1, 2), 5, "free", parity="mirror")
    for i, j in itertools.product(range(5), repeat=2):
        assert mask[i, j].item() == ((i - 1) % 2 == 1 or j % 2 == 1)
    generator = torch.Generator().manual_seed(0)
    moments = torch.where(mask, values, torch.randn(5, 5, dtype=torch.float64, generator=generator))
    kernel = kernel_from_moments(moments)
    assert torch.allclose(kernel.flip(0), -kernel, atol=1e-14)
    assert torch.allclose(kernel.flip(1), kernel, atol=1e-14)


def test_the_mask_of_order_p_is_nested_and_ends_where_the_size_does() -> None:
    for index, size in [((1,), 7), ((2, 1), 5), ((0, 1, 1), 3)]:
        masks = [constraint(index, size, p)[0] for p in range(1, accuracy(index, size) + 1)]
        for low, high in itertools.pairwise(masks):
            assert torch.all(high | ~low)
        with pytest.raises(ConfigError, match="allows at most"):
            constraint(index, size, accuracy(index, size) + 1)


@pytest.mark.parametrize(
    ("index", "size", "kind", "message"),
    [
        ((1, 0), 4, 2, "must be odd"),
        ((1, 0), 0, 2, "must be odd"),
        ((3, 0), 3, 1, "use size 5 or more"),
        ((4, 0), 3, 1, "use size 5 or more"),
        ((1, 0), 5, 0, "unknown"),
        ((1, 0), 5, True, "unknown"),
        ((1, 0), 5, "fixed", "'frozen' or 'free'"),
        ((1, 0, 0, 0), 5, 1, "1 to 3"),
        ((-1,), 5, 1, "non-negative"),
    ],
)
def test_wrong_constraints_are_refused(
    index: tuple[int, ...], size: int, kind: int | str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        constraint(index, size, kind)


def test_wrong_shapes_and_parities_are_refused() -> None:
    with pytest.raises(ConfigError, match="same odd size"):
        kernel_from_moments(torch.zeros(3, 5))
    with pytest.raises(ConfigError, match="1 to 3 axes"):
        kernel_from_moments(torch.zeros(3, 3, 3, 3))
    with pytest.raises(ConfigError, match="parity 'even'"):
        constraint((1,), 3, 1, parity="even")


def test_gradients() -> None:
    moments = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m: kernel_from_moments(m, 2), moments)
    assert torch.autograd.gradcheck(lambda m: moments_from_kernel(m, 2), moments)
