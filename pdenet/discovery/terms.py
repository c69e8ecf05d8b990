"""A right-hand side that is linear in its coefficients: u_t = Σ_j θ_j m_j(jets of u).

The form in which an equation is fitted: the monomials m_j are known, the coefficients θ and the
free moments φ of the filters that make the jets are the unknowns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.errors import DiscoveryError
from pdenet.integrators import RHS
from pdenet.nn import FilterBank
from pdenet.nn.filters import symbols_of_kernels
from pdenet.pde import PDE
from pdenet.pde.expression import Monomial
from pdenet.pde.jet import AXES, Jet, sorted_jets
from pdenet.pde.monomial import jet_powers
from pdenet.types import Jets, State

__all__ = ["Library", "Term", "products"]


@dataclass(frozen=True)
class Term:
    """One monomial in the equation of one field, as the jets that are multiplied."""

    field: str
    monomial: Monomial
    factors: tuple[Jet, ...]


@dataclass(frozen=True)
class Library:
    """The terms of all equations, in a fixed order; coefficients are vectors in this order."""

    fields: tuple[str, ...]
    ndim: int
    terms: tuple[Term, ...]

    @classmethod
    def of(cls, pde: PDE) -> tuple[Library, Tensor]:
        """The terms of a PDE and their coefficients.

        Raises DiscoveryError for terms that are no products of jets with constant coefficients.
        """
        terms, values = [], []
        for field, found in pde.numeric_terms().items():
            for monomial, value in found.items():
                powers = jet_powers(monomial, pde.fields, pde.ndim)
                if powers is None or not isinstance(value, float):
                    raise DiscoveryError(
                        f"the term {value}*{monomial} of {field}_t cannot be refitted: only "
                        "products of jets with constant coefficients can"
                    )
                factors = tuple(jet for jet, power in powers for _ in range(power))
                terms.append(Term(field, monomial, factors))
                values.append(value)
        return cls(pde.fields, pde.ndim, tuple(terms)), torch.tensor(values, dtype=torch.float64)

    @property
    def jets(self) -> tuple[Jet, ...]:
        """Every jet that occurs."""
        return sorted_jets({jet for term in self.terms for jet in term.factors}, self.fields)

    def only(self, kept: Sequence[bool]) -> Library:
        """The library of the terms that are kept."""
        terms = tuple(term for term, keep in zip(self.terms, kept, strict=True) if keep)
        return Library(self.fields, self.ndim, terms)

    def pde(self, coefficients: Tensor | Sequence[float]) -> PDE:
        """The PDE with these coefficients."""
        return PDE.from_terms(self.by_field(coefficients), AXES[: self.ndim])

    def by_field(self, values: Tensor | Sequence[float]) -> Mapping[str, dict[Monomial, float]]:
        """One number for each term, as {field: {monomial: number}}."""
        table: dict[str, dict[Monomial, float]] = {field: {} for field in self.fields}
        for term, value in zip(self.terms, values, strict=True):
            table[term.field][term.monomial] = float(value)
        return table

    def combine(self, jets: Jets, order: Sequence[Jet], coefficients: Tensor) -> State:
        """Σ_j θ_j m_j at every point: jets (batch, variable, *space) -> (batch, field, *space)."""
        product = products(jets, order)
        totals: dict[str, Tensor] = {}
        for j, term in enumerate(self.terms):
            value = coefficients[j] * product(term.factors)
            totals[term.field] = totals[term.field] + value if term.field in totals else value
        zero = torch.zeros_like(jets[:, 0])
        return torch.stack([totals.get(field, zero) for field in self.fields], 1)

    def rhs(
        self, bank: FilterBank, coefficients: Tensor, kernels: Tensor, shape: torch.Size
    ) -> RHS:
        """(t, u) -> u_t with these coefficients and scaled kernels, on a grid of this shape."""
        symbols = symbols_of_kernels(kernels, shape) if bank.indices else None

        def rhs(t: float, u: State) -> State:
            return self.combine(bank(u, symbols), bank.jets, coefficients)

        return rhs


def products(jets: Jets, order: Sequence[Jet]) -> Callable[[tuple[Jet, ...]], Tensor]:
    """Products of jets at every point, (batch, *space), each made once.

    jets: (batch, variable, *space); order: which jet each variable is.
    """
    place = {jet: k for k, jet in enumerate(order)}
    known: dict[tuple[Jet, ...], Tensor] = {}

    def product(factors: tuple[Jet, ...]) -> Tensor:
        if not factors:
            return torch.ones_like(jets[:, 0])
        if factors not in known:
            last = jets[:, place[factors[-1]]]
            known[factors] = product(factors[:-1]) * last if len(factors) > 1 else last
        return known[factors]

    return product
