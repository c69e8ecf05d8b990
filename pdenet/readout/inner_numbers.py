"""Numbers inside functions: c·φ(w v) with φ = sin, cos, exp or tanh of one jet v.

A network knows w to a per cent, and its right-hand side is not linear in it. Near a value w_0

    c φ(w v) ≈ c φ(w_0 v) + c (w − w_0) v φ'(w_0 v),

so v φ'(w_0 v) joins the candidates as a term of its own. With w_0 the whole number next to w,
held-out trajectories then decide: where that term leaves, w is w_0; where it stays with a
coefficient d, w becomes w_0 + d/c, and the question is asked again there.

A phase inside sin and cos is split off first: sin(w v + b) = cos(b) sin(w v) + sin(b) cos(w v).

Reference: Gauss-Newton for one parameter of a separable model: Golub, Pereyra, SIAM J. Numer. Anal.
10 (1973) 413-432.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

from pdenet.library.product import Product
from pdenet.library.terms import Library, Term
from pdenet.pde import PDE
from pdenet.pde.expression import FUNCTIONS, number
from pdenet.pde.jet import AXES
from pdenet.readout.steps import Reading
from pdenet.results.equation import DiscoveredEquation

__all__ = ["has_arguments", "read_functions"]

ROUNDS = 3
"""How often the numbers inside functions are improved, at most."""

NEAR = 0.05
"""Relative distance within which a whole number is tried for the number inside a function."""


@dataclass(frozen=True)
class _Argument:
    """φ(w v): the function, the number and the jet's symbol."""

    function: sympy.FunctionClass
    factor: float
    symbol: sympy.Symbol

    @property
    def value(self) -> sympy.Expr:
        return self.function(number(self.factor) * self.symbol)

    @property
    def slope(self) -> sympy.Expr:
        """v φ'(w v)."""
        inside = sympy.Dummy(real=True)
        derivative = self.function(inside).diff(inside)
        return self.symbol * derivative.xreplace({inside: number(self.factor) * self.symbol})


def has_arguments(pde: PDE) -> bool:
    """Whether some term of the PDE is a function of one jet."""
    return any(_argument(m) for table in pde.terms().values() for m in table)


def read_functions(reading: Reading, pde: PDE) -> DiscoveredEquation:
    """The equation of candidates some of which are functions of one jet."""
    pde, whole = _without_phases(pde), True
    for _ in range(ROUNDS):
        library, values, slopes = _with_slopes(pde, whole)
        problem, x = reading.select(library, values)
        moved = [term for term in problem.library.terms if term in slopes]
        if not moved:
            break
        pde, whole = _updated(problem.library, x, slopes), False
    else:
        kept = [term not in slopes for term in problem.library.terms]
        chosen = torch.tensor(kept, device=x.device)
        values = x[: len(kept)][chosen]
        smaller = reading.problem(problem.library.only(kept))
        problem, x = smaller, smaller.start(values, problem.moments(x))
    return reading.fit(problem, x)


def _argument(monomial: sympy.Expr) -> _Argument | None:
    """The monomial as φ(w v), if it is one."""
    if monomial.func not in FUNCTIONS.values():
        return None
    factor, rest = monomial.args[0].as_coeff_Mul()
    if not rest.is_Symbol:
        return None
    return _Argument(monomial.func, float(factor), rest)


def _without_phases(pde: PDE) -> PDE:
    """The same with sin(w v + b) and cos(w v + b) as sums of functions of w v."""
    expressions = {}
    for field, table in pde.numeric_terms().items():
        total = sympy.Integer(0)
        for monomial, value in table.items():
            replaced = monomial
            for wave in monomial.atoms(sympy.sin, sympy.cos):
                phase, inside = wave.args[0].as_coeff_Add()
                if phase != 0 and inside != 0:
                    opened = wave.func(inside) * sympy.cos(phase)
                    sign = 1 if wave.func is sympy.sin else -1
                    other = sympy.cos if wave.func is sympy.sin else sympy.sin
                    opened += sign * other(inside) * sympy.sin(phase)
                    replaced = replaced.xreplace({wave: opened})
            total += value * replaced
        expressions[field] = total
    return PDE.from_expressions(expressions, pde.coordinates)


def _with_slopes(pde: PDE, whole: bool) -> tuple[Library, Tensor, dict[Term, Term]]:
    """The library of a PDE with a slope beside each function; whole: try whole numbers inside.

    Returns the coefficients too, and for each slope the function that it belongs to.
    """
    values: dict[Term, float] = {}
    slopes: dict[Term, Term] = {}
    library, coefficients = Library.of(pde)
    for term, value in zip(library.terms, coefficients.tolist(), strict=True):
        argument = _argument(term.monomial)
        if argument is None:
            values[term] = values.get(term, 0.0) + value
            continue
        nearest = float(round(argument.factor))
        if whole and nearest and abs(argument.factor - nearest) <= NEAR * abs(nearest):
            argument = _Argument(argument.function, nearest, argument.symbol)
        here = _term(term, argument.value, pde)
        values[here] = values.get(here, 0.0) + value
        slope = _term(term, argument.slope, pde)
        values.setdefault(slope, 0.0)
        slopes[slope] = here
    library = Library(library.fields, library.ndim, tuple(values))
    return library, torch.tensor(list(values.values()), dtype=torch.float64), slopes


def _updated(library: Library, x: Tensor, slopes: dict[Term, Term]) -> PDE:
    """The PDE with the numbers inside its functions where the slopes say they are."""
    found = dict(zip(library.terms, x.tolist(), strict=False))
    table: dict[str, dict[sympy.Expr, float]] = {field: {} for field in library.fields}
    steps = {slopes[term]: value for term, value in found.items() if term in slopes}
    for term, value in found.items():
        if term in slopes:
            continue
        name, argument = term.name, _argument(term.monomial)
        if argument is not None and term in steps and value:
            most = 0.25 * abs(argument.factor)  # beyond this the slope says nothing
            step = min(max(steps[term] / value, -most), most)
            name = _Argument(argument.function, argument.factor + step, argument.symbol).value
        table[term.field][name] = table[term.field].get(name, 0.0) + value
    return PDE.from_terms(table, AXES[: library.ndim])


def _term(like: Term, monomial: sympy.Expr, pde: PDE) -> Term:
    product = Product.of(monomial, pde.fields, pde.ndim, like.product.basis)
    return Term(like.field, monomial, product)
