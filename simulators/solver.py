"""Advance states of a PDE by one frame, with as many stable steps as each of them needs.

Every trajectory chooses its own number of steps from its own state, and trajectories with the same
number are advanced together. So a trajectory does not depend on which others share its batch.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.boundary import Boundaries
from pdenet.errors import StabilityError
from pdenet.grid import Grid
from pdenet.pde.definition import PDE
from pdenet.problem import boundaries_on
from pdenet.threads import threads_for
from simulators.config import Numerics
from simulators.rhs import RightHandSide
from simulators.stability import StabilityLimit, largest_step, require_substeps
from simulators.stepping import SCHEMES, Stepper
from simulators.walls import check_orders, hold

__all__ = ["Solver", "substep_count"]

_MOST_SUBSTEPS = 100_000


@dataclass(frozen=True)
class _Workspace:
    """All that belongs to one batch size."""

    limit: StabilityLimit
    stepper: Stepper


class Solver:
    """Solves one PDE on one grid, periodic or between walls.

    States are contiguous (batch, field, *space) tensors; buffers are made for each batch size and
    kept. Raises GridError if the grid is too small for the stencils, or does not fit the boundaries
    (an axis with walls needs an endpoint), or if a derivative needs more conditions at a wall.
    """

    def __init__(
        self,
        pde: PDE,
        grid: Grid,
        numerics: Numerics | None = None,
        boundaries: Boundaries | None = None,
    ) -> None:
        """boundaries: at the ends of every axis, for all fields; None where all are periodic."""
        self.pde, self.grid = pde.numeric(), grid
        self.boundaries = boundaries_on(grid, boundaries)
        check_orders(self.pde, self.boundaries)
        self.numerics = numerics or Numerics()
        self._scheme = SCHEMES[self.numerics.scheme]
        self._workspaces: dict[int, _Workspace] = {}

    def advance(self, t: float, dt: float, u: Tensor) -> None:
        """Replace u(t) by u(t + dt), in place.

        Points on Dirichlet walls take the value that is given there, whatever they held before.
        Raises StabilityError if the requested substeps are too few, or the state blows up.
        """
        hold(u, self.boundaries)
        with threads_for(u.numel(), u.device):
            limits = self.largest_steps(t, u)
            counts = [self._count(t, dt, limit) for limit in limits]
            for count in sorted(set(counts)):
                members = [k for k, other in enumerate(counts) if other == count]
                if len(members) == len(counts):
                    self._run(t, dt, count, u)
                    continue
                part = u[members]
                self._run(t, dt, count, part)
                u[members] = part
        if not bool(torch.isfinite(u).all()):
            # Every second trajectory begins before the first frame, at a negative time.
            early = t + dt <= 0
            when = f"{-t - dt:.4g} before the first frame" if early else f"at time {t + dt:.4g}"
            raise StabilityError(
                f"the solution {', '.join(self.pde.fields)} is not finite {when}: the equation "
                "blows up from these initial fields; use "
                + ("smaller ones or other coefficients" if early else "fewer frames, or others")
            )

    def largest_steps(self, t: float, u: Tensor) -> list[float]:
        """The largest stable step of every trajectory at the state u."""
        decay, rotation = self._workspace(u).limit.bounds(t, u)
        return [
            largest_step(self._scheme, float(d), float(r))
            for d, r in zip(decay, rotation, strict=True)
        ]

    def _count(self, t: float, dt: float, limit: float) -> int:
        asked = self.numerics.substeps
        if asked is not None:
            require_substeps(dt, asked, limit, t)
            return asked
        needed = dt / (self.numerics.cfl * limit) if limit > 0 else math.inf
        if needed > _MOST_SUBSTEPS:
            raise StabilityError(
                f"a frame of {dt:g} needs more than {_MOST_SUBSTEPS} steps at time {t:.4g}, where "
                f"at most {limit:.3g} is allowed: use a coarser grid, a smaller refine or dt"
            )
        return substep_count(needed)

    def _run(self, t: float, dt: float, count: int, u: Tensor) -> None:
        stepper = self._workspace(u).stepper
        h = dt / count
        for k in range(count):
            stepper.step(t + k * h, h, u)

    def _workspace(self, u: Tensor) -> _Workspace:
        size = u.shape[0]
        if size not in self._workspaces:
            rhs = RightHandSide(self.pde, self.grid, self.numerics.order, u, self.boundaries)
            limit = StabilityLimit(rhs)
            self._workspaces[size] = _Workspace(limit, Stepper(self._scheme, rhs, u))
        return self._workspaces[size]


def substep_count(needed: float) -> int:
    """The smallest of 1 .. 8, 10, 12, 14, 16, 20, 24, ... that is at least `needed`.

    Four numbers an octave, so that the trajectories of a batch fall into few groups.
    """
    count = max(1, math.ceil(needed))
    unit = 1 << max(0, count.bit_length() - 3)
    return -(-count // unit) * unit
