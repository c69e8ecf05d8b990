"""What an integrator is: `init` makes a state, `step` passes it on; nothing is hidden in between.

    state = integrator.init(rhs, t, u)
    u, state = integrator.step(rhs, t, dt, u, state)          u(t) -> u(t + dt)

A one-step method needs no state, and its state is the empty tuple; multi-step methods keep their
past right-hand sides there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from torch import Tensor

from pdenet.types import State

__all__ = ["RHS", "Integrator", "IntegratorState"]

RHS: TypeAlias = Callable[[float, State], State]
"""Right-hand side (t, u) -> u_t; u and u_t of shape (batch, field, *space)."""

IntegratorState: TypeAlias = tuple[Tensor, ...]
"""What a method carries from one step to the next."""


class Integrator(Protocol):
    """A method for u_t = rhs(t, u)."""

    @property
    def name(self) -> str:
        """Name, as `get` takes it."""

    @property
    def order(self) -> int:
        """Order of convergence p: the error at a fixed time is O(dtᵖ)."""

    @property
    def stages(self) -> int:
        """Right-hand sides per step."""

    def init(self, rhs: RHS, t: float, u: State) -> IntegratorState:
        """The state before the first step from u at time t."""

    def step(
        self, rhs: RHS, t: float, dt: float, u: State, state: IntegratorState
    ) -> tuple[State, IntegratorState]:
        """The solution and the state at t + dt."""
