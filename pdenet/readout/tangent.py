"""How a rollout changes with coefficients and filters: the linearised equation, advanced beside it.

With L the terms of u_t = Σ_j θ_j m_j(jets of u) that are linear and N the others, the derivative w
of u along an unknown obeys

    w_t = F⁻¹[L̂ ŵ] + Σ_v ∂N/∂v · v(w) + s,      v(w) = F⁻¹[Q_v ŵ] a jet of w,

where s = m_j along the coefficient θ_j (with the function of the coordinates before it; terms that
have one count to N). Along a moment of the filter of v the symbols in L̂ and Q_v change, which adds
their derivatives times û to the transforms. The factors ∂N/∂v and û are the same for all unknowns
and made once; each unknown costs one transform, and one back for L and for each derivative in N.
This is forward-mode differentiation of the rollout, written out: the same numbers as
`torch.func.jvp`, several times faster.

Reference: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, section I.14
(derivatives with respect to parameters: the variational equation).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pdenet import schemes
from pdenet.library.product import Product, values_of
from pdenet.library.terms import Library
from pdenet.model import rollout
from pdenet.nn import FilterBank
from pdenet.nn.filters import symbols_of_kernels
from pdenet.nn.padding import held_points
from pdenet.pde.jet import Jet
from pdenet.types import State

__all__ = ["Tangents"]

BLOCK = {"cpu": 2**20, "cuda": 2**28}
"""Bytes of jets that are transformed at once: on a CPU so few that they stay in cache, which is
twice as fast as larger blocks; on a GPU enough to fill it."""


class Tangents:
    """The derivative of a rollout along each unknown: all coefficients, then moments of filters.

    coefficients: of the library's terms. kernels: scaled, of all derivatives of the bank.
    slopes: (moment, derivative, N, ..., N), how each moment that is an unknown changes them.
    shape: of the grid.
    """

    def __init__(
        self,
        library: Library,
        bank: FilterBank,
        coefficients: Tensor,
        kernels: Tensor,
        slopes: Tensor,
        shape: torch.Size,
    ) -> None:
        self.library, self.bank, self.coefficients = library, bank, coefficients
        self.shape, self.unknowns = bank.padded(shape), len(coefficients) + len(slopes)
        self._held = held_points(bank.boundaries, shape, kernels)
        self._equation = [library.fields.index(term.field) for term in library.terms]
        self._kernel = {index: k for k, index in enumerate(bank.indices)}
        self._axes = tuple(range(-len(shape), 0))
        self._symbols = kernels.to(kernels.dtype.to_complex())
        self._changes: list[tuple[int, int, Tensor]] = []
        if bank.indices:
            self._symbols = symbols_of_kernels(kernels, self.shape)
            changes = symbols_of_kernels(slopes, self.shape)
            moved = slopes.flatten(2).any(2).nonzero().tolist()
            self._changes = [(m, kernel, changes[m, kernel]) for m, kernel in moved]
        self._split()

    def _split(self) -> None:
        """Sort the terms into L̂, its derivatives along moments, and the factors ∂N/∂v."""
        self._linear: dict[tuple[int, int], Tensor] = {}
        self._linear_changes: dict[tuple[int, int, int], Tensor] = {}
        self._varying: dict[Jet, dict[tuple[int, Product], float]] = {}
        half = (*self.shape[:-1], self.shape[-1] // 2 + 1)
        values = self.coefficients.tolist()
        one = torch.ones(half, dtype=self._symbols.dtype, device=self._symbols.device)
        fields, ndim = self.library.fields, self.library.ndim
        for term, value, f in zip(self.library.terms, values, self._equation, strict=True):
            if term.product.linear is not None:
                self._add_linear(f, term.product.linear, value, one)
                continue
            for jet, others in term.product.derivatives(fields, ndim):
                found = self._varying.setdefault(jet, {})
                found[f, others] = found.get((f, others), 0.0) + value
        self._derived = [jet for jet in self._varying if jet.order]
        self._equations = sorted({f for f, _ in self._linear})

    def _add_linear(self, f: int, jet: Jet, value: float, one: Tensor) -> None:
        """Add value · jet to L̂ of equation f, and what moments change in it."""
        g, kernel = self.library.fields.index(jet.field), self._kernel.get(jet.index)
        symbol = one if kernel is None else self._symbols[kernel]
        self._linear[f, g] = self._linear.get((f, g), 0) + value * symbol
        for moment, changed, change in self._changes:
            if changed == kernel:
                known = self._linear_changes.get((f, g, moment), 0)
                self._linear_changes[f, g, moment] = known + value * change

    def along(self, u: State, dt: float, steps: int, substeps: int) -> tuple[Tensor, Tensor]:
        """The rollout from u, and its derivative along each unknown.

        u: (window, field, *space). Returns (window, steps, field, *space) and that with one more
        axis, the unknowns, in front.
        """
        start = u.new_zeros((1 + self.unknowns, *u.shape))
        start[0] = u
        found = u.new_empty((*start.shape[:2], steps, *start.shape[2:]))
        frames = rollout(self._rhs, schemes.get("rk4"), start, dt, steps, substeps)
        for step, state in enumerate(frames):
            found[:, :, step] = state
        return found[0], found[1:]

    def _rhs(self, t: float, state: Tensor) -> Tensor:
        """u_t and all w_t: (1 + unknown, window, field, *space) to the same shape."""
        u, tangents = state[0], state[1:]
        jets = self.bank(u, self._symbols if self.bank.indices else None)
        product = values_of(jets, self.bank.jets, self.library.bases)
        slope = torch.empty_like(state)
        slope[0] = self.library.combine(jets, self.bank.jets, self.coefficients)
        factors = {jet: _factors(parts, product) for jet, parts in self._varying.items()}
        modes = torch.fft.rfftn(self.bank.pad(u), dim=self._axes)
        width = (len(self._derived) + len(self._equations)) * u[:, 0].nbytes
        at_once = max(1, BLOCK.get(u.device.type, BLOCK["cuda"]) // max(1, width))
        for first in range(0, len(tangents), at_once):
            some = range(len(tangents))[first : first + at_once]
            self._advance(slope[1:], tangents, some, modes, factors)
        for j, term in enumerate(self.library.terms):
            slope[1 + j, :, self._equation[j]] += product(term.product)
        return slope if self._held is None else slope.mul_(self._held)

    def _advance(
        self,
        slope: Tensor,
        tangents: Tensor,
        some: range,
        u: Tensor,
        factors: Mapping[Jet, Mapping[int, Tensor]],
    ) -> None:
        """Write w_t of some unknowns, without the sources of coefficients; u: its transform."""
        rows = slice(some.start, some.stop)
        slope[rows] = 0
        if self._derived or self._equations:
            wide = self.bank.pad(tangents[rows], homogeneous=True)
            modes = self._modes(torch.fft.rfftn(wide, dim=self._axes), u, some)
            values = self.bank.crop(torch.fft.irfftn(modes, s=self.shape, dim=self._axes))
        for k, f in enumerate(self._equations):
            slope[rows, :, f] = values[:, :, len(self._derived) + k]
        for jet, parts in factors.items():
            if jet in self._derived:
                changed = values[:, :, self._derived.index(jet)]
            else:
                changed = tangents[rows, :, self.library.fields.index(jet.field)]
            for f, factor in parts.items():
                slope[rows, :, f].addcmul_(changed, factor)

    def _modes(self, tangents: Tensor, u: Tensor, some: range) -> Tensor:
        """Transforms of the derived jets of some w, then of the linear part of each equation."""
        terms, derived, equations = len(self.library.terms), self._derived, self._equations
        count = len(derived) + len(equations)
        modes = tangents.new_empty((*tangents.shape[:2], count, *tangents.shape[3:]))
        modes[:, :, len(derived) :] = 0
        for k, jet in enumerate(derived):
            g, kernel = self.library.fields.index(jet.field), self._kernel[jet.index]
            torch.mul(tangents[:, :, g], self._symbols[kernel], out=modes[:, :, k])
            for moment, changed, change in self._changes:
                if changed == kernel and terms + moment in some:
                    modes[some.index(terms + moment), :, k].addcmul_(u[:, g], change)
        for (f, g), symbol in self._linear.items():
            k = len(derived) + equations.index(f)
            modes[:, :, k].addcmul_(tangents[:, :, g], symbol)
        for (f, g, moment), change in self._linear_changes.items():
            if terms + moment in some:
                k = len(derived) + equations.index(f)
                modes[some.index(terms + moment), :, k].addcmul_(u[:, g], change)
        return modes


def _factors(
    parts: Mapping[tuple[int, Product], float],
    product: Callable[[Product], Tensor],
) -> dict[int, Tensor]:
    """∂N/∂v at every point, for each equation f that has v in a product."""
    factors: dict[int, Tensor] = {}
    for (f, others), value in parts.items():
        if f in factors:
            factors[f] = torch.add(factors[f], product(others), alpha=value)
        else:
            factors[f] = value * product(others)
    return factors
