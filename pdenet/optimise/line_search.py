"""A strong Wolfe line search with cubic interpolation that takes NaN for "too far".

For φ(t) = f(x + t d) with φ'(0) < 0, find t with

    φ(t) ≤ φ(0) + c₁ t φ'(0)        (sufficient decrease)
    |φ'(t)| ≤ c₂ |φ'(0)|            (curvature)

Steps grow until such a point is bracketed, then the bracket shrinks by the minimum of the cubic
through the values and slopes at its ends. A point where φ is NaN or infinite ends the bracket
with an infinite value.

Reference: Nocedal, Wright, Numerical Optimization, 2nd ed., algorithms 3.5 and 3.6, eq. 3.59.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Point", "search"]


@dataclass(frozen=True)
class Point:
    """φ at t: value, slope φ'(t) and the full gradient; value inf where it is not finite."""

    t: float
    value: float
    slope: float
    gradient: Tensor


def search(
    evaluate: Callable[[float], Point],
    start: Point,
    first: float,
    *,
    limit: float,
    sufficient_decrease: float,
    curvature: float,
    max_evaluations: int,
) -> tuple[Point | None, int, int]:
    """A point that fulfils the strong Wolfe conditions, or the lowest with sufficient decrease.

    start: φ at 0. first: first trial step. limit: largest step.
    Returns (point or None, evaluations, evaluations that were not finite). None where no trial
    step lowered φ enough.
    """

    def decreases(point: Point) -> bool:
        return point.value <= start.value + sufficient_decrease * point.t * start.slope

    def is_flat(point: Point) -> bool:
        return abs(point.slope) <= curvature * abs(start.slope)

    evaluations = undone = 0
    low, high = start, None  # low: the lowest so far with sufficient decrease
    t = first
    while evaluations < max_evaluations:
        point = evaluate(t)
        evaluations += 1
        undone += not math.isfinite(point.value)
        if not decreases(point) or (point.value >= low.value and low.t > 0):
            high = point
        elif is_flat(point):
            return point, evaluations, undone
        elif high is None and point.slope < 0:
            if point.t >= limit:
                return point, evaluations, undone
            t = min(limit, _grow(low, point))
            low = point
            continue
        else:
            if high is None or point.slope * (high.t - low.t) >= 0:
                high = low
            low = point
        if abs(high.t - low.t) <= 1e-12 * max(high.t, low.t):
            break
        t = _inside(low, high)
    return (low if low.t > 0 else None), evaluations, undone


def _grow(low: Point, point: Point) -> float:
    """The next, larger step beyond `point`, where φ still falls."""
    t = _cubic_minimum(low, point)
    near, far = point.t + 0.1 * (point.t - low.t), 10.0 * point.t
    return (
        min(max(t, near), far)
        if math.isfinite(t) and t > point.t
        else min(far, 2.0 * point.t + near)
    )


def _inside(low: Point, high: Point) -> float:
    """The next step inside the bracket."""
    width = high.t - low.t
    if not math.isfinite(high.value):
        return low.t + 0.2 * width
    t = _cubic_minimum(low, high)
    if not math.isfinite(t):
        return low.t + 0.5 * width
    margin = 0.1 * abs(width)
    return min(max(t, min(low.t, high.t) + margin), max(low.t, high.t) - margin)


def _cubic_minimum(a: Point, b: Point) -> float:
    """Minimum of the cubic through both values and slopes; NaN where it has none."""
    d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0.0:
        return math.nan
    d2 = math.copysign(math.sqrt(square), b.t - a.t)
    divisor = b.slope - a.slope + 2.0 * d2
    return b.t - (b.t - a.t) * (b.slope + d2 - d1) / divisor if divisor else math.nan
