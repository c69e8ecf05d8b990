"""Networks with coefficients that vary in space, or with sources: from functions to formulas.

1. Which coefficients vary, which are constant, which vanish: each one stands as a constant and as
   the deviation of its map from it, each source as the functions that describe its curve, and terms
   leave for as long as held-out trajectories are predicted as well.
2. What stays is fitted again as free functions (`free`): constants, maps and curves.
3. A formula is sought for each map and each curve (`formula`), fitted through rollouts like any
   equation, and its terms are selected on held-out trajectories.
4. A formula counts where it predicts these as well as the free functions do. Otherwise the equation
   has a longer series that reproduces them.

Reference: Long, Lu, Ma, Dong, "PDE-Net", ICML 2018, sections 2.3 and 3.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Literal

import numpy as np
import sympy
import torch
from torch import Tensor

from pdenet.discovery.equation import DiscoveredEquation, FittedCurve, FittedMap
from pdenet.discovery.formula import of_coordinates, of_field, pursue
from pdenet.discovery.free import FreeForm, fit_free
from pdenet.discovery.parts import Coefficient, Curve, Parts, parts_of
from pdenet.discovery.reading import NOTHING_HELPS, Reading, misfit
from pdenet.discovery.select import TOLERANCE
from pdenet.discovery.terms import Library, Term
from pdenet.errors import DiscoveryError
from pdenet.nn import CoefficientMaps, PiecewiseSource
from pdenet.pde import PDE
from pdenet.pde.expression import Monomial
from pdenet.pde.jet import Jet
from pdenet.pde.render import format_expression
from pdenet.types import Trajectory

__all__ = ["read_structure"]

_log = logging.getLogger(__name__)

FUNCTIONS = 8
"""Most functions in the formula of one map or one curve."""

MISSED = 0.25
"""Share (L2) of a map or a curve that its formula may miss before it is fitted: one that leaves out
more is no formula."""

SERIES = 40
"""Most functions in a series that stands in for a formula."""


def read_structure(reading: Reading) -> DiscoveredEquation:
    """The equation of a network with maps or a source."""
    parts = parts_of(reading.model, reading.candidates(), reading.train)
    kept, values = _select(reading, parts)
    form, x = _free_form(reading, parts, kept, values)
    form, x = _fit(reading, form, x)
    held_out, _ = reading.windows(reading.held_out, reading.config.select_values)
    free = misfit(form.residuals(x, held_out), held_out)
    described = _Described(reading, parts, form, x)
    found = _formulas(reading, described, held_out, free)
    good = found is not None
    if found is None:
        pde = described.series()
        errors: dict[str, dict[Monomial, float]] = {field: {} for field in pde.fields}
        steps = held_out.shape[1] - 1
        found = DiscoveredEquation(pde=pde, stderr=errors, steps=steps, misfit=free)
    maps, curves = described.maps(found.pde, good), described.curves(found.pde, good)
    return replace(found, maps=maps, curves=curves)


def _formulas(
    reading: Reading, described: _Described, held_out: Trajectory, free: float
) -> DiscoveredEquation | None:
    """The equation with formulas, if it predicts as well as the free functions do."""
    library, values, missed = described.library(FUNCTIONS)
    reason = f"{FUNCTIONS} simple functions miss {100 * missed:.0f} % of one of them"
    if missed < MISSED:
        try:
            found = reading.fit(*reading.select(library, values), held_out)
        except DiscoveryError as error:
            reason = str(error)
        else:
            if not found.misfit**2 > (1 + TOLERANCE) * free**2:  # or the free functions blew up
                return found
            reason = f"an error of {found.misfit:.3g} against {free:.3g}"
    _log.warning(
        "no formula predicts held-out data as well as the maps and sources do (%s): the equation "
        "has a series instead",
        reason,
    )
    return None


def _select(reading: Reading, parts: Parts) -> tuple[tuple[Term, ...], dict[Term, float]]:
    """The terms that held-out trajectories ask for, with their coefficients."""
    terms = {parts.term(f, m): value for (f, m), value in parts.constants.items()}
    terms |= dict.fromkeys(parts.map_terms(), 1.0)
    for field, curve in parts.curves.items():
        u = Jet(field, (0,) * parts.ndim).symbol
        found, _ = pursue(curve.values, of_field(u, curve.points), FUNCTIONS, curve.density)
        terms |= {parts.term(field, function): value for function, value in found.items()}
    bases = {parts.symbol(key): values for key, values in parts.maps.items()}
    library = Library(parts.fields, parts.ndim, tuple(terms), bases)
    values = torch.tensor(list(terms.values()), dtype=torch.float64)
    problem, x = reading.select(library, values, quickly=True)
    kept = problem.library.terms
    if not kept:
        raise DiscoveryError(NOTHING_HELPS)
    return kept, dict(zip(kept, x.tolist(), strict=False))


def _free_form(
    reading: Reading, parts: Parts, kept: tuple[Term, ...], values: dict[Term, float]
) -> tuple[FreeForm, Tensor]:
    """What stays, as constants and free functions, and where their fit starts."""
    model, grid = reading.model, reading.model.shape.grid
    maps = [term for term in kept if term.product.basis in map(parts.symbol, parts.maps)]
    varying = {(term.field, term.product.jets[0]): values[term] for term in maps}
    constants = [
        term
        for term in kept
        if term not in maps
        and not parts.is_source(term.field, term.product)
        and (term.field, term.product.linear) not in varying
    ]
    library = Library(parts.fields, parts.ndim, (*constants, *maps)).with_bases(
        {term.product.basis: torch.ones(grid.shape).to(reading.train) for term in maps}
    )
    splines = source = None
    if maps:
        assert model.maps is not None and model.shape.coefficients is not None
        mesh = model.shape.coefficients
        boundaries = model.filters.boundaries
        splines = CoefficientMaps(len(maps), grid, mesh.pieces, mesh.degree, boundaries)
        splines = splines.to(reading.train)
        for k, (key, size) in enumerate(varying.items()):
            mean = next((values[t] for t in kept if (t.field, t.product.linear) == key), 0.0)
            splines.fit(k, size * parts.maps[key] + mean)
    if any(parts.is_source(term.field, term.product) for term in kept):
        assert model.source is not None
        source = PiecewiseSource(len(parts.fields), model.source.pieces, model.source.degree)
        source = source.to(reading.train)
        source.set_range(model.source.low, model.source.high)
        for f, field in enumerate(parts.fields):
            source.fit(f, torch.from_numpy(parts.curves[field].values))
    form = FreeForm(reading.problem(library), tuple(t.product.basis for t in maps), splines, source)
    return form, form.start(torch.tensor([values[term] for term in constants]).to(reading.train))


def _fit(reading: Reading, form: FreeForm, x: Tensor) -> tuple[FreeForm, Tensor]:
    """The free functions that predict the training windows best."""
    windows, _ = reading.windows(reading.train, reading.config.select_values)
    x, windows = reading.start(form, x, windows)
    form = form.stabilised(x, windows[:, 0], reading.generator)
    found = fit_free(
        form,
        x,
        windows,
        iterations=reading.config.free_iterations,
        on_progress=lambda done: reading.progress(
            "free functions", done, "fitting maps and sources"
        ),
    )
    return form, found


class _Described:
    """Free functions that were fitted, and expressions for them."""

    def __init__(self, reading: Reading, parts: Parts, form: FreeForm, x: Tensor) -> None:
        self.parts, self.grid = parts, reading.model.shape.grid
        terms, n = form.problem.library.terms, form.constants
        self.constants = dict(zip(terms[:n], x[:n].tolist(), strict=True))
        form.load(x)
        with torch.no_grad():
            maps = [] if form.maps is None else list(form.maps().double().cpu().numpy())
        self.values: dict[Coefficient, np.ndarray] = {
            (term.field, term.product.jets[0]): values
            for term, values in zip(terms[n:], maps, strict=True)
        }
        self.sources: dict[str, Curve] = {}
        if form.source is not None:
            for f, (field, curve) in enumerate(parts.curves.items()):
                values = form.source.curve(f, len(curve.points))[1].double().cpu().numpy()
                self.sources[field] = replace(curve, values=values)
        boundaries = reading.model.filters.boundaries
        self.dictionary = of_coordinates(self.grid, boundaries) if self.values else {}

    def library(self, most: int) -> tuple[Library, Tensor, float]:
        """Constants, and at most so many functions for each map and each curve.

        Returns the coefficients too, and the largest share (L2) of a map or curve that is missed.
        """
        terms, missed = dict(self.constants), 0.0
        for (field, jet), values in self.values.items():
            found, left = pursue(values, self.dictionary, most)
            missed = max(missed, left)
            for basis, value in found.items():
                terms[self.parts.term(field, jet.symbol, basis)] = value
        for field, curve in self.sources.items():
            u = Jet(field, (0,) * self.parts.ndim).symbol
            functions = of_field(u, curve.points)
            found, left = pursue(curve.values, functions, most, curve.density)
            missed = max(missed, left)
            for function, value in found.items():
                terms[self.parts.term(field, function)] = value
        library = Library(self.parts.fields, self.parts.ndim, tuple(terms))
        return library, torch.tensor(list(terms.values()), dtype=torch.float64), missed

    def series(self) -> PDE:
        """The equation with as many functions as it takes to reproduce maps and curves."""
        library, values, _ = self.library(SERIES)
        return library.pde(values)

    def maps(self, pde: PDE, formulas: bool) -> tuple[FittedMap, ...]:
        """Every coefficient that might have varied."""
        found = pde.numeric_terms()
        constants = {(t.field, t.monomial): value for t, value in self.constants.items()}
        result = []
        for field, jet in self.parts.coefficients:
            coefficient = found[field].get(jet.symbol, 0.0)
            values = self.values.get((field, jet))
            kind: Literal["varying", "constant", "zero"] = "varying"
            if values is None:
                constant = coefficient if isinstance(coefficient, float) else 0.0
                values = np.full(self.grid.shape, constant)
                kind = "constant" if (field, jet.symbol) in constants and constant else "zero"
            text = format_expression(sympy.Mul(coefficient), "text", 5)
            formula = text if formulas and kind == "varying" else None
            result.append(FittedMap(field, jet.name, kind, values, formula))
        return tuple(result)

    def curves(self, pde: PDE, formulas: bool) -> tuple[FittedCurve, ...]:
        """Every source."""
        result = []
        for field, curve in self.sources.items():
            terms = [
                value * monomial
                for monomial, value in pde.numeric_terms()[field].items()
                if self.parts.is_source(field, self.parts.term(field, monomial).product)
            ]
            text = format_expression(sympy.Add(*terms), "text", 5)
            formula = text if formulas else None
            seen = curve.visited()
            result.append(
                FittedCurve(
                    field, curve.points[seen], curve.values[seen], curve.density[seen], formula
                )
            )
        return tuple(result)
