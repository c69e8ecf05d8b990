"""Linear systems that are known by products with vectors alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["combined", "conjugate_gradients"]

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
) -> tuple[Tensor, Tensor]:
    """Solutions (batch, vector, ..) of many systems with one matrix at once, and their residuals r.

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
        inverse = _pseudoinverse(gram(direction, image))
        share = inverse @ gram(direction, residual[:, going])
        x[:, going] += combined(share, direction)
        residual[:, going] -= combined(share, image)
        z = precondition(residual[:, going])
        still = _energetic(gram(residual[:, going], z), bound[:, going])
        z, going = z[:, still], going[still]
        direction = z - combined(inverse @ gram(image, z), direction)
    return x, residual


def _energetic(products: Tensor, bound: Tensor) -> Tensor:
    """The vectors whose product with themselves is above its bound anywhere in the batch."""
    energy = products.diagonal(dim1=1, dim2=2)
    return (energy > bound).any(0).nonzero()[:, 0]


def _pseudoinverse(matrix: Tensor) -> Tensor:
    """Of symmetric matrices (batch, n, n), without directions that are combinations of others."""
    size = matrix.diagonal(dim1=1, dim2=2).clamp_min(1e-300).rsqrt()
    scaled = 0.5 * (matrix + matrix.mT) * size[:, :, None] * size[:, None]
    if not bool(scaled.isfinite().all()):
        return torch.full_like(matrix, torch.nan)
    values, axes = torch.linalg.eigh(scaled)
    least = DEPENDENT * values[:, -1:].clamp_min(1e-300)
    found: Tensor = (axes * torch.where(values > least, 1 / values, 0.0)[:, None]) @ axes.mT
    return found * size[:, :, None] * size[:, None]
