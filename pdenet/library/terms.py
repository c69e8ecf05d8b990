"""A right-hand side that is linear in its coefficients: u_t = Σ_j θ_j B_j(x, t) m_j(jets of u).

The form in which an equation is fitted: the monomials m_j and the functions B_j of the coordinates
are known, the coefficients θ and the free moments φ of the filters that make the jets are the
unknowns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy
import torch
from torch import Tensor

from pdenet.errors import DiscoveryError
from pdenet.grid import Grid
from pdenet.library.product import ONE, Product, evaluate, values_of
from pdenet.nn import FilterBank
from pdenet.nn.filters import symbols_of_kernels
from pdenet.nn.padding import held_points
from pdenet.pde import PDE
from pdenet.pde.expression import Monomial, expansion_of
from pdenet.pde.jet import AXES, Jet, sorted_jets
from pdenet.pde.render import format_monomial, to_text
from pdenet.schemes import RHS
from pdenet.types import Jets, State

__all__ = ["TIME", "Library", "Part", "Term"]

TIME = sympy.Symbol("t", real=True)


@dataclass(frozen=True)
class Part:
    """The unknown function that a term is a part of, as text, "a(x)", and its level there."""

    name: str
    level: int


@dataclass(frozen=True)
class Term:
    """One monomial in the equation of one field, with the function of the coordinates before it.
    part: of which unknown function it is a part, where it is one."""

    field: str
    monomial: Monomial
    product: Product
    part: Part | None = None

    @property
    def name(self) -> Monomial:
        """Monomial and function together: what a coefficient belongs to."""
        return self.monomial * self.product.basis

    @property
    def text(self) -> str:
        """The same as text."""
        basis = self.product.basis
        if basis.is_Symbol and basis.name not in AXES:  # it stands for a map
            return f"{format_monomial(self.monomial)} (what of its coefficient varies)"
        return format_monomial(self.name)


@dataclass(frozen=True)
class Library:
    """The terms of all equations, in a fixed order; coefficients are vectors in this order.

    fields: those that have an equation. given: others that act in these. bases: the values on the
    grid of the functions of coordinates that occur (`on` makes them).
    """

    fields: tuple[str, ...]
    ndim: int
    terms: tuple[Term, ...]
    bases: Mapping[sympy.Expr, Tensor] = field(default_factory=dict, compare=False)
    given: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All fields: those with an equation, then those that are given."""
        return (*self.fields, *self.given)

    @classmethod
    def of(cls, pde: PDE, *, in_time: bool = False) -> tuple[Library, Tensor]:
        """The terms of a PDE and their coefficients. in_time: whether these may depend on time.

        Raises DiscoveryError for coefficients that depend on time and may not.
        """
        terms, values = [], []
        for name, found in pde.expansions().items():
            for monomial, bases in found.items():
                for basis, value in bases.items():
                    if TIME in basis.free_symbols and not in_time:
                        raise DiscoveryError(
                            f"the term {value}*{basis}*{monomial} of {name}_t cannot be refitted: "
                            "its coefficient depends on time"
                        )
                    product = Product.of(monomial, pde.names, pde.ndim, basis)
                    terms.append(Term(name, monomial, product))
                    values.append(value)
        library = cls(pde.fields, pde.ndim, tuple(terms), given=pde.given)
        return library, torch.tensor(values, dtype=torch.float64)

    @property
    def jets(self) -> tuple[Jet, ...]:
        """Every jet that occurs."""
        found = (term.product.all_jets(self.names, self.ndim) for term in self.terms)
        return sorted_jets(set().union(*found), self.names)

    @property
    def in_time(self) -> tuple[sympy.Expr, ...]:
        """The functions of the coordinates that depend on time."""
        bases = (term.product.basis for term in self.terms)
        return tuple(dict.fromkeys(basis for basis in bases if TIME in basis.free_symbols))

    def on(self, grid: Grid, like: Tensor) -> Library:
        """The same with its functions of the coordinates evaluated on a grid, but those of time."""
        mesh = zip(grid.axes, grid.mesh(), strict=True)
        return self.at({name: torch.from_numpy(values).to(like) for name, values in mesh})

    def at(self, coordinates: Mapping[str, Tensor]) -> Library:
        """The same at points whose coordinates (*space) are these."""
        wanted = {term.product.basis for term in self.terms} - {ONE, *self.bases, *self.in_time}
        if not wanted:
            return self
        known: dict[sympy.Expr, Tensor | float] = {
            sympy.Symbol(name, real=True): values for name, values in coordinates.items()
        }
        one = torch.ones_like(next(iter(coordinates.values())))
        made = {basis: one * evaluate(basis, known) for basis in wanted}
        return replace(self, bases={**self.bases, **made})

    def with_bases(self, values: Mapping[sympy.Expr, Tensor]) -> Library:
        """The same with the values (*space) of symbols that stand for maps."""
        return replace(self, bases={**self.bases, **values})

    def only(self, kept: Sequence[bool]) -> Library:
        """The library of the terms that are kept."""
        terms = tuple(term for term, keep in zip(self.terms, kept, strict=True) if keep)
        return replace(self, terms=terms)

    def pde(self, coefficients: Tensor | Sequence[float]) -> PDE:
        """The PDE with these coefficients."""
        return PDE.from_terms(self.by_field(coefficients), AXES[: self.ndim], given=self.given)

    def by_field(self, values: Tensor | Sequence[float]) -> dict[str, dict[Monomial, float]]:
        """One number for each term, as {field: {monomial with its basis: number}}."""
        table: dict[str, dict[Monomial, float]] = {name: {} for name in self.fields}
        for term, value in zip(self.terms, values, strict=True):
            table[term.field][term.name] = float(value)
        return table

    def errors_by_field(self, errors: Tensor | Sequence[float]) -> dict[str, dict[Monomial, float]]:
        """The standard error of every coefficient as a PDE holds it.

        A basis that is a sum, such as x (L − x), is multiplied out there: each of its parts has
        its share of the error.
        """
        table: dict[str, dict[Monomial, float]] = {name: {} for name in self.fields}
        for term, error in zip(self.terms, errors, strict=True):
            parts = expansion_of(term.name, self.names, self.ndim)
            for monomial, bases in parts.items():
                for basis, share in bases.items():
                    squares = table[term.field].get(monomial * basis, 0.0) ** 2
                    found = math.sqrt(squares + (share * float(error)) ** 2)
                    table[term.field][monomial * basis] = found
        return table

    def text(self, coefficients: Tensor, digits: int) -> str:
        """The equations in a line, of unknown functions only their names."""
        plain = [term.part is None for term in self.terms]
        known = self.only(plain).pde(coefficients[torch.tensor(plain, dtype=torch.bool)].tolist())
        lines = []
        for name, line in zip(self.fields, to_text(known, digits=digits), strict=True):
            parts = [term.part.name for term in self.terms if term.part and term.field == name]
            lines.append(" + ".join([line, *dict.fromkeys(parts)]))
        return "; ".join(lines)

    def combine(self, jets: Jets, order: Sequence[Jet], coefficients: Tensor) -> State:
        """Σ_j θ_j B_j m_j at every point: jets (batch, variable, *space) -> (batch, field, ..)."""
        value_of = values_of(jets, order, self.bases)
        totals: dict[str, Tensor] = {}
        for j, term in enumerate(self.terms):
            value = coefficients[j] * value_of(term.product)
            totals[term.field] = totals[term.field] + value if term.field in totals else value
        zero = torch.zeros_like(jets[:, 0])
        return torch.stack([totals.get(name, zero) for name in self.fields], 1)

    def rhs(
        self, bank: FilterBank, coefficients: Tensor, kernels: Tensor, shape: torch.Size
    ) -> RHS:
        """(t, u) -> u_t with these coefficients and scaled kernels, on a grid of this shape."""
        symbols = symbols_of_kernels(kernels, bank.padded(shape)) if bank.indices else None
        held = held_points(bank.boundaries, shape, kernels)

        def rhs(t: float, u: State) -> State:
            change = self.combine(bank(u, symbols), bank.jets, coefficients)
            return change if held is None else change * held

        return rhs
