"""Equations as pieces that a template can set: signs, values with error bars, and mathematics.

A page cannot count on a LaTeX engine, so mathematics is cut into tokens (a name, an index, a power)
and the template puts tags around them; their text is escaped there like everything else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import sympy

from pdenet.pde import PDE
from pdenet.pde.expression import Monomial
from pdenet.pde.render import Style, format_monomial, format_value
from pdenet.report.evidence import Evidence

__all__ = [
    "Equation",
    "Term",
    "Token",
    "equations",
    "flat_terms",
    "latex_left",
    "latex_lines",
    "left_side",
    "tokens",
]

Kind: TypeAlias = Literal["name", "sub", "sup", "plain"]

# \w would take a raised digit for part of a name.
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_TOKEN = re.compile(
    r"(?P<number>[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<name>[^\W\d_{_RAISED}][^\W_{_RAISED}]*)(?:_(?P<index>[^\W{_RAISED}]+))?(?P<call>\()?"
    rf"|\*\*(?P<power>[0-9]+)|(?P<raised>[{_RAISED}]+)|(?P<times>[*·])|(?P<other>.)",
    re.DOTALL,
)
_LOWER = str.maketrans(_RAISED, "0123456789−")
_THIN_SPACE = "\u2009"
_LATEX_SPACE = r"\,"
_LETTERS_A_LINE = 72


@dataclass(frozen=True)
class Token:
    """A bit of mathematics: an italic name, an index below, a power above, or plain text."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Term:
    """One term of a right-hand side: coefficient times monomial."""

    field: str
    monomial: Monomial
    value: float
    stderr: float | None = None

    @property
    def negative(self) -> bool:
        """Whether the term is subtracted."""
        return self.value < 0

    def size(self, style: Style = "unicode") -> str:
        """The coefficient without its sign, with its standard error: 1.0003(4).

        Nothing where it is exactly one, as in a true equation.
        """
        if self.stderr is None and abs(self.value) == 1 and self.monomial != 1:
            return ""
        return format_value(abs(self.value), self.stderr, style)

    def product(self, style: Style = "unicode") -> str:
        """The monomial; nothing where the term is a constant."""
        return "" if self.monomial == 1 else format_monomial(self.monomial, style)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The monomial in tokens."""
        return tokens(self.product())


@dataclass(frozen=True)
class Equation:
    """One equation, ∂field/∂t = sum of terms."""

    field: str
    terms: tuple[Term, ...]

    @property
    def left(self) -> tuple[Token, ...]:
        """The time derivative in tokens."""
        return left_side(self.field)

    def line(self, style: Style = "unicode") -> str:
        """The equation on one line."""
        parts = []
        for term in self.terms:
            sign = "−" if term.negative else "+"
            parts.append(
                f"{sign} {' '.join(filter(None, (term.size(style), term.product(style))))}"
            )
        side = " ".join(parts).removeprefix("+ ") or "0"
        return f"{self.field}_t = {'−' + side[2:] if side.startswith('− ') else side}"


def flat_terms(pde: PDE, evidence: Evidence | None = None) -> tuple[Term, ...]:
    """Every term with a coefficient that is one number; functions of x, t belong to the monomial.

    With `evidence`, each term carries its standard error.
    """
    errors = evidence.stderr if evidence is not None else {}
    return tuple(
        Term(field, monomial * basis, value, errors.get(field, {}).get(monomial * basis))
        for field, expansion in pde.expansions().items()
        for monomial, bases in expansion.items()
        for basis, value in bases.items()
    )


def equations(pde: PDE, evidence: Evidence | None = None) -> tuple[Equation, ...]:
    """The equations of a system in the order of its fields."""
    terms = flat_terms(pde, evidence)
    return tuple(
        Equation(field, tuple(term for term in terms if term.field == field))
        for field in pde.fields
    )


def left_side(field: str) -> tuple[Token, ...]:
    """The time derivative of `field` in tokens."""
    return tokens(format_monomial(sympy.Symbol(f"{field}_t", real=True), "unicode"))


def latex_left(field: str) -> str:
    """The left-hand side of the equation of `field` in LaTeX."""
    return format_monomial(sympy.Symbol(f"{field}_t", real=True), "latex")


def latex_lines(equation: Equation) -> tuple[str, ...]:
    """The equation as lines of an `align` environment, broken before they leave the page."""
    lines = [""]
    room = _LETTERS_A_LINE
    for term in equation.terms:
        factors = filter(None, (term.size("latex"), term.product("latex")))
        length = len(term.size()) + len(term.product()) + 3
        if length > room and lines != [""]:
            lines.append("")
            room = _LETTERS_A_LINE
        room -= length
        sign = "-" if term.negative else "+"
        lines[-1] += f" {sign} {_LATEX_SPACE.join(factors)}"
    first = re.sub("^ - ", "-", lines[0]).removeprefix(" + ") or "0"
    rest = (rf"&\quad{line}" for line in lines[1:])
    return f"{latex_left(equation.field)} ={{}}& {first}", *rest


def tokens(text: str) -> tuple[Token, ...]:
    """Mathematics written as text or Unicode, u**2*u_xx or u²·u_xx, cut into tokens.

    Anything else comes through as plain tokens: the text may be hostile.
    """
    return tuple(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        found = {kind: value for kind, value in match.groupdict().items() if value is not None}
        if "name" in found:
            yield Token("plain" if "call" in found else "name", found["name"])
            if "index" in found:
                yield Token("sub", found["index"])
            if "call" in found:
                yield Token("plain", "(")
        elif "power" in found or "raised" in found:
            power = found.get("power") or found["raised"]
            yield Token("sup", power.translate(_LOWER))
        elif "times" in found:
            yield Token("plain", _THIN_SPACE)
        else:
            yield Token("plain", match.group().replace("-", "−"))
