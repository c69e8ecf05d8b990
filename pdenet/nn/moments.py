"""Moment matrices of convolution kernels, and the constraints that make a kernel a derivative.

For a kernel q of odd size N, centred index k = -(N-1)/2 .. (N-1)/2 along every axis:

    m_ij = 1/(i! j!) Σ_k k₁ⁱ k₂ʲ q[k₁, k₂],        i, j = 0 .. N-1,

so that q, correlated with a smooth f on spacing (dx, dy), gives

    Σ_ij m_ij dxⁱ dyʲ ∂ⁱ⁺ʲf / ∂xⁱ∂yʲ.

With V_ik = kⁱ / i! this is M = V q Vᵀ, and the kernel follows exactly from its moments:
q = V⁻¹ M V⁻ᵀ. The same holds in one and three dimensions with one factor V per axis.

Reference: Long, Lu, Ma, Dong, "PDE-Net: Learning PDEs from Data", ICML 2018, section 2.2.
Not to be confused with the moments of a probability density: these carry the factor 1/(i! j!).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from pdenet.errors import ConfigError
from pdenet.types import Kernel, MomentMatrix
from pdenet.words import counted

__all__ = [
    "Constraint",
    "Parity",
    "accuracy",
    "along_axes",
    "constraint",
    "kernel_from_moments",
    "moments_from_kernel",
    "vandermonde",
]

Constraint: TypeAlias = int | Literal["frozen", "free"]
"""Order of accuracy p >= 1 kept while the higher moments are trained, or "frozen", or "free"."""

Parity: TypeAlias = Literal["mirror", "none"]
"""Whether a kernel keeps the mirror symmetry of its derivative along every axis."""

LARGEST_SIZE = 17
"""Beyond 17 points V is so ill-conditioned that moments lose most of their digits in float64."""


@lru_cache(maxsize=32)
def vandermonde(size: int) -> tuple[np.ndarray, np.ndarray]:
    """V with V_ik = kⁱ / i! for centred k, and its inverse; both (size, size), float64.

    The inverse is made from whole numbers and rounded once. Its column i is the one-dimensional
    kernel whose only non-zero moment is m_i = 1: the classical finite difference for dⁱ/dxⁱ.

    Raises ConfigError for an even, non-positive or very large size.
    """
    if size < 1 or size % 2 == 0 or size > LARGEST_SIZE:
        raise ConfigError(
            f"the kernel size is {size}; it must be odd and from 1 to {LARGEST_SIZE}, for example 5"
        )
    radius = size // 2
    points = range(-radius, radius + 1)
    forward = np.array([[k**i / math.factorial(i) for k in points] for i in range(size)])
    inverse = np.empty((size, size))
    for row, k in enumerate(points):
        # The Lagrange polynomial of node k, Σ_i c_i xⁱ / d, gives q_k = i! c_i / d.
        coefficients, denominator = [1], 1
        for other in points:
            if other != k:
                shifted = [0, *coefficients]
                scaled = [*(-other * c for c in coefficients), 0]
                coefficients = [a + b for a, b in zip(shifted, scaled, strict=True)]
                denominator *= k - other
        inverse[row] = [
            math.factorial(i) * c / denominator + 0.0 for i, c in enumerate(coefficients)
        ]
    forward.setflags(write=False)
    inverse.setflags(write=False)
    return forward, inverse


def kernel_from_moments(moments: MomentMatrix, ndim: int | None = None) -> Kernel:
    """Kernel with the given moments: q = V⁻¹ M V⁻ᵀ (one factor V⁻¹ per axis). Exact and linear.

    moments: (*batch, N, ..., N) with `ndim` moment axes; without `ndim` all axes are moment axes.
    Returns a tensor of the same shape; entry [N//2, ...] is the centre of the kernel.
    """
    return _transform(moments, ndim, 1)


def moments_from_kernel(kernel: Kernel, ndim: int | None = None) -> MomentMatrix:
    """Moments of a kernel: M = V q Vᵀ (one factor V per axis). Inverse: `kernel_from_moments`.

    kernel: (*batch, N, ..., N) with `ndim` kernel axes; without `ndim` all axes are kernel axes.
    """
    return _transform(kernel, ndim, 0)


def along_axes(tensor: Tensor, factor: Tensor, ndim: int) -> Tensor:
    """`factor` (N, N) applied along each of the last `ndim` axes of `tensor` (*batch, N, .., N)."""
    for axis in range(-ndim, 0):
        tensor = torch.movedim(torch.movedim(tensor, axis, -1) @ factor.T, -1, axis)
    return tensor


def _transform(tensor: Tensor, ndim: int | None, which: int) -> Tensor:
    axes = tensor.dim() if ndim is None else ndim
    sizes = set(tensor.shape[tensor.dim() - axes :])
    if not 1 <= axes <= min(3, tensor.dim()) or len(sizes) != 1:
        raise ConfigError(
            f"a tensor of shape {tuple(tensor.shape)} was given for kernels with "
            f"{counted(axes, 'axis', 'axes')}; "
            "they need 1 to 3 axes of the same odd size at the end of the shape"
        )
    matrix = vandermonde(sizes.pop())[which]
    return along_axes(tensor, torch.tensor(matrix).to(tensor), axes)


def accuracy(index: Sequence[int], size: int) -> int:
    """Order of accuracy of the frozen kernel for the derivative `index`: the largest possible.

    A one-dimensional kernel controls the moments 0 .. N-1, and a symmetric one also m_N where N - a
    is odd. Along an axis without derivative the kernel is one point and makes no error; for index 0
    the order is unbounded and `size` is returned.
    """
    orders = [size - a + (size - a) % 2 for a in index if a > 0]
    return min(orders, default=size)


def constraint(
    index: Sequence[int], size: int, kind: Constraint, parity: Parity = "none"
) -> tuple[Tensor, Tensor]:
    """Which moments of the kernel for the derivative `index` are fixed, and at what value.

    With a = `index` and |i| = i_1 + i_2 + ..: m_a = 1 wherever it is fixed, and
      order p    m_i = 0 for all |i| <= |a| + p - 1 except a; the moments above are free,
      "frozen"   every moment fixed: m_a = 1, the others 0, the classical finite difference,
      "free"     nothing fixed.
    parity "mirror" also fixes m_i = 0 where i_d - a_d is odd for some axis d: the kernel is then
    odd along the axes in which the derivative is odd, and even along the others, and an odd order p
    is in fact p + 1. "none" leaves these moments alone; pseudo-upwind needs that, as a kernel with
    this symmetry is its own mirror image.

    Returns (fixed, values): bool (N, .., N), and float64 of the same shape with the fixed values;
    free moments hold their start there, that of the frozen kernel.

    Example, 3x3, d/dx, order 2 (* is free):  0 0 0 / 1 0 * / 0 * *.

    Raises ConfigError for an order that no kernel of this size has, and for a derivative that the
    size cannot hold.
    """
    index = tuple(index)
    name = "x".join([str(size)] * len(index))
    if not 1 <= len(index) <= 3 or any(a < 0 for a in index):
        raise ConfigError(f"the derivative {index} was given; it needs 1 to 3 non-negative entries")
    vandermonde(size)
    if max(index) >= size:
        raise ConfigError(
            f"a kernel of size {name} cannot hold the derivative {index}; "
            f"use size {max(index) + 1 + max(index) % 2} or more"
        )
    if parity not in ("mirror", "none"):
        raise ConfigError(f"parity {parity!r} is unknown; use 'mirror' or 'none'")
    grids = torch.meshgrid(*[torch.arange(size)] * len(index), indexing="ij")
    values = torch.zeros([size] * len(index), dtype=torch.float64)
    values[index] = 1.0
    if kind == "frozen":
        fixed = torch.ones_like(values, dtype=torch.bool)
    elif kind == "free":
        fixed = torch.zeros_like(values, dtype=torch.bool)
    elif isinstance(kind, int) and not isinstance(kind, bool) and kind >= 1:
        largest = accuracy(index, size)
        if kind > largest:
            raise ConfigError(
                f"order {kind} was asked for the derivative {index}; "
                f"size {name} allows at most {largest}"
            )
        fixed = torch.stack(grids).sum(0) <= sum(index) + kind - 1
    else:
        raise ConfigError(
            f"the constraint {kind!r} is unknown; use an order (1, 2, ..), 'frozen' or 'free'"
        )
    if parity == "mirror":
        for axis, a in enumerate(index):
            fixed = fixed | ((grids[axis] - a) % 2 == 1)
    return fixed, values
