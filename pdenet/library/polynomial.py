"""Exact polynomial arithmetic up to a degree, on coefficient vectors.

All monomials of m variables up to degree d are numbered once, by degree and then
lexicographically; a polynomial is the vector of its coefficients, and a product is one pass over
the table of pairs (a, b) with deg a + deg b ≤ d:

    (p q)_c = Σ over a + b = c of p_a q_b.

What is above the degree never flows back down, so every coefficient that is kept is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = ["Monomials", "degree_within", "monomials"]


@dataclass(frozen=True, eq=False)
class Monomials:
    """The monomials of `variables` variables up to `degree`.

    powers: (monomial, variable), int64, degree by degree; row 0 is the constant, rows 1..m the
    variables themselves. left, right, target: the table of products. parent, factor: each monomial
    but the constant is that of row `parent` times the variable `factor`.
    """

    powers: np.ndarray
    left: np.ndarray
    right: np.ndarray
    target: np.ndarray
    parent: np.ndarray
    factor: np.ndarray

    def __len__(self) -> int:
        return len(self.powers)

    def linear(self, constant: float, slopes: np.ndarray) -> np.ndarray:
        """The polynomial constant + Σ slopes_i z_i."""
        polynomial = np.zeros(len(self))
        polynomial[0] = constant
        polynomial[1 : 1 + len(slopes)] = slopes
        return polynomial

    def multiply(self, p: np.ndarray, q: np.ndarray) -> np.ndarray:
        """The product of two polynomials, without what is above the degree."""
        weights = p[self.left] * q[self.right]
        return np.bincount(self.target, weights=weights, minlength=len(self))


def degree_within(variables: int, most: int, limit: int) -> int:
    """The largest degree up to `limit` at which there are at most `most` monomials; at least 1."""
    degree = 1
    while degree < limit and math.comb(variables + degree + 1, variables) <= most:
        degree += 1
    return degree


@lru_cache(maxsize=8)
def monomials(variables: int, degree: int) -> Monomials:
    """The numbering and the table of products for so many variables and this degree."""
    levels = [np.zeros((1, variables), dtype=np.int64)]
    unit = np.eye(variables, dtype=np.int64)
    for _ in range(degree):
        # Raise each monomial by the variables up to its first one: each is made once.
        previous = levels[-1]
        first = np.where(previous.any(1), (previous > 0).argmax(1), variables - 1)
        raised = [previous[first >= v] + unit[v] for v in range(variables)]
        level = np.concatenate(raised)
        levels.append(level[np.lexsort(level.T[::-1])[::-1]])
    powers = np.concatenate(levels)
    # Mixed radix: a number for each monomial that adds when monomials multiply.
    radix = (degree + 1) ** np.arange(variables, dtype=object)
    codes = (powers.astype(object) @ radix) if variables else np.zeros(1, dtype=object)
    codes = codes.astype(np.int64) if int(radix[-1]) * (degree + 1) < 2**62 else codes
    order = np.argsort(codes)
    starts = np.cumsum([0] + [len(level) for level in levels])
    left, right = [], []
    for d, level in enumerate(levels):
        fits = np.arange(starts[degree - d + 1])
        rows = np.arange(starts[d], starts[d] + len(level))
        left.append(np.repeat(rows, len(fits)))
        right.append(np.tile(fits, len(rows)))
    pairs = np.concatenate(left), np.concatenate(right)
    target = order[np.searchsorted(codes[order], codes[pairs[0]] + codes[pairs[1]])]
    linear = (pairs[0] >= 1) & (pairs[0] <= variables)
    parent, factor = np.zeros(len(powers), dtype=np.int64), np.zeros(len(powers), dtype=np.int64)
    parent[target[linear]] = pairs[1][linear]
    factor[target[linear]] = pairs[0][linear] - 1
    return Monomials(powers, *pairs, target, parent, factor)
