"""Products that stand in a right-hand side, and their values and derivatives at every point.

A term of u_t is coefficient · B · G · v_1 v_2 .. v_n: jets v_i, a function G of jets that is no
product (sin(u), 1/(1 + u²)), and a function B of the coordinates. The derivative of the product
along a jet is a sum of such products again, which is what linearised rollouts are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

from pdenet.pde.expression import MAX_POWER
from pdenet.pde.jet import Jet, jet_from_name, jets_in
from pdenet.types import Jets

__all__ = ["ONE", "Product", "evaluate", "values_of"]

ONE = sympy.Integer(1)


@dataclass(frozen=True)
class Product:
    """B · G · v_1 v_2 .. v_n.

    jets: the v_i, in a fixed order. function: G, an expression in jets. basis: B, an expression in
    the coordinates, or a symbol that stands for an array on the grid.
    """

    jets: tuple[Jet, ...] = ()
    function: sympy.Expr = ONE
    basis: sympy.Expr = ONE

    @classmethod
    def of(
        cls, monomial: sympy.Expr, fields: tuple[str, ...], ndim: int, basis: sympy.Expr = ONE
    ) -> Product:
        """The monomial of a PDE with its basis: whole powers of jets, and what is left."""
        jets: list[Jet] = []
        rest: list[sympy.Expr] = []
        for factor in sympy.Mul.make_args(monomial):
            base, power = factor.as_base_exp()
            jet = jet_from_name(base.name, fields, ndim) if base.is_Symbol else None
            if jet is not None and power.is_Integer and 0 < power <= MAX_POWER:
                jets += [jet] * int(power)
            elif factor != ONE:
                rest.append(factor)
        return cls(tuple(jets), sympy.Mul(*rest), basis)

    @property
    def bare(self) -> Product:
        """The same without its function of the coordinates."""
        return Product(self.jets, self.function)

    @property
    def monomial(self) -> sympy.Expr:
        """The product as an expression."""
        return sympy.Mul(self.basis, self.function, *(jet.symbol for jet in self.jets))

    def all_jets(self, fields: tuple[str, ...], ndim: int) -> set[Jet]:
        """Every jet that occurs, in G too."""
        return {*self.jets, *jets_in(self.function, fields, ndim)}

    @property
    def order(self) -> int:
        """Of all its derivatives together."""
        return sum(jet.order for jet in self.jets)

    @property
    def linear(self) -> Jet | None:
        """The jet that this is, if it is one jet and nothing else."""
        plain = self.function == ONE and self.basis == ONE and len(self.jets) == 1
        return self.jets[0] if plain else None

    def derivatives(self, fields: tuple[str, ...], ndim: int) -> Iterator[tuple[Jet, Product]]:
        """Pairs (v, P) such that the differential of this product is Σ P dv."""
        for k, jet in enumerate(self.jets):
            yield jet, Product(self.jets[:k] + self.jets[k + 1 :], self.function, self.basis)
        for jet in sorted(jets_in(self.function, fields, ndim)):
            slope = sympy.diff(self.function, jet.symbol)
            yield jet, Product(self.jets, slope, self.basis)


def values_of(
    jets: Jets, order: Sequence[Jet], bases: Mapping[sympy.Expr, Tensor]
) -> Callable[[Product], Tensor]:
    """Products at every point, (batch, *space) or what broadcasts to it, each part made once.

    jets: (batch, variable, *space); order: which jet each variable is; bases: values (*space) of
    the functions of the coordinates, (batch, *space) or what broadcasts to it of those of time.
    """
    place = {jet: k for k, jet in enumerate(order)}
    known: dict[tuple[Jet, ...], Tensor] = {}
    functions: dict[sympy.Expr, Tensor | float] = {
        jet.symbol: jets[:, k] for jet, k in place.items()
    }

    def product(factors: tuple[Jet, ...]) -> Tensor:
        if factors not in known:
            last = jets[:, place[factors[-1]]]
            known[factors] = product(factors[:-1]) * last if len(factors) > 1 else last
        return known[factors]

    def value(wanted: Product) -> Tensor:
        parts: list[Tensor | float] = [product(wanted.jets)] if wanted.jets else []
        if wanted.function != ONE:
            parts.append(evaluate(wanted.function, functions))
        if wanted.basis != ONE:
            parts.append(bases[wanted.basis])
        result: Tensor | float = parts[0] if parts else 1.0
        for part in parts[1:]:
            result = result * part
        if isinstance(result, Tensor) and result.shape == jets[:, 0].shape:
            return result
        return torch.ones_like(jets[:, 0]) * result

    return value


def evaluate(node: sympy.Expr, known: dict[sympy.Expr, Tensor | float]) -> Tensor | float:
    """An expression, by a walk over its tree.

    known: the value of each symbol; it keeps what is computed, for expressions to come.
    """
    if node not in known:
        if node.is_number:
            return float(node)
        parts = [evaluate(part, known) for part in node.args]
        known[node] = _apply(node, parts)
    return known[node]


def _apply(node: sympy.Expr, parts: list[Tensor | float]) -> Tensor | float:
    result = parts[0]
    if node.is_Add:
        for part in parts[1:]:
            result = result + part
    elif node.is_Mul:
        for part in parts[1:]:
            result = result * part
    elif node.is_Pow:
        result = result ** int(node.exp)
    else:
        function = getattr(torch, node.func.__name__)  # sin, cos, exp, tanh: PDEs hold no others
        result = function(result)
    return result
