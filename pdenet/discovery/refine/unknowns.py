"""First values of the unknowns of an equation, by a regression in weak form (`weak`).

What is known of the equation keeps its coefficients; the numbers that are unknown, and the
functions that unknown ones are sums of, are found beside it by rounds of weighted least squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pdenet.discovery.refine.information import inverse
from pdenet.discovery.refine.ladder import Ladder, climbed, ladders_of
from pdenet.discovery.refine.series import Range, Series, opened
from pdenet.discovery.refine.setup import Setup
from pdenet.discovery.refine.weak import Squares, WeakForm, Whole, weak_form
from pdenet.discovery.terms import Library
from pdenet.pde.unknown import OpenPDE

__all__ = ["begun", "gain", "ranges_of", "whole_of"]

RARE = 0.001
"""Share of the values of a field at either end that are not counted as visited."""

ROUNDS = 3
"""Of weighted least squares: the variance depends on the coefficients."""


def begun(equation: OpenPDE, setup: Setup) -> tuple[Library, Tensor, tuple[Series, ...]]:
    """The terms of an equation with unknowns, their first coefficients, and what the unknown
    functions are sums of."""
    library, values, series = opened(equation, ranges_of(setup))
    known = torch.tensor(values, dtype=torch.float64).to(setup.sigma)
    data, found = whole_of(setup), known.nan_to_num(0.0)
    for field, name in enumerate(library.fields):
        places = [k for k, term in enumerate(library.terms) if term.field == name]
        free = [n for n, k in enumerate(places) if math.isnan(values[k])]
        if free:
            own = replace(library, terms=tuple(library.terms[k] for k in places))
            products = tuple(term.product for term in own.terms)
            form = weak_form(data, library.fields, products, library.given)
            start = found[places]
            ladders = ladders_of(own)
            found[places] = _regression(form, field, start, free, ladders)
    return library, found, series


def _regression(
    form: WeakForm, field: int, start: Tensor, free: Sequence[int], ladders: Sequence[Ladder]
) -> Tensor:
    """Coefficients of the terms of one equation, of which those that are not free stay."""
    functions = {term for ladder in ladders for level in ladder for term in level}
    numbers, now = [k for k in free if k not in functions], start
    for _ in range(ROUNDS):
        squares = form.squares(field, form.surprise(field, now)[1])
        price = math.log(max(squares.count, 3.0))
        kept = climbed(lambda some: -gain(squares, start, some)[0], numbers, ladders, price)  # noqa: B023
        now = start.clone()
        now[kept] = gain(squares, start, kept)[1]
    return now


def gain(squares: Squares, start: Tensor, kept: Sequence[int]) -> tuple[float, Tensor]:
    """By how much the squares are lower with the best coefficients of some terms beside the others
    as they are, and these coefficients."""
    chosen, rest = list(kept), start.clone()
    rest[chosen] = 0
    matrix, right = squares.matrix.sum(0), squares.gradient.sum(0)
    left = (right - matrix @ rest)[chosen]
    found = inverse(matrix[chosen][:, chosen]) @ left
    return float(left @ found), found


def whole_of(setup: Setup) -> Whole:
    """The data of a refinement without gaps, as a regression takes them."""
    complete, sigma = setup.complete.values, setup.sigma
    if setup.acting is not None:
        driving = setup.driving_on(setup.problem.grid)
        assert driving is not None
        complete = torch.cat([complete, setup.waves.points(driving.frames)], 2)
        rows = [row for row, _ in setup.origins]
        sigma = torch.cat([sigma, setup.acting.error[rows]], 1)
    clock = setup.clock_on(setup.problem.grid)
    return Whole(complete, sigma, setup.waves, setup.dt, setup.taper, clock)


def ranges_of(setup: Setup) -> dict[str, Range]:
    """What the data span along each axis, in time and of each field."""
    grid, frames = setup.problem.grid, setup.data.shape[1]
    found = {"t": Range(0.0, setup.dt * (frames - 1), frames)}
    shape = grid.shape if setup.window is None else setup.window.shape
    for axis, x, n, length in zip(grid.axes, grid.coordinates(), shape, grid.lengths, strict=True):
        periodic = n == len(x)
        high = x[0] + length if periodic else x[n - 1]
        found[axis] = Range(float(x[0]), float(high), n, periodic)
    data = whole_of(setup).values
    names = (*setup.fields, *(() if setup.acting is None else setup.acting.names))
    inside = torch.ones(grid.shape, dtype=torch.bool)
    if setup.window is not None:
        inside = setup.window.inside
    for place, name in enumerate(names):
        values = data[:, :, place][..., inside.to(data.device)].flatten().sort().values
        rare = int(RARE * len(values))
        found[name] = Range(float(values[rare]), float(values[-1 - rare]), len(values))
    return found
