"""Equations as text (exact), Unicode (both read back by `pdenet.pde.parse`) and LaTeX.

This is the only place where a coefficient is rounded, and only to be shown: by significant digits,
so that a small one is never shown as zero.

    text      u_t = -u*u_x + 0.05*u_xx
    unicode   u_t = −u·u_x + 0.05·u_xx      u², ν, 1.2·10⁻⁵
    latex     u_t = -u\\,u_x + 0.05\\,u_{xx}

Unicode has a subscript x but no y or z, so derivatives keep their plain names. A coefficient that
depends on the coordinates stands before what it multiplies, in a bracket where it is a sum, the
simplest function first: (0.6 + 0.5·cos(y) + 3.1·x·sin(x))·u_x.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import sympy

from pdenet.pde.jet import AXES
from pdenet.pde.names import GREEK

__all__ = [
    "Style",
    "format_expression",
    "format_monomial",
    "format_number",
    "format_value",
    "sum_order",
    "to_latex",
    "to_text",
    "to_unicode",
]

Style: TypeAlias = Literal["text", "unicode", "latex"]

_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_COORDINATES = (*AXES, "t")
_MINUS = {"text": "-", "unicode": "−", "latex": "-"}
_TIMES = {"text": "*", "unicode": "·", "latex": r"\,"}


class System(Protocol):
    """What can be rendered: the names of all fields, and the coefficient of every monomial of each
    that has an equation."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def terms(self) -> dict[str, dict[sympy.Expr, sympy.Expr]]: ...


def to_text(pde: System, digits: int | None = None) -> tuple[str, ...]:
    """One line for each equation; exact when `digits` is None."""
    return _lines(pde, "text", digits)


def to_unicode(pde: System, digits: int | None = 5) -> tuple[str, ...]:
    """One line for each equation with ·, −, superscripts and Greek letters."""
    return _lines(pde, "unicode", digits)


def to_latex(pde: System, digits: int | None = 5) -> tuple[str, ...]:
    """One line of LaTeX mathematics for each equation, without delimiters."""
    return _lines(pde, "latex", digits)


def format_monomial(monomial: sympy.Expr, style: Style = "text") -> str:
    """A product of jets such as u*u_x, exactly."""
    return format_expression(monomial, style)


def format_expression(
    expression: sympy.Expr, style: Style = "text", digits: int | None = None
) -> str:
    """Any expression that an equation can hold."""
    return _Printer(style, digits).show(expression)


def format_number(value: float, digits: int | None = None, style: Style = "text") -> str:
    """A number with `digits` significant digits, or all that are needed to read it back."""
    if digits is not None:
        shown = f"{value:.{digits}g}"
    elif float(value).is_integer() and abs(value) < 1e15:
        shown = str(int(value))
    else:
        shown = repr(float(value))
    mantissa, _, exponent = shown.partition("e")
    if style == "text":
        return shown
    if exponent and style == "unicode":
        mantissa += "·10" + str(int(exponent)).translate(_SUPERSCRIPT)
    elif exponent:
        mantissa += rf" \cdot 10^{{{int(exponent)}}}"
    return mantissa.replace("-", _MINUS[style])


def format_value(value: float, stderr: float | None, style: Style = "text") -> str:
    """A value with its standard error in units of its last digits: -1.0003(4), 0.0500(12).

    The error has one significant digit, or two when the first is 1. Without a positive finite
    error, or with one below double precision, it is the value with five digits.
    """
    if stderr is None or not math.isfinite(stderr) or stderr <= 1e-15 * abs(value):
        return format_number(value, 5, style)
    scale = max(abs(value), stderr)
    power = math.floor(math.log10(scale))
    power = power if not -4 <= power <= 5 else 0
    value, stderr = value / 10.0**power, stderr / 10.0**power
    wanted = 2 if f"{stderr:.1e}".startswith("1") else 1
    decimals = wanted - 1 - math.floor(math.log10(float(f"{stderr:.{wanted - 1}e}")))
    places = max(decimals, 0)
    shown = f"{value:.{places}f}"
    error = f"{stderr * 10**places:.0f}"
    if decimals < 0:
        shown, error = f"{round(value, decimals):.0f}", f"{round(stderr, decimals):.0f}"
    text = f"{shown}({error})"
    if power and style == "text":
        text += f"e{power}"
    elif power and style == "unicode":
        text += "·10" + str(power).translate(_SUPERSCRIPT)
    elif power:
        text += rf" \cdot 10^{{{power}}}"
    return text if style == "text" else text.replace("-", _MINUS[style])


def _lines(pde: System, style: Style, digits: int | None) -> tuple[str, ...]:
    printer = _Printer(style, digits, frozenset(pde.names))
    terms = pde.terms()
    return tuple(f"{printer.name(f'{field}_t')} = {printer.side(terms[field])}" for field in terms)


@dataclass(frozen=True)
class _Printer:
    """Writes SymPy expressions in one style, with numbers rounded to `digits`.

    fields: their names; None where every symbol but a coordinate may be one.
    """

    style: Style
    digits: int | None
    fields: frozenset[str] | None = None

    def side(self, terms: Mapping[sympy.Expr, sympy.Expr]) -> str:
        """A right-hand side, one term after the other."""
        parts = []
        for monomial, coefficient in terms.items():
            if coefficient.is_Add and monomial != 1:
                negative = all(part.as_coeff_Mul()[0].is_negative for part in coefficient.args)
                bracket = sympy.Add(*(-part for part in coefficient.args))
                factors = (bracket if negative else coefficient, *sympy.Mul.make_args(monomial))
                parts.append((negative, self._product(factors)))
            else:
                parts.extend(map(self._signed, sympy.Add.make_args(coefficient * monomial)))
        return self._join(parts)

    def show(self, expression: sympy.Expr) -> str:
        """An expression without parentheses around it."""
        if expression.is_Symbol:
            return self.name(expression.name)
        if expression == sympy.pi:
            return {"text": "pi", "unicode": "π", "latex": r"\pi"}[self.style]
        if expression.is_Add:
            return self._join([self._signed(p) for p in sorted(expression.args, key=sum_order)])
        if expression.is_Mul or expression.is_Pow or expression.is_Number:
            return self._join([self._signed(expression)])
        if isinstance(expression, sympy.Function):
            return self._function(expression)
        return format_number(float(expression), self.digits, self.style)

    def name(self, name: str) -> str:
        """The name of a symbol."""
        stem, underscore, index = name.partition("_")
        if self.style == "text":
            return name
        if self.style == "unicode":
            return GREEK.get(stem, stem) + underscore + index
        if stem in GREEK:
            stem = "\\" + stem
        elif len(stem) > 1:
            stem = rf"\mathrm{{{stem}}}"
        index = index.replace("_", r"\_")
        if len(index) > 1:
            index = f"{{{index}}}" if set(index) <= {*AXES, "t"} else rf"{{\mathrm{{{index}}}}}"
        return stem + underscore + index

    def _function(self, expression: sympy.Expr) -> str:
        name, inside = str(expression.func.__name__), self.show(expression.args[0])
        return ("\\" if self.style == "latex" else "") + name + self._brackets(inside)

    def _brackets(self, inside: str) -> str:
        """Parentheses, which grow in LaTeX only where they hold a fraction."""
        return rf"\left({inside}\right)" if r"\frac" in inside else f"({inside})"

    def _join(self, parts: list[tuple[bool, str]]) -> str:
        """Terms with their signs: -a + b - c."""
        if not parts:
            return "0"
        minus = _MINUS[self.style]
        text = (minus if parts[0][0] else "") + parts[0][1]
        for negative, part in parts[1:]:
            text += f" {minus if negative else '+'} {part}"
        return text

    def _signed(self, term: sympy.Expr) -> tuple[bool, str]:
        """Whether a term is negative, and the term without its sign."""
        factor, rest = term.as_coeff_Mul()
        negative = bool(factor.is_negative)
        factors = sympy.Mul.make_args(rest) if rest != 1 else ()
        return negative, self._product((abs(factor), *factors))

    def _product(self, factors: tuple[sympy.Expr, ...]) -> str:
        above: list[str] = []
        below: list[str] = []
        # A fraction bar closes a single denominator, a slash does not.
        barred = self.style == "latex" and sum(map(_is_below, factors)) == 1
        for factor in sorted(factors, key=self._factor_order):
            base, power = factor.as_base_exp()
            if factor.is_Rational:
                if factor.p != 1:
                    above.append(str(factor.p))
                if factor.q != 1:
                    below.append(str(factor.q))
            elif factor.is_Float:
                above.append(format_number(float(factor), self.digits, self.style))
            elif factor.is_Pow and power.is_negative:
                alone = barred and power == -1
                below.append(self.show(base) if alone else self._power(base, -int(power)))
            elif factor.is_Pow:
                above.append(self._power(base, int(power)))
            else:
                above.append(self._closed(factor))
        times = _TIMES[self.style]
        if not below:
            return times.join(above) or "1"
        if self.style == "latex":
            return rf"\frac{{{times.join(above) or '1'}}}{{{times.join(below)}}}"
        return "/".join([times.join(above) or "1", *below])

    def _factor_order(self, factor: sympy.Expr) -> tuple[int, int, str]:
        """Numbers, parameters, sums, coordinates and their functions, jets, functions of jets."""
        base, _ = factor.as_base_exp()
        names = {symbol.name for symbol in factor.free_symbols}
        local = not names.isdisjoint(_COORDINATES)
        if factor.is_Number:
            return 0, 0, ""
        if base.is_Symbol:
            stem, _, axes = base.name.partition("_")
            parameter = self.fields is not None and stem not in self.fields and not local
            return 1 if parameter else 3 if local else 5, len(axes), str(base.name)
        if factor.is_Add or factor.is_number:
            return 2, 0, str(factor)
        return 4 if local else 6, 0, " ".join([*sorted(names), str(factor)])

    def _power(self, base: sympy.Expr, power: int) -> str:
        inside = self._closed(base)
        if power == 1:
            return inside
        if self.style == "text":
            return f"{inside}**{power}"
        if self.style == "latex":
            return f"{{{inside}}}^{{{power}}}"
        return inside + str(power).translate(_SUPERSCRIPT)

    def _closed(self, expression: sympy.Expr) -> str:
        """An expression that can stand in a product: a sum gets parentheses."""
        inside = self.show(expression)
        if not expression.is_Add and not expression.is_Mul and not expression.is_Number:
            return inside
        return self._brackets(inside)


def _is_below(factor: sympy.Expr) -> bool:
    """Whether a factor has a part below the bar of a fraction."""
    return bool(factor.is_Pow and factor.exp.is_negative) or bool(
        factor.is_Rational and factor.q != 1
    )


def sum_order(term: sympy.Expr) -> tuple[float, list[str], float, str]:
    """The simplest term first: by the number of its factors, then by its symbols and frequency."""
    _, rest = term.as_coeff_Mul()
    count, frequency = 0.0, 0.0
    for factor in sympy.Mul.make_args(rest) if rest != 1 else ():
        base, power = factor.as_base_exp()
        count += abs(float(power)) if power.is_number else 1
        if base.is_Function and base.args:
            frequency += abs(float(base.args[0].as_coeff_Mul()[0]))
    return count, sorted(symbol.name for symbol in rest.free_symbols), frequency, str(rest)
