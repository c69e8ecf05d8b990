"""Formulas for what is known by its values: sparse regression on a dictionary of simple functions.

A coefficient c(x, y) is sought among products of low powers and low harmonics of the coordinates,

    c(x, y) = Σ_n a_n p_n(x) h_n(x) q_n(y) g_n(y),

a source f(u) among powers, harmonics, exponentials and simple fractions of u. Functions are chosen
one by one, each time the one that lowers what is left most when all are refitted (orthogonal least
squares). Which of them stay is decided afterwards, by the prediction of held-out data
(`pdenet.readout.select`).

On a periodic axis the powers are those of x (L − x), which is the same at both ends; between walls
they are those of x.

Reference: S. Chen, S. A. Billings, W. Luo, Int. J. Control 50 (1989) 1873-1896, section 3.2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping

import numpy as np
import sympy
import torch
from torch import Tensor

from pdenet.boundary import Boundaries, Periodic
from pdenet.grid import Grid
from pdenet.library.product import ONE, evaluate
from pdenet.pde.expression import number

__all__ = ["Dictionary", "of_coordinates", "of_field", "pursue"]

POWERS = 2
"""Highest power of a coordinate between walls; x (L − x) on a periodic axis has the same degree."""

HARMONICS = 3
"""Highest multiple of the lowest frequency of an axis, or of a field."""

COMPLEXITY = 3
"""Largest number of factors in a product of functions of coordinates, powers counted singly."""

DEGREE = 5
"""Highest power of a field in a source."""

Dictionary = Mapping[sympy.Expr, np.ndarray]
_Factor = tuple[sympy.Expr, int]


def of_coordinates(grid: Grid, boundaries: Boundaries) -> Dictionary:
    """Products of low powers and low harmonics of the coordinates, with their values on the grid.

    Returns {expression: values (*grid.shape)}, with 1 for the constant.
    """
    assert grid.origin is not None
    axes = [
        _along(_symbol(name), low, length, isinstance(pair[0], Periodic))
        for name, low, length, pair in zip(
            grid.axes, grid.origin, grid.lengths, boundaries, strict=True
        )
    ]
    points = {_symbol(name): mesh for name, mesh in zip(grid.axes, grid.mesh(), strict=True)}
    chosen = (
        sympy.Mul(*(expression for expression, _ in factors))
        for factors in itertools.product(*axes)
        if sum(complexity for _, complexity in factors) <= COMPLEXITY
    )
    return _valued(chosen, points)


def _along(x: sympy.Symbol, low: float, length: float, periodic: bool) -> list[_Factor]:
    """The functions of one coordinate, each with its complexity."""
    if periodic:
        powers = [(ONE, 0), ((x - number(low)) * (number(low + length) - x), 1)]
    else:
        powers = [(x**n, n) for n in range(POWERS + 1)]
    # Between walls half a wave fits into the axis.
    lowest = 2 * math.pi / length if periodic else math.pi / length
    waves = [(ONE, 0), *((wave, 1) for wave in _harmonics(x, lowest))]
    return [(a * b, m + n) for (a, m), (b, n) in itertools.product(powers, waves)]


def of_field(symbol: sympy.Symbol, values: np.ndarray) -> Dictionary:
    """Functions of a field at these values of it: {expression: values}, with 1 for the constant.

    Powers up to 5, sin and cos of up to three times u, exp(±u), tanh(u), and the fractions
    uⁿ/(1 + u²) that saturate.
    """
    u = symbol
    chosen = [u**n for n in range(DEGREE + 1)]
    chosen += _harmonics(u, 1.0)
    chosen += [sympy.exp(u), sympy.exp(-u), sympy.tanh(u)]
    chosen += [u**n / (1 + u**2) for n in range(3)]
    return _valued(chosen, {u: values})


def _harmonics(x: sympy.Symbol, lowest: float) -> list[sympy.Expr]:
    found = []
    for k in range(1, HARMONICS + 1):
        frequency = k * lowest
        if abs(frequency - round(frequency)) < 1e-12 * frequency:
            frequency = float(round(frequency))
        found += [sympy.sin(number(frequency) * x), sympy.cos(number(frequency) * x)]
    return found


def _valued(
    expressions: Iterable[sympy.Expr], points: Mapping[sympy.Symbol, np.ndarray]
) -> Dictionary:
    """The expressions with their values; those that are not finite everywhere are left out."""
    known: dict[sympy.Expr, Tensor | float] = {
        symbol: torch.from_numpy(values) for symbol, values in points.items()
    }
    one = torch.ones(next(iter(points.values())).shape, dtype=torch.float64)
    columns = {expression: one * evaluate(expression, known) for expression in expressions}
    return {name: c.numpy() for name, c in columns.items() if bool(c.isfinite().all())}


def _symbol(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, real=True)


def pursue(
    target: np.ndarray, dictionary: Dictionary, most: int, weight: np.ndarray | None = None
) -> tuple[dict[sympy.Expr, float], float]:
    """At most `most` functions whose combination comes nearest to `target`.

    target: values at the points of the dictionary. weight: of each point in the squares.
    Returns their coefficients, in the order in which they were chosen, and the share of the target
    (L2) that is left.
    """
    names = list(dictionary)
    root = np.ones(target.size) if weight is None else np.sqrt(weight.ravel())
    columns = np.stack([dictionary[name].ravel() for name in names], 1) * root[:, None]
    wanted = target.ravel() * root
    size = np.linalg.norm(columns, axis=0)
    free, left = columns / np.maximum(size, 1e-300), wanted.copy()
    chosen: list[int] = []
    while len(chosen) < min(most, len(names)):
        length = np.linalg.norm(free, axis=0)
        length[length < 1e-6] = np.inf  # what the chosen ones already hold
        gain = np.abs(free.T @ left) / length
        best = int(gain.argmax())
        if gain[best] <= 1e-10 * np.linalg.norm(wanted):
            break
        chosen.append(best)
        direction = free[:, best] / length[best]
        left -= direction * (direction @ left)
        free -= direction[:, None] * (direction @ free)
    solution = np.linalg.lstsq(columns[:, chosen], wanted, rcond=None)[0]
    found = {names[k]: float(a) for k, a in zip(chosen, solution, strict=True)}
    return found, float(np.linalg.norm(left) / max(float(np.linalg.norm(wanted)), 1e-300))
