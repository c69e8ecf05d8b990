"""Small problems: an equation, its rollouts by the module under test, and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.likelihood.states.clock import Clock
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.spectral.waves import Waves


@dataclass(frozen=True, eq=False)
class Small:
    """An equation on a grid, and states to start from."""

    pde: PDE
    problem: Problem
    library: Library
    coefficients: Tensor
    dynamics: Dynamics
    starts: Tensor

    def data(self, frames: int, noise: float, seed: int = 0) -> Tensor:
        """Rollouts with noise of this standard deviation, (trajectory, frame, field, *space)."""
        clean = self.dynamics.rollout(self.starts, self.coefficients, frames)
        points = self.dynamics.waves.points(clean)
        generator = torch.Generator().manual_seed(seed)
        return points + noise * torch.randn(points.shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def small() -> Callable[..., Small]:
    """Make a problem from equations."""

    def make(
        *equations: str,
        shape: tuple[int, ...] = (32,),
        dt: float = 0.05,
        n: int = 6,
        waves: int = 3,
    ) -> Small:
        pde = PDE(*equations)
        grid = Grid(shape, (6.283185307179586,) * len(shape))
        library, coefficients = Library.of(pde, in_time=True)
        zero = torch.zeros((), dtype=torch.float64)
        clock = Clock.of(grid, None, zero.expand(n), dt, 2)
        dynamics = Dynamics(library, Waves(grid, zero), dt, 2, clock=clock).of(library)
        generator = torch.Generator().manual_seed(1)
        size = (n, len(pde.fields), *shape)
        noise = torch.randn(size, generator=generator, dtype=torch.float64)
        modes = dynamics.waves.modes(noise) * (dynamics.waves.radius <= waves)
        points = dynamics.waves.points(modes)
        starts = modes / points.flatten(2).std(2).reshape([*size[:2]] + [1] * len(shape))
        return Small(pde, Problem.periodic(pde, grid), library, coefficients, dynamics, starts)

    return make
