"""Information on coefficients: a symmetric matrix that may be nearly singular.

In units in which each coefficient alone has information 1 its eigenvalues tell which combinations
the data see at all; what they do not see gets no step and large errors.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = [
    "covariance",
    "errors",
    "inverse",
    "limited",
    "moved",
    "principal",
    "share_of",
    "solve",
    "visible",
]

UNSEEN = 1e-10
"""Share of the information on a coefficient, alone, below which a direction counts as unseen."""


FINEST = 1e-7
"""Change of what the equation does, as a share of it, that counts as one standard error where noise
is less: a fit has converged at a tenth of it, and digits beyond the eighth are nobody's."""

TURNED, LEAST_SHARE = 0.5, 0.25
"""Cosine between two changes of the coefficients, with its sign turned, from which on the second
turns back on the first; and the share of it that is made at least."""

MOST_LARGER = 1e3
"""Factor by which a coefficient grows in one step, at most. Where all that it does is over within a
frame data say next to nothing of it, and a step of a few standard errors leads to 1e80."""


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


def visible(information: Tensor, coefficients: Tensor, share: float = FINEST) -> Tensor:
    """Standard errors, and of data without noise the size at which a term does that share of what
    the whole equation does."""
    does = (coefficients @ information @ coefficients).clamp_min(0)
    alone = information.diagonal().clamp_min(1e-300)
    return errors(information).maximum(share * (does / alone).sqrt())


def limited(change: Tensor, coefficients: Tensor) -> Tensor:
    """The change, as far as no coefficient that is not zero grows out of all proportion."""
    most = torch.where(coefficients == 0, math.inf, MOST_LARGER * coefficients.abs())
    return change.clamp(-most, most)


def moved(
    change: Tensor, information: Tensor, coefficients: Tensor, before: Tensor | None
) -> float:
    """The largest step in standard errors, or relative change of one that says something. before:
    the information of the step before."""
    if not len(change):
        return 0.0
    there = coefficients + change
    error = visible(information, there)
    if not bool(error.isfinite().all()):
        return math.inf
    step = (change / error).abs()
    if before is not None:
        changed = (error / visible(before, there)).log().abs()
        step = torch.maximum(step, torch.where(error < there.abs(), changed, 0.0))
    return float(step.amax())


def share_of(
    wanted: Tensor, information: Tensor | None, last: tuple[Tensor, Tensor] | None
) -> float:
    """The share of the wanted change r that is made: where it turns back on the last change s, that
    was made of r', ω = −⟨s, r − r'⟩ / ⟨r − r', r − r'⟩; otherwise all of it."""
    if last is None or information is None:
        return 1.0
    before, made = last
    less = before - wanted
    size = max(0.0, float((wanted @ information @ wanted) * (made @ information @ made))) ** 0.5
    along, whole = float(made @ information @ less), float(less @ information @ less)
    back = float(wanted @ information @ made) < -TURNED * size
    return min(1.0, max(LEAST_SHARE, along / whole)) if back and along > 0 else 1.0
