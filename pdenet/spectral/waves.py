"""States as waves: the discrete Fourier transform of a periodic grid, and derivatives in it.

A state on N points is held as the half of its transform that a real field needs. With

    <a, b> = (1/N) Σ_k w_k Re(conj(a_k) b_k),      w_k = 2 for waves whose mirror image is left out,

it has the inner product of the fields themselves, Σ_x a(x) b(x) (Parseval). The transform is then
unitary, and the transpose of a derivative with symbol (i k)^α is its conjugate: what adjoints of
rollouts are made of. An odd derivative of the highest wave along an axis is zero, because on the
grid that wave has no direction.

Reference: Trefethen, Spectral Methods in MATLAB (2000), chapter 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pdenet.grid import Grid

__all__ = ["Waves"]


@dataclass(frozen=True, eq=False)
class Waves:
    """The transform of states on a periodic grid. like: dtype and device of the states."""

    grid: Grid
    like: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the transform of one field."""
        return (*self.grid.shape[:-1], self.grid.shape[-1] // 2 + 1)

    @property
    def complex(self) -> torch.dtype:
        """Of the waves."""
        return torch.promote_types(self.like.dtype, torch.complex64)

    @cached_property
    def axes(self) -> tuple[int, ...]:
        """The space axes of a state, counted from the end."""
        return tuple(range(-self.grid.ndim, 0))

    def modes(self, u: Tensor) -> Tensor:
        """(.., *space) real -> (.., *shape) complex."""
        found: Tensor = torch.fft.rfftn(u, dim=self.axes)
        return found

    def points(self, modes: Tensor) -> Tensor:
        """(.., *shape) complex -> (.., *space) real."""
        found: Tensor = torch.fft.irfftn(modes, s=self.grid.shape, dim=self.axes)
        return found

    @cached_property
    def numbers(self) -> tuple[Tensor, ...]:
        """The wave numbers 2π n/L along each axis, each shaped to broadcast to `shape`."""
        found = []
        for axis, (n, step) in enumerate(zip(self.grid.shape, self.grid.spacing, strict=True)):
            last = axis == self.grid.ndim - 1
            make = torch.fft.rfftfreq if last else torch.fft.fftfreq
            k = 2 * math.pi * make(n, step, dtype=self.like.dtype, device=self.like.device)
            found.append(k.reshape([-1 if axis == a else 1 for a in range(self.grid.ndim)]))
        return tuple(found)

    @cached_property
    def weight(self) -> Tensor:
        """w_k / N of the inner product, (*shape)."""
        n = self.grid.shape[-1]
        w = torch.full((n // 2 + 1,), 2.0, dtype=self.like.dtype, device=self.like.device)
        w[0] = 1
        if n % 2 == 0:
            w[-1] = 1
        return (w / self.grid.size).expand(self.shape)

    @cached_property
    def longer(self) -> Tensor:
        """1 for the longer two thirds of the waves along each axis, otherwise 0, (*shape)."""
        found = torch.ones(self.shape, dtype=self.like.dtype, device=self.like.device)
        for k, step in zip(self.numbers, self.grid.spacing, strict=True):
            found = found * (k.abs() <= 2 / 3 * math.pi / step)
        return found

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        """<a, b> summed over the field and space axes of (.., field, *shape)."""
        product = a.real * b.real + a.imag * b.imag
        total: Tensor = (product * self.weight).flatten(-self.grid.ndim - 1).sum(-1)
        return total

    def gram(self, a: Tensor, b: Tensor) -> Tensor:
        """<a_i, b_j> of vectors (batch, vector, field, *shape): (batch, i, j)."""
        found: Tensor = _real(a * self.weight) @ _real(b).mT
        return found

    def symbol(self, index: Sequence[int]) -> Tensor:
        """(i k)^index, (*shape) complex: the derivative of that index."""
        symbol = torch.ones(self.shape, dtype=self.complex, device=self.like.device)
        for axis, (order, k) in enumerate(zip(index, self.numbers, strict=True)):
            n = self.grid.shape[axis]
            factor = (1j * k) ** order if order else torch.ones_like(k)
            if order % 2 and n % 2 == 0:
                factor = factor.clone()
                factor.reshape(-1)[n // 2] = 0
            symbol = symbol * factor
        return symbol

    @cached_property
    def radius(self) -> Tensor:
        """|k| in waves along the longest axis, (*shape): what shells of a spectrum are made of."""
        longest = max(self.grid.lengths) / (2 * math.pi)
        square = torch.zeros(self.shape, dtype=self.like.dtype, device=self.like.device)
        for k in self.numbers:
            square = square + (k * longest).square()
        return square.sqrt()

    def resampled(self, modes: Tensor, other: Waves) -> Tensor:
        """The same waves on another grid of the same lengths: padded by zeros, or cut off.

        The highest wave of an even number of points is cos(n x/2) between them: half of it goes on
        in either direction. On fewer points it is left out.
        """
        if self.grid.shape == other.grid.shape:
            return modes
        taken, places = modes * (other.grid.size / self.grid.size), []
        for axis in range(-self.grid.ndim, 0):
            source, target, share = self._shared(other, axis)
            taken = taken.index_select(axis, source)
            taken = taken * share.to(taken.dtype).reshape([-1] + [1] * (-axis - 1))
            places.append(target)
        result = modes.new_zeros((*modes.shape[: -self.grid.ndim], *other.shape))
        where: tuple[Any, ...] = (..., *torch.meshgrid(*places, indexing="ij"))
        result[where] = taken
        return result

    def _shared(self, other: Waves, axis: int) -> tuple[Tensor, Tensor, Tensor]:
        """The places of the waves along an axis that both grids tell apart, here and there, and the
        share of each that goes there."""
        n, m = self.grid.shape[axis], other.grid.shape[axis]
        half = (min(n, m) - 1) // 2
        highest = [n // 2] if n < m and n % 2 == 0 else []
        source, target = list(range(half + 1)) + highest, list(range(half + 1)) + highest
        share = [1.0] * (half + 1) + [0.5] * len(highest)
        if axis < -1:  # the last one holds half of its waves
            source += highest + list(range(n - half, n))
            target += [m - each for each in highest] + list(range(m - half, m))
            share += [0.5] * len(highest) + [1.0] * half
        device = self.like.device
        at, there = (torch.tensor(each, device=device) for each in (source, target))
        return at, there, torch.tensor(share, dtype=torch.float64, device=device)


def _real(vectors: Tensor) -> Tensor:
    """(batch, vector, ..) complex -> (batch, vector, n) real."""
    return torch.view_as_real(vectors.flatten(2)).flatten(2)
