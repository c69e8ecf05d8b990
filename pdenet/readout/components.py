"""The parts of a network of PDE-Net 1.0's kind: constant coefficients, maps, and curves of sources.

    u_t = Σ_j θ_j m_j + Σ_k (c_k(x) − mean c_k) v_k + f(u),      all in physical units.

The constant of a coefficient that varies is its mean, so that "constant" and "varying" are two
questions. Everything that depends on one field alone is that field's source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy
import torch
from torch import Tensor

from pdenet.library.product import ONE, Product, evaluate
from pdenet.library.terms import Term
from pdenet.model import PDENet
from pdenet.pde import PDE
from pdenet.pde.expression import Monomial
from pdenet.pde.jet import Jet, jets_in
from pdenet.readout.candidates import FLOOR
from pdenet.types import Trajectory

__all__ = ["Coefficient", "Curve", "Parts", "parts_of"]

POINTS = 201
"""Points at which a curve is kept."""

RARE = 1e-3
"""Share of the data at either end of a field's range that counts as not visited: noise alone may
reach there, and a curve is not known where almost nothing was seen."""

Coefficient = tuple[str, Jet]
"""The coefficient of a jet in the equation of a field."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A source at points u (point,) of the range that the data visit, and their share of it."""

    points: np.ndarray
    values: np.ndarray
    density: np.ndarray

    def visited(self) -> np.ndarray:
        """Which points lie in the range that the data visit: all but the rarest values."""
        below = np.cumsum(self.density)
        inside: np.ndarray = (below >= RARE) & (below <= 1 - RARE)
        return inside


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts, in physical units.

    coefficients: those that might vary. constants: θ of monomials that no source holds. maps:
    values (*space), with mean zero, of the coefficients that seem to vary. curves: by field.
    """

    fields: tuple[str, ...]
    ndim: int
    coefficients: tuple[Coefficient, ...]
    constants: dict[tuple[str, Monomial], float]
    maps: dict[Coefficient, Tensor]
    curves: dict[str, Curve]

    def symbol(self, coefficient: Coefficient) -> sympy.Symbol:
        """The symbol of a map: no coordinate and no jet."""
        return sympy.Symbol(f"c_{coefficient[0]}({coefficient[1].name})")

    def is_source(self, field: str, product: Product) -> bool:
        """Whether a term belongs to the source of its equation."""
        alone = product.all_jets(self.fields, self.ndim) <= {Jet(field, (0,) * self.ndim)}
        return field in self.curves and product.basis == ONE and alone

    def map_terms(self) -> list[Term]:
        """One term for each map."""
        return [
            Term(field, jet.symbol, Product((jet,), basis=self.symbol((field, jet))))
            for field, jet in self.maps
        ]

    def term(self, field: str, expression: sympy.Expr, basis: sympy.Expr = ONE) -> Term:
        """A term from its monomial, or function of jets, and a function of the coordinates."""
        return Term(field, expression, Product.of(expression, self.fields, self.ndim, basis))


def parts_of(model: PDENet, linear: PDE, states: Trajectory) -> Parts:
    """The parts of a model.

    linear: the largest terms of its SymNet. states: (n, frames, field, *space), to see how large
    the effect of each map is; those below `FLOOR` of u_t are left out.
    """
    fields, ndim = model.shape.fields, model.shape.grid.ndim
    constants = {
        (field, monomial): float(value)
        for field, table in linear.numeric_terms().items()
        for monomial, value in table.items()
    }
    maps = {}
    for key, values, size in _maps(model, states):
        name, mean = (key[0], key[1].symbol), float(values.mean())
        varying = values - mean
        if size * float(varying.square().mean().sqrt()) >= FLOOR:
            maps[key] = varying
        if name in constants or size * abs(mean) >= FLOOR:
            constants[name] = constants.get(name, 0.0) + mean
    every = (
        ()
        if model.maps is None
        else tuple((field, jet) for field in fields for jet in model.filters.jets)
    )
    parts = Parts(fields, ndim, every, constants, maps, {})
    if model.source is not None:
        for f, field in enumerate(fields):
            _take_source(parts, model, states, f, field)
    return parts


def _maps(model: PDENet, states: Trajectory) -> list[tuple[Coefficient, Tensor, float]]:
    """Every map in physical units, with the r.m.s. of its jet over that of u_t."""
    with torch.no_grad():
        maps = model.rhs.coefficients()
        if maps is None:
            return []
        frames = states.flatten(0, 1)
        jets = model.filters(frames[:: max(1, len(frames) // 32)])
        sizes = jets.square().movedim(1, 0).flatten(1).mean(1).sqrt()
        shares = sizes / model.symnet.output_scale[:, None]
    return [
        ((field, jet), maps[f, v].double(), float(shares[f, v]))
        for f, field in enumerate(model.shape.fields)
        for v, jet in enumerate(model.filters.jets)
    ]


def _take_source(parts: Parts, model: PDENet, states: Trajectory, f: int, field: str) -> None:
    """Make the curve of one field, and move the constant terms that belong to it there."""
    source, symnet = model.source, model.symnet
    assert source is not None
    at, unscaled = source.curve(f, POINTS)
    points = at.double().cpu().numpy()
    values = (unscaled * symnet.output_scale[f]).detach().double().cpu().numpy()
    visited = states[:, :, f].double().cpu().numpy()
    density = np.histogram(visited, bins=POINTS, range=(points[0], points[-1]))[0].astype(float)
    u = Jet(field, (0,) * parts.ndim)
    parts.curves[field] = Curve(points, values, density / density.sum())
    for name, monomial in list(parts.constants):
        if name == field and jets_in(monomial, parts.fields, parts.ndim) <= {u}:
            known: dict[sympy.Expr, Tensor | float] = {u.symbol: torch.from_numpy(points)}
            more = parts.constants.pop((name, monomial)) * evaluate(monomial, known)
            parts.curves[field].values[:] += np.asarray(more)
