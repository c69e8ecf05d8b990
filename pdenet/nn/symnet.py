"""SymNet: a network of products that is a polynomial, one for each field.

For m inputs z (the jets, each divided by its scale) and k product units,

    η_l = a_l·(z, f_1, .., f_(l-1)) + α_l,   ξ_l = b_l·(z, f_1, .., f_(l-1)) + β_l,   f_l = η_l ξ_l,
    F = s (c·(z, f_1, .., f_k) + γ),

which holds every polynomial with up to k multiplications in O(k (m + k)) work and numbers, where a
library of all monomials of degree l needs C(m + l, l). The scales of inputs and output make all
weights O(1) and are constants, undone when the network is read.

Reference: Long, Lu, Dong, "PDE-Net 2.0", J. Comput. Phys. 399 (2019) 108925, section 2.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pdenet.errors import ConfigError
from pdenet.types import Jets, State

__all__ = ["SymNet"]


class SymNet(nn.Module):
    """One network of product units for each field, evaluated at every point.

    inputs: number m of jets. fields: number of equations. units: number k of products of each.
    generator: source of the initial weights.

    Weights: `linear` (field, 2k + 1, m) holds the rows of η_1, ξ_1, .., η_k, ξ_k and of the output,
    `bias` (field, 2k + 1) their constants, `products[l - 1]` (field, 2, l) what f_1..f_l add to η
    and ξ of unit l + 1, and `output` (field, k) what the products add to the output.

    Good values: 5 units for quadratic right-hand sides (the papers).
    Raises ConfigError for negative sizes.
    """

    input_scale: Tensor
    output_scale: Tensor

    def __init__(self, inputs: int, fields: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        if inputs < 1 or fields < 1 or units < 0:
            raise ConfigError(
                f"a SymNet of {inputs} inputs, {fields} fields and {units} units was asked for; "
                "give at least one input, one field and no negative number of units"
            )
        self.inputs, self.fields, self.units = inputs, fields, units

        def normal(size: float, *shape: int) -> nn.Parameter:
            draw = torch.randn(*shape, generator=generator, dtype=torch.float64)
            return nn.Parameter(size * draw)

        self.linear = normal(0.3 / math.sqrt(inputs), fields, 2 * units + 1, inputs)
        self.bias = nn.Parameter(torch.zeros(fields, 2 * units + 1, dtype=torch.float64))
        self.products = nn.ParameterList(
            [normal(0.3 / math.sqrt(inputs), fields, 2, unit) for unit in range(1, units)]
        )
        self.output = normal(0.1, fields, units)
        one = torch.ones(1, dtype=torch.float64)
        self.register_buffer("input_scale", one.repeat(inputs))
        self.register_buffer("output_scale", one.repeat(fields))

    def set_scales(self, inputs: Tensor, outputs: Tensor) -> None:
        """Make weights of size one mean jets of size `inputs` (m,) and u_t of size `outputs`.

        A scale of zero (a jet that vanishes in all data) counts as one.
        """
        for buffer, scale in ((self.input_scale, inputs), (self.output_scale, outputs)):
            buffer.copy_(torch.where(scale > 0, scale, torch.ones_like(scale)))

    def forward(self, jets: Jets) -> State:
        """F at every point: jets (batch, m, *space) -> (batch, field, *space)."""
        fields, units = self.fields, self.units
        points = jets.flatten(2)
        weight = (self.linear / self.input_scale).flatten(0, 1)
        rows = torch.matmul(weight, points).unflatten(1, (fields, 2 * units + 1))
        total = rows[:, :, -1] + self.bias[:, -1, None]
        found: list[Tensor] = []
        for unit in range(units):
            pair = rows[:, :, 2 * unit : 2 * unit + 2]
            pair = pair + self.bias[:, 2 * unit : 2 * unit + 2, None]
            for earlier, product in enumerate(found):
                share = self.products[unit - 1][:, :, earlier, None]
                pair = torch.addcmul(pair, share, product[:, :, None])
            found.append(pair[:, :, 0] * pair[:, :, 1])
            total = torch.addcmul(total, self.output[:, unit, None], found[-1])
        scaled: Tensor = total * self.output_scale[:, None]
        return scaled.reshape(-1, fields, *jets.shape[2:])

    def weights(self) -> list[Tensor]:
        """All trained tensors, the ones that a sparsity penalty acts on."""
        return [self.linear, self.bias, self.output, *self.products]

    def extra_repr(self) -> str:
        """Sizes."""
        return f"inputs={self.inputs}, fields={self.fields}, units={self.units}"
