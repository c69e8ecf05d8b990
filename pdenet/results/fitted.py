"""Coefficients in space and sources as they were fitted, and what an equation holds of them.

Where a formula can be trusted it stands in the equation. Where none can, the map or the curve is
the answer, with its standard errors, and the equation shows its name: u_t = 0.3·u_xx + f(u).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import sympy

from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.expression import number
from pdenet.pde.jet import AXES, Jet, jets_in
from pdenet.pde.names import PARAMETER
from pdenet.pde.render import Style, format_monomial, to_latex, to_text, to_unicode
from pdenet.storage.values import as_kind, nested_numbers

__all__ = [
    "FittedCurve",
    "FittedMap",
    "Unknown",
    "complete_lines",
    "curve_from",
    "curve_record",
    "map_from",
    "map_record",
    "product_of",
    "unknown_functions",
    "without",
]


FORCING = "1"
"""What a forcing multiplies, as text."""


@dataclass(frozen=True, eq=False)
class FittedMap:
    """The coefficient of one term as it was found on the grid, before any formula.

    field: whose equation. term: what it multiplies, as text ("u_x"). kind: how it was found to be.
    values: (*space), in physical units; constant for "constant", 0 for "zero". formula: the
    expression that stands for it in the equation, as text; None where no formula can be trusted:
    the map itself is then the answer, and the equation lacks this term. errors: the standard error
    at every point then, None where unknown. reason: why there is no formula. name: what whoever
    asked for it called it. axes, points: what it depends on where that is not the whole grid,
    ("x",), ("t",), ("x", "t"), and where along each of these its values are.
    """

    field: str
    term: str
    kind: Literal["varying", "constant", "zero"]
    values: np.ndarray
    formula: str | None = None
    errors: np.ndarray | None = None
    reason: str | None = None
    name: str = ""
    axes: tuple[str, ...] = ()
    points: tuple[np.ndarray, ...] = ()

    @property
    def multiplied(self) -> str:
        """What it multiplies, as `Unknown` has it: nothing where it is a forcing."""
        return "" if self.term == FORCING else self.term

    def places(self, grid: Grid) -> dict[str, np.ndarray]:
        """What it depends on, and where along each its values are. grid: of the data."""
        if self.axes:
            return dict(zip(self.axes, self.points, strict=True))
        return dict(zip(grid.axes, grid.coordinates(), strict=True))


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """The source f(u) of one equation as it was found, before any formula.

    field: whose equation, and the argument. points, values: u and f(u), over the range that the
    data visit (all but the rarest 0.1 % of values at either end); beyond it the formula is an
    extrapolation. density: share of the data's values near each point. formula, errors, reason: as
    in `FittedMap`. name: what whoever asked for it called it. argument: the field that it depends
    on where that is another one, or given. term: what it multiplies, as text; "" for a source.
    """

    field: str
    points: np.ndarray
    values: np.ndarray
    density: np.ndarray
    formula: str | None = None
    errors: np.ndarray | None = None
    reason: str | None = None
    name: str = "f"
    argument: str = ""
    term: str = ""

    @property
    def of(self) -> str:
        """The field that it depends on."""
        return self.argument or self.field


@dataclass(frozen=True)
class Unknown:
    """A function that an equation holds without a formula: its name, and the text of what it
    multiplies; "" for a source or a forcing."""

    name: str
    term: str = ""

    def text(self, style: Style = "text") -> str:
        """c_1(x, y)*u_x, or f(u)."""
        name = re.sub("_([0-9]+)", r"_{\1}", self.name) if style == "latex" else self.name
        if not self.term:
            return name
        jet = format_monomial(product_of(self.term), style)
        return name + {"text": "*", "unicode": "·", "latex": r"\,"}[style] + jet


def product_of(term: str) -> sympy.Expr:
    """The product of derivatives that a function multiplies, from its text: u*u_x, u**2, none."""
    powers = (part.partition("^") for part in term.replace("**", "^").split("*") if part)
    named = ((base, int(power or 1)) for base, _, power in powers if base != FORCING)
    return sympy.Mul(*(sympy.Symbol(base, real=True) ** power for base, power in named))


def unknown_functions(
    maps: Iterable[FittedMap], curves: Iterable[FittedCurve], coordinates: Sequence[str]
) -> dict[str, tuple[Unknown, ...]]:
    """The maps and curves that no formula stands for, by the field whose equation they are in."""
    found: dict[str, tuple[Unknown, ...]] = {}
    free = [each for each in maps if each.kind == "varying" and each.formula is None]
    for k, each in enumerate(free, 1):
        name = f"{each.name or f'c_{k}'}({', '.join(each.axes or coordinates)})"
        found[each.field] = (*found.get(each.field, ()), Unknown(name, each.multiplied))
    for curve in curves:
        if curve.formula is None:
            own = found.get(curve.field, ())
            found[curve.field] = (*own, Unknown(f"{curve.name}({curve.of})", curve.term))
    return found


def complete_lines(
    pde: PDE, unknown: Mapping[str, tuple[Unknown, ...]], style: Style = "text"
) -> tuple[str, ...]:
    """The equations as text, a line each, with the names of what no formula stands for."""
    lines = {"text": to_text, "unicode": to_unicode, "latex": to_latex}[style](pde)
    found = []
    for line, field in zip(lines, pde.fields, strict=True):
        left, equals, right = line.partition(" = ")
        parts = [right] * (right != "0" or field not in unknown)
        parts += [each.text(style) for each in unknown.get(field, ())]
        found.append(left + equals + " + ".join(parts))
    return tuple(found)


def without(pde: PDE, unknown: Mapping[str, tuple[Unknown, ...]]) -> PDE:
    """The same without all terms that are part of unknown functions."""
    one, kept = sympy.Integer(1), dict[str, sympy.Expr]()
    for field, expansion in pde.expansions().items():
        terms = {each.term for each in unknown.get(field, ())}
        own = {Jet(field, (0,) * pde.ndim)}
        kept[field] = sympy.Add(
            *(
                number(value) * monomial * basis
                for monomial, bases in expansion.items()
                for basis, value in bases.items()
                if format_monomial(monomial) not in terms
                and not (
                    "" in terms and basis == one and jets_in(monomial, pde.fields, pde.ndim) <= own
                )
            )
        )
    return PDE.from_expressions(kept, pde.coordinates)


def map_record(fitted: FittedMap) -> dict[str, Any]:
    """A map as JSON."""
    arrays = _lists(fitted, ("values", "errors"))
    points = [each.tolist() for each in fitted.points]
    return {**vars(fitted), **arrays, "axes": list(fitted.axes), "points": points}


def curve_record(fitted: FittedCurve) -> dict[str, Any]:
    """A curve as JSON."""
    return {**vars(fitted), **_lists(fitted, (*_CURVE_ARRAYS, "errors"))}


def map_from(record: Any) -> FittedMap:
    """The map in a record. Raises KeyError, TypeError or ValueError where it is damaged."""
    kind = as_kind(str, record["kind"])
    if kind not in ("varying", "constant", "zero"):
        raise ValueError(f"a coefficient is of no kind {kind!r}")
    values = np.array(nested_numbers(as_kind(list, record["values"])))
    field, term = (as_kind(str, record[name]) for name in ("field", "term"))
    found = FittedMap(field, term, kind, values, *_described(record, values))
    # Earlier records have neither a name nor axes.
    axes = tuple(as_kind(str, axis) for axis in as_kind(list, record.get("axes", [])))
    points = tuple(
        np.array(nested_numbers(as_kind(list, each)))
        for each in as_kind(list, record.get("points", []))
    )
    if axes and (not set(axes) <= {*AXES, "t"} or values.shape != tuple(map(len, points))):
        raise ValueError("the values of a map and the points of its axes do not fit")
    return replace(found, name=_name(record.get("name", "")), axes=axes, points=points)


def curve_from(record: Any) -> FittedCurve:
    """The curve in a record. Raises KeyError, TypeError or ValueError where it is damaged."""
    points, values, density = (
        np.array(nested_numbers(as_kind(list, record[name]))) for name in _CURVE_ARRAYS
    )
    if not points.shape == values.shape == density.shape or points.ndim != 1:
        raise ValueError("the points and values of a curve do not fit")
    if len(points) < 2:
        raise ValueError("a curve has fewer than two points")
    field = as_kind(str, record["field"])
    found = FittedCurve(field, points, values, density, *_described(record, values))
    name, argument = _name(record.get("name", "f")), _name(record.get("argument", ""))
    return replace(found, name=name, argument=argument, term=as_kind(str, record.get("term", "")))


def _name(text: Any) -> str:
    """A name that can stand in an equation, or none."""
    if as_kind(str, text) and not PARAMETER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no name")
    return str(text)


def _described(record: Any, values: np.ndarray) -> tuple[str | None, np.ndarray | None, str | None]:
    """The formula of a function, its errors at all of its values, and why it has no formula."""
    # Earlier formats have no errors and no reason.
    said = (record["formula"], record.get("reason"))
    formula, reason = (None if text is None else as_kind(str, text) for text in said)
    if record.get("errors") is None:
        return formula, None, reason
    errors = np.array(nested_numbers(as_kind(list, record["errors"])))
    if errors.shape != values.shape:
        raise ValueError("the values of a function and their errors do not fit")
    return formula, errors, reason


_CURVE_ARRAYS = ("points", "values", "density")


def _lists(value: object, names: tuple[str, ...]) -> dict[str, Any]:
    """Arrays as lists, and None as it is."""
    arrays = {name: getattr(value, name) for name in names}
    return {name: None if array is None else array.tolist() for name, array in arrays.items()}
