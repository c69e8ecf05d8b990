"""The error that numbers carry because they were rounded.

Numbers rounded to multiples of q are off by up to q/2 either way, with variance q²/12. Three kinds
are told from the numbers themselves: multiples of one step (grey levels, counts, digits after the
point), a floating-point format of fewer bits, and a number of significant decimal digits; in the
last two the step grows with the number, and its mean square is taken. Differences between frames do
not show this error where fields change by less than a step: then most of them are zero.

Reference: Widrow, Kollár, Quantization Noise (2008), chapter 1; Sheppard, Proc. London Math. Soc.
29 (1898) 353-380.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["rounding_of"]

MOST_VALUES = 2**16
"""Numbers that are looked at."""

FEWEST_LEVELS = 3
"""Different numbers from which on what they have in common is more than chance: of two numbers the
difference is a common step."""

PARTS = 1e3
"""A step is told from the precision of the numbers where it is so many times as large."""

DIGITS = 12
"""Most significant decimal digits that are told from none: float64 holds nearly 16."""

FORMATS = (torch.bfloat16, torch.float16, torch.float32, torch.float64)


def rounding_of(values: Tensor) -> float:
    """Variance of the rounding error of numbers, at least that of float64; NaN is left out."""
    values = values.flatten()
    values = values[values.isfinite()].double()
    values = values[:: max(1, len(values) // MOST_VALUES)]
    if not len(values):
        return 0.0
    levels = values.unique()
    if len(levels) < FEWEST_LEVELS:
        return _of_format(values, torch.float64)
    fits = (d for d in FORMATS if bool((levels.to(d).double() == levels).all()))
    dtype = next(fits)
    found = [_of_format(values, dtype)]
    # Whole numbers are in every format, so a step may be far more exact than the shortest one.
    for precision in {torch.finfo(dtype).eps, torch.finfo(torch.float64).eps}:
        found.append(_common_step(levels, precision) ** 2 / 12)
        found.append(_of_digits(values, precision))
    return max(found)


def _of_format(values: Tensor, dtype: torch.dtype) -> float:
    """The variance of numbers rounded to a floating-point format."""
    size = values.abs()
    exponent = torch.frexp(size.clamp_min(1e-150)).exponent - 1
    steps = torch.ldexp(torch.ones_like(size), exponent) * torch.finfo(dtype).eps
    return float(torch.where(size > 0, steps, 0.0).square().mean()) / 12


def _common_step(levels: Tensor, precision: float) -> float:
    """The largest step that all differences of sorted numbers are multiples of, 0 where there is
    none: their greatest common divisor, by Euclid's algorithm on all of them at once."""
    tolerance = 4 * precision * float(levels.abs().max())
    every = levels.diff()
    left, step = every, float(every.min())
    while step > PARTS * tolerance:
        # The step is as uncertain as the numbers, and n steps are n times as uncertain.
        count = (left / step).round()
        clear = count * PARTS * tolerance < step
        rest = (left - step * count).abs()[clear]
        rest = rest[rest > tolerance * (2 + count[clear])]
        if not len(rest):
            return step
        left, step = torch.cat([every, rest]), float(rest.min())
    return 0.0


def _of_digits(values: Tensor, precision: float) -> float:
    """The variance by the least number of significant decimal digits that gives all numbers, 0
    where they have more than can be told."""
    size = values.abs()
    size = size[size > 1e-150]
    if not len(size):
        return 0.0
    # A single large number may be a multiple of anything.
    large = size.unique()[-FEWEST_LEVELS:].amin()
    exponent = torch.minimum(size, large).log10().floor()
    for digits in range(1, DIGITS + 1):
        step = 10.0 ** (exponent - digits + 1)
        if PARTS * precision > 10.0 ** (1 - digits):
            break
        off = size - step * (size / step).round()
        if bool((off.abs() <= 4 * precision * size).all()):
            return float(step.square().sum()) / len(values) / 12
    return 0.0
