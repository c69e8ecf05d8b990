"""Monomials that are plain products of jets, and the order in which terms are written."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sympy

from pdenet.pde.expression import MAX_POWER, Monomial
from pdenet.pde.jet import Jet, jet_from_name, jets_in

__all__ = ["jet_powers", "term_order"]


@lru_cache(maxsize=65536)
def jet_powers(
    monomial: sympy.Expr, fields: tuple[str, ...], ndim: int
) -> tuple[tuple[Jet, int], ...] | None:
    """The jets of a product of whole positive powers of jet symbols, or None for all else."""
    if monomial == 1:
        return ()
    powers = []
    for factor in sympy.Mul.make_args(monomial):
        base, power = factor.as_base_exp()
        if not (base.is_Symbol and base.is_real and power.is_Integer and 0 < power <= MAX_POWER):
            return None
        jet = jet_from_name(base.name, fields, ndim)
        if jet is None or jet.name != base.name:
            return None
        powers.append((jet, int(power)))
    return tuple(powers)


def term_order(fields: tuple[str, ...], ndim: int) -> Callable[[Monomial], Any]:
    """Lowest derivative first, then lowest degree, then by jets; what is no power comes after."""

    def key(monomial: Monomial) -> Any:
        powers = jet_powers(monomial, fields, ndim)
        if powers is None:
            jets = jets_in(monomial, fields, ndim)
            return max(jet.order for jet in jets), math.inf, [], str(monomial)
        order = max((jet.order for jet, _ in powers), default=0)
        degree = sum(power for _, power in powers)
        ranked = sorted((fields.index(jet.field), jet, power) for jet, power in powers)
        return order, degree, ranked, ""

    return key
