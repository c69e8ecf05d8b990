"""Which terms of an expanded network are worth a closer look: coefficients scaled by their terms.

A coefficient alone says nothing about a term's weight; its share of u_t does:

    share_j = |c_j| rms(m_j) / rms(u_t),

the root mean square of the monomial m_j taken over the states of the data with the network's own
filters. Terms are ranked by it, and the smallest leave here, each with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from pdenet.events import Listener, TermDropped
from pdenet.library.polynomial import Monomials, monomials
from pdenet.model import PDENet
from pdenet.pde import PDE
from pdenet.readout.expand import Expansion
from pdenet.readout.functions import FunctionTerm
from pdenet.types import State

__all__ = ["FLOOR", "MOST", "candidates", "leading", "shares"]

FLOOR = 1e-3
"""Smallest share of u_t at which a term is a candidate; fits resolve no less."""

MOST = 12
"""Largest number of candidates for one equation."""


POINTS = 8192
"""Points at which the size of a term is measured: it is then known to about a percent."""


def shares(expansion: Expansion, model: PDENet, states: State) -> np.ndarray:
    """The share of u_t of every term, (field, term), over states (batch, field, *space).

    Of the points at most `POINTS`, evenly spread, are looked at.
    """
    with torch.no_grad():
        jets = model.filters(states).movedim(1, 0).flatten(1).double()
        jets = jets[:, _spread(jets.shape[1]).to(jets.device)]
        size = _log_sizes(jets, monomials(len(expansion.jets), expansion.degree))
        change = model.symnet.output_scale.detach().cpu().double().log()
        # In logarithms: powers of a field in other units may be beyond floating point.
        coefficients = torch.from_numpy(expansion.coefficients).abs().log()
        share: np.ndarray = (coefficients + size - change[:, None]).exp().numpy()
    return share


def _spread(points: int) -> torch.Tensor:
    """At most `POINTS` of so many points; by the golden ratio, in step with no row of a grid."""
    if points <= POINTS:
        return torch.arange(points)
    return (torch.arange(POINTS, dtype=torch.float64) * (5**0.5 - 1) / 2 * points).long() % points


def _log_sizes(jets: torch.Tensor, table: Monomials) -> torch.Tensor:
    """Logarithm of the root mean square of every monomial; jets: (variable, point)."""
    size = (jets.abs().amax(1).clamp_min(1e-300))[:, None]
    size = size * (jets / size).square().mean(1, keepdim=True).sqrt().clamp_min(1e-100)
    scaled = jets / size
    powers = torch.from_numpy(table.powers)
    degrees = powers.sum(1)
    parent, factor = (torch.from_numpy(a).to(jets.device) for a in (table.parent, table.factor))
    total = torch.zeros(len(table), dtype=torch.float64, device=jets.device)
    for some in scaled.split(256, dim=1):  # so few points that all monomials stay in cache
        values = torch.ones(len(table), some.shape[1], dtype=torch.float64, device=jets.device)
        first = 1
        for degree in range(1, int(degrees[-1]) + 1):
            last = first + int((degrees == degree).sum())
            rows = slice(first, last)
            torch.mul(values[parent[rows]], some[factor[rows]], out=values[rows])
            first = last
        total += values.square_().sum(1)
    mean = (total / jets.shape[1]).cpu()
    return 0.5 * mean.log() + powers.double() @ size[:, 0].log().cpu()


def candidates(
    expansion: Expansion,
    share: np.ndarray,
    on_event: Listener = lambda event: None,
    functions: Sequence[FunctionTerm] = (),
) -> PDE:
    """The PDE of the terms with the largest shares, at most `MOST` for each field above `FLOOR`,
    and of the given functions.

    The largest of those that leave are told, one event each.
    """
    keep = np.zeros(share.shape, dtype=bool)
    for f, field in enumerate(expansion.fields):
        ranked = np.argsort(-share[f], kind="stable")
        chosen = [t for t in ranked[:MOST] if share[f, t] >= FLOOR]
        keep[f, chosen] = True
        for term in ranked[len(chosen) : len(chosen) + MOST]:
            if share[f, term] > 0:
                on_event(
                    TermDropped(
                        field=field,
                        monomial_text=str(expansion.monomial(int(term))),
                        coefficient=float(expansion.coefficients[f, term]),
                        scaled=float(share[f, term]),
                        reason=_reason(share[f, term] < FLOOR),
                    )
                )
    return expansion.pde(keep, functions)


def _reason(small: bool) -> str:
    if small:
        return f"its share of u_t in the network is below {FLOOR:g}"
    return f"{MOST} terms of the network have a larger share of u_t"


def leading(
    expansion: Expansion,
    share: np.ndarray,
    write: Callable[[PDE], str],
    most: int = 4,
    functions: Sequence[FunctionTerm] = (),
) -> str:
    """The terms with the largest shares as text, `most` for each field, and the given functions."""
    keep = np.zeros(share.shape, dtype=bool)
    for f in range(len(share)):
        keep[f, np.argsort(-share[f], kind="stable")[:most]] = True
    return write(expansion.pde(keep & (share > 0), functions))
