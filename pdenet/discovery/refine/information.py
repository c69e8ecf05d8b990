"""Information on coefficients: a symmetric matrix that may be nearly singular.

In units in which each coefficient alone has information 1 its eigenvalues tell which combinations
the data see at all; what they do not see gets no step and large errors.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["covariance", "errors", "inverse", "principal", "solve"]

UNSEEN = 1e-10
"""Share of the information on a coefficient, alone, below which a direction counts as unseen."""


def principal(information: Tensor) -> tuple[Tensor, Tensor] | None:
    """Eigenvalues (axis,) of the information in units in which each coefficient, alone, has
    information 1, and its axes (term, axis) in the units of the coefficients. None where it is not
    finite."""
    size = information.diagonal().clamp_min(1e-300).sqrt()
    scaled = information / size / size[:, None]
    if not bool(scaled.isfinite().all()):
        return None
    values, vectors = torch.linalg.eigh(scaled)
    return values, vectors / size[:, None]


def errors(information: Tensor) -> Tensor:
    """Standard errors of coefficients with this information."""
    return covariance(information).diagonal().clamp_min(1e-300).sqrt()


def solve(matrix: Tensor, right: Tensor) -> Tensor:
    """The solution of a symmetric system that may be nearly singular."""
    return inverse(matrix) @ right


def inverse(matrix: Tensor) -> Tensor:
    """The inverse, with directions that the data do not see left out; zero of what is not finite,
    so that no step is taken."""
    found = principal(matrix)
    if found is None:
        return torch.zeros_like(matrix)
    values, axes = found
    return (axes * torch.where(values > UNSEEN, 1 / values, 0.0)) @ axes.T


def covariance(matrix: Tensor) -> Tensor:
    """The inverse, with large numbers for directions that the data do not see; inf of each
    coefficient where information is not finite."""
    found = principal(matrix)
    if found is None:
        return torch.full_like(matrix.diagonal(), math.inf).diag()
    values, axes = found
    return (axes / values.clamp_min(UNSEEN)) @ axes.T
