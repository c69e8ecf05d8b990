"""Steps of explicit Runge-Kutta schemes in place, and how large stable ones are.

    U_i = u + h Σ_{j<i} a_ij k_j,   k_i = F(t + c_i h, U_i),   u(t + h) = u + h Σ_i b_i k_i

`growth` evaluates the stability function R(z) = 1 + z bᵀ(I - zA)⁻¹1, by which one step multiplies
a solution of u' = λu, z = hλ.

The tableaus are those of `pdenet.schemes.tableau`, exact fractions; sources there.
Reference: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 2nd ed., section IV.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdenet.schemes.tableau import TABLEAUS, ButcherTableau

__all__ = ["SCHEMES", "Scheme", "Stepper"]

#: F(t, u, out): writes the time derivative of the state u into out.
InPlaceRHS = Callable[[float, Tensor, Tensor], None]


@dataclass(frozen=True)
class Scheme:
    """The tableau of a scheme in floating point. a: a row for each stage, the first one empty."""

    name: str
    order: int
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]

    @classmethod
    def of(cls, tableau: ButcherTableau) -> Scheme:
        """The numbers nearest to exact fractions, which have checked themselves."""
        return cls(
            tableau.name,
            tableau.order,
            tuple(tuple(map(float, row)) for row in ((), *tableau.a)),
            tuple(map(float, tableau.b)),
            tuple(map(float, tableau.c)),
        )

    def growth(self, z: NDArray[np.complex128]) -> NDArray[np.float64]:
        """|R(z)|, the factor by which one step grows a wave with hλ = z."""
        stages: list[NDArray[np.complex128]] = []
        for row in self.a:
            total = sum((a * k for a, k in zip(row, stages, strict=True)), np.zeros_like(z))
            stages.append(z * (1 + total))
        change = sum((b * k for b, k in zip(self.b, stages, strict=True)), np.zeros_like(z))
        return np.abs(1 + change)

    def limits(
        self, decay: NDArray[np.float64], rotation: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The largest steps that are stable for all λ in [-decay, 0] × [-rotation, rotation]i.

        h times the rectangle must lie in {|R| ≤ 1}; by the maximum principle its edge decides.
        decay, rotation: vectors, not both zero at the same place.
        """
        scale = np.maximum(decay, rotation)[:, None]
        fall, turn = decay[:, None] / scale, rotation[:, None] / scale
        s = np.linspace(0, 1, 33)
        top, left, right = -fall * s + 1j * turn, -fall + 1j * turn * s, 1j * turn * s
        edge = np.concatenate([top, left, right], axis=1)
        low, high = np.zeros(len(edge)), np.full(len(edge), 4.0)
        for _ in range(30):
            middle = (low + high) / 2
            stable = np.all(self.growth(middle[:, None] * edge) <= 1 + 1e-10, axis=1)
            low, high = np.where(stable, middle, low), np.where(stable, high, middle)
        return np.asarray(low / scale[:, 0])


SCHEMES = {name: Scheme.of(TABLEAUS[name]) for name in ("ssprk3", "rk4")}
"""Those with a stable step for waves that only turn, as transport without friction has: the first
and second orders have none."""


class Stepper:
    """Steps states of one shape with one scheme; the stages live in buffers made once."""

    def __init__(self, scheme: Scheme, rhs: InPlaceRHS, like: Tensor) -> None:
        self.scheme = scheme
        self._rhs = rhs
        self._stages = [torch.empty_like(like) for _ in scheme.b]
        self._state = torch.empty_like(like)

    def step(self, t: float, h: float, u: Tensor) -> None:
        """Replace u(t) by u(t + h)."""
        scheme, stages = self.scheme, self._stages
        for row, c, stage in zip(scheme.a, scheme.c, stages, strict=True):
            state = u
            for weight, k in zip(row, stages, strict=False):
                if weight:
                    torch.add(state, k, alpha=weight * h, out=self._state)
                    state = self._state
            self._rhs(t + c * h, state, stage)
        for weight, k in zip(scheme.b, stages, strict=True):
            u.add_(k, alpha=weight * h)
