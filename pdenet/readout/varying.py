"""Networks with coefficients that vary in space, or with sources: from functions to formulas.

1. Which coefficients vary, which are constant, which vanish: each one stands as a constant and as
   the deviation of its map from it, each source as the functions that describe its curve, and terms
   leave for as long as held-out trajectories are predicted as well.
2. What stays is fitted again as free functions (`function_fit`): constants, maps and curves.
3. A formula is sought for each map and each curve (`describe`), in the problem linearised there.
4. Where all have one, the equation is fitted through rollouts like any other, from there; it counts
   where it predicts held-out trajectories as well as the free functions do. A map or a curve that
   has no formula that can be trusted is itself the answer, with its standard errors.

Reference: Long, Lu, Ma, Dong, "PDE-Net", ICML 2018, sections 2.3 and 3.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import sympy
import torch
from torch import Tensor

from pdenet.errors import DiscoveryError
from pdenet.library.terms import Library, Term
from pdenet.nn import CoefficientMaps, PiecewiseSource
from pdenet.noise.level import structured_share
from pdenet.pde.jet import Jet
from pdenet.pde.render import format_expression
from pdenet.readout.components import Parts, parts_of
from pdenet.readout.describe import Description
from pdenet.readout.formula import of_field, pursue
from pdenet.readout.function_fit import FreeForm, fit_free
from pdenet.readout.select import TOLERANCE
from pdenet.readout.shapes import Linearised, shapes_of
from pdenet.readout.steps import NOTHING_HELPS, Reading, misfit
from pdenet.results.equation import DiscoveredEquation
from pdenet.results.fitted import FittedCurve, FittedMap
from pdenet.types import Trajectory

__all__ = ["read_structure"]

_log = logging.getLogger(__name__)

FUNCTIONS = 8
"""Most functions that stand for a curve while it is asked which coefficients vary."""


def read_structure(reading: Reading) -> DiscoveredEquation:
    """The equation of a network with maps or a source."""
    parts = parts_of(reading.model, reading.candidates(), reading.train)
    kept, values = _select(reading, parts)
    form, x = _free_form(reading, parts, kept, values)
    form, x, windows = _fit(reading, form, x)
    held_out, smoothing = reading.windows(reading.held_out, reading.config.select_values)
    structure = structured_share(
        form,
        x,
        held_out,
        smoothing.sigma,
        lambda noise: smoothing(noise, homogeneous=True),
        reading.generator,
    )
    reading.progress("formulas", 0.0, "linearising maps and sources")
    problem = Linearised(form, x, shapes_of(reading, parts, form, x), windows)
    described = problem.describe(structure)
    found, described = _equation(reading, parts, problem, described, held_out)
    for shape, each in zip(problem.shapes, described, strict=True):
        if each.reason:
            _log.warning("no formula for %s in %s_t: %s", shape.name, shape.field, each.reason)
    return _with_functions(reading, parts, problem, described, found)


def _equation(
    reading: Reading,
    parts: Parts,
    problem: Linearised,
    described: Sequence[Description],
    held_out: Trajectory,
) -> tuple[DiscoveredEquation, Sequence[Description]]:
    """The equation with its formulas, where these predict held-out trajectories as well as the free
    functions do, and without them where not."""
    free = misfit(problem.form.residuals(problem.x, held_out), held_out)
    if any(each.formula is not None for each in described):
        try:
            if all(each.formula is not None for each in described):
                found = _fitted(reading, parts, problem, described, held_out)
            else:
                found = _partly(parts, problem, described, held_out)
            reason = f"fitted to the data its error is {found.misfit:.3g}, against {free:.3g}"
            # The comparison holds too where the free functions blew up.
            if not found.misfit**2 > (1 + TOLERANCE) * free**2:
                return found, described
        except DiscoveryError as error:
            reason = str(error)
        described = [
            replace(each, formula=None, reason=each.reason or reason) for each in described
        ]
    return _partly(parts, problem, described, held_out), described


def _fitted(
    reading: Reading,
    parts: Parts,
    problem: Linearised,
    described: Sequence[Description],
    held_out: Trajectory,
) -> DiscoveredEquation:
    """All functions have formulas: an equation like any other, fitted with the filters."""
    start = problem.solved(parts, described)
    rollouts = reading.problem(Library(parts.fields, parts.ndim, start.terms))
    return reading.fit(rollouts, rollouts.start(start.values), held_out)


def _partly(
    parts: Parts, problem: Linearised, described: Sequence[Description], held_out: Trajectory
) -> DiscoveredEquation:
    """Some functions have none: the terms that the equation has beside them."""
    found = problem.solved(parts, described)
    library = Library(parts.fields, parts.ndim, found.terms)
    return DiscoveredEquation(
        pde=library.pde(found.values),
        stderr=library.errors_by_field(found.errors),
        steps=held_out.shape[1] - 1,
        misfit=misfit(problem.form.residuals(found.x, held_out), held_out),
    )


def _with_functions(
    reading: Reading,
    parts: Parts,
    problem: Linearised,
    described: Sequence[Description],
    found: DiscoveredEquation,
) -> DiscoveredEquation:
    """The equation, with its maps and curves as they were fitted."""
    maps = {
        (field, jet): _constant(reading, problem, found, field, jet)
        for field, jet in parts.coefficients
    }
    curves, most = [], max(4, len(problem.windows) // 2)
    for k, (shape, each) in enumerate(zip(problem.shapes, described, strict=True)):
        table = found.pde.numeric_terms()[shape.field]
        known = each.formula is not None
        errors = None if known else problem.errors(k, most)
        if shape.jet is not None:
            formula = sympy.Mul(table.get(shape.jet.symbol, 0.0))
            maps[shape.field, shape.jet] = FittedMap(
                field=shape.field,
                term=shape.jet.name,
                kind="varying",
                values=shape.values,
                formula=format_expression(formula, "text", 5) if known else None,
                errors=errors,
                reason=each.reason,
            )
            continue
        own = [
            value * monomial
            for monomial, value in table.items()
            if parts.is_source(shape.field, parts.term(shape.field, monomial).product)
        ]
        curve = parts.curves[shape.field]
        seen = curve.visited()
        curves.append(
            FittedCurve(
                field=shape.field,
                points=curve.points[seen],
                values=shape.values[seen],
                density=curve.density[seen],
                formula=format_expression(sympy.Add(*own), "text", 5) if known else None,
                errors=None if errors is None else errors[seen],
                reason=each.reason,
            )
        )
    return replace(found, maps=tuple(maps.values()), curves=tuple(curves))


def _constant(
    reading: Reading, problem: Linearised, found: DiscoveredEquation, field: str, jet: Jet
) -> FittedMap:
    """A coefficient that does not vary."""
    form = problem.form
    constants = form.problem.library.terms[: form.constants]
    value = 0.0
    if any((term.field, term.monomial) == (field, jet.symbol) for term in constants):
        value = float(found.pde.numeric_terms()[field].get(jet.symbol, 0.0))
    values = np.full(reading.model.shape.grid.shape, value)
    return FittedMap(field, jet.name, "constant" if value else "zero", values)


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


def _fit(reading: Reading, form: FreeForm, x: Tensor) -> tuple[FreeForm, Tensor, Trajectory]:
    """The free functions that predict the training windows best, and these windows."""
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
    return form, found, windows
