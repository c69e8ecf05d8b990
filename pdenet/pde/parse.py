"""Text to expressions, by a walk over Python's syntax tree that knows a short list of nodes.

    equation   = side "=" side             u_t = -u*u_x + nu*u_xx,  u_t + u*u_x = nu*u_xx
    side       = + - * / ** (or ^), parentheses, numbers, pi
               | field | field_axes | x | y | z | t | parameter
               | sin cos exp tanh | laplace(side) | d_dx(side) | d_dy(side) | d_dz(side)
               | b | a(x, t) | f(u)    where an equation may hold unknowns

Nothing is ever evaluated by Python: a node that is not on the list is an `EquationError` with its
place marked <<so>>. Length, depth, powers and the number of expanded terms are bounded, so a
hostile string fails at once.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy

from pdenet.errors import Advice, EquationError
from pdenet.pde.expression import (
    FUNCTIONS,
    MAX_POWER,
    Expansion,
    check_size,
    evaluate,
    expand,
    expansion_of,
    number,
)
from pdenet.pde.jet import AXES, jet_from_name, jets_in, total_derivative
from pdenet.pde.names import (
    OPERATORS,
    PARAMETER,
    RESERVED,
    check_coordinates,
    check_fields,
    check_given,
    check_parameters,
    closest,
)
from pdenet.pde.source import Source, marked_error

__all__ = [
    "MAX_CALLS",
    "MAX_DEPTH",
    "MAX_DERIVED",
    "MAX_ORDER",
    "ParsedSystem",
    "parse",
]

MAX_DEPTH = 60
MAX_ORDER = 12
MAX_CALLS = 200
MAX_DERIVED = 1000

_LARGEST = sympy.Integer(10) ** 300


@dataclass(frozen=True)
class ParsedSystem:
    """Coordinates and checked parameters of a system, and the expanded right-hand sides. unknown:
    names of numbers and functions without a value, with what they depend on; symbols of these
    names stand for them."""

    coordinates: tuple[str, ...]
    parameters: dict[str, float]
    expansions: dict[str, Expansion]
    unknown: dict[str, tuple[str, ...]]


def parse(
    equations: Sequence[str],
    coordinates: Sequence[str] | None,
    parameters: Mapping[str, float],
    given: Sequence[str] = (),
    unknown: bool = False,
) -> ParsedSystem:
    """Read one equation per field.

    coordinates: ("x",), ("x", "y") or ("x", "y", "z"); None takes as many as the text mentions.
    given: fields that act in the equations and have none of their own. unknown: whether names may
    stand that mean nothing yet: b for a number, a(x, t) and f(u) for functions.
    Raises EquationError, one line with the place marked, for everything that is no such system.
    """
    sources = [Source.read(text) for text in equations]
    fields = check_fields(source.field for source in sources)
    for source in sources:
        if fields.count(source.field) > 1:
            raise EquationError(
                f"field '{source.field}' has two equations: give each one only once"
            )
    every = check_given(given, fields)
    names = [name for source in sources for name in source.names()]
    axes = check_coordinates(coordinates) if coordinates is not None else _infer(names, every)
    values = check_parameters(parameters, every)
    unused = sorted(values.keys() - set(names))
    if unused:
        raise EquationError(f"parameter '{unused[0]}' is not used in any equation: leave it out")
    found: dict[str, tuple[str, ...]] | None = {} if unknown else None
    walks = [_Walk(source, every, axes, values, found) for source in sources]
    expansions = {walk.source.field: walk.expansion() for walk in walks}
    return ParsedSystem(axes, values, expansions, found or {})


def _infer(names: Sequence[str], fields: Sequence[str]) -> tuple[str, ...]:
    used = set()
    for name in names:
        field, _, letters = name.partition("_")
        if name in AXES or name in OPERATORS:
            used.add(name[-1])
        elif field in fields:
            used.update(letters)
    axes = [k for k, axis in enumerate(AXES) if axis in used]
    if not axes and "laplace" in names:
        told = "laplace() needs the space dimension, and the equation names no coordinate"
        raise EquationError(
            f"{told}: pass coordinates=('x', 'y'), or write u_xx + u_yy",
            shell=f"{told}: give the grid too (--grid 64x64), or write u_xx + u_yy",
        )
    return AXES[: max(axes, default=0) + 1]


class _Walk:
    """The walk over the two sides of one equation; it gives the field's right-hand side."""

    def __init__(
        self,
        source: Source,
        fields: tuple[str, ...],
        coordinates: tuple[str, ...],
        parameters: Mapping[str, float],
        unknown: dict[str, tuple[str, ...]] | None,
    ) -> None:
        self.unknown = unknown
        self.source = source
        self.fields = fields
        self.coordinates = coordinates
        self.parameters = parameters
        self.calls: set[sympy.Expr] = set()
        self.derived = 0
        self.time = sympy.Symbol(f"{source.field}_t", real=True)

    def expansion(self) -> Expansion:
        """The expanded right-hand side."""
        try:
            return expansion_of(self.rhs(), self.fields, len(self.coordinates))
        except EquationError as error:
            text = self.source.text
            raise (
                error if ", in: " in str(error) else marked_error(text, 0, len(text), str(error))
            ) from None

    def rhs(self) -> sympy.Expr:
        """The equation solved for its time derivative."""
        left, right = self.expression(self.source.left, 0), self.expression(self.source.right, 0)
        if left == self.time and self.time not in right.free_symbols:
            return right
        whole = left - right
        factor = whole.diff(self.time)
        if not factor.is_number or factor.is_zero:
            message = f"'{self.time.name}' must stand alone or times a number"
            raise self.error(self.source.left, f"{message}: write '{self.time.name} = ...'")
        return -whole.xreplace({self.time: sympy.Integer(0)}) / factor

    def error(self, node: ast.expr, message: str, shell: str = "") -> EquationError:
        """An error that marks the node. shell: the message for the command line."""
        stop = node.end_col_offset or node.col_offset + 1
        return marked_error(self.source.text, node.col_offset, stop, message, shell)

    def expression(self, node: ast.expr, depth: int) -> sympy.Expr:
        """The SymPy expression of a node."""
        if depth > MAX_DEPTH:
            raise self.error(node, f"the formula is nested more than {MAX_DEPTH} deep")
        result = self._node(node, depth + 1)
        size = abs(result.as_coeff_Mul()[0])
        if not size.is_zero and not (size.is_finite and 1 / _LARGEST < size < _LARGEST):
            raise self.error(node, "this number is too large, too small or divides by zero")
        return result

    def _node(self, node: ast.expr, depth: int) -> sympy.Expr:
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                return self._name(node)
            case ast.UnaryOp(op=ast.USub()):
                return -self.expression(node.operand, depth)
            case ast.UnaryOp(op=ast.UAdd()):
                return self.expression(node.operand, depth)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._sum(node, depth)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return self._product(node, depth)
            case ast.BinOp(op=ast.Pow()):
                return self._power(node, depth)
            case ast.Call():
                return self._call(node, depth)
        raise self.error(node, "this cannot stand in an equation; use + - * / ** and functions")

    def _constant(self, node: ast.Constant) -> sympy.Expr:
        value = node.value
        if type(value) is int and value.bit_length() < 900:
            return sympy.Integer(value)
        if type(value) is float and abs(value) < 1e300:
            return sympy.Float(value)
        raise self.error(node, "this is no finite real number")

    def _name(self, node: ast.Name) -> sympy.Expr:
        name = node.id
        if name == "pi":
            return sympy.pi
        if name == self.time.name:
            return self.time
        if name in ("t", *self.coordinates, *self.parameters):
            return sympy.Symbol(name, real=True)
        jet = jet_from_name(name, self.fields, len(self.coordinates))
        if jet is not None and jet.order <= MAX_ORDER:
            return jet.symbol
        if self.unknown is not None and self._is_free(name):
            return self._named(node, name, ())
        advice = self._unknown(name)
        raise self.error(node, advice.python, advice.shell)

    def _is_free(self, name: str) -> bool:
        """Whether nothing has this name, and nothing looks like it."""
        field, *axes = name.split("_", 1)
        looks = bool(axes) and (field in self.fields or set(axes[0]) <= {*AXES, "t"})
        taken = (*RESERVED, *self.fields, *self.parameters)
        return not looks and name not in taken and PARAMETER.fullmatch(name) is not None

    def _named(self, node: ast.expr, name: str, arguments: tuple[str, ...]) -> sympy.Expr:
        """The symbol of an unknown number or function."""
        assert self.unknown is not None
        before = self.unknown.setdefault(name, arguments)
        if before != arguments:
            shown = [f"{name}({', '.join(each)})" if each else name for each in (before, arguments)]
            raise self.error(node, f"'{name}' is {shown[0]} and {shown[1]}: use two names")
        return sympy.Symbol(name, real=True)

    def _function(self, node: ast.Call, name: str) -> sympy.Expr:
        """An unknown function of coordinates or of a field."""
        names = [each.id if isinstance(each, ast.Name) else "" for each in node.args]
        axes = ("t", *self.coordinates)
        one = len(names) == 1 and names[0] in self.fields
        several = names and len(set(names)) == len(names) and set(names) <= set(axes)
        if node.keywords or not (one or several):
            known = f"coordinates ({', '.join((*self.coordinates, 't'))}) or of one field"
            raise self.error(
                node, f"an unknown function depends on {known} ({', '.join(self.fields)})"
            )
        order = (*self.coordinates, "t", *self.fields)
        return self._named(node, name, tuple(sorted(names, key=order.index)))

    def _unknown(self, name: str) -> Advice:
        """Why a name is unknown, and what to do."""
        field, _, axes = name.partition("_")
        if field in self.fields and axes and set(axes) <= set(AXES):
            return Advice(
                f"'{name}' is no derivative here: coordinates are {', '.join(self.coordinates)}, "
                f"up to order {MAX_ORDER}"
            )
        if name in AXES:
            known = ", ".join(self.coordinates)
            return Advice(f"'{name}' is no coordinate here: coordinates are {known}")
        if name in RESERVED:
            return Advice(f"'{name}' is a function: write {name}(...)")
        if field in self.fields and axes:
            return Advice(
                f"'{name}' is unknown: derivatives are written {field}_x, {field}_xy, ..."
            )
        if re.fullmatch(rf"[A-Za-z][A-Za-z0-9]*_[{''.join(AXES)}]+", name):
            return Advice(f"'{name}' is unknown: no equation '{field}_t = ...' was given")
        near = closest(name, (*self.fields, *self.parameters))
        told = f"'{name}' is not declared{near}"
        return Advice(
            f"{told}: pass {name}=... or give '{name}_t = ...'",
            shell=f"{told}: add --param {name}=VALUE or give '{name}_t = ...'",
        )

    def _sum(self, node: ast.expr, depth: int) -> sympy.Expr:
        # A sum of n terms is a tree of depth n that leans left: walk down its spine in a loop.
        parts: list[sympy.Expr] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            part = self.expression(node.right, depth)
            parts.append(-part if isinstance(node.op, ast.Sub) else part)
            node = node.left
        parts.append(self.expression(node, depth))
        return sympy.Add(*reversed(parts))

    def _product(self, node: ast.expr, depth: int) -> sympy.Expr:
        parts: list[sympy.Expr] = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            part = self.expression(node.right, depth)
            if isinstance(node.op, ast.Div):
                if part.is_zero:
                    raise self.error(node.right, "this divides by zero")
                part = 1 / part
            parts.append(part)
            node = node.left
        parts.append(self.expression(node, depth))
        return sympy.Mul(*reversed(parts))

    def _power(self, node: ast.BinOp, depth: int) -> sympy.Expr:
        power = self.expression(node.right, depth)
        if not power.is_Integer or abs(power) > MAX_POWER:
            message = f"powers are whole numbers from -{MAX_POWER} to {MAX_POWER}"
            raise self.error(node.right, message)
        base = self.expression(node.left, depth)
        if base.is_zero and power < 0:
            raise self.error(node, "this divides by zero")
        return base**power

    def _call(self, node: ast.Call, depth: int) -> sympy.Expr:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        known = (*FUNCTIONS, *OPERATORS)
        if name not in known and self.unknown is not None and self._is_free(name):
            return self._function(node, name)
        if name not in known:
            message = "only a named function can be called (is a '*' missing?)"
            if name:
                factor = name in self.parameters or name.partition("_")[0] in self.fields
                hint = f": is a '*' missing? write {name}*(...)" if factor else closest(name, known)
                message = f"'{name}' is no function here{hint}"
            raise self.error(node.func, f"{message}; functions are {', '.join(known)}")
        if len(node.args) != 1 or node.keywords:
            raise self.error(node, f"{name}() takes one expression")
        inside = self.expression(node.args[0], depth)
        if self.time in inside.free_symbols:
            raise self.error(node, f"'{self.time.name}' cannot stand inside {name}()")
        if {symbol.name for symbol in inside.free_symbols} & (self.unknown or {}).keys():
            message = f"an unknown cannot stand inside {name}(): write the terms out, each with a"
            raise self.error(node, f"{message} function of its own, as in a(x)*u_xx + b(x)*u_x")
        if name not in FUNCTIONS:
            return self._derivative(node, name, inside)
        if inside.is_number:
            # exp(exp(1000)) must not reach arbitrary precision.
            return number(self._value(node, FUNCTIONS[name], inside))
        self.calls.add(result := FUNCTIONS[name](inside))
        if len(self.calls) > MAX_CALLS:
            raise self.error(node, f"the equation has more than {MAX_CALLS} different functions")
        return result

    def _value(self, node: ast.expr, function: sympy.Function, inside: sympy.Expr) -> float:
        try:
            return evaluate(function(inside, evaluate=False), {})
        except EquationError as error:
            raise self.error(node, str(error)) from None

    def _derivative(self, node: ast.expr, name: str, inside: sympy.Expr) -> sympy.Expr:
        ndim = len(self.coordinates)
        if name != "laplace" and name[-1] not in self.coordinates:
            raise self.error(node, f"coordinates are {', '.join(self.coordinates)}")
        axes = range(ndim) if name == "laplace" else [AXES.index(name[-1])]
        parts = []
        for axis in axes:
            part = inside
            for _ in range(2 if name == "laplace" else 1):
                part = total_derivative(self._bounded(node, part), axis, self.fields, ndim)
            parts.append(part)
        result = sympy.Add(*parts)
        highest = max((jet.order for jet in jets_in(result, self.fields, ndim)), default=0)
        if highest > MAX_ORDER:
            raise self.error(node, f"derivatives go up to order {MAX_ORDER}, not {highest}")
        return result

    def _bounded(self, node: ast.expr, inside: sympy.Expr) -> sympy.Expr:
        """The expanded expression, unless this and earlier derivatives are too much work."""
        self.derived += check_size(inside)[1]
        if self.derived > MAX_DERIVED:
            message = f"derivatives of more than {MAX_DERIVED} numbers and symbols"
            raise self.error(node, f"{message}: write the derivatives as u_x, u_xx, ...")
        return expand(inside)
