"""Finite-difference weights and their symbols.

A stencil replaces a derivative on a line of equidistant points by

    ∂ᵐu/∂xᵐ (x_i) ≈ dx⁻ᵐ Σ_k w_k u(x_i + k dx),    Σ_k w_k kʲ = m! δ_jm   for j = 0 .. len(w)-1.

The conditions are solved in exact fractions and rounded once. The symbol s(θ) = Σ_k w_k exp(ikθ) is
what the stencil does to the wave exp(iθx/dx); the stability limit of a step is made from it.

Reference: Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids",
Math. Comp. 51 (1988) 699-706.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pdenet.words import counted

__all__ = ["ORDERS", "Stencil", "central", "fornberg", "upwind"]

ORDERS = (2, 4, 6, 8)


@dataclass(frozen=True)
class Stencil:
    """Weights of one derivative on one axis: dxᵐ ∂ᵐu ≈ Σ_k weights[k] u(x + offsets[k] dx).

    `order` is the order of accuracy: the error of a smooth field falls as dx^order.
    """

    derivative: int
    order: int
    offsets: tuple[int, ...]
    weights: tuple[Fraction, ...]

    @property
    def reach(self) -> int:
        """Distance of the farthest point, in grid steps."""
        return max(abs(offset) for offset in self.offsets)

    def dense(self, reach: int) -> NDArray[np.float64]:
        """Weights on all offsets -reach .. reach."""
        row = np.zeros(2 * reach + 1)
        for offset, weight in zip(self.offsets, self.weights, strict=True):
            row[offset + reach] = float(weight)
        return row

    def symbol(self, theta: NDArray[np.float64]) -> NDArray[np.complex128]:
        """s(θ) = Σ_k w_k exp(ikθ); the exact derivative has (iθ)ᵐ."""
        weights = np.array([float(weight) for weight in self.weights])
        waves = np.exp(1j * np.multiply.outer(theta, np.array(self.offsets)))
        return np.asarray(waves @ weights, dtype=np.complex128)

    def modified_wave_number(self, theta: NDArray[np.float64]) -> NDArray[np.complex128]:
        """κ(θ) with (iκ)ᵐ = s(θ), for m = 1 and 2; exact would be κ = θ."""
        if self.derivative == 1:
            return np.asarray(self.symbol(theta) / 1j, dtype=np.complex128)
        if self.derivative == 2:
            return np.asarray(np.sqrt(-self.symbol(theta)), dtype=np.complex128)
        raise ValueError(
            f"a modified wave number is defined here for derivatives 1 and 2, not {self.derivative}"
        )

    def mirrored(self) -> "Stencil":
        """The same derivative seen from the other side: offsets negated."""
        sign = -1 if self.derivative % 2 else 1
        return Stencil(
            self.derivative,
            self.order,
            tuple(-offset for offset in reversed(self.offsets)),
            tuple(sign * weight for weight in reversed(self.weights)),
        )


@cache
def fornberg(derivative: int, offsets: tuple[int, ...]) -> tuple[Fraction, ...]:
    """Weights of dxᵐ ∂ᵐ on the given offsets, as exact fractions.

    Fornberg's recursion over the points, at the point 0.
    Raises ValueError if there are not more offsets than derivatives, or if one occurs twice.
    """
    if len(set(offsets)) != len(offsets):
        raise ValueError(f"the offsets of a stencil must differ, given {offsets}")
    if derivative < 0 or len(offsets) <= derivative:
        raise ValueError(
            f"derivative {derivative} needs at least {counted(derivative + 1, 'point')}, given "
            f"{len(offsets)}"
        )
    zero = Fraction(0)
    table = [[zero] * (derivative + 1) for _ in offsets]
    table[0][0] = Fraction(1)
    scale = Fraction(1)
    for n in range(1, len(offsets)):
        product = Fraction(1)
        last = [*table[n - 1]]
        for j in range(n):
            gap = Fraction(offsets[n] - offsets[j])
            product *= gap
            old = [*table[j]]
            for m in range(derivative + 1):
                lower = m * old[m - 1] if m else zero
                table[j][m] = (offsets[n] * old[m] - lower) / gap
        for m in range(derivative + 1):
            lower = m * last[m - 1] if m else zero
            table[n][m] = scale / product * (lower - offsets[n - 1] * last[m])
        scale = product
    return tuple(row[derivative] for row in table)


@cache
def central(derivative: int, order: int) -> Stencil:
    """The shortest symmetric stencil of the given even order of accuracy.

    Derivative 0 is the point itself. Order 8 reaches 4 points for u_x and u_xx, 5 for u_xxx.
    Raises ValueError for an order that is not in ORDERS.
    """
    if order not in ORDERS:
        raise ValueError(f"the order of a central stencil is one of {ORDERS}, given {order}")
    if derivative == 0:
        return Stencil(0, order, (0,), (Fraction(1),))
    reach = (derivative + 1) // 2 - 1 + order // 2
    offsets = tuple(range(-reach, reach + 1))
    return Stencil(derivative, order, offsets, fornberg(derivative, offsets))


@cache
def upwind(order: int = 3) -> Stencil:
    """∂/∂x for a wind that blows towards +x: one point more on the left than on the right.

    Order 3 is (u(-2) - 6 u(-1) + 3 u(0) + 2 u(1)) / 6. Times -wind, its symbol has a real part ≤ 0,
    so that it damps what it cannot resolve. `mirrored()` serves the opposite wind.
    Raises ValueError for an even order.
    """
    if order % 2 == 0 or order < 1:
        raise ValueError(f"the order of an upwind-biased stencil is odd, given {order}")
    left = (order + 1) // 2
    offsets = tuple(range(-left, order - left + 1))
    return Stencil(1, order, offsets, fornberg(1, offsets))
