"""A map and a source of which everything is known, beside a truth."""

from __future__ import annotations

import numpy as np

from pdenet.evaluation.coefficients import coefficients, sources
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.catalogue import catalogue
from pdenet.results import FittedCurve, FittedMap

GRID = Grid((12, 10), (2 * np.pi, 2 * np.pi))
TRUTH = catalogue["variable-coefficients"].pde


def a_map(values, term="u_x", kind="varying", formula=None, field="u"):
    return FittedMap(field, term, kind, np.broadcast_to(values, GRID.shape).copy(), formula)


def one(fitted, truth=TRUTH, found=None):
    """The formula of the map, where it has one, is the whole equation that was found."""
    if found is None:
        found = PDE(f"u_t = ({fitted.formula or 0})*u_x", coordinates=("x", "y"))
    (measured,) = coefficients((fitted,), found, GRID, truth)
    return measured


def a_source(values=np.sin, formula=None, truth=None, low=-2.0, high=3.0):
    points = np.linspace(low, high, 50)
    curve = FittedCurve("u", points, values(points), np.full(50, 0.02), formula)
    (found,) = sources((curve,), PDE(f"u_t = {formula or 0} + u_xx"), truth)
    return found
