"""How many functions an unknown function is a sum of: as many levels as the data ask for.

An unknown function is a ladder of levels, each with all below it. χ² falls with every level; one is
worth it where χ² falls by more than 2 for each of its functions (Akaike's criterion). A curve is
there to be near the true one, not to say which function it is: the price of Schwarz' criterion, by
which terms are judged, would leave out functions whose coefficients are three standard errors away
from zero, and the curve would be off by more than its errors.

A formula is a claim, and pays that price: functions leave the level one by one for as long as they
are not worth it, and what is left is a formula where it is short and those that left say nothing
together either, χ² being higher without them by no more than chance makes it.

Sources: Akaike, IEEE Trans. Autom. Control 19 (1974) 716-723; Shibata, Biometrika 68 (1981) 45-54
(its choice of a number of functions is the best for the curve).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from pdenet.library.terms import Library

__all__ = ["CURVE", "Ladder", "climbed", "is_short", "ladders_of", "shortened"]

CURVE = 2.0
"""What χ² must fall by for each function of a curve."""

SHORT = 3
"""Functions of a formula, at most."""

ROUNDS = 4
"""How often the levels of several unknown functions are chosen anew, at most."""

Ladder = tuple[tuple[int, ...], ...]
"""The places of the terms of each level of an unknown function, from the constant on."""


def ladders_of(library: Library) -> tuple[Ladder, ...]:
    """The unknown functions of a library, in the order in which they occur."""
    found: dict[str, dict[int, list[int]]] = {}
    for place, term in enumerate(library.terms):
        if term.part is not None:
            found.setdefault(term.part.name, {}).setdefault(term.part.level, []).append(place)
    return tuple(
        tuple(tuple(levels[level]) for level in sorted(levels)) for levels in found.values()
    )


def climbed(
    value: Callable[[Sequence[int]], float],
    others: Iterable[int],
    ladders: Sequence[Ladder],
    price: float,
    excluded: frozenset[int] = frozenset(),
) -> list[int]:
    """These terms and those of the best level of each ladder. value: the least χ² of some terms.
    excluded: terms from whose level on nothing is climbed."""
    base = sorted(others)
    heights = [1] * len(ladders)
    for _ in range(ROUNDS):
        before = list(heights)
        for k, ladder in enumerate(ladders):
            rest = [*base, *_terms(ladders, heights, without=k)]
            tried = []
            for height in range(1, len(ladder) + 1):
                own = [term for level in ladder[:height] for term in level]
                if height > 1 and excluded & set(own):
                    break
                tried.append((value(sorted([*rest, *own])) + price * len(own), height))
            heights[k] = min(tried)[1]
        if heights == before:
            break
    return sorted([*base, *_terms(ladders, heights)])


def _terms(ladders: Sequence[Ladder], heights: Sequence[int], without: int = -1) -> list[int]:
    pairs = enumerate(zip(ladders, heights, strict=True))
    return [
        term
        for k, (ladder, height) in pairs
        if k != without
        for level in ladder[:height]
        for term in level
    ]


def shortened(
    value: Callable[[Sequence[int]], float],
    kept: Sequence[int],
    ladders: Sequence[Ladder],
    price: float,
    noise: float,
) -> list[int]:
    """The terms without those of ladders that a formula does not need. price: of a term that is
    claimed. noise: χ² that chance makes of one function."""
    found = list(kept)
    for ladder in ladders:
        own = {term for level in ladder for term in level}
        rest, inside = [k for k in found if k not in own], [k for k in found if k in own]
        whole = now = value(found)
        while inside:
            others = [(value(sorted({*rest, *inside} - {term})), term) for term in inside]
            after, worst = min(others)
            if after - now > price:
                break
            now = after
            inside.remove(worst)
        left = len(found) - len(rest) - len(inside)
        chance = noise * (left + 2 * math.sqrt(2 * left))
        if inside and is_short(inside) and now - whole <= chance:
            found = sorted([*rest, *inside])
    return found


def is_short(terms: Sequence[int]) -> bool:
    """Whether so many functions can be a formula."""
    return len(terms) <= SHORT
