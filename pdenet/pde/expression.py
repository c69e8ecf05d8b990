"""The canonical form of a right-hand side: Σ coefficient · basis · monomial.

A monomial is a product of powers of jet variables (and of functions that contain them), a basis is
the same for parameters and coordinates, and the coefficient is one float:

    0.05*(1 + sin(x))*u_xx  ->  {u_xx: {1: 0.05, sin(x): 0.05}}

Two expressions are equal when their expansions are. Whatever would grow without bound is refused
before it is expanded, so that text from outside cannot stall the program.
"""

import math
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import sympy

from pdenet.errors import EquationError
from pdenet.pde.jet import jet_from_name

__all__ = [
    "FUNCTIONS",
    "MAX_POWER",
    "MAX_PRODUCT",
    "MAX_TERMS",
    "MAX_WEIGHT",
    "Basis",
    "Expansion",
    "Monomial",
    "check_size",
    "collect",
    "evaluate",
    "expand",
    "expansion_of",
    "number",
    "substitute",
    "with_values",
]

Monomial: TypeAlias = sympy.Expr
Basis: TypeAlias = sympy.Expr
Expansion: TypeAlias = dict[Monomial, dict[Basis, float]]

FUNCTIONS = {"sin": sympy.sin, "cos": sympy.cos, "exp": sympy.exp, "tanh": sympy.tanh}
MAX_TERMS = 2000
MAX_PRODUCT = 500
MAX_WEIGHT = 6000
"""Numbers and symbols of an equation that is multiplied out: SymPy takes 0.1 ms for each."""

MAX_POWER = 64
"""Of a power, as it is typed and as it stands when everything is multiplied out."""

_SCALARS = {sympy.sin: math.sin, sympy.cos: math.cos, sympy.exp: math.exp, sympy.tanh: math.tanh}
_NOT_FINITE = (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo)


def number(value: float) -> sympy.Expr:
    """A float as SymPy's number: an Integer where it is one exactly, else a Float."""
    if value.is_integer() and abs(value) < 2**53:
        return sympy.Integer(int(value))
    return sympy.Float(value)


def evaluate(expression: sympy.Expr, values: Mapping[sympy.Symbol, float]) -> float:
    """The value of an expression in double precision.

    Raises EquationError when it is not finite or holds a symbol without a value.
    """
    try:
        result = _evaluate(expression, values)
    except (OverflowError, ZeroDivisionError, ValueError, TypeError):
        result = math.nan
    except KeyError as missing:
        raise EquationError(f"'{missing.args[0]}' has no value") from None
    if not math.isfinite(result):
        raise EquationError(f"'{expression}' is not a finite number")
    return result


def _evaluate(expression: sympy.Expr, values: Mapping[sympy.Symbol, float]) -> float:
    if isinstance(expression, sympy.Symbol):
        return values[expression]
    if expression.is_Add:
        return math.fsum(_evaluate(part, values) for part in expression.args)
    if expression.is_Mul:
        return math.prod(_evaluate(part, values) for part in expression.args)
    if expression.is_Pow:
        base, power = (_evaluate(part, values) for part in expression.args)
        return float(base**power)
    if expression.func in _SCALARS:
        return _SCALARS[expression.func](_evaluate(expression.args[0], values))
    return float(expression)


def substitute(expression: sympy.Expr, values: Mapping[sympy.Symbol, float]) -> sympy.Expr:
    """The expression with numbers for symbols; parts that become constant are evaluated."""
    free = expression.free_symbols
    if not free & values.keys():
        return expression
    if free <= values.keys():
        return number(evaluate(expression, values))
    return expression.func(*(substitute(part, values) for part in expression.args))


def check_size(expression: sympy.Expr) -> tuple[int, int]:
    """Upper bounds of the terms after expansion, and of the numbers and symbols in all of them,
    those inside functions and denominators too.

    Raises EquationError when a sum has more than MAX_TERMS, a product or power more than
    MAX_PRODUCT terms, or all of it more than MAX_WEIGHT numbers and symbols.
    """
    if not expression.args:
        return 1, 1
    sizes, weights = zip(*map(check_size, expression.args), strict=True)
    largest = MAX_PRODUCT
    if expression.is_Add:
        size, weight, largest = sum(sizes), sum(weights), MAX_TERMS
    elif expression.is_Mul:
        # Python's whole numbers do not overflow, and each size is at most MAX_TERMS.
        size = math.prod(sizes)
        weight = sum(size // n * w for n, w in zip(sizes, weights, strict=True))
    elif expression.is_Pow and sizes[0] > 1:
        terms, times = sizes[0], abs(int(expression.exp))
        times = min(times, MAX_POWER)  # higher ones are refused as such
        size = math.comb(times + terms - 1, times)
        # Each term of the base stands in so many of the products.
        weight = math.comb(times + terms - 2, times - 1) * weights[0] if times else 1
        if expression.exp.is_negative:  # a sum in a denominator stays one
            size, weight = 1, max(weight, weights[0])
    else:
        size, weight = 1, 1 + weights[0]
    if size > max(largest, *sizes):
        raise EquationError(f"the equation has more than {largest} terms when multiplied out")
    if weight > MAX_WEIGHT:
        raise EquationError(
            f"the equation has more than {MAX_WEIGHT} numbers and symbols when multiplied out"
        )
    return size, weight


def expand(expression: sympy.Expr) -> sympy.Expr:
    """The expression multiplied out, inside functions too; exp(a + b) becomes exp(a) exp(b).

    Denominators are expanded each for itself: 1/(1 + x)/(1 + u) keeps its two factors.
    """
    check_size(expression)
    hidden: dict[sympy.Expr, sympy.Symbol] = {}
    expanded = _multiply_out(_hide_denominators(expression, hidden))
    shown: dict[sympy.Symbol, sympy.Expr] = {}
    for base, symbol in hidden.items():  # inner ones come first
        shown[symbol] = 1 / base.xreplace(shown)
    expanded = _with_numbers(expanded.xreplace(shown))
    if expanded.has(*_NOT_FINITE):
        raise EquationError("the equation divides by zero or is not finite")
    return expanded


def _with_numbers(expression: sympy.Expr) -> sympy.Expr:
    """With one number for each value: 2 for 2.0, and what e and exp(2) are, which exp(u + 2) =
    exp(u) exp(2) leaves. Otherwise equal functions could differ in how they are written."""
    constants = expression.atoms(sympy.Float, sympy.exp, type(sympy.E))
    values = {part: number(evaluate(part, {})) for part in constants if part.is_number}
    return expression.xreplace(values)


def _multiply_out(expression: sympy.Expr) -> sympy.Expr:
    return sympy.expand(expression, log=False, trig=False, basic=False)


def _hide_denominators(
    expression: sympy.Expr, hidden: dict[sympy.Expr, sympy.Symbol]
) -> sympy.Expr:
    """The expression with a symbol for 1/(a + b), and numbers for functions of numbers."""
    if not expression.args:
        return expression
    if expression.func in _SCALARS and not expression.free_symbols:
        return number(evaluate(expression, {}))
    expression = expression.func(*(_hide_denominators(part, hidden) for part in expression.args))
    if not expression.is_Pow or expression.exp.is_positive:
        return expression
    base = _multiply_out(expression.base)
    if not base.is_Add:
        return base**expression.exp
    symbol = hidden.setdefault(base, sympy.Symbol(f"1/{len(hidden)}", real=True))
    return symbol**-expression.exp


def expansion_of(expression: sympy.Expr, fields: tuple[str, ...], ndim: int) -> Expansion:
    """The canonical form of an expression in jets, coordinates and parameters.

    Raises EquationError for anything that is not finite, too large, or no sum of such products.
    """
    _check_nodes(expression)
    expanded = expand(expression)
    _check_nodes(expanded)
    result: Expansion = {}
    for term in sympy.Add.make_args(expanded):
        monomial, basis, value = _split(term, fields, ndim)
        collect(result, monomial, basis, value)
    return result


def collect(expansion: Expansion, monomial: Monomial, basis: Basis, value: float) -> None:
    """Add value · basis · monomial to an expansion, and drop what has become zero."""
    if not math.isfinite(value):
        raise EquationError(
            f"the coefficient of '{monomial * basis}' is {value}: it must be finite"
        )
    bases = expansion.setdefault(monomial, {})
    total = bases.pop(basis, 0.0) + value
    if total:
        bases[basis] = total
    if not bases:
        del expansion[monomial]


def _split(term: sympy.Expr, fields: tuple[str, ...], ndim: int) -> tuple[Monomial, Basis, float]:
    monomial, basis, value = [], [], 1.0
    for factor in sympy.Mul.make_args(term):
        free = factor.free_symbols
        if not free:
            value *= evaluate(factor, {})
        elif any(jet_from_name(symbol.name, fields, ndim) for symbol in free):
            monomial.append(factor)
        else:
            basis.append(factor)
    return sympy.Mul(*monomial), sympy.Mul(*basis), value


def _check_nodes(expression: sympy.Expr) -> None:
    for node in _nodes(expression):
        if node.is_Symbol or node.is_Add or node.is_Mul or node.func in _SCALARS:
            continue
        if node.is_Pow and node.exp.is_Integer:
            if abs(node.exp) > MAX_POWER:
                raise EquationError(f"the power {node.exp} is too high: at most {MAX_POWER}")
            continue
        if node.is_number and node.is_real and not node.args:
            continue
        raise EquationError(
            f"'{node}' cannot stand in an equation: use + - * /, whole powers and "
            f"{', '.join(sorted(FUNCTIONS))}"
        )


def _nodes(expression: sympy.Expr) -> Iterator[sympy.Expr]:
    stack, seen = [expression], set()
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            yield node
            stack.extend(node.args)


def with_values(
    expansions: Mapping[str, Expansion],
    parameters: Mapping[str, float],
    names: tuple[str, ...],
    ndim: int,
) -> dict[str, Expansion]:
    """The expansions with the values of the parameters. names: of all fields."""
    if not parameters:
        return dict(expansions)
    values = {sympy.Symbol(name, real=True): value for name, value in parameters.items()}
    numeric: dict[str, Expansion] = {}
    for field, expansion in expansions.items():
        result = numeric[field] = {}
        for monomial, bases in expansion.items():
            for basis, value in bases.items():
                free = basis.free_symbols
                if monomial.free_symbols & values.keys() or not free <= values.keys():
                    # A parameter inside a function, e.g. sin(k*x), may change the shape.
                    product = substitute(monomial * basis, values)
                    for found, factors in expansion_of(product, names, ndim).items():
                        for factor, scale in factors.items():
                            collect(result, found, factor, value * scale)
                else:
                    scale = evaluate(basis, values) if free else 1.0
                    collect(result, monomial, sympy.Integer(1), value * scale)
    return numeric
