"""A PDE as a function of jets: u_t = F(t, jets), for NumPy or PyTorch.

The expressions are walked once, here, and become a straight line of array operations. Equal
parts are computed once, powers are multiplications, whatever is free of jets and of t is computed
at once, and each term costs one accumulation (with PyTorch acc + c·a·b is one pass over memory).
Nothing is printed to source code and executed.

The result is a pure function, so it works under autograd, `torch.func.jvp` and `vmap`.
"""

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, TypeAlias

import sympy

from pdenet.errors import EquationError
from pdenet.pde.definition import PDE
from pdenet.pde.expression import FUNCTIONS
from pdenet.pde.jet import Jet
from pdenet.words import counted

__all__ = ["compile_rhs"]

# Arrays of a module that this file does not know: numpy.ndarray or torch.Tensor.
Array: TypeAlias = Any
_Step: TypeAlias = tuple[int, Callable[..., Array], tuple[int, ...]]


def compile_rhs(
    pde: PDE,
    jets: Sequence[Jet],
    module: ModuleType,
    coordinates: Sequence[Array] | None = None,
    *,
    in_place: bool = False,
) -> Callable[[float, Array], Array]:
    """The right-hand sides as a function f(t, jets).

    jets: which jet each entry of axis 1 holds; more than the PDE needs is fine.
    module: numpy or torch.
    coordinates: arrays of x[, y[, z]] that broadcast against the grid, e.g. `Grid.mesh()`; needed
        only for coefficients that depend on them.
    in_place: accumulate in place, which is faster; not for autograd, jvp or vmap.

    f takes the time and an array (batch, variable, *space); it returns (batch, field, *space).
    Raises EquationError when a jet or the coordinates are missing.
    """
    missing = [jet.name for jet in pde.jets if jet not in jets]
    if missing:
        given = ", ".join(jet.name for jet in jets)
        raise EquationError(f"the equation needs {', '.join(missing)}, but only {given} are given")
    line = _Line(pde, jets, module, coordinates, in_place)
    outputs = [line.field(terms) for terms in pde.numeric_terms().values()]
    return line.function(outputs)


class _Line:
    """A straight line of operations on numbered registers, in the order of their use."""

    def __init__(
        self,
        pde: PDE,
        jets: Sequence[Jet],
        module: ModuleType,
        coordinates: Sequence[Array] | None,
        in_place: bool,
    ) -> None:
        self.module = module
        self.fused = module.__name__ == "torch"
        self.in_place = in_place
        self.fixed: list[Any] = []  # the value of each register, None where it must be computed
        self.steps: list[_Step] = []
        self.known: dict[Any, int] = {}
        self.time = self._register()
        self.known[sympy.Symbol("t", real=True)] = self.time
        self.inputs = [(self._register(), k) for k in range(len(jets))]
        for (register, _), jet in zip(self.inputs, jets, strict=True):
            self.known[jet.symbol] = register
        self.zero = self._register()
        if coordinates is not None and len(coordinates) != pde.ndim:
            raise EquationError(
                f"{len(coordinates)} coordinates for {counted(pde.ndim, 'space dimension')}"
            )
        for name, values in zip(pde.coordinates, coordinates or (), strict=False):
            self.known[sympy.Symbol(name, real=True)] = self._register(values)

    def _register(self, value: Any = None) -> int:
        self.fixed.append(value)
        return len(self.fixed) - 1

    def _apply(self, key: Any, function: Callable[..., Array], *arguments: int) -> int:
        """The register of function(*arguments): an old one, a constant, or a new step."""
        if key in self.known:
            return self.known[key]
        values = [self.fixed[k] for k in arguments]
        if all(value is not None for value in values):
            register = self._register(function(*values))
        else:
            register = self._register()
            self.steps.append((register, function, arguments))
        if key is not None:
            self.known[key] = register
        return register

    def expression(self, node: sympy.Expr) -> int:
        """The register that holds an expression."""
        if node in self.known:
            return self.known[node]
        if node.is_Add:
            parts = [self.expression(part) for part in node.args]
            register = parts[0]
            for k, part in enumerate(parts[1:], 2):
                register = self._apply(("+", *parts[:k]), _add, register, part)
            return self._name(node, register)
        if node.is_Mul:
            return self._name(node, self._product(sorted(node.args, key=_factor_order)))
        if node.is_Pow:
            return self._power(*node.args)
        if node.func in FUNCTIONS.values():
            inside = self.expression(node.args[0])
            return self._apply(node, self._elementary(node.func.__name__), inside)
        if node.is_Symbol:
            raise EquationError(f"the equation depends on {node.name}: pass coordinates")
        return self._name(node, self._register(float(node)))

    def _name(self, node: sympy.Expr, register: int) -> int:
        self.known[node] = register
        return register

    def _product(self, factors: Sequence[sympy.Expr]) -> int:
        parts = []
        for factor in factors:
            whole = factor.is_Pow and factor.exp > 0
            base, times = (factor.base, int(factor.exp)) if whole else (factor, 1)
            parts.extend([self.expression(base)] * (times if times < 4 else 0))
            if times >= 4:
                parts.append(self.expression(factor))
        return self._multiply(parts)

    def _multiply(self, parts: Sequence[int]) -> int:
        register = parts[0]
        for k, part in enumerate(parts[1:], 2):
            register = self._apply(("*", *parts[:k]), _multiply, register, part)
        return register

    def _power(self, base: sympy.Expr, power: sympy.Integer) -> int:
        if power < 0:
            return self._apply(base**power, _reciprocal, self.expression(base**-power))
        half, odd = divmod(int(power), 2)
        root = self.expression(base**half)
        square = self._apply(base ** (2 * half), _multiply, root, root)
        if not odd:
            return square
        return self._apply(base**power, _multiply, square, self.expression(base))

    def _elementary(self, name: str) -> Callable[[Any], Any]:
        for_numbers, for_arrays = getattr(math, name), getattr(self.module, name)

        def apply(value: Any) -> Any:
            return for_numbers(value) if isinstance(value, float | int) else for_arrays(value)

        return apply

    def field(self, terms: dict[sympy.Expr, float | sympy.Expr]) -> int:
        """The register of one right-hand side, Σ coefficient · monomial."""
        total: int | None = None
        # Terms without jets come last: they may be smaller than the grid.
        for monomial, coefficient in sorted(terms.items(), key=lambda term: term[0] == 1):
            if total is None and monomial == 1:
                total = self.zero
            factors = [] if monomial == 1 else self._factors(monomial)
            total = self._accumulate(total, factors, coefficient)
        return self.zero if total is None else total

    def _factors(self, monomial: sympy.Expr) -> list[int]:
        """One or two registers whose product is the monomial; the first may be shared."""
        if not monomial.is_Mul and not (monomial.is_Pow and monomial.exp > 1):
            return [self.expression(monomial)]
        if monomial.is_Pow:
            first = monomial.base ** (monomial.exp - 1)
            return [self.expression(first), self.expression(monomial.base)]
        *first, last = sorted(monomial.args, key=_factor_order)
        if last.is_Pow and last.exp > 1:
            return [self._product([*first, last])]
        return [self._product(first), self.expression(last)]

    def _accumulate(
        self, total: int | None, factors: list[int], coefficient: float | sympy.Expr
    ) -> int:
        if isinstance(coefficient, sympy.Expr):
            factor = self.expression(coefficient)
            return self._varying(total, [*factors, factor])
        scaled = self._scaled(float(coefficient))
        if total is None:
            return self._apply(None, scaled[0], *factors)
        return self._apply(None, scaled[len(factors) + 1], total, *factors)

    def _varying(self, total: int | None, factors: list[int]) -> int:
        """Add a product of registers, of which the last is a coefficient field."""
        product = self._multiply(factors)
        if total is None:
            return self._apply(None, _times_one, product) if self.in_place else product
        return self._apply(
            None, _iadd if self.in_place and total != self.zero else _add, total, product
        )

    def _scaled(self, c: float) -> tuple[Callable[..., Array], ...]:
        """c·a·b to begin with; total + c, total + c·a and total + c·a·b to go on."""
        torch = self.module
        begin = _begin(c)
        if self.fused and self.in_place:
            return (
                begin,
                lambda total: total + c,
                lambda total, a: total.add_(a, alpha=c),
                lambda total, a, b: total.addcmul_(a, b, value=c),
            )
        if self.fused:
            return (
                begin,
                lambda total: total + c,
                lambda total, a: torch.add(total, a, alpha=c),
                lambda total, a, b: torch.addcmul(total, a, b, value=c),
            )
        add = _iadd if self.in_place else _add
        return (
            begin,
            lambda total: total + c,
            lambda total, a: add(total, c * a),
            lambda total, a, b: add(total, c * (a * b)),
        )

    def function(self, outputs: Sequence[int]) -> Callable[[float, Array], Array]:
        """The function that runs the line; a register is let go after its last use."""
        last: dict[int, int] = {}
        for k, (register, _, arguments) in enumerate(self.steps):
            last.update(dict.fromkeys((register, *arguments), k))
        kept = {*outputs, *(k for k, value in enumerate(self.fixed) if value is not None)}
        program = []
        for k, (register, function, arguments) in enumerate(self.steps):
            spent = tuple(r for r in {register, *arguments} - kept if last[r] == k)
            program.append((register, function, arguments, spent))
        used = {*outputs, *(r for _, _, arguments in self.steps for r in arguments)}
        inputs = [(register, k) for register, k in self.inputs if register in used]
        template, time, zero, module = list(self.fixed), self.time, self.zero, self.module
        needs_zero = zero in used

        def rhs(t: float, jets: Array) -> Array:
            values = list(template)
            values[time] = t
            for register, k in inputs:
                values[register] = jets[:, k]
            if needs_zero:
                some = jets.shape[1] > 0
                values[zero] = module.zeros_like(jets[:, 0]) if some else jets.sum(1)
            try:
                for register, function, arguments, spent in program:
                    values[register] = function(*[values[k] for k in arguments])
                    for k in spent:
                        values[k] = None
            except (ZeroDivisionError, OverflowError):  # of numbers; arrays become infinite
                raise EquationError(
                    f"a coefficient of the equation is not finite at time {t:.4g}"
                ) from None
            return module.stack([values[k] for k in outputs], 1)

        return rhs


def _begin(c: float) -> Callable[..., Array]:
    def begin(a: Array, b: Array | None = None) -> Array:
        if b is None:
            return c * a
        return a * b if c == 1 else c * (a * b)

    return begin


def _add(a: Array, b: Array) -> Array:
    return a + b


def _iadd(a: Array, b: Array) -> Array:
    a += b
    return a


def _multiply(a: Array, b: Array) -> Array:
    return a * b


def _times_one(a: Array) -> Array:
    return 1.0 * a


def _reciprocal(a: Array) -> Array:
    return 1.0 / a


def _factor_order(factor: sympy.Expr) -> tuple[int, int, str]:
    """Fields first, then derivatives, then the rest: u·u is shared by u²·u_x and u²·v."""
    base, _ = factor.as_base_exp()
    if base.is_Symbol:
        return 0, len(base.name.partition("_")[2]), base.name
    return 1, 0, str(factor)
