"""Where and when a rollout is: the coordinates of its points, and the time of every moment.

Coefficients that depend on the coordinates are known functions B(x) and B(x, t). Those of space
alone are evaluated once; those of time at every stage of a step, since a scheme of order four needs
them there. Time counts from the first frame of a trajectory, wherever a window of frames begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import sympy
import torch
from torch import Tensor

from pdenet.grid import Grid
from pdenet.library.product import evaluate
from pdenet.library.terms import TIME
from pdenet.likelihood.states.driving import Moment
from pdenet.spectral.window import Window

__all__ = ["Clock"]


@dataclass(frozen=True, eq=False)
class Clock:
    """Coordinates of the points, and the times of some trajectories.

    coordinates: of every point, (*space) each. start: time of the first frame of each trajectory,
    (trajectory,). dt: between frames. frames: how many there are.
    """

    coordinates: Mapping[str, Tensor]
    start: Tensor
    dt: float
    frames: int

    @classmethod
    def of(cls, grid: Grid, window: Window | None, start: Tensor, dt: float, frames: int) -> Clock:
        """On a grid of states. window: where the data are one; around it coordinates lead back
        from its end to its beginning, as smooth as the states."""
        mesh = grid.mesh() if window is None else window.mesh(grid)
        names = zip(grid.axes, mesh, strict=True)
        return cls({a: torch.from_numpy(x).to(start) for a, x in names}, start, dt, frames)

    def bases(self, wanted: Iterable[sympy.Expr], moment: Moment) -> dict[sympy.Expr, Tensor]:
        """Functions of time at a moment, (trajectory, *space) or what broadcasts to it."""
        return self.bases_at(wanted, self.start + self.dt * (moment[0] + moment[1]))

    def bases_at(self, wanted: Iterable[sympy.Expr], times: Tensor) -> dict[sympy.Expr, Tensor]:
        """The same at times (time,): (time, *space) or what broadcasts to it."""
        known: dict[sympy.Expr, Tensor | float] = {
            sympy.Symbol(name, real=True): values for name, values in self.coordinates.items()
        }
        known[TIME] = times.reshape(-1, *[1] * len(self.coordinates))
        return {basis: torch.as_tensor(evaluate(basis, known)) for basis in wanted}

    def part(self, rows: slice) -> Clock:
        """Of some trajectories."""
        return replace(self, start=self.start[rows])

    def twice(self) -> Clock:
        """Of all trajectories and then all again."""
        return replace(self, start=self.start.repeat(2))

    def to(self, like: Tensor) -> Clock:
        """The same in another precision."""
        coordinates = {name: values.to(like) for name, values in self.coordinates.items()}
        return replace(self, coordinates=coordinates, start=self.start.to(like))
