"""Jet variables: a field and its derivatives in space, as symbols.

A jet variable is a field with a multi-index: u_xxy is ("u", (2, 1)). Derivatives commute, so u_xy
and u_yx are one symbol. In SymPy a jet variable is a plain real symbol of that name, and the chain
rule is the total derivative D_x F = ∂F/∂x + Σ_J u_(J+x) ∂F/∂u_J.

Reference: P. J. Olver, Applications of Lie Groups to Differential Equations, 2nd ed., §2.3.
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sympy

from pdenet.grid import AXES

__all__ = ["AXES", "FIELD", "Jet", "jet_from_name", "jets_in", "sorted_jets", "total_derivative"]

FIELD = re.compile(r"[A-Za-z][A-Za-z0-9]{0,31}")


@dataclass(frozen=True)
class Jet:
    """The derivative of `field` that `index` counts along each axis; (0, 0) is the field itself.

    Jets are ordered by total order, then field, then x before y before z.
    """

    field: str
    index: tuple[int, ...]

    @property
    def order(self) -> int:
        """Total order of the derivative."""
        return sum(self.index)

    @property
    def name(self) -> str:
        """The name as it is typed: "u", "u_x", "u_xxy"."""
        axes = "".join(axis * count for axis, count in zip(AXES, self.index, strict=False))
        return f"{self.field}_{axes}" if axes else self.field

    @property
    def symbol(self) -> sympy.Symbol:
        """The real SymPy symbol of that name."""
        return _symbol(self.name)

    def derivative(self, axis: int) -> "Jet":
        """The jet with one derivative more along `axis`."""
        index = tuple(count + (k == axis) for k, count in enumerate(self.index))
        return Jet(self.field, index)

    def __lt__(self, other: "Jet") -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[int, str, tuple[int, ...]]:
        return self.order, self.field, tuple(-count for count in self.index)

    @staticmethod
    def all(fields: Sequence[str], ndim: int, max_order: int) -> tuple["Jet", ...]:
        """Every jet of `fields` up to a total order: u, u_x, u_y, u_xx, u_xy, u_yy, v, v_x, ..."""
        indices = itertools.product(range(max_order + 1), repeat=ndim)
        kept = [index for index in indices if sum(index) <= max_order]
        return sorted_jets((Jet(field, index) for field in fields for index in kept), fields)


def sorted_jets(jets: Iterable[Jet], fields: Sequence[str]) -> tuple[Jet, ...]:
    """The jets in canonical order: by field as listed, then order, then x before y before z."""
    return tuple(sorted(jets, key=lambda jet: (fields.index(jet.field), jet)))


@lru_cache(maxsize=4096)
def jet_from_name(name: str, fields: tuple[str, ...], ndim: int) -> Jet | None:
    """The jet that `name` spells, in any order of the axes, or None if it spells none."""
    field, underscore, axes = name.partition("_")
    if field not in fields or (underscore and not axes):
        return None
    if any(axis not in AXES[:ndim] for axis in axes):
        return None
    return Jet(field, tuple(axes.count(axis) for axis in AXES[:ndim]))


def jets_in(expression: sympy.Expr, fields: tuple[str, ...], ndim: int) -> set[Jet]:
    """The jets that occur in an expression."""
    found = (jet_from_name(symbol.name, fields, ndim) for symbol in expression.free_symbols)
    return {jet for jet in found if jet is not None}


def total_derivative(
    expression: sympy.Expr, axis: int, fields: tuple[str, ...], ndim: int
) -> sympy.Expr:
    """The total derivative D_axis F = ∂F/∂axis + Σ_J u_(J+axis) ∂F/∂u_J of an expression F."""
    zero, one = sympy.Integer(0), sympy.Integer(1)

    # One pass over the tree; SymPy's diff() would make one for every jet.
    def derive(node: sympy.Expr) -> sympy.Expr:
        if node.is_Symbol:
            jet = jet_from_name(node.name, fields, ndim)
            if jet is not None:
                return jet.derivative(axis).symbol
            return one if node.name == AXES[axis] else zero
        if node.is_Add:
            return sympy.Add(*map(derive, node.args))
        if node.is_Mul:
            parts = [(k, derive(factor)) for k, factor in enumerate(node.args)]
            return sympy.Add(
                *(
                    sympy.Mul(part, *node.args[:k], *node.args[k + 1 :])
                    for k, part in parts
                    if not part.is_zero
                )
            )
        if node.is_Pow:
            base, power = node.args
            return power * base ** (power - 1) * derive(base)
        if node.args:
            return node.fdiff(1) * derive(node.args[0])
        return zero

    return derive(expression)


@lru_cache(maxsize=4096)
def _symbol(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, real=True)
