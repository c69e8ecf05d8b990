"""Explicit Runge-Kutta steps, driven by a Butcher tableau.

    k_i = rhs(t + c_i dt, u + dt Σ_(j<i) a_ij k_j),      u(t + dt) = u + dt Σ_i b_i k_i

Reference: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, section II.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from pdenet.errors import ConfigError
from pdenet.schemes.base import RHS, Integrator, IntegratorState
from pdenet.schemes.tableau import TABLEAUS, ButcherTableau
from pdenet.types import State

__all__ = ["NAMES", "RungeKutta", "get"]

NAMES: tuple[str, ...] = tuple(TABLEAUS)
"""Names that `get` takes."""


@dataclass(frozen=True)
class RungeKutta:
    """The explicit Runge-Kutta method of a tableau. It has no state between steps."""

    tableau: ButcherTableau

    @property
    def name(self) -> str:
        """Name of the tableau."""
        return self.tableau.name

    @property
    def order(self) -> int:
        """Order of convergence."""
        return self.tableau.order

    @property
    def stages(self) -> int:
        """Right-hand sides per step."""
        return self.tableau.stages

    def init(self, rhs: RHS, t: float, u: State) -> IntegratorState:
        """The empty state of a one-step method."""
        return ()

    def step(
        self, rhs: RHS, t: float, dt: float, u: State, state: IntegratorState
    ) -> tuple[State, IntegratorState]:
        """u at t + dt. u: (batch, field, *space); dt in the units of t; differentiable in u."""
        slopes = [rhs(t, u)]
        for row, c in zip(self.tableau.a, self.tableau.c[1:], strict=True):
            slopes.append(rhs(t + float(c) * dt, _advance(u, dt, row, slopes)))
        return _advance(u, dt, self.tableau.b, slopes), state


def _advance(u: Tensor, dt: float, weights: Sequence[Fraction], slopes: Sequence[Tensor]) -> Tensor:
    """u + dt Σ_j weights_j slopes_j, without the terms of weight zero."""
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            u = torch.add(u, slope, alpha=float(weight) * dt)
    return u


def get(name: str) -> Integrator:
    """The integrator of that name.

    Raises ConfigError with all names for one that is not known.
    """
    if name not in TABLEAUS:
        raise ConfigError(f"the integrator {name!r} is unknown; choose one of {', '.join(NAMES)}")
    return RungeKutta(TABLEAUS[name])
