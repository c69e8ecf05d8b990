"""Which function units of a network matter, and which terms of their arguments.

A unit c φ(P) is a candidate for its share of u_t, rms(c φ(P)) / rms(u_t), as every other term; the
small terms of P leave by what they change (`pdenet.readout.functions`).
"""

from __future__ import annotations

import numpy as np
import torch

from pdenet.model import PDENet
from pdenet.readout.expand import Expansion
from pdenet.readout.functions import FunctionTerm
from pdenet.types import State

__all__ = ["function_candidates"]

POINTS = 2048
"""Points at which units are looked at: their size is then known to a few percent."""

MOST = 8
"""Largest number of terms of an argument: a quotient of two has at most 64."""


def function_candidates(
    expansion: Expansion, model: PDENet, states: State, floor: float, small: float = 1e-2
) -> tuple[FunctionTerm, ...]:
    """The function units with a share of u_t of at least `floor`, largest first.

    states: (batch, field, *space). small: what may be dropped from an argument, see
    `FunctionTerm.without_small`; at most `MOST` terms stay. What overflows then is left out.
    """
    if not expansion.functions:
        return ()
    used = np.flatnonzero(np.any([term.arguments.any(0) for term in expansion.functions], axis=0))
    with torch.no_grad():
        jets = model.filters(states).movedim(1, 0).flatten(1).double()
        some = torch.linspace(0, jets.shape[1] - 1, min(POINTS, jets.shape[1])).long()
        points = jets[:, some.to(jets.device)].cpu().numpy()
        change = dict(
            zip(expansion.fields, model.symnet.output_scale.detach().cpu().tolist(), strict=True)
        )
    monomials = np.zeros((expansion.powers.shape[0], points.shape[1]))
    for k in used.tolist():
        powers = expansion.powers[k]
        monomials[k] = np.prod(points[powers > 0] ** powers[powers > 0, None], axis=0)
    sizes = np.sqrt(np.mean(np.square(monomials), axis=1))
    found = []
    for term in expansion.functions:
        smaller = term.without_small(sizes, small, MOST)
        with np.errstate(over="ignore"):
            size = np.sqrt(np.mean(np.square(smaller.values(monomials))))
        found.append((abs(term.coefficient) * float(size) / change[term.field], smaller))
    found.sort(key=lambda pair: -pair[0])
    return tuple(term for share, term in found if floor <= share < np.inf)
