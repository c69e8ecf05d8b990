"""Equations that hold unknowns: numbers and functions that data are to tell.

    u_t = a(x)*u_x + b*u_xx,    u_t = D*u_xx + f(u),    u_t = b(t)*u_xx + g(x, t)

A name applied to coordinates or to a field is a function of them, a name by itself a number. Each
stands in one term, as a factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy

from pdenet.errors import EquationError
from pdenet.pde.definition import PDE
from pdenet.pde.expression import Basis, Monomial, number
from pdenet.pde.monomial import term_order
from pdenet.pde.parse import parse
from pdenet.pde.render import format_monomial

__all__ = ["OpenPDE", "UnknownTerm"]


@dataclass(frozen=True)
class UnknownTerm:
    """A term whose coefficient is not known: factor · name(arguments) · monomial in the equation of
    a field.

    arguments: coordinates, "t" last, or one field; none for a number. monomial: of jets, 1 for a
    source or a forcing. factor: a number times a function of the coordinates that is known.
    """

    name: str
    arguments: tuple[str, ...]
    field: str
    monomial: Monomial
    factor: sympy.Expr

    @property
    def text(self) -> str:
        """a(x, t), or b."""
        return f"{self.name}({', '.join(self.arguments)})" if self.arguments else self.name


@dataclass(frozen=True)
class OpenPDE:
    """What is known of an equation, and the terms whose coefficients are not."""

    pde: PDE
    unknown: tuple[UnknownTerm, ...]

    @classmethod
    def from_text(
        cls,
        text: str,
        coordinates: Sequence[str],
        parameters: Mapping[str, float] | None = None,
        given: Sequence[str] = (),
    ) -> OpenPDE:
        """The equations in a text, as `PDE.from_text` reads them, with names that have no value.

        Raises EquationError, also for an unknown in two terms, and one that is no factor.
        """
        lines = [line for line in text.replace(";", "\n").split("\n") if line.strip()]
        system = parse(lines, coordinates, parameters or {}, given, unknown=True)
        known: dict[str, dict[Monomial, sympy.Expr]] = {}
        found: dict[str, UnknownTerm] = {}
        for field, expansion in system.expansions.items():
            known[field] = {}
            for monomial, bases in expansion.items():
                for basis, value in bases.items():
                    term = _unknown_in(field, monomial, number(value) * basis, system.unknown)
                    if term is None:
                        before = known[field].get(monomial, sympy.Integer(0))
                        known[field][monomial] = before + number(value) * basis
                    elif term.name in found:
                        raise EquationError(
                            f"{term.text} stands in two terms, of {_shown(found[term.name])} and "
                            f"of {_shown(term)}: give each its own name"
                        )
                    else:
                        found[term.name] = term
        pde = PDE.from_terms(known, system.coordinates, system.parameters, given).numeric()
        order, fields = term_order(pde.names, pde.ndim), list(pde.fields)
        every = found.values()
        return cls(
            pde,
            tuple(sorted(every, key=lambda each: (fields.index(each.field), order(each.monomial)))),
        )

    def equations(self) -> tuple[str, ...]:
        """One line for each field, the unknown terms last."""
        lines = []
        for line, field in zip(self.pde.equations(), self.pde.fields, strict=True):
            left, equals, right = line.partition(" = ")
            own = [each for each in self.unknown if each.field == field]
            parts = [right] * (right != "0" or not own)
            parts += ["*".join(_factors(each)) for each in own]
            lines.append(left + equals + " + ".join(parts))
        return tuple(lines)


def _factors(term: UnknownTerm) -> list[str]:
    factor = [] if term.factor == 1 else [f"({term.factor})"]
    monomial = [] if term.monomial == 1 else [format_monomial(term.monomial)]
    return [*factor, term.text, *monomial]


def _shown(term: UnknownTerm) -> str:
    return f"{format_monomial(term.monomial)} in {term.field}_t"


def _unknown_in(
    field: str, monomial: Monomial, factor: Basis, unknown: Mapping[str, tuple[str, ...]]
) -> UnknownTerm | None:
    """The unknown that a term holds; None where it holds none."""
    inside = [s for s in monomial.free_symbols if s.name in unknown]
    names = sorted(s.name for s in {*factor.free_symbols, *inside} if s.name in unknown)
    if not names:
        return None
    if len(names) > 1:
        raise EquationError(
            f"{' and '.join(names)} stand in one term: one unknown of their product will do"
        )
    symbol = sympy.Symbol(names[0], real=True)
    rest = factor / symbol
    if inside or symbol in rest.free_symbols:
        raise EquationError(
            f"'{names[0]}' must be a factor of a term, since an equation is linear in what is "
            f"unknown of it: give it a value ({names[0]}=...), or name the whole coefficient"
        )
    return UnknownTerm(names[0], unknown[names[0]], field, monomial, rest)
