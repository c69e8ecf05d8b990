"""SymNet: a network of products that is a polynomial, and of functions where asked for.

For m inputs z (the jets, each divided by its scale) and k product units,

    η_l = a_l·(z, f_1, .., f_(l-1)) + α_l,   ξ_l = b_l·(z, f_1, .., f_(l-1)) + β_l,   f_l = η_l ξ_l,
    F = s (c·(z, f_1, .., f_k) + γ),

which holds every polynomial with up to k multiplications in O(k (m + k)) work and numbers, where a
library of all monomials of degree l needs C(m + l, l). The scales of inputs and output make all
weights O(1) and are constants, undone when the network is read.

Function units make F more than a polynomial. Each has affine arguments in (z, f_1, .., f_k),

    F += s Σ_g w_g φ_g,    φ = sin ξ, cos ξ, exp ξ,   or η/ξ made safe:   φ = η ξ / (ξ² + ε²),

a quotient that differs from η/ξ by a share of (ε/ξ)² and stays below |η|/(2ε) at ξ = 0. As it is
what the network computes, it is also what is read out of it. An overflow of exp makes the loss
infinite, and the optimiser takes that step back.

References: Long, Lu, Dong, "PDE-Net 2.0", J. Comput. Phys. 399 (2019) 108925, section 2.2; Sahoo,
Lampert, Martius, "Learning equations for extrapolation and control", ICML 2018 (such units).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pdenet.errors import ConfigError
from pdenet.types import Jets, State
from pdenet.words import counted

__all__ = ["DIVISION_FLOOR", "FUNCTIONS", "SymNet"]

FUNCTIONS: dict[str, tuple[float, ...]] = {
    "sin": (0.0,),
    "cos": (0.0,),
    "exp": (0.0,),
    "divide": (0.0, 1.0),
}
"""The functions that a unit can be, and where each of its arguments starts."""

DIVISION_FLOOR = 1e-2
"""ε of the quotient, where denominators are of size one."""


class SymNet(nn.Module):
    """One network of product units for each field, evaluated at every point.

    inputs: number m of jets. fields: number of equations. units: number k of products of each.
    generator: source of the initial weights. functions: names from `FUNCTIONS`, a unit for each;
    a name may occur more than once. starts: for each field the input from which its functions start
    as sin z and so on, the field itself as a rule; none by default.

    Weights: `linear` (field, 2k + 1, m) holds the rows of η_1, ξ_1, .., η_k, ξ_k and of the output,
    `bias` (field, 2k + 1) their constants, `products[l - 1]` (field, 2, l) what f_1..f_l add to η
    and ξ of unit l + 1, and `output` (field, k) what the products add to the output. With functions
    also `arguments` (field, R, m), `argument_bias` (field, R) and `argument_products`
    (field, R, k) for their R arguments, in the order of the units and η before ξ, and `shares`
    (field, functions), the w_g. Denominators start near one.

    Good values: 5 units for quadratic right-hand sides (the papers). Functions with `starts`: from
    data with 1 % noise, u_t = 0.3 Δu + 15 sin u was then found from ten seeds of ten, and from two
    of six where arguments began as small random sums of all inputs.
    Raises ConfigError for negative sizes and for unknown functions.
    """

    input_scale: Tensor
    output_scale: Tensor

    def __init__(
        self,
        inputs: int,
        fields: int,
        units: int,
        generator: torch.Generator,
        functions: Sequence[str] = (),
        starts: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if inputs < 1 or fields < 1 or units < 0:
            raise ConfigError(
                f"a SymNet of {inputs} inputs, {counted(fields, 'field')} and {units} units was "
                "asked for; "
                "give at least one input, one field and no negative number of units"
            )
        unknown = [name for name in functions if name not in FUNCTIONS]
        if unknown:
            raise ConfigError(
                f"a SymNet has no units {', '.join(map(repr, unknown))}; choose from "
                f"{', '.join(FUNCTIONS)}"
            )
        self.inputs, self.fields, self.units = inputs, fields, units
        self.functions = tuple(functions)

        def normal(size: float, *shape: int) -> nn.Parameter:
            draw = torch.randn(*shape, generator=generator, dtype=torch.float64)
            return nn.Parameter(size * draw)

        self.linear = normal(0.3 / math.sqrt(inputs), fields, 2 * units + 1, inputs)
        self.bias = nn.Parameter(torch.zeros(fields, 2 * units + 1, dtype=torch.float64))
        self.products = nn.ParameterList(
            [normal(0.3 / math.sqrt(inputs), fields, 2, unit) for unit in range(1, units)]
        )
        self.output = normal(0.1, fields, units)
        if self.functions:  # none is registered without them: checkpoints stay as they are
            constants = [start for name in self.functions for start in FUNCTIONS[name]]
            size, rows = 0.1 / math.sqrt(inputs), len(constants)
            self.arguments = normal(size, fields, rows, inputs)
            bias = torch.tensor(constants, dtype=torch.float64)
            self.argument_bias = nn.Parameter(bias.repeat(fields, 1))
            self.argument_products = normal(size, fields, rows, units)
            self._start(starts or ())
            self.shares = normal(0.1, fields, len(self.functions))
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
        linear = torch.cat([self.linear, self.arguments], 1) if self.functions else self.linear
        weight = (linear / self.input_scale).flatten(0, 1)
        rows = torch.matmul(weight, points).unflatten(1, (fields, linear.shape[1]))
        total = rows[:, :, 2 * units] + self.bias[:, -1, None]
        found: list[Tensor] = []
        for unit in range(units):
            pair = rows[:, :, 2 * unit : 2 * unit + 2]
            pair = pair + self.bias[:, 2 * unit : 2 * unit + 2, None]
            for earlier, product in enumerate(found):
                share = self.products[unit - 1][:, :, earlier, None]
                pair = torch.addcmul(pair, share, product[:, :, None])
            found.append(pair[:, :, 0] * pair[:, :, 1])
            total = torch.addcmul(total, self.output[:, unit, None], found[-1])
        if self.functions:
            total = total + self._functions(rows[:, :, 2 * units + 1 :], found)
        scaled: Tensor = total * self.output_scale[:, None]
        return scaled.reshape(-1, fields, *jets.shape[2:])

    def weights(self) -> list[Tensor]:
        """All trained tensors, the ones that a sparsity penalty acts on."""
        weights: list[Tensor] = [self.linear, self.bias, self.output, *self.products]
        if self.functions:
            weights += [self.arguments, self.argument_bias, self.argument_products, self.shares]
        return weights

    def extra_repr(self) -> str:
        """Sizes."""
        sizes = f"inputs={self.inputs}, fields={self.fields}, units={self.units}"
        return sizes + f", functions={self.functions}" * bool(self.functions)

    def _start(self, starts: Sequence[int]) -> None:
        """Let the first argument of each unit start from an input: the own one of the field, the
        next field's where a function occurs again."""
        row = 0
        for unit, name in enumerate(self.functions):
            again = self.functions[:unit].count(name)
            for f in range(len(starts)):
                with torch.no_grad():
                    self.arguments[f, row, starts[(f + again) % len(starts)]] += 1
            row += len(FUNCTIONS[name])

    def _functions(self, rows: Tensor, products: list[Tensor]) -> Tensor:
        """Σ_g w_g φ_g, (batch, field, point), from the linear parts (.., R, point) of arguments."""
        rows = rows + self.argument_bias[..., None]
        for unit, product in enumerate(products):
            rows = torch.addcmul(
                rows, self.argument_products[:, :, unit, None], product[:, :, None]
            )
        arguments = iter(rows.unbind(2))
        total = torch.zeros_like(rows[:, :, 0])
        for unit, name in enumerate(self.functions):
            if name == "divide":
                above, below = next(arguments), next(arguments)
                value = above * below / (below * below + DIVISION_FLOOR**2)
            else:
                value = getattr(torch, name)(next(arguments))
            total = torch.addcmul(total, self.shares[:, unit, None], value)
        return total
