"""Pseudo-upwind: first-order jets from a filter or its mirror image, whichever faces the wind.

For a kernel q of d/dx the mirror image along x is q~[k] = -q[-k]: also a d/dx, of the same order,
leaning the other way. Where u_t = F(u, u_x, ..), the chosen jet is

    u_x = q * u   where ∂F/∂u_x ≥ 0,        u_x = q~ * u   where ∂F/∂u_x < 0,

at each point: u_t = c u_x with c > 0 moves towards -x, so its wind comes from +x. A trained q that
leans towards +x is then upwind everywhere. A kernel with mirror parity is its own mirror image, so
the bank needs parity "none" for this to matter.

Reference: Long, Lu, Dong, "PDE-Net 2.0", J. Comput. Phys. 399 (2019) 108925, section 2.1.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.nn.filters import FilterBank, correlate, symbols_of_kernels
from pdenet.types import Jets, State

__all__ = ["UpwindJets", "mirror", "upwind"]


def mirror(kernels: Tensor, axis: int, ndim: int) -> Tensor:
    """Mirror image q~[k] = -q[-k] along `axis` of kernels (*batch, N, ..., N) with `ndim` axes."""
    return -kernels.flip(axis - ndim)


@dataclass(frozen=True)
class UpwindJets:
    """The jets of one state with first-order derivatives from both sides.

    jets: (batch, variable, *space), first-order jets from the filters as they are.
    mirrored: (batch, first-order variable, *space), the same jets from the mirror images.
    first: positions of the first-order jets among the variables, int64.
    """

    jets: Jets
    mirrored: Tensor
    first: Tensor

    def central(self) -> Jets:
        """Jets (batch, variable, *space) with the mean of both sides, which favours no direction.

        The slope ∂F/∂u_x is to be taken at these.
        """
        mean = 0.5 * (self.jets.index_select(1, self.first) + self.mirrored)
        return self.jets.index_copy(1, self.first, mean)

    def choose(self, slope: Jets) -> Jets:
        """Jets (batch, variable, *space) that face the wind.

        slope: ∂F/∂(jet) for every jet, (batch, variable, *space), of which only the sign at
        first-order jets counts. The choice itself has no derivative.
        """
        forward = slope.index_select(1, self.first) >= 0
        chosen = torch.where(forward, self.jets.index_select(1, self.first), self.mirrored)
        return self.jets.index_copy(1, self.first, chosen)


def upwind(bank: FilterBank, u: State) -> UpwindJets:
    """The jets of `u` with both versions of each first-order derivative.

    u: (batch, field, *space). Choose with `.choose(slope)`, once for each equation of a system, as
    every right-hand side has its own wind.
    """
    shape = u.shape[2:]
    kernels = bank.scaled_kernels()
    jets = bank(u, symbols_of_kernels(kernels, shape)) if bank.indices else bank(u)
    places = [k for k, index in enumerate(bank.indices) if sum(index) == 1]
    variables = [v for v, jet in enumerate(bank.jets) if jet.order == 1]
    first = torch.tensor(variables, dtype=torch.int64, device=u.device)
    if not variables:
        return UpwindJets(jets, jets[:, :0], first)
    images = [mirror(kernels[k], bank.indices[k].index(1), bank.ndim) for k in places]
    mirrored = correlate(u, symbols_of_kernels(torch.stack(images), shape)).flatten(1, 2)
    columns = [
        bank.fields.index(bank.jets[v].field) * len(places)
        + places.index(bank.indices.index(bank.jets[v].index))
        for v in variables
    ]
    return UpwindJets(jets, mirrored[:, columns], first)
