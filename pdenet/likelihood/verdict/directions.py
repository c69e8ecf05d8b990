"""Combinations of coefficients of which a fit knows next to nothing, beside each of them alone.

With A the information on the coefficients, in units in which each alone has information 1, the
eigenvalues λ of A tell how much the data know along its axes v: where λ is small, coefficients may
move together by v/√λ for one standard error, although each by itself, the others held, would be
known 1/√λ times as well. On fields u that hardly vary around 3, u u_x is nearly 3 u_x, and
coefficients of the two are known in one combination alone.

Source: Belsley, Kuh, Welsch, Regression Diagnostics (1980) (collinearity by eigenvalues of the
scaled information).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.library.terms import Library, Term
from pdenet.likelihood.fit.information import principal

__all__ = ["Direction", "directions"]

POOR = 1e-2
"""Information along an axis, beside that on each coefficient alone, below which it is one: errors
are ten times what they would be."""

TAKES_PART = 0.1
"""Share of the largest part of an axis, each in units of its own error, that a term must have."""


@dataclass(frozen=True, eq=False)
class Direction:
    """Σ_j c_j p_j that the data hardly see. terms: with the one that does most first, whose c is 1.
    error: one standard error of its coefficient along it. poor: λ."""

    terms: tuple[Term, ...]
    coefficients: tuple[float, ...]
    error: float
    poor: float


def directions(library: Library, information: Tensor) -> tuple[Direction, ...]:
    """The combinations of coefficients that an information matrix (term, term) hardly sees, the
    worst first; none where it is not finite."""
    found = principal(information)
    if found is None:
        return ()
    values, axes = found
    size = information.diagonal().clamp_min(1e-300).sqrt()
    listed = []
    for value, axis in zip(values.tolist(), axes.T, strict=True):
        parts = (axis * size).abs()
        places = parts.argsort(descending=True)
        places = places[parts[places] > TAKES_PART * float(parts.amax())]
        if value < POOR and len(places) > 1:
            lead = float(axis[places[0]])
            error = abs(lead) / math.sqrt(max(value, torch.finfo(axis.dtype).eps))
            terms = tuple(library.terms[k] for k in places.tolist())
            listed.append(Direction(terms, tuple((axis[places] / lead).tolist()), error, value))
    return tuple(listed)
