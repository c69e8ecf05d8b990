"""Coefficients on the grid and sources over the field, beside the truth and their formulas.

The network finds a coefficient c(x, y) of a term as values on the grid and a source f(u) as values
over the range that the data visit; the formulas that stand for them in the equation come later.
The formulas are those of the equation itself, to all digits. All are set beside what is true,

    c*(x, y)   the coefficient of the same term in the true equation, on the same grid,
    f*(u)      what the true right-hand side holds of the undifferentiated field alone,

and measured by `pdenet.pde.compare`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pdenet.errors import DataError
from pdenet.grid import Grid
from pdenet.pde import PDE, Jet
from pdenet.pde.compare import FieldError, field_error, root_mean_square
from pdenet.pde.compile import compile_rhs
from pdenet.pde.expression import number
from pdenet.pde.jet import AXES, jets_in
from pdenet.pde.render import Style, format_expression, format_monomial
from pdenet.results import FittedCurve, FittedMap
from pdenet.results.fitted import product_of

__all__ = ["Coefficient", "Source", "coefficients", "sources"]


@dataclass(frozen=True, eq=False)
class Coefficient:
    """The coefficient of one term as found, and as it is in truth.

    fitted: what was found. grid: where. expression: the formula that stands for it in the equation;
    None where the map has none. truth: the true values, of the shape of those found; None where no
    truth is known, or where it depends on what the map does not.
    """

    fitted: FittedMap
    grid: Grid
    expression: sympy.Expr | None = None
    truth: np.ndarray | None = None

    @cached_property
    def error(self) -> FieldError | None:
        """Of the values that were found."""
        return None if self.truth is None else field_error(self.fitted.values, self.truth)

    @cached_property
    def formula_error(self) -> FieldError | None:
        """Of the formula on the same points."""
        if self.truth is None or self.formula is None:
            return None
        return field_error(self.formula, self.truth)

    @property
    def rms(self) -> float:
        """(mean c²)^(1/2) of the values that were found."""
        return root_mean_square(self.fitted.values)

    @cached_property
    def formula(self) -> np.ndarray | None:
        """The values of the formula at the same points; None where there is none."""
        return None if self.expression is None else _at(self.expression, self.places)

    @property
    def places(self) -> dict[str, np.ndarray]:
        """What it depends on, and where along each its values are."""
        return self.fitted.places(self.grid)

    def formula_text(self, style: Style = "unicode", digits: int | None = 4) -> str | None:
        """The formula for readers."""
        return _shown(self.expression, style, digits)


@dataclass(frozen=True, eq=False)
class Source:
    """The source f(u) of one equation as found, and as it is in truth.

    fitted: what was found. expression: the formula that stands for it in the equation; None where
    the curve has none. true_expression: f*; None where no truth is known.
    """

    fitted: FittedCurve
    expression: sympy.Expr | None = None
    true_expression: sympy.Expr | None = None

    @property
    def low(self) -> float:
        """The lowest value of the field that the data visit."""
        return float(np.min(self.fitted.points))

    @property
    def high(self) -> float:
        """The highest value of the field that the data visit."""
        return float(np.max(self.fitted.points))

    @cached_property
    def error(self) -> FieldError | None:
        """Of the curve, over the range that the data visit."""
        truth = self.truth_at(self.fitted.points)
        return None if truth is None else field_error(self.fitted.values, truth)

    @cached_property
    def formula_error(self) -> FieldError | None:
        """Of the formula, over the range that the data visit."""
        truth = self.truth_at(self.fitted.points)
        formula = self.formula_at(self.fitted.points)
        return None if truth is None or formula is None else field_error(formula, truth)

    def truth_at(self, points: np.ndarray) -> np.ndarray | None:
        """f*(u) at any u; None where it is not known."""
        return _along(self.true_expression, self.fitted.of, points)

    def formula_at(self, points: np.ndarray) -> np.ndarray | None:
        """The formula at any u; None where there is none."""
        return _along(self.expression, self.fitted.of, points)

    @property
    def name(self) -> str:
        """f(u)."""
        return f"{self.fitted.name}({self.fitted.of})"

    def formula_text(self, style: Style = "unicode", digits: int | None = 4) -> str | None:
        """The formula for readers."""
        return _shown(self.expression, style, digits)

    def truth_text(self, style: Style = "unicode", digits: int | None = 4) -> str | None:
        """The truth for readers."""
        return _shown(self.true_expression, style, digits)


def coefficients(
    maps: Iterable[FittedMap], found: PDE, grid: Grid, truth: PDE | None = None
) -> tuple[Coefficient, ...]:
    """The maps on `grid`, with their formulas in `found` and the truth where it is known.

    A term that an equation does not have has the coefficient 0 there. Raises DataError when a map
    does not have the shape of the grid.
    """
    return tuple(_coefficient(each, found, grid, truth) for each in maps)


def sources(
    curves: Iterable[FittedCurve], found: PDE, truth: PDE | None = None
) -> tuple[Source, ...]:
    """The curves, with their formulas in `found` and the truth where it is known.

    Raises DataError for a curve without points.
    """
    result = []
    for curve in curves:
        if curve.points.size < 2 or not np.all(np.isfinite(curve.points)):
            raise DataError(f"the source of {curve.field}_t needs at least two finite points")
        formula = None if curve.formula is None else _source_of(found, curve)
        true = None if truth is None else _source_of(truth, curve)
        result.append(Source(curve, formula, true))
    return tuple(result)


def _coefficient(fitted: FittedMap, found: PDE, grid: Grid, truth: PDE | None) -> Coefficient:
    if not fitted.axes and fitted.values.shape != grid.shape:
        raise DataError(
            f"the coefficient of {fitted.term} in {fitted.field}_t has shape "
            f"{fitted.values.shape}, but the grid has {grid.shape}: read the equation from the "
            "data that it was found in"
        )
    formula = None if fitted.formula is None else _coefficient_of(found, fitted)
    true = None if truth is None else _coefficient_of(truth, fitted)
    places = fitted.places(grid)
    if true is None or not {symbol.name for symbol in true.free_symbols} <= places.keys():
        return Coefficient(fitted, grid, formula)
    return Coefficient(fitted, grid, formula, _at(true, places))


def _coefficient_of(pde: PDE, fitted: FittedMap) -> sympy.Expr:
    """The coefficient of the map's term in an equation, 0 where it has no such term."""
    for monomial, value in pde.numeric_terms().get(fitted.field, {}).items():
        if format_monomial(monomial) == fitted.term:
            return number(value) if isinstance(value, float) else value
    return sympy.Integer(0)


def _source_of(pde: PDE, curve: FittedCurve) -> sympy.Expr:
    """What the right-hand side holds of the curve's field alone times what the curve multiplies,
    constants too."""
    alone = {Jet(curve.of, (0,) * pde.ndim)}
    one, factor = sympy.Integer(1), product_of(curve.term)
    parts = [
        number(bases[one]) * monomial / factor
        for monomial, bases in pde.expansions().get(curve.field, {}).items()
        if one in bases and jets_in(monomial / factor, pde.names, pde.ndim) <= alone
    ]
    return sympy.Add(*parts)


def _at(expression: sympy.Expr, places: Mapping[str, np.ndarray]) -> np.ndarray:
    """An expression in the coordinates and t at the points of a mesh."""
    mesh = dict(zip(places, np.meshgrid(*places.values(), indexing="ij"), strict=True))
    shape = next(iter(mesh.values())).shape
    coordinates = [mesh.get(axis, np.zeros(shape)) for axis in AXES]
    pde = PDE.from_expressions({"u": expression}, AXES)
    rhs: Callable[..., np.ndarray] = compile_rhs(pde, (), np, coordinates)
    # What depends on t alone is a number at each time.
    made = rhs(mesh.get("t", 0.0), np.zeros((1, 0, *shape)))
    values: np.ndarray = made.reshape(shape)
    return values


def _along(expression: sympy.Expr | None, field: str, points: np.ndarray) -> np.ndarray | None:
    """An expression in a field at some of its values, (points,); inf or NaN where it has none."""
    if expression is None:
        return None
    pde = PDE.from_expressions({field: expression}, ("x",))
    with np.errstate(all="ignore"):
        values: np.ndarray = compile_rhs(pde, (Jet(field, (0,)),), np)(0.0, points[None, None])
    return values.reshape(points.shape)


def _shown(expression: sympy.Expr | None, style: Style, digits: int | None) -> str | None:
    return None if expression is None else format_expression(expression, style, digits)
