"""A uniform Cartesian grid in one, two or three space dimensions.

Point i of an axis lies at x_i = origin + i Δx. Without an endpoint (periodic axes) Δx = L/N and
the point at L is the point at 0; with one (walls, open ends) Δx = L/(N - 1), and the first and the
last point lie on the walls, or where the data end. Arrays on the grid are indexed "ij": index i of
the first space axis is the x coordinate.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from pdenet.errors import GridError
from pdenet.words import counted

__all__ = ["AXES", "LARGEST", "Grid"]

AXES = ("x", "y", "z")

LARGEST = 1e30
"""Of lengths, times and values, whose smallest is one over it: powers of them, of which terms are
made, and their squares stay finite numbers."""


@dataclass(frozen=True)
class Grid:
    """A uniform Cartesian grid.

    shape: number of points along x[, y[, z]].
    lengths: length of the domain along each axis, in the units of the coordinates.
    origin: coordinates of the first point; zeros when None. In one dimension each of the three may
        be a plain number, Grid(64, 2 * math.pi).
    endpoint: whether the last point lies at origin + length (walls, open) or one step before
        (periodic); one flag for each axis, or one for all. It is kept as one flag for each axis.

    Raises GridError when the numbers do not describe a grid.
    """

    shape: tuple[int, ...]
    lengths: tuple[float, ...]
    origin: tuple[float, ...] | None = None
    endpoint: bool | tuple[bool, ...] = False

    def __post_init__(self) -> None:
        given = _numbers(self.shape, "shape")
        shape = tuple(int(n) if math.isfinite(n) else 0 for n in given)
        lengths = _numbers(self.lengths, "lengths")
        origin = (0.0,) * len(shape) if self.origin is None else _numbers(self.origin, "origin")
        if shape != given:
            raise GridError(f"grid shape {self.shape} must hold whole numbers, e.g. (64, 64)")
        if not 1 <= len(shape) <= len(AXES):
            raise GridError(f"a grid has 1 to 3 axes, not {len(shape)}: give e.g. (64, 64)")
        if len(lengths) != len(shape) or len(origin) != len(shape):
            raise GridError(
                f"grid shape {shape} has {counted(len(shape), 'axis', 'axes')}, but lengths has "
                f"{len(lengths)} and "
                f"origin {len(origin)}: give one number for each axis"
            )
        if min(shape) < 2:
            raise GridError(f"grid shape {shape} needs at least 2 points along every axis")
        if not all(1 / LARGEST <= length <= LARGEST for length in lengths):
            raise GridError(
                f"grid lengths {lengths} must be positive and finite, from {1 / LARGEST:g} to "
                f"{LARGEST:g}: choose other units"
            )
        if not all(abs(x) <= LARGEST for x in origin):
            raise GridError(
                f"grid origin {origin} must be finite, up to {LARGEST:g}: choose other units"
            )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "lengths", lengths)
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "endpoint", _flags(self.endpoint, len(shape)))

    @classmethod
    def square(cls, n: int, ndim: int, length: float = 2 * math.pi) -> "Grid":
        """A periodic grid with `n` points and the same length along each of `ndim` axes."""
        return cls((n,) * ndim, (length,) * ndim)

    @property
    def ndim(self) -> int:
        """Number of space dimensions."""
        return len(self.shape)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes, ("x", "y", "z") as far as they exist."""
        return AXES[: self.ndim]

    @property
    def endpoints(self) -> tuple[bool, ...]:
        """For each axis whether its last point lies at origin + length."""
        assert isinstance(self.endpoint, tuple)
        return self.endpoint

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance Δx between neighbouring points along each axis."""
        return tuple(
            length / (n - last)
            for length, n, last in zip(self.lengths, self.shape, self.endpoints, strict=True)
        )

    @property
    def size(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    def coordinates(self) -> tuple[np.ndarray, ...]:
        """One float64 vector of coordinates for each axis."""
        assert self.origin is not None
        return tuple(
            start + step * np.arange(n)
            for start, step, n in zip(self.origin, self.spacing, self.shape, strict=True)
        )

    def mesh(self) -> tuple[np.ndarray, ...]:
        """The coordinates of every point, one array of the grid's shape for each axis."""
        return tuple(np.meshgrid(*self.coordinates(), indexing="ij"))

    def refine(self, factor: int) -> "Grid":
        """The grid with steps `factor` times smaller; it contains every point of this one."""
        factor = _factor(factor)
        ends = zip(self.shape, self.endpoints, strict=True)
        return replace(self, shape=tuple((n - last) * factor + last for n, last in ends))

    def with_endpoint(self, endpoint: bool | tuple[bool, ...]) -> "Grid":
        """The same points with other ends: an axis of n points Δx apart is (n − 1) Δx long with an
        endpoint, and n Δx without one.

        endpoint: one flag for each axis, or one for all. Raises GridError where they do not fit.
        """
        flags = _flags(endpoint, self.ndim)
        axes = zip(self.lengths, self.spacing, self.shape, flags, self.endpoints, strict=True)
        lengths = tuple(
            length if has == had else dx * (n - has) for length, dx, n, has, had in axes
        )
        return replace(self, lengths=lengths, endpoint=flags)

    def coarsen(self, factor: int) -> "Grid":
        """Every `factor`-th point of this grid.

        Raises GridError when the steps of an axis cannot be grouped by `factor`.
        """
        factor = _factor(factor)
        ends = tuple(zip(self.shape, self.endpoints, strict=True))
        if any((n - last) % factor for n, last in ends):
            raise GridError(
                f"grid shape {self.shape} cannot be coarsened by {factor}: "
                f"every axis must have a multiple of {counted(factor, 'step')}"
            )
        return replace(self, shape=tuple((n - last) // factor + last for n, last in ends))


def _numbers(given: Iterable[float] | float, name: str) -> tuple[float, ...]:
    """One number for each axis; a plain one stands for a single axis."""
    try:
        several = tuple(given) if isinstance(given, Iterable) else (given,)
        return tuple(float(number) for number in several)
    except (TypeError, ValueError, OverflowError):
        raise GridError(
            f"grid {name} {given!r:.60} must hold one number for each axis, e.g. "
            "Grid((64, 64), (1.0, 1.0))"
        ) from None


def _flags(endpoint: bool | Iterable[bool], ndim: int) -> tuple[bool, ...]:
    """One flag for each axis, from one for each or one for all."""
    flags = tuple(endpoint) if isinstance(endpoint, Iterable) else (endpoint,) * ndim
    if len(flags) != ndim or not all(flag in (True, False) for flag in flags):
        raise GridError(
            f"endpoint {endpoint!r} does not fit {counted(ndim, 'axis', 'axes')}: give True, "
            "False or one of them for "
            "each axis"
        )
    return tuple(bool(flag) for flag in flags)


def _factor(factor: int) -> int:
    if int(factor) != factor or factor < 1:
        raise GridError(f"a grid is refined or coarsened by a whole number >= 1, not {factor}")
    return int(factor)
