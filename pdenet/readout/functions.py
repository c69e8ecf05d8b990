"""The function units of a network as terms of an equation, and the way back.

A unit is c φ(P) with P a polynomial in the jets and φ = sin, cos or exp, or c P Q / (Q² + ε²) with
two of them: expressions that a PDE holds, and the very function that the network computes.

What small terms of P do is bounded, which is how they are judged: a change δ of P changes sin P and
cos P by at most |δ|, and exp P, or a quotient, by a share of about |δ| or |δ|/|P|.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import sympy

from pdenet.nn.symnet import DIVISION_FLOOR
from pdenet.pde.expression import Monomial, expansion_of, number
from pdenet.pde.jet import Jet
from pdenet.pde.monomial import jet_powers

__all__ = ["FunctionTerm", "affine_function"]


@dataclass(frozen=True, eq=False)
class FunctionTerm:
    """One function unit in the equation of one field, in physical units.

    name: as in `pdenet.nn.symnet.FUNCTIONS`. coefficient: c. arguments: (1 or 2, term), the
    coefficients of P (and Q) over the monomials of an expansion.
    """

    field: str
    name: str
    coefficient: float
    arguments: np.ndarray

    def terms(self, monomial: Callable[[int], Monomial]) -> dict[Monomial, float]:
        """What stands in an equation, {monomial: coefficient}; one for each term of P Q.

        monomial: of a column of `arguments`.
        """
        first, *second = (
            [(monomial(k), value) for k, value in _terms(row)] for row in self.arguments
        )
        if not second:
            argument = sympy.Add(*(number(value) * m for m, value in first))
            return {getattr(sympy, self.name)(argument): self.coefficient}
        below = sympy.Add(*(number(value) * m for m, value in second[0]))
        share = 1 / (below**2 + number(DIVISION_FLOOR**2))
        found: dict[Monomial, float] = {}
        for m, p in first:
            for n, q in second[0]:
                key = m * n * share
                found[key] = found.get(key, 0.0) + self.coefficient * p * q
        return found

    def values(self, monomials: np.ndarray) -> np.ndarray:
        """The function without its coefficient at points: monomials (term, point) -> (point,)."""
        found = self.arguments @ monomials
        if self.name == "divide":
            above, below = found
            quotient: np.ndarray = above * below / (below**2 + DIVISION_FLOOR**2)
            return quotient
        values: np.ndarray = getattr(np, self.name)(found[0])
        return values

    def without_small(
        self, sizes: np.ndarray, share: float = 1e-3, most: int | None = None
    ) -> FunctionTerm:
        """The same with only those terms of the arguments that matter.

        sizes: root mean square of every monomial (term,). share: what is dropped from an argument
        changes it by less than this, absolutely within a function and relatively in a quotient.
        most: the largest number of terms of an argument.
        """
        size = np.abs(self.arguments) * sizes
        whole = size.max(axis=1, keepdims=True) if self.name == "divide" else 1.0
        keep = size >= share * whole
        if most is not None:
            rank = np.argsort(np.argsort(-size, axis=1, kind="stable"), axis=1)
            keep &= rank < most
        return replace(self, arguments=np.where(keep, self.arguments, 0.0))


def _terms(row: np.ndarray) -> list[tuple[int, float]]:
    return [(k, float(row[k])) for k in np.flatnonzero(row).tolist()]


def affine_function(
    monomial: Monomial, fields: tuple[str, ...], ndim: int
) -> tuple[str, dict[Jet | None, float]] | None:
    """The name and the argument of a function of an affine argument, or None for all else.

    The argument is {jet: slope, None: constant}. A product of exponentials is one exponential.
    """
    factors = sympy.Mul.make_args(monomial)
    if len(factors) == 1 and factors[0].func in (sympy.sin, sympy.cos):
        name, argument = factors[0].func.__name__, factors[0].args[0]
    elif all(factor.func is sympy.exp for factor in factors):
        name, argument = "exp", sympy.Add(*(factor.args[0] for factor in factors))
    else:
        return None
    found: dict[Jet | None, float] = {}
    for part, bases in expansion_of(argument, fields, ndim).items():
        powers = jet_powers(part, fields, ndim)
        if powers is None or sum(power for _, power in powers) > 1 or bases.keys() != {1}:
            return None
        found[powers[0][0] if powers else None] = bases[sympy.Integer(1)]
    return name, found
