"""Free functions that were fitted, the formulas that may stand for them, and their errors.

The problem of constants θ and spline weights w is linearised at its solution. A curve of few
weights is free in it in all of them; a map of many along itself and along the simple functions that
come nearest to it, which is enough to judge formulas. Every function is judged while all others
stay free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
import torch
from torch import Tensor

from pdenet.library.terms import Term
from pdenet.pde.jet import Jet
from pdenet.readout.components import Parts
from pdenet.readout.describe import Description, Quadratic, describe, inverse
from pdenet.readout.fit import Normal
from pdenet.readout.formula import Dictionary, of_coordinates, of_field, pursue
from pdenet.readout.function_fit import FreeForm
from pdenet.readout.steps import Reading
from pdenet.types import Trajectory

__all__ = ["Linearised", "Shape", "Solved", "shapes_of"]

FEW = 40
"""Weights up to which a function is free in all of them while formulas are judged."""

CANDIDATES = 16
"""Functions that may stand in the formula of a map of many weights: those that come nearest to it,
chosen one by one. Three stand in the papers' coefficients."""

MANY = 400
"""Weights up to which the standard errors of a map are computed."""


@dataclass(frozen=True, eq=False)
class Shape:
    """One free function: the coefficient of a jet in the equation of a field, or its source.

    jet: None for a source. block: the place of its weights among the unknowns. weights: as they
    were fitted. design: the value of every spline at its points (point, weight); None where there
    are too many. values: at its points. unresolved: how far these may be off because splines are no
    finer (`pdenet.nn.splines`). share: of each point in the size of the function.
    dictionary: the functions of which its formula may be made, with their values; nearest: the
    weights that come nearest to each, (weight, function). choices: how many functions it was drawn
    from.
    """

    field: str
    jet: Jet | None
    block: slice
    weights: Tensor
    design: Tensor | None
    values: np.ndarray
    unresolved: np.ndarray
    share: np.ndarray
    dictionary: Dictionary
    nearest: Tensor
    choices: int

    @property
    def few(self) -> bool:
        """Whether it is free in all of its weights while formulas are judged."""
        return len(self.weights) <= FEW

    @property
    def name(self) -> str:
        """What it is called: "f(u)", or "the coefficient of u_x"."""
        return f"f({self.field})" if self.jet is None else f"the coefficient of {self.jet.name}"

    @property
    def directions(self) -> Tensor:
        """Along which it is free while formulas are judged, (direction, weight)."""
        if self.few:
            return torch.eye(len(self.weights)).to(self.weights)
        return torch.cat([self.weights[None], self.nearest.T])

    @property
    def place(self) -> Tensor:
        """Where it is itself, in these directions."""
        if self.few:
            return self.weights
        return torch.eye(1, 1 + len(self.dictionary)).to(self.weights)[0]

    @property
    def functions(self) -> Tensor:
        """Where the functions of its dictionary are, (direction, function)."""
        if self.few:
            return self.nearest
        return torch.eye(1 + len(self.dictionary)).to(self.weights)[:, 1:]

    def term(self, parts: Parts, function: sympy.Expr) -> Term:
        """A function of its dictionary as a term of the equation."""
        if self.jet is None:
            return parts.term(self.field, function)
        return parts.term(self.field, self.jet.symbol, function)


def shapes_of(reading: Reading, parts: Parts, form: FreeForm, x: Tensor) -> list[Shape]:
    """All free functions of a fitted form."""
    form.load(x)
    maps = [] if form.maps is None else list(_maps(reading, form, x))
    start = maps[-1].block.stop if maps else form.constants
    return [*maps, *_curves(parts, form, x, start)]


def _maps(reading: Reading, form: FreeForm, x: Tensor) -> Iterator[Shape]:
    assert form.maps is not None
    every = of_coordinates(reading.model.shape.grid, reading.model.filters.boundaries)
    count = form.maps.weights[0].numel()
    design = form.maps.design() if count <= MANY else None
    with torch.no_grad():
        maps = form.maps().cpu().numpy()
    for k, values in enumerate(maps):
        term = form.problem.library.terms[form.constants + k]
        names = every if count <= FEW else pursue(values, every, CANDIDATES)[0]
        columns = [torch.from_numpy(every[name]).to(x) for name in names]
        first = form.constants + k * count
        yield Shape(
            field=term.field,
            jet=term.product.jets[0],
            block=slice(first, first + count),
            weights=x[first : first + count],
            design=design,
            values=values,
            unresolved=form.maps.unresolved(torch.from_numpy(values)).numpy(),
            share=np.full(values.shape, 1 / values.size),
            dictionary={name: every[name] for name in names},
            nearest=torch.stack([form.maps.nearest(v).flatten() for v in columns], 1),
            choices=len(every),
        )


def _curves(parts: Parts, form: FreeForm, x: Tensor, start: int) -> Iterator[Shape]:
    if form.source is None:
        return
    for f, (field, curve) in enumerate(parts.curves.items()):
        design = form.source.design(f, len(curve.points))
        block = slice(start, start + design.shape[1])
        values = design @ x[block]
        start = block.stop
        known = of_field(Jet(field, (0,) * parts.ndim).symbol, curve.points)
        columns = torch.from_numpy(np.stack(list(known.values()), 1)).to(x)
        yield Shape(
            field=field,
            jet=None,
            block=block,
            weights=x[block],
            design=design,
            values=values.cpu().numpy(),
            unresolved=form.source.unresolved(f, values).cpu().numpy(),
            share=curve.density,
            dictionary=known,
            nearest=form.source.nearest(f, columns),
            choices=len(known),
        )


@dataclass(frozen=True, eq=False)
class Solved:
    """The problem with formulas in the place of some functions, all else refitted.

    x: the unknowns of the form; of a function with a formula, the weights that come nearest to it.
    terms: constants and the functions of all formulas, with their coefficients and errors.
    """

    x: Tensor
    terms: tuple[Term, ...]
    values: Tensor
    errors: Tensor


class Linearised:
    """The problem of constants and free functions, linearised where they were fitted."""

    def __init__(
        self, form: FreeForm, x: Tensor, shapes: Sequence[Shape], windows: Trajectory
    ) -> None:
        self.form, self.x, self.shapes, self.windows = form, x, tuple(shapes), windows
        n = form.constants
        self.directions = torch.block_diag(
            torch.eye(n).to(x), *(shape.directions for shape in shapes)
        )
        self.at = torch.cat([x[:n], *(shape.place for shape in shapes)])
        self.blocks, start = list[slice](), n
        for shape in shapes:
            self.blocks.append(slice(start, start + len(shape.directions)))
            start += len(shape.directions)
        self.normal = form.normal(x, windows, self.directions)

    def describe(self, structure: float) -> Sequence[Description]:
        """The formula of every function, or why it has none; structure: as in `describe`."""
        return [
            describe(
                Quadratic.of(
                    self.normal,
                    self.at,
                    block,
                    shape.functions,
                    None if shape.few else len(shape.weights),
                ),
                shape.dictionary,
                shape.share,
                structure,
                shape.choices,
            )
            for shape, block in zip(self.shapes, self.blocks, strict=True)
        ]

    def solved(self, parts: Parts, descriptions: Sequence[Description]) -> Solved:
        """The solution with these formulas."""
        n, terms = self.form.constants, list(self.form.problem.library.terms)
        columns, places = [torch.eye(n).to(self.x)], list(range(n))
        names, start = terms[:n], n
        for shape, description in zip(self.shapes, descriptions, strict=True):
            column = torch.eye(len(shape.directions)).to(self.x)
            if description.formula is not None:
                order = list(shape.dictionary)
                chosen = [order.index(name) for name in description.formula]
                column = shape.functions[:, chosen]
                names += [shape.term(parts, name) for name in description.formula]
                places += range(start, start + len(chosen))
            columns.append(column)
            start += column.shape[1]
        reduced = torch.block_diag(*columns)
        matrix = reduced.T @ self.normal.matrix.mean(0) @ reduced
        right = self.normal.matrix.mean(0) @ self.at + self.normal.gradient.mean(0)
        z = inverse(matrix) @ (reduced.T @ right)
        errors = errors_of(torch.eye(len(z)).to(z), self.normal.along(reduced))
        return Solved(self.directions.T @ (reduced @ z), tuple(names), z[places], errors[places])

    def errors(self, k: int, most: int) -> np.ndarray | None:
        """Standard errors of a function at its points, with all constants refitted, and with what
        its splines may not resolve; None where it has too many weights. most: windows that are
        looked at where it takes time."""
        shape = self.shapes[k]
        if shape.design is None:
            return None
        if shape.few:
            rows = shape.design.new_zeros(len(shape.design), len(self.at))
            rows[:, self.blocks[k]] = shape.design
            found = errors_of(rows, self.normal)
        else:
            every, windows = torch.eye(len(self.x)).to(self.x), self.windows[:most]
            n = self.form.constants
            directions = torch.cat([every[:n], every[shape.block]])
            rows = torch.cat([shape.design.new_zeros(len(shape.design), n), shape.design], 1)
            found = errors_of(rows, self.form.normal(self.x, windows, directions))
            found = found * (len(windows) / len(self.windows)) ** 0.5
        errors = found.cpu().numpy().reshape(shape.values.shape)
        whole: np.ndarray = np.hypot(errors, shape.unresolved)
        return whole


def errors_of(rows: Tensor, normal: Normal) -> Tensor:
    """Standard errors of linear functions of the unknowns, rows (function, unknown).

    A⁻¹ with one factor for all unknowns, by which the scores of whole windows scatter more than A
    says, or the sandwich A⁻¹ (Σ_w g_w g_wᵀ) A⁻¹, whichever is larger: the first does not know that
    what windows share acts along some unknowns alone, the second is often made of fewer windows
    than there are unknowns.
    """
    matrix, scores = normal.matrix.sum(0), normal.gradient - normal.gradient.mean(0)
    inner, windows = inverse(matrix), len(scores)
    more = windows / max(1, windows - 1)
    rank = round(float((matrix * inner).sum()))
    factor = torch.einsum("wi,ij,wj->", scores, inner, scores) * more / max(1, rank)
    moved = rows @ inner
    even, sandwich = factor * (moved * rows).sum(1), (moved @ scores.T).square().sum(1) * more
    return torch.maximum(even, sandwich).clamp_min(0).sqrt()
