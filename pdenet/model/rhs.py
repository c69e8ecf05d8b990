"""The learned right-hand side: filters make jets, a symbolic network makes u_t of them.

    u_t = F(u, u_x, u_y, u_xx, ..),      jets by moment-constrained filters, F a SymNet.

Reference: Long, Lu, Dong, "PDE-Net 2.0", J. Comput. Phys. 399 (2019) 108925, section 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import grad

from pdenet.errors import ConfigError
from pdenet.integrators import RHS
from pdenet.nn import FilterBank, SymNet, upwind
from pdenet.types import Jets, State

__all__ = ["LearnedRHS"]


class LearnedRHS(nn.Module):
    """u_t as a function of u, by filters and a SymNet.

    filters: the bank that makes the jets. symnet: takes them in the bank's order.
    pseudo_upwind: first-order jets from the filter or its mirror image, by the sign of ∂F/∂u_x.

    Raises ConfigError where the parts do not fit, or where every kernel is its own mirror image.
    """

    def __init__(self, filters: FilterBank, symnet: SymNet, *, pseudo_upwind: bool = False) -> None:
        super().__init__()
        if symnet.inputs != len(filters.jets) or symnet.fields != len(filters.fields):
            raise ConfigError(
                f"the SymNet takes {symnet.inputs} jets of {symnet.fields} fields; the filters "
                f"make {len(filters.jets)} of {len(filters.fields)}"
            )
        if pseudo_upwind and filters.parity == "mirror":
            raise ConfigError(
                "pseudo-upwind needs kernels that can lean to one side; choose parity 'none'"
            )
        self.filters, self.symnet, self.pseudo_upwind = filters, symnet, pseudo_upwind

    def bind(self, shape: torch.Size) -> RHS:
        """(t, u) -> u_t on a grid of this shape, with what does not depend on u done once.

        Raises GridError where the grid is smaller than the kernels.
        """
        if self.pseudo_upwind:
            return lambda t, u: self._upwind(u)
        symbols = self.filters.symbols(shape)

        def rhs(t: float, u: State) -> State:
            derivative: Tensor = self.symnet(self.filters(u, symbols))
            return derivative

        return rhs

    def forward(self, u: State) -> State:
        """u_t of the state u, both (batch, field, *space)."""
        return self.bind(u.shape[2:])(0.0, u)

    def _upwind(self, u: State) -> State:
        sides = upwind(self.filters, u)
        central = sides.central()
        fields = range(self.symnet.fields)
        outputs = [self.symnet(sides.choose(self._slope(central, f)))[:, f] for f in fields]
        return torch.stack(outputs, 1)

    def _slope(self, jets: Jets, field: int) -> Jets:
        """∂F_field/∂jet at every point. Only its sign will count, so it has no derivative."""

        def total(inputs: Jets) -> Tensor:
            output: Tensor = self.symnet(inputs)[:, field].sum()
            return output

        # torch.func, as this is called within its forward mode too; no graph is kept of it.
        with torch.no_grad():
            slope: Jets = grad(total)(jets.detach())
        return slope
