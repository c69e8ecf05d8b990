"""What numbers say of how they were rounded."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.noise.rounding import rounding_of

NUMBERS = torch.randn(3000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@settings(max_examples=60, deadline=None)
@given(
    levels=st.integers(4, 10**6),
    scale=st.floats(1e-6, 1e6),
    offset=st.floats(-50, 50),
    single=st.booleans(),
)
def test_a_step_is_found(levels: int, scale: float, offset: float, single: bool) -> None:
    """Whatever the step is, and wherever its multiples begin."""
    levels = min(levels, 2000) if single else levels
    exact = scale * NUMBERS.clamp(-3, 3) * levels / 6
    numbers = scale * torch.round(exact / scale) + scale * offset * (not single)
    numbers = numbers.float().double() if single else numbers
    assert rounding_of(numbers) == pytest.approx(scale**2 / 12, rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("offset", [0.0, 3.0, 300.0])
def test_a_format_is_found(dtype: torch.dtype, offset: float) -> None:
    exact = NUMBERS + offset
    rounded = exact.to(dtype).double()
    assert rounding_of(rounded) == pytest.approx(float((rounded - exact).square().mean()), rel=0.1)


@pytest.mark.parametrize("digits", [2, 4, 7])
def test_digits_are_found(digits: int) -> None:
    exact = NUMBERS * 10.0 ** torch.linspace(-1, 1, len(NUMBERS), dtype=torch.float64)
    written = torch.tensor([float(f"{x:.{digits}g}") for x in exact.tolist()], dtype=torch.float64)
    assert rounding_of(written) == pytest.approx(float((written - exact).square().mean()), rel=0.3)


def test_numbers_that_nobody_rounded() -> None:
    for numbers in (NUMBERS, NUMBERS + 1e3, NUMBERS.sin(), NUMBERS[:64].cos(), 1e-200 * NUMBERS):
        assert rounding_of(numbers) <= (1e-16 * float(numbers.abs().max())) ** 2


def test_few_numbers_say_nothing() -> None:
    assert rounding_of(torch.tensor([], dtype=torch.float64)) == 0
    assert rounding_of(torch.full((50,), torch.nan, dtype=torch.float64)) == 0
    assert rounding_of(torch.zeros(50, dtype=torch.float64)) == 0
    for numbers in ([300.0] * 5, [0.0, 1.0] * 5):
        assert rounding_of(torch.tensor(numbers, dtype=torch.float64)) < 1e-26
