"""What measurement would decide, where the data do not: from what they tell already.

χ² between two equations, and the information on a coefficient, grow in proportion to the number of
values of the same kind and to 1/σ². With N times as many values, or σ/√N:

- an equation with odds o and m terms more or less: −2 log o = s − m p, p the price of a term now
  (`choose`). It is excluded, or taken, where odds are d: N s = m (p + log N) − 2 log d.
- a coefficient c with the error e stands D errors away from zero: N = (D e/c)².

Of a family, and of terms that the data hardly tell apart, more of the same says nothing: other
initial fields do, on which the combination of products that is near zero is not. Where waves that
the grid does not hold stand above the noise, it takes points half as far apart. Neighbouring frames
with the correlation r = 1 − (Δt/τ)²/2 are near enough where it is R: Δt √((1 − R)/(1 − r)), with
Taylor's time scale τ. Where nothing of this can be computed nothing is said.

Source of τ: Taylor, Proc. R. Soc. A 164 (1938) 476-490.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pdenet.library.product import Product
from pdenet.likelihood.verdict.misfit import Final
from pdenet.pde.render import format_monomial, format_number
from pdenet.results.refinement import Alternative

__all__ = ["finer_data", "more_values", "other_fields", "summed", "surer", "to_exclude"]

SURE = 3.0
"""Standard errors away from zero at which a coefficient is said to be there."""

EXCLUDED = 0.05
"""Odds at which an equation is excluded."""

MOST = 1e3
"""Times as many values, from which on nobody would measure more of the same."""

FOLLOWED, LOST = 0.9, 0.5
"""R, and the correlation of neighbouring frames below which frames are said to be too far apart."""

ROUNDS = 60
"""Of the fixed point N ← (m (p + log N) − 2 log d)/s: its slope is m/(N s), below a tenth."""


def to_exclude(other: Alternative, terms: int, price: float) -> float | None:
    """N for an alternative; None where it fits no worse, so that more of the same may not help.
    terms: of the equation found. price: p."""
    more = other.terms - terms
    apart = -2 * math.log(max(other.odds, 1e-300)) - more * price
    apart = -apart if more > 0 else apart
    if not apart > 0:
        return None
    times = 1.0
    for _ in range(ROUNDS):
        paid = abs(more) * (price + math.log(max(times, 1.0)))
        times = (paid - 2 * math.log(EXCLUDED)) / apart
    return times


def surer(coefficients: Sequence[float], errors: Sequence[float]) -> float:
    """N for the least sure of some coefficients; inf where one of them is zero."""
    pairs = zip(coefficients, errors, strict=True)
    return max((SURE * e / abs(c)) ** 2 if c != 0 else math.inf for c, e in pairs)


def more_values(times: float, aim: str) -> str:
    """How many times as many values are needed for an aim, as a sentence."""
    if not times > 1:
        return ""
    if times > MOST:
        return f"More than {MOST:g} times as many values of this kind would be needed {aim}"
    return (
        f"About {times:.2g} times as many values of this kind, or noise {math.sqrt(times):.2g} "
        f"times lower, would be needed {aim}"
    )


def other_fields(products: Sequence[Product], coefficients: Sequence[float]) -> str:
    """Which initial fields tell products apart whose sum is near zero on these data."""
    if len(products) == 1 and products[0].linear is not None:
        index = products[0].linear.index
        axes = " and ".join(axis for axis, count in zip("xyz", index, strict=False) if count)
        return f"Initial fields that change along {axes} would decide"
    near = summed([each.monomial for each in products], coefficients)
    return f"Initial fields on which {near} is not near zero would decide: {_kind(products)}"


def _kind(products: Sequence[Product]) -> str:
    """What such fields are, in words."""
    if len(products) == 2:
        fewer, more = sorted((list(each.jets) for each in products), key=len)
        rest = [jet for jet in more if jet not in fewer]
        if len(more) == len(fewer) + 1 and len(rest) == 1 and rest[0].order == 0:
            return f"such as vary more around the mean of {rest[0].field}"
    if all(len(each.jets) == 1 for each in products):
        return "waves of other lengths, or of several at once"
    return "waves of another amplitude or speed, or several that meet"


def summed(names: Sequence[object], coefficients: Sequence[float]) -> str:
    """A sum of products by name, as text: "u_xx + 4*u - 6*u**2"."""
    parts: list[str] = []
    for name, value in zip(names, coefficients, strict=True):
        text = format_monomial(name)
        size = format_number(abs(value), 4, "text")
        body = size if text == "1" else text if size == "1" else f"{size}*{text}"
        sign = " - " if value < 0 else " + "
        parts.append((sign if parts else sign.strip(" +")) + body)
    return "".join(parts) or "0"


def finer_data(final: Final) -> str:
    """Which points or frames an equation that explains nothing may lack; "" where data are fine."""
    told = [*_points(final), *_frames(final)]
    return f"It may take {' and '.join(told)}" if told else ""


def _points(final: Final) -> Iterator[str]:
    setup = final.setup
    grid, variance = setup.problem.grid, float(setup.sigma.square().mean())
    if float(setup.beyond(grid).mean()) > variance:
        steps = " and ".join(
            f"{step / 2:.3g} along {axis}"
            for axis, step in zip(grid.axes, grid.spacing, strict=True)
        )
        yield (
            f"points at most {steps} apart, since waves that are too short for the grid stand "
            "above the noise"
        )


def _frames(final: Final) -> Iterator[str]:
    setup, seen = final.setup, final.setup.seen
    count = seen.seen.sum().clamp_min(1)
    away = (seen.values - (seen.values * seen.seen).sum() / count) * seen.seen
    both = seen.seen[:, 1:] * seen.seen[:, :-1]
    noise = float((setup.sigma.square() * seen.count).sum() / count)
    whole = float(away.square().sum() / count) - noise
    alike = float((away[:, 1:] * away[:, :-1]).sum() / both.sum().clamp_min(1)) / max(whole, 1e-300)
    if whole > noise and alike < LOST:
        step = setup.dt * math.sqrt((1 - FOLLOWED) / (1 - alike))
        yield (
            f"frames at most {step:.2g} apart, since neighbouring ones, {setup.dt:.3g} apart, have "
            f"a correlation of only {alike:.2g}"
        )
