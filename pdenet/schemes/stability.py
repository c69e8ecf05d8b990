"""How many steps a block needs: explicit methods blow up beyond a limit on dt times the spectrum.

The largest eigenvalue of the Jacobian of u_t = F(u) at given states is found by power iteration
with Jacobian-vector products; dt/substeps times its modulus has to stay below the limit of the
method.

Reference: Hairer, Wanner, Solving Ordinary Differential Equations II, section IV.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.func import jvp

from pdenet.schemes.base import RHS
from pdenet.types import State

__all__ = ["LIMITS", "spectral_radius", "stable_substeps"]

LIMITS = {"euler": 1.0, "midpoint": 1.5, "heun": 1.5, "ssprk3": 2.0, "rk4": 2.4}
"""Largest dt·|λ|: within the real stability limits (2, 2, 2, 2.51, 2.79), with a margin for
eigenvalues off the real axis."""


def spectral_radius(rhs: RHS, u: State, generator: torch.Generator, iterations: int = 16) -> float:
    """Modulus of the largest eigenvalue of ∂rhs/∂u over the states u (batch, field, *space).

    Power iteration from a random direction; the growth over the last half of the iterations.
    """
    draw = torch.randn(u.shape, generator=generator, dtype=torch.float64)
    direction = draw.to(u)
    axes = tuple(range(1, u.dim()))
    growth = []
    for _ in range(iterations):
        direction = direction / direction.square().sum(axes, keepdim=True).sqrt()
        direction = jvp(_at_zero(rhs), (u,), (direction,))[1].detach()
        growth.append(direction.square().sum(axes).sqrt())
    late = torch.stack(growth[iterations // 2 :]).clamp_min(1e-300)
    return float(late.log().mean(0).exp().max())


def _at_zero(rhs: RHS) -> Callable[[State], State]:
    return lambda u: rhs(0.0, u)


def stable_substeps(radius: float, dt: float, integrator: str) -> int:
    """The fewest steps of `integrator` in which dt stays within its stability limit."""
    if not math.isfinite(radius):
        return 1
    return max(1, math.ceil(dt * radius / LIMITS[integrator]))
