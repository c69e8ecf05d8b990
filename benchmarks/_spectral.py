"""Data from a solver of its own: Fourier modes in space, ETDRK4 in time, nothing of pdenet.

    u_t = L u + N(u, t)    L diagonal in the modes of each field, solved exactly; N at the points

    box = Box((128,), (32.0,))
    k, = box.k
    u = evolve(box, first, times, (k**2 - k**4)[None], lambda u, t: -u * box.d(u, 1), steps=20)

Products are taken at the points without dealiasing: give grids fine enough that the highest modes
are empty, and keep every second or third point.

Source: Kassam, Trefethen, SIAM J. Sci. Comput. 26 (2005) 1214-1233 (φ-functions by contour means).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Box", "evolve"]

CONTOUR = np.exp(2j * np.pi * (np.arange(32) + 0.5) / 32)
"""A circle around each h L; means over its points are φ-functions without cancellation."""


@dataclass(frozen=True)
class Box:
    """A periodic box of `shape` points, `lengths` long."""

    shape: tuple[int, ...]
    lengths: tuple[float, ...]

    @cached_property
    def k(self) -> tuple[np.ndarray, ...]:
        """Wave numbers along each axis, at every mode."""
        every = [
            2 * np.pi * np.fft.fftfreq(n, length / n)
            for n, length in zip(self.shape, self.lengths, strict=True)
        ]
        return tuple(np.meshgrid(*every, indexing="ij"))

    @cached_property
    def x(self) -> tuple[np.ndarray, ...]:
        """Coordinates along each axis, at every point."""
        every = [
            length / n * np.arange(n) for n, length in zip(self.shape, self.lengths, strict=True)
        ]
        return tuple(np.meshgrid(*every, indexing="ij"))

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of an array that are of space."""
        return tuple(range(-len(self.shape), 0))

    def modes(self, u: np.ndarray) -> np.ndarray:
        """The Fourier modes of values at the points."""
        return np.fft.fftn(u, axes=self.axes)

    def points(self, modes: np.ndarray) -> np.ndarray:
        """The values at the points of Fourier modes."""
        return np.real(np.fft.ifftn(modes, axes=self.axes))

    def d(self, u: np.ndarray, *orders: int) -> np.ndarray:
        """The derivative of these orders along the axes."""
        symbol = np.ones(self.shape, complex)
        for k, order in zip(self.k, orders, strict=True):
            symbol = symbol * (1j * k) ** order
        return self.points(symbol * self.modes(u))

    def random(
        self, rng: np.random.Generator, low: float, high: float, power: float = 1.0
    ) -> np.ndarray:
        """A random field of unit maximum from waves with `low` <= |m| <= `high` periods a box.

        Amplitudes fall as |m|^-power.
        """
        most = int(high)
        side = np.arange(-most, most + 1)
        found = np.zeros(self.shape)
        for m in np.stack(np.meshgrid(*[side] * len(self.shape), indexing="ij"), -1).reshape(
            -1, len(self.shape)
        ):
            size = float(np.linalg.norm(m))
            amplitude, phase = rng.normal(), rng.uniform(0, 2 * np.pi)
            if low <= size <= high:
                angle = sum(
                    2 * np.pi * count * x / length
                    for count, x, length in zip(m, self.x, self.lengths, strict=True)
                )
                found = found + amplitude / max(size, 1.0) ** power * np.cos(angle + phase)
        return found / np.abs(found).max()


def evolve(
    box: Box,
    first: np.ndarray,
    times: np.ndarray,
    linear: np.ndarray,
    rest: Callable[[np.ndarray, float], np.ndarray],
    steps: int,
) -> np.ndarray:
    """The states (frame, field, *space) at evenly spaced times, from the first, (field, *space).

    linear: L at every mode, (field, *space). rest: N, of (field, *space) and the time.
    steps: of ETDRK4 between two frames.
    """
    h = (times[1] - times[0]) / steps
    z = h * np.broadcast_to(linear, first.shape).astype(complex)
    whole, half = np.exp(z), np.exp(z / 2)
    r = z[..., None] + CONTOUR
    mean = [
        h * f.mean(-1)
        for f in (
            (np.exp(r / 2) - 1) / r,
            (-4 - r + np.exp(r) * (4 - 3 * r + r**2)) / r**3,
            (2 + r + np.exp(r) * (-2 + r)) / r**3,
            (-4 - 3 * r - r**2 + np.exp(r) * (4 - r)) / r**3,
        )
    ]

    def rate(modes: np.ndarray, t: float) -> np.ndarray:
        return box.modes(rest(box.points(modes), t))

    state, found = box.modes(first), [first]
    for start in times[:-1]:
        for step in range(steps):
            t = start + step * h
            n = rate(state, t)
            a = half * state + mean[0] * n
            na = rate(a, t + h / 2)
            b = half * state + mean[0] * na
            nb = rate(b, t + h / 2)
            c = half * a + mean[0] * (2 * nb - n)
            nc = rate(c, t + h)
            state = whole * state + mean[1] * n + 2 * mean[2] * (na + nb) + mean[3] * nc
        found.append(box.points(state))
    return np.array(found)
