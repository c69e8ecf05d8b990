"""Data between walls from a solver of its own: Chebyshev points across, Fourier modes along.

    u_t = R(u) for 0 < x < L        a u + b ∂u/∂n = g at x = 0 and at x = L, n outward

    walls = Walls(48, length, ("dirichlet=1", "robin=2/0"))
    states = walls.evolve(first, lambda u: 0.1 * walls.dx(u, 2), times)   # (trajectory, x[, y])

The values at the ends follow from those inside, which scipy's DOP853 integrates to `ACCURACY`.
Conditions are texts: dirichlet=g, neumann=g, robin=a/g (b = 1).

Source: L. N. Trefethen, Spectral Methods in MATLAB, SIAM 2000, chapter 6 (differentiation matrix).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from scipy.integrate import solve_ivp

__all__ = ["Walls"]

ACCURACY = 1e-9


def _condition(text: str) -> tuple[float, float, float]:
    """a, b and g of a u + b ∂u/∂n = g."""
    name, _, numbers = text.partition("=")
    if name == "robin":
        a, g = numbers.split("/")
        return float(a), 1.0, float(g)
    return (1.0, 0.0, float(numbers)) if name == "dirichlet" else (0.0, 1.0, float(numbers))


@dataclass(frozen=True)
class Walls:
    """Chebyshev points between two walls. Arrays are (trajectory, x) or (trajectory, x, y).

    period: of y, where there is one.
    """

    points: int
    length: float
    ends: tuple[str, str]
    period: float = 0.0

    @cached_property
    def x(self) -> np.ndarray:
        """The points, from wall to wall."""
        n = self.points - 1
        return np.asarray(self.length * (1 - np.cos(np.pi * np.arange(n + 1) / n)) / 2)

    @cached_property
    def matrix(self) -> np.ndarray:
        """∂/∂x of the values at the points."""
        n = self.points - 1
        c = np.r_[2, np.ones(n - 1), 2] * (-1.0) ** np.arange(n + 1)
        found = np.outer(c, 1 / c) / (self.x[:, None] - self.x + np.eye(n + 1))
        return np.asarray(found - np.diag(found.sum(1)))

    @cached_property
    def conditions(self) -> tuple[np.ndarray, np.ndarray]:
        """Of both ends: what the values at all points are multiplied by, and g."""
        (a, b, g), (c, d, h) = map(_condition, self.ends)
        rows = np.stack([-b * self.matrix[0], d * self.matrix[-1]])
        rows[0, 0] += a
        rows[1, -1] += c
        return rows, np.array([g, h])

    @cached_property
    def second(self) -> np.ndarray:
        """∂²/∂x² of the values at the points."""
        return np.asarray(self.matrix @ self.matrix)

    def dx(self, u: np.ndarray, order: int) -> np.ndarray:
        """The first or second derivative across."""
        return across(self.matrix if order == 1 else self.second, u)

    def dy(self, u: np.ndarray, order: int) -> np.ndarray:
        """A derivative along."""
        n = u.shape[-1]
        k = 2 * np.pi * np.fft.fftfreq(n, self.period / n)
        return np.asarray(np.real(np.fft.ifft((1j * k) ** order * np.fft.fft(u))))

    def lifted(self, u: np.ndarray) -> np.ndarray:
        """Fields that fulfil the conditions: what decays from the walls is added."""
        rows, _ = self.conditions
        away = np.stack([self.x, self.length - self.x], 1)
        shapes = np.exp(-8 * away / self.length)
        share = shapes @ np.linalg.inv(rows @ shapes)
        return np.asarray(u + across(share, self._missing(rows, u)))

    def closed(self, inner: np.ndarray) -> np.ndarray:
        """All values, from those inside."""
        rows, _ = self.conditions
        missing = self._missing(rows[:, 1:-1], inner)
        ends = across(np.linalg.inv(rows[:, [0, -1]]), missing)
        return np.concatenate([ends[:, :1], inner, ends[:, 1:]], 1)

    def _missing(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray:
        """What the conditions want beyond rows times u, (trajectory, end[, y])."""
        wanted = self.conditions[1]
        return np.asarray(wanted.reshape(2, *[1] * (u.ndim - 2)) - across(rows, u))

    def evolve(
        self, first: np.ndarray, rate: Callable[[np.ndarray], np.ndarray], times: np.ndarray
    ) -> np.ndarray:
        """The states (frame, trajectory, x[, y]) at the times, from the first ones at t = 0."""
        inner = first[:, 1:-1]

        def right(t: float, flat: np.ndarray) -> np.ndarray:
            return rate(self.closed(flat.reshape(inner.shape)))[:, 1:-1].ravel()

        solved = solve_ivp(
            right, (0, times[-1]), inner.ravel(), "DOP853", times, rtol=ACCURACY, atol=ACCURACY
        )
        if not solved.success:
            raise RuntimeError(solved.message)
        return np.array([self.closed(flat.reshape(inner.shape)) for flat in solved.y.T])

    def evenly(self, u: np.ndarray, points: int) -> np.ndarray:
        """Values (trajectory, x[, y]) at even points, the first and the last one on the walls."""
        n = self.points - 1
        from_modes = chebvander(np.linspace(-1, 1, points), n)
        to_modes = np.linalg.inv(chebvander(2 * self.x / self.length - 1, n))
        return across(from_modes @ to_modes, u)


def across(matrix: np.ndarray, u: np.ndarray) -> np.ndarray:
    """A matrix times values along x, (trajectory, x[, y])."""
    return np.moveaxis(np.tensordot(matrix, u, (1, 1)), 0, 1)
