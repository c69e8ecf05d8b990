"""Explicit Runge-Kutta schemes as tableaux, and the step that carries them out in place.

    U_i = u + h Σ_{j<i} a_ij k_j,   k_i = F(t + c_i h, U_i),   u(t + h) = u + h Σ_i b_i k_i

`growth` evaluates the stability function R(z) = 1 + z bᵀ(I - zA)⁻¹1, by which one step multiplies
a solution of u' = λu, z = hλ.

References: C.-W. Shu, S. Osher, J. Comput. Phys. 77 (1988) 439-471, eq. (2.18) for SSP-RK3;
E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary Differential Equations I, table II.1.2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["SCHEMES", "Scheme", "Stepper"]

#: F(t, u, out): writes the time derivative of the state u into out.
InPlaceRHS = Callable[[float, Tensor, Tensor], None]


@dataclass(frozen=True)
class Scheme:
    """An explicit Runge-Kutta tableau; it checks its own consistency when made."""

    name: str
    order: int
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]

    def __post_init__(self) -> None:
        if abs(sum(self.b) - 1) > 1e-14 or [len(row) for row in self.a] != [*range(len(self.b))]:
            raise ValueError(f"the tableau of {self.name} is not explicit or not consistent")
        if abs(sum(b * c for b, c in zip(self.b, self.c, strict=True)) - 0.5) > 1e-14:
            raise ValueError(f"the tableau of {self.name} is not of second order")

    @property
    def c(self) -> tuple[float, ...]:
        """Times of the stages, in steps."""
        return tuple(float(sum(row)) for row in self.a)

    @property
    def stages(self) -> int:
        """Number of right-hand sides per step."""
        return len(self.b)

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


SCHEMES = {
    "ssprk3": Scheme("ssprk3", 3, ((), (1.0,), (0.25, 0.25)), (1 / 6, 1 / 6, 2 / 3)),
    "rk4": Scheme(
        "rk4", 4, ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    ),
}


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
