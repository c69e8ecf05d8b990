"""Linear systems that are known by products with vectors alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

__all__ = ["Subspace", "combined", "conjugate_gradients", "pseudoinverse"]

DEPENDENT = 1e-7
"""Share of the largest eigenvalue below which a direction is a combination of others: about what
derivatives in single precision tell apart."""


def combined(axes: Tensor, vectors: Tensor) -> Tensor:
    """Combinations (batch, axis, ..) of vectors (batch, term, ..); axes: (term, axis), or (batch,
    term, axis)."""
    whole = vectors.flatten(2)
    found = torch.view_as_real(whole).flatten(2) if whole.is_complex() else whole
    found = axes.to(found.dtype).mT @ found
    found = torch.view_as_complex(found.unflatten(2, (-1, 2))) if whole.is_complex() else found
    shaped: Tensor = found.unflatten(2, vectors.shape[2:])
    return shaped


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    right: Tensor,
    start: Tensor,
    precondition: Callable[[Tensor], Tensor],
    gram: Callable[[Tensor, Tensor], Tensor],
    iterations: int,
    bound: Tensor,
    keep: Callable[[Tensor, Tensor], None] = lambda direction, image: None,
) -> tuple[Tensor, Tensor]:
    """Solutions (batch, vector, ..) of many systems with one matrix at once, and their residuals r.

    keep: told of every direction of the search and its image.
    gram: inner products (batch, vector, other vector). bound: (batch, vector). A vector goes on for
    as long as <r, M r> with the preconditioner M, the square of its error, is above its bound
    anywhere in the batch. All vectors of a batch look for their solution in the directions of all:
    what stands in the way of fast convergence, as do the few growing directions of chaotic
    dynamics, is found by one and known to the others.

    Source: O'Leary, Linear Algebra Appl. 29 (1980) 293-322 (block conjugate gradients).
    """
    x, residual = start.clone(), right.clone()
    begun = start.flatten(2).abs().amax((0, 2)).nonzero()[:, 0]
    if len(begun):
        residual[:, begun] -= apply(start[:, begun])
    direction = precondition(residual)
    going = _energetic(gram(residual, direction), bound)
    direction = direction[:, going]
    for _ in range(iterations):
        if not len(going):
            break
        image = apply(direction)
        keep(direction, image)
        inverse = pseudoinverse(gram(direction, image))
        share = inverse @ gram(direction, residual[:, going])
        x[:, going] += combined(share, direction)
        residual[:, going] -= combined(share, image)
        z = precondition(residual[:, going])
        still = _energetic(gram(residual[:, going], z), bound[:, going])
        z, going = z[:, still], going[still]
        direction = z - combined(inverse @ gram(image, z), direction)
    return x, residual


@dataclass(frozen=True, eq=False)
class Subspace:
    """Directions (batch, vector, ..) on which a matrix is known, and their images.

    Along them a preconditioner is exact, and any right side is solved for at once:

        M = E + (1 − E H) M₀ (1 − H E),      E = D (Dᵀ H D)⁻¹ Dᵀ.

    Source: Tang, Nabben, Vuik, Erlangga, J. Sci. Comput. 39 (2009) 340-370 (balancing).
    """

    directions: Tensor
    images: Tensor
    gram: Callable[[Tensor, Tensor], Tensor]

    @cached_property
    def _inverse(self) -> Tensor:
        return pseudoinverse(self.gram(self.directions, self.images))

    def project(self, right: Tensor) -> Tensor:
        """E x."""
        return combined(self._inverse @ self.gram(self.directions, right), self.directions)

    def precondition(self, right: Tensor, plain: Callable[[Tensor], Tensor]) -> Tensor:
        """M x; plain: M₀."""
        share = self._inverse @ self.gram(self.directions, right)
        rest = plain(right - combined(share, self.images))
        share = share - self._inverse @ self.gram(self.images, rest)
        return rest + combined(share, self.directions)

    def leading(self, most: int, plain: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """At most so many combinations: those along which M₀ H is largest. plain: M₀."""
        left = self.gram(self.images, plain(self.images))
        size = self.gram(self.directions, self.images).diagonal(dim1=1, dim2=2)
        size = size.clamp_min(1e-300).rsqrt()
        middle = self.gram(self.directions, self.images) * size[:, :, None] * size[:, None]
        values, axes = torch.linalg.eigh(0.5 * (middle + middle.mT))
        good = values > DEPENDENT * values[:, -1:]
        root = axes * torch.where(good, values.clamp_min(1e-300).rsqrt(), 0.0)[:, None]
        root = size[:, :, None] * root
        again = root.mT @ left @ root
        vectors = torch.linalg.eigh(0.5 * (again + again.mT))[1]
        chosen = (root @ vectors)[:, :, -most:]
        return combined(chosen, self.directions), combined(chosen, self.images)


def _energetic(products: Tensor, bound: Tensor) -> Tensor:
    """The vectors whose product with themselves is above its bound anywhere in the batch."""
    energy = products.diagonal(dim1=1, dim2=2)
    return (energy > bound).any(0).nonzero()[:, 0]


def pseudoinverse(matrix: Tensor) -> Tensor:
    """Of symmetric matrices (batch, n, n), without directions that are combinations of others."""
    size = matrix.diagonal(dim1=1, dim2=2).clamp_min(1e-300).rsqrt()
    scaled = 0.5 * (matrix + matrix.mT) * size[:, :, None] * size[:, None]
    if not bool(scaled.isfinite().all()):
        return torch.full_like(matrix, torch.nan)
    values, axes = torch.linalg.eigh(scaled)
    least = DEPENDENT * values[:, -1:].clamp_min(1e-300)
    found: Tensor = (axes * torch.where(values > least, 1 / values, 0.0)[:, None]) @ axes.mT
    return found * size[:, :, None] * size[:, None]
