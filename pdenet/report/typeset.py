"""Equations as pieces that a template can set: signs, values with error bars, and mathematics.

A page cannot count on a LaTeX engine, so mathematics is cut into tokens (a name, an index, a power)
and the template puts tags around them; their text is escaped there like everything else.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import sympy

from pdenet.pde import PDE
from pdenet.pde.expression import FUNCTIONS, Basis, Monomial
from pdenet.pde.render import Style, format_monomial, format_value
from pdenet.report import escape
from pdenet.results import Unknown

__all__ = [
    "Equation",
    "Piece",
    "Term",
    "Token",
    "equations",
    "flat_terms",
    "latex_left",
    "latex_lines",
    "latex_text",
    "left_side",
    "tokens",
    "unicode_text",
]

Errors: TypeAlias = Mapping[str, Mapping[Monomial, float]]
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
_RAISE = str.maketrans("0123456789−", _RAISED)
_THIN_SPACE = "\u2009"
_LATEX_SPACE = r"\,"
_LETTERS_A_LINE = 72
_LONGEST_SUM = 12
_ONE = sympy.Integer(1)

_UNICODE: dict[Kind, Callable[[str], str]] = {
    "name": str,
    "sub": "_{}".format,
    "sup": lambda power: power.translate(_RAISE),
    "plain": lambda text: text.replace(_THIN_SPACE, "·"),
}
_LATEX: dict[Kind, Callable[[str], str]] = {
    "name": lambda name: name if len(name) == 1 else rf"\mathrm{{{name}}}",
    "sub": "_{{{}}}".format,
    "sup": "^{{{}}}".format,
    "plain": str,
}


@dataclass(frozen=True)
class Token:
    """A bit of mathematics: an italic name, an index below, a power above, or plain text."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Term:
    """One term of a right-hand side: coefficient times function of the coordinates times jets."""

    field: str
    monomial: Monomial
    value: float
    stderr: float | None = None
    basis: Basis = _ONE

    @property
    def whole(self) -> Monomial:
        """The function of the coordinates and the jets, as the table of terms shows them."""
        return self.monomial * self.basis

    @property
    def negative(self) -> bool:
        """Whether the term is subtracted."""
        return self.value < 0

    def size(self, style: Style = "unicode", *, alone: bool = False) -> str:
        """The coefficient without its sign, with its standard error: 1.0003(4).

        Nothing where it is exactly one, as in a true equation, unless it stands alone.
        """
        if self.stderr is None and abs(self.value) == 1 and not alone:
            return ""
        return format_value(abs(self.value), self.stderr, style)


@dataclass(frozen=True)
class Piece:
    """What stays together on a line: signs and bracket, a number, a product, and what closes.

    factor: the product after the number. tail: what the bracket that ends here multiplies. name:
    a name for a long sum, instead of number and product.
    """

    lead: str
    term: Term
    factor: sympy.Expr
    tail: sympy.Expr | None = None
    name: str = ""

    def size(self, style: Style = "unicode") -> str:
        """The number, if there is one."""
        return "" if self.name else self.term.size(style, alone=self.factor == 1)

    def product(self, style: Style = "unicode") -> str:
        """The product; nothing where the piece is a number."""
        if self.name:
            return re.sub("_([0-9]+)", r"_{\1}", self.name) if style == "latex" else self.name
        return "" if self.factor == 1 else format_monomial(self.factor, style)

    def closing(self, style: Style = "unicode") -> str:
        """What stands after a bracket that ends here, or after a name."""
        return "" if self.tail is None else format_monomial(self.tail, style)

    @property
    def closes(self) -> bool:
        """Whether a bracket ends here."""
        return self.tail is not None and not self.name

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The product in tokens."""
        return tokens(self.product())

    @property
    def tail_tokens(self) -> tuple[Token, ...]:
        """What stands after the bracket, in tokens."""
        return tokens(self.closing())

    def line(self) -> str:
        """The piece on one line."""
        parts = filter(None, (self.size(), self.product()))
        text = self.lead + " ".join(parts) + ")" * self.closes
        return " ".join(filter(None, (text, self.closing())))

    def latex(self) -> str:
        """The piece in LaTeX; brackets may stand on different lines."""
        parts = filter(None, (self.size("latex"), self.product("latex")))
        text = _LATEX_SPACE.join(parts) + r"\bigr)" * self.closes
        lead = self.lead.replace("(", r"\bigl(").replace("−", "-")
        return lead + _LATEX_SPACE.join(filter(None, (text, self.closing("latex"))))


@dataclass(frozen=True)
class Equation:
    """One equation, ∂field/∂t = sum of terms, cut into pieces.

    named: the sums that are too long to be written out, {name: number of terms}.
    """

    field: str
    pieces: tuple[Piece, ...]
    named: Mapping[str, int]

    @property
    def left(self) -> tuple[Token, ...]:
        """The time derivative in tokens."""
        return left_side(self.field)

    def line(self) -> str:
        """The equation on one line."""
        return f"{self.field}_t = {' '.join(piece.line() for piece in self.pieces) or '0'}"


def flat_terms(pde: PDE, stderr: Errors | None = None) -> tuple[Term, ...]:
    """Every term with a coefficient that is one number, one for each function of x, y, t.

    Each carries its standard error, where it has one.
    """
    return tuple(
        Term(field, monomial, value, (stderr or {}).get(field, {}).get(monomial * basis), basis)
        for field, expansion in pde.expansions().items()
        for monomial, bases in expansion.items()
        for basis, value in bases.items()
    )


def equations(
    pde: PDE,
    stderr: Errors | None = None,
    unknown: Mapping[str, tuple[Unknown, ...]] | None = None,
) -> tuple[Equation, ...]:
    """The equations of a system in the order of its fields, with standard errors if given.

    A coefficient that is a sum of functions of the coordinates stands in a bracket before what it
    multiplies; one of more than 12 terms is given a name instead, c_1(x, y), c_2(x, y), ...
    unknown: what stands in the equation of a field without a formula, by its name.
    """
    terms, more = flat_terms(pde, stderr), dict(unknown or {})
    found, count = [], sum(bool(each.term) for every in more.values() for each in every)
    for field in pde.fields:
        own = (term for term in terms if term.field == field)
        pieces: list[Piece] = []
        named: dict[str, int] = {}
        for monomial, group in itertools.groupby(own, key=lambda term: term.monomial):
            sum_of = tuple(group)
            if monomial == 1 or len(sum_of) == 1:
                for term in sum_of:
                    lead = _sign(term.negative, first=not pieces)
                    pieces.append(Piece(lead, term, term.whole))
            elif len(sum_of) <= _LONGEST_SUM:
                pieces += _bracket(sum_of, first=not pieces)
            else:
                count += 1
                name = f"c_{count}({', '.join(_arguments(sum_of, pde))})"
                named[name] = len(sum_of)
                lead = _sign(False, first=not pieces)
                pieces.append(Piece(lead, sum_of[0], _ONE, monomial, name))
        for each in more.get(field, ()):
            lead = _sign(False, first=not pieces)
            tail = sympy.Symbol(each.term, real=True) if each.term else None
            pieces.append(Piece(lead, Term(field, _ONE, 1.0), _ONE, tail, each.name))
        found.append(Equation(field, tuple(pieces), named))
    return tuple(found)


def _bracket(terms: tuple[Term, ...], *, first: bool) -> Iterator[Piece]:
    """A sum of functions of the coordinates in a bracket; a common minus stands before it."""
    outside = all(term.negative for term in terms)
    for k, term in enumerate(terms):
        lead = _sign(term.negative and not outside, first=k == 0)
        if k == 0:
            lead = f"{_sign(outside, first=first)}({lead}"
        tail = term.monomial if k == len(terms) - 1 else None
        yield Piece(lead, term, term.basis, tail)


def _sign(negative: bool, *, first: bool) -> str:
    if first:
        return "−" if negative else ""
    return "− " if negative else "+ "


def _arguments(terms: tuple[Term, ...], pde: PDE) -> tuple[str, ...]:
    names = {symbol.name for term in terms for symbol in term.basis.free_symbols}
    return tuple(name for name in (*pde.coordinates, "t") if name in names)


def left_side(field: str) -> tuple[Token, ...]:
    """The time derivative of `field` in tokens."""
    return tokens(format_monomial(sympy.Symbol(f"{field}_t", real=True), "unicode"))


def latex_left(field: str) -> str:
    """The left-hand side of the equation of `field` in LaTeX."""
    return format_monomial(sympy.Symbol(f"{field}_t", real=True), "latex")


def latex_lines(equation: Equation) -> tuple[str, ...]:
    """The equation as lines of an `align` environment, broken before they leave the page."""
    lines: list[list[str]] = [[]]
    room = _LETTERS_A_LINE
    for piece in equation.pieces:
        length = len(piece.line()) + 1
        if length > room and lines[-1]:
            lines.append([])
            room = _LETTERS_A_LINE
        room -= length
        lines[-1].append(piece.latex())
    first, *rest = (" ".join(line) for line in lines)
    later = (rf"&\quad {line}" for line in rest)
    return f"{latex_left(equation.field)} ={{}}& {first or '0'}", *later


def tokens(text: str) -> tuple[Token, ...]:
    """Mathematics written as text or Unicode, u**2*u_xx or u²·u_xx, cut into tokens.

    Anything else comes through as plain tokens: the text may be hostile.
    """
    return tuple(_tokens(text))


def unicode_text(text: str) -> str:
    """Mathematics written as text in Unicode: u**2*u_xx is u²·u_xx."""
    return "".join(_UNICODE[token.kind](token.text) for token in tokens(text))


def latex_text(text: str) -> str:
    """Mathematics written as text in LaTeX; anything that is none is escaped."""
    return "".join(_LATEX[token.kind](escape.latex(token.text)) for token in tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(text):
        found = {kind: value for kind, value in match.groupdict().items() if value is not None}
        if "name" in found:
            yield Token("plain" if found["name"] in FUNCTIONS else "name", found["name"])
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
