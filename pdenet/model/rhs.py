"""The learned right-hand side: filters make jets, a symbolic network makes u_t of them.

    u_t = F(u, u_x, u_y, u_xx, ..) + s Σ_v c_v(x) v/s_v + s f(u),

jets v by moment-constrained filters and F a SymNet; where asked for, coefficients c_v that vary in
space and a source f, in the SymNet's scales s of u_t and s_v of jets. With a SymNet that has no
products this is the form of PDE-Net 1.0. Where a Dirichlet wall holds u, u_t = 0.

References: Long, Lu, Ma, Dong, "PDE-Net", ICML 2018, section 2; Long, Lu, Dong, "PDE-Net 2.0",
J. Comput. Phys. 399 (2019) 108925, section 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import grad

from pdenet.errors import ConfigError
from pdenet.nn import CoefficientMaps, FilterBank, PiecewiseSource, SymNet, upwind
from pdenet.nn.padding import held_points
from pdenet.schemes import RHS
from pdenet.types import Jets, State
from pdenet.words import counted

__all__ = ["LearnedRHS"]


class LearnedRHS(nn.Module):
    """u_t as a function of u, by filters and a SymNet.

    filters: the bank that makes the jets. symnet: takes them in the bank's order. maps: one for
    each jet in the equation of each field, by field. source: of all fields.
    pseudo_upwind: first-order jets from the filter or its mirror image, by the sign of ∂F/∂u_x.

    Raises ConfigError where the parts do not fit, or where every kernel is its own mirror image.
    """

    def __init__(
        self,
        filters: FilterBank,
        symnet: SymNet,
        *,
        maps: CoefficientMaps | None = None,
        source: PiecewiseSource | None = None,
        pseudo_upwind: bool = False,
    ) -> None:
        super().__init__()
        if symnet.inputs != len(filters.jets) or symnet.fields != len(filters.fields):
            raise ConfigError(
                f"the SymNet takes {symnet.inputs} jets of {counted(symnet.fields, 'field')}; the "
                "filters "
                f"make {len(filters.jets)} of {len(filters.fields)}"
            )
        if pseudo_upwind and filters.parity == "mirror":
            raise ConfigError(
                "pseudo-upwind needs kernels that can lean to one side; choose parity 'none'"
            )
        if pseudo_upwind and (filters.walled or maps is not None or source is not None):
            raise ConfigError(
                "pseudo-upwind is for periodic axes, without coefficients that vary in space and "
                "without a source: switch it off"
            )
        if maps is not None and maps.count != symnet.fields * symnet.inputs:
            raise ConfigError(
                f"{maps.count} coefficient maps were given for {symnet.inputs} jets in each of "
                f"{symnet.fields} equations"
            )
        self.filters, self.symnet, self.pseudo_upwind = filters, symnet, pseudo_upwind
        self.maps, self.source = maps, source

    def bind(self, shape: torch.Size) -> RHS:
        """(t, u) -> u_t on a grid of this shape, with what does not depend on u done once.

        Raises GridError where the grid is smaller than the kernels.
        """
        if self.pseudo_upwind:
            return lambda t, u: self._upwind(u)
        symbols = self.filters.symbols(shape)
        held = held_points(self.filters.boundaries, shape, self.symnet.output_scale)
        coefficients = self.coefficients()

        def rhs(t: float, u: State) -> State:
            jets = self.filters(u, symbols)
            change: Tensor = self.symnet(jets)
            if coefficients is not None:
                # A third of the time that torch.einsum takes, which copies everything to matrices.
                change = change + (coefficients * jets[:, None]).sum(2)
            if self.source is not None:
                scale = self.symnet.output_scale.reshape([-1] + [1] * (u.dim() - 2))
                change = change + scale * self.source(u)
            return change if held is None else change * held

        return rhs

    def coefficients(self) -> Tensor | None:
        """The maps in physical units, (field, jet, *space): what they add to constant ones."""
        if self.maps is None:
            return None
        scale = self.symnet.output_scale[:, None] / self.symnet.input_scale
        maps = self.maps().unflatten(0, scale.shape)
        physical: Tensor = maps * scale.reshape([*scale.shape] + [1] * (maps.dim() - 2))
        return physical

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
