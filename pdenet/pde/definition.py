"""A system of evolution equations as a value: ∂u/∂t = F(t, x, u, u_x, u_y, u_xx, ...).

A `PDE` is what simulators integrate, files store, networks are read out to and comparisons score.
It holds the expanded right-hand sides (see `pdenet.pde.expression`) and the values of its
parameters, and never changes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import sympy

from pdenet.errors import EquationError
from pdenet.pde import render
from pdenet.pde.expression import (
    Expansion,
    Monomial,
    collect,
    expansion_of,
    number,
    with_values,
)
from pdenet.pde.jet import Jet, jet_from_name, jets_in, sorted_jets
from pdenet.pde.monomial import jet_powers, term_order
from pdenet.pde.names import (
    check_coordinates,
    check_fields,
    check_given,
    check_parameters,
    closest,
)
from pdenet.pde.parse import parse

__all__ = ["PDE"]

_ONE = sympy.Integer(1)


class PDE:
    """A system of PDEs of first order in time, one equation for each field.

    equations: one text for each field, `u_t = ...` or with terms on both sides; jets are written
        u_x, u_xy, derivatives of expressions laplace(...), d_dx(...).
    coordinates: ("x",), ("x", "y") or ("x", "y", "z"); None takes as many as the text mentions.
    given: fields that act in the equations and have none of their own, such as a wind that was
        measured.
    parameters: a value for every other name.

    Two PDEs are equal when they have the same fields, coordinates and, with the parameters put in,
    the same terms. Raises EquationError, one line with the place marked.

    >>> PDE("u_t = -u*u_x + nu*u_xx", nu=0.1).equations()
    ('u_t = -u*u_x + nu*u_xx',)
    """

    _fields: tuple[str, ...]
    _given: tuple[str, ...]
    _coordinates: tuple[str, ...]
    _parameters: Mapping[str, float]
    _expansions: dict[str, Expansion]
    _numeric: dict[str, Expansion]

    def __init__(
        self,
        *equations: str,
        coordinates: Sequence[str] | None = None,
        given: Sequence[str] = (),
        **parameters: float,
    ) -> None:
        system = parse(equations, coordinates, parameters, given)
        self._set(system.expansions, system.coordinates, system.parameters, tuple(given))
        self.require_readable()

    def _set(
        self,
        expansions: Mapping[str, Expansion],
        coordinates: tuple[str, ...],
        parameters: dict[str, float],
        given: tuple[str, ...],
    ) -> None:
        fields = tuple(expansions)
        order = term_order((*fields, *given), len(coordinates))
        ordered = {
            field: {
                monomial: _simplest_first(expansion[monomial])
                for monomial in sorted(expansion, key=order)
            }
            for field, expansion in expansions.items()
        }
        if parameters:
            used = {symbol.name for symbol in _symbols(ordered)}
            parameters = {name: value for name, value in parameters.items() if name in used}
        self.__dict__.update(
            _fields=fields,
            _given=given,
            _coordinates=coordinates,
            _parameters=MappingProxyType(parameters),
            _expansions=ordered,
            _numeric=with_values(ordered, parameters, (*fields, *given), len(coordinates)),
        )

    @classmethod
    def from_text(
        cls,
        text: str,
        coordinates: Sequence[str] | None = None,
        parameters: Mapping[str, float] | None = None,
        given: Sequence[str] = (),
    ) -> "PDE":
        """The system in a text with one equation a line (or separated by semicolons)."""
        lines = [line for line in text.replace(";", "\n").split("\n") if line.strip()]
        system = parse(lines, coordinates, parameters or {}, given)
        pde = cls._of(system.expansions, system.coordinates, system.parameters, tuple(given))
        pde.require_readable()
        return pde

    @classmethod
    def from_terms(
        cls,
        terms: Mapping[str, Mapping[Monomial, float | sympy.Expr]],
        coordinates: Sequence[str],
        parameters: Mapping[str, float] | None = None,
        given: Sequence[str] = (),
    ) -> "PDE":
        """The system with the given coefficient of each monomial, for each field.

        Raises EquationError for unknown symbols and for coefficients that are not finite.
        """
        names, axes, values = _checked(terms, coordinates, parameters, given)
        adopt = _adopter(names, axes, values)
        ndim = len(axes)
        expansions: dict[str, Expansion] = {}
        for field, table in terms.items():
            expansion: Expansion = {}
            for monomial, coefficient in table.items():
                plain = not isinstance(coefficient, sympy.Basic) or coefficient.is_Float
                if plain and jet_powers(monomial, names, ndim) is not None:
                    collect(expansion, monomial, _ONE, float(coefficient))
                    continue
                factor = number(float(coefficient)) if plain else coefficient
                product = adopt(sympy.sympify(monomial, strict=True) * factor)
                for found, bases in expansion_of(product, names, ndim).items():
                    for basis, value in bases.items():
                        collect(expansion, found, basis, value)
            expansions[field] = expansion
        return cls._of(expansions, axes, values, tuple(given))

    @classmethod
    def from_expressions(
        cls,
        expressions: Mapping[str, sympy.Expr],
        coordinates: Sequence[str],
        parameters: Mapping[str, float] | None = None,
    ) -> "PDE":
        """The system with the given right-hand sides, SymPy expressions in symbols named as jets,
        coordinates and parameters."""
        fields, axes, values = _checked(expressions, coordinates, parameters)
        adopt = _adopter(fields, axes, values)
        expansions = {
            field: expansion_of(adopt(sympy.sympify(rhs, strict=True)), fields, len(axes))
            for field, rhs in expressions.items()
        }
        return cls._of(expansions, axes, values)

    @classmethod
    def _of(
        cls,
        expansions: Mapping[str, Expansion],
        coordinates: tuple[str, ...],
        parameters: dict[str, float],
        given: tuple[str, ...] = (),
    ) -> "PDE":
        pde = cls.__new__(cls)
        pde._set(expansions, coordinates, parameters, given)
        return pde

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that have an equation, in the order of these."""
        return self._fields

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the fields that act in the equations and have none of their own."""
        return self._given

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all fields: those with an equation, then those that are given."""
        return (*self._fields, *self._given)

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the space coordinates."""
        return self._coordinates

    @property
    def ndim(self) -> int:
        """Number of space dimensions."""
        return len(self._coordinates)

    @property
    def parameters(self) -> Mapping[str, float]:
        """Values of the parameters, sorted by name."""
        return self._parameters

    @cached_property
    def rhs(self) -> Mapping[str, sympy.Expr]:
        """The right-hand side of each field as one expression, parameters as symbols."""
        return MappingProxyType(
            {
                field: sympy.Add(*(coefficient * monomial for monomial, coefficient in t.items()))
                for field, t in self.terms().items()
            }
        )

    @cached_property
    def jets(self) -> tuple[Jet, ...]:
        """The jets that occur: by field, then order, then x before y before z."""
        found: set[Jet] = set()
        for expansion in self._expansions.values():
            for monomial in expansion:
                found |= jets_in(monomial, self.names, self.ndim)
        return sorted_jets(found, self.names)

    @property
    def order(self) -> int:
        """Highest order of a derivative in space."""
        return max((jet.order for jet in self.jets), default=0)

    def terms(self) -> dict[str, dict[Monomial, sympy.Expr]]:
        """The coefficient of every monomial of every field, parameters as symbols."""
        return {
            field: {
                monomial: sympy.Add(*(number(value) * basis for basis, value in bases.items()))
                for monomial, bases in expansion.items()
            }
            for field, expansion in self._expansions.items()
        }

    def expansions(self) -> dict[str, Expansion]:
        """As `numeric_terms`, with every coefficient split into {basis: float}.

        A basis is 1 or a product of functions of the coordinates; parameters are put in.
        """
        return {field: dict(expansion) for field, expansion in self._numeric.items()}

    def numeric_terms(self) -> dict[str, dict[Monomial, float | sympy.Expr]]:
        """The coefficient of every monomial of every field with the parameters put in.

        A float where the coefficient is constant, else an expression in x, y, z, t.
        """
        return {
            field: {monomial: _coefficient(bases) for monomial, bases in expansion.items()}
            for field, expansion in self._numeric.items()
        }

    def substitute(self, **parameters: float) -> "PDE":
        """The same system with other values of some parameters."""
        for name in parameters:
            if name not in self.parameters:
                near = closest(name, self.parameters)
                known = ", ".join(self.parameters) or "none"
                raise EquationError(f"'{name}' is no parameter here{near}: parameters are {known}")
        values = check_parameters({**self.parameters, **parameters}, self.names)
        return PDE._of(self._expansions, self.coordinates, values, self.given)

    def numeric(self) -> "PDE":
        """The same system with numbers in place of its parameters."""
        return PDE._of(self._numeric, self.coordinates, {}, self.given)

    def equations(self) -> tuple[str, ...]:
        """One exact line for each field; `PDE(*lines, coordinates=..., **parameters)` reads it."""
        return render.to_text(self)

    def require_readable(self) -> None:
        """Raise EquationError unless `equations()` reads back as this PDE: what is written of it
        keeps to the limits of what is read. Every PDE that was made from text does."""
        try:
            system = parse(self.equations(), self.coordinates, self.parameters, self.given)
            again = PDE._of(system.expansions, system.coordinates, system.parameters, self.given)
        except EquationError as error:
            raise EquationError(
                f"multiplied out, the equation cannot be written: {error}"
            ) from None
        if again != self:
            raise EquationError(
                "multiplied out, the equation cannot be written without rounding: simplify the "
                f"numbers in its functions, in: {self.text():.60}..."
            )

    def require_closed(self) -> None:
        """Raise EquationError where a field is given: nothing says how it goes on."""
        if self.given:
            raise EquationError(
                f"{', '.join(self.given)} acts in the equation and has none of its own, so it "
                "cannot be solved: give an equation for it too"
            )

    def text(self) -> str:
        """The exact equations, one a line."""
        return "\n".join(self.equations())

    def unicode(self, digits: int | None = 5) -> str:
        """The equations for reading, one a line, coefficients rounded to `digits`."""
        return "\n".join(render.to_unicode(self, digits))

    def latex(self, digits: int | None = 5) -> str:
        """The equations in LaTeX, one a line, coefficients rounded to `digits`."""
        return "\n".join(render.to_latex(self, digits))

    @cached_property
    def _identity(self) -> tuple[Any, ...]:
        terms = frozenset(
            (field, monomial, basis, value)
            for field, expansion in self._numeric.items()
            for monomial, bases in expansion.items()
            for basis, value in bases.items()
        )
        return self.fields, frozenset(self.given), self.coordinates, terms

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a PDE does not change: {name!r} cannot be set; use substitute()")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PDE) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        parts = [repr(line) for line in self.equations()]
        parts.append(f"coordinates={self.coordinates!r}")
        parts.extend([f"given={self.given!r}"] * bool(self.given))
        parts.extend(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"PDE({', '.join(parts)})"

    def __reduce__(self) -> tuple[Callable[..., "PDE"], tuple[Any, ...]]:
        values = (self.text(), self.coordinates, dict(self.parameters), self.given)
        return PDE.from_text, values


def _symbols(expansions: Mapping[str, Expansion]) -> set[sympy.Symbol]:
    symbols: set[sympy.Symbol] = set()
    for expansion in expansions.values():
        for monomial, bases in expansion.items():
            symbols |= monomial.free_symbols.union(*(basis.free_symbols for basis in bases))
    return symbols


def _simplest_first(bases: dict[sympy.Expr, float]) -> dict[sympy.Expr, float]:
    """One order whatever the text's, so that sums of parameters round in the same way too."""
    if len(bases) < 2:
        return bases
    return {basis: bases[basis] for basis in sorted(bases, key=render.sum_order)}


def _coefficient(bases: Mapping[sympy.Expr, float]) -> float | sympy.Expr:
    if bases.keys() == {_ONE}:
        return bases[_ONE]
    return sympy.Add(*(number(value) * basis for basis, value in bases.items()))


def _checked(
    fields: Iterable[str],
    coordinates: Sequence[str],
    parameters: Mapping[str, float] | None,
    given: Sequence[str] = (),
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, float]]:
    """The names of all fields, coordinates and parameters."""
    names = check_given(given, check_fields(fields))
    return names, check_coordinates(coordinates), check_parameters(parameters or {}, names)


def _adopter(
    fields: tuple[str, ...], coordinates: tuple[str, ...], parameters: Mapping[str, float]
) -> Callable[[sympy.Expr], sympy.Expr]:
    """A function that puts our own real symbols in the place of symbols of the same name."""

    def adopt(expression: sympy.Expr) -> sympy.Expr:
        ours = {}
        for symbol in expression.free_symbols:
            jet = jet_from_name(symbol.name, fields, len(coordinates))
            if jet is None and symbol.name not in (*coordinates, *parameters, "t"):
                known = ", ".join((*fields, *coordinates, "t", *parameters))
                raise EquationError(f"'{symbol}' is no jet and not declared: known are {known}")
            name = symbol.name if jet is None else jet.name
            ours[symbol] = sympy.Symbol(name, real=True)
        return expression.xreplace(ours)

    return adopt
