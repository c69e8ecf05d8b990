"""Derivatives of given fields that say nothing that simpler ones do not.

A flow without sources has v_y = −u_x, a single wave I_xx = −k² I: in any term one may stand for the
other, and no data tell them apart. Each derivative is regressed on the given fields, a constant,
and the derivatives before it; where no more is left than its own error, or than computed data are
wrong by, terms with it are not looked for. What is found is the simplest equation of those that are
the same on these data.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.likelihood.fit.information import inverse
from pdenet.likelihood.states.given import Given
from pdenet.pde.jet import Jet
from pdenet.pde.render import format_number
from pdenet.spectral.waves import Waves

__all__ = ["dependent"]

DRAWS = 4
"""Draws of the fields that say how large the error of a derivative is."""

FRAMES = 32
"""Frames from which derivatives are taken, about."""

HOLDS, SAME = 2.0, 1e-4
"""Squares that are left over those of the error, and r.m.s. over that of the derivative, up to
which one is the same as others."""

SHOWN = 1e-2
"""Share of a derivative from which another one is named beside it."""


def dependent(given: Given, order: int) -> dict[Jet, str]:
    """The derivatives up to an order that are others, and what they are as text: "v_y = -1*u_x"."""
    jets = sorted(Jet.all(given.names, given.waves.grid.ndim, order), key=lambda jet: jet.order)
    sample = _Sample.of(given)
    kept = [jet for jet in jets if jet.order == 0]
    columns, found = [sample.one, *map(sample.rows, kept)], dict[Jet, str]()
    for jet in (jet for jet in jets if jet.order > 0):
        column, table = sample.rows(jet), torch.stack(columns)
        weights = inverse(table[:, 0] @ table[:, 0].T) @ (table[:, 0] @ column[0])
        left = (column - torch.einsum("c,cds->ds", weights, table)).square().mean(1)
        size = float(column[0].square().mean())
        if float(left[0]) <= max(HOLDS * float(left[1:].mean()), SAME**2 * size):
            found[jet] = _words(jet, kept, weights, table[:, 0], size**0.5)
        else:
            kept.append(jet)
            columns.append(column)
    return found


@dataclass(frozen=True, eq=False)
class _Sample:
    """Some frames of given fields, and after them as many draws of their errors.

    frames: (1 + draw, frame, field, *waves).
    """

    waves: Waves
    names: tuple[str, ...]
    frames: Tensor

    @classmethod
    def of(cls, given: Given) -> _Sample:
        """Of so many frames as `FRAMES` says."""
        generator = torch.Generator().manual_seed(0)
        every = max(1, given.frames.shape[0] * given.frames.shape[1] // FRAMES)
        draws = [given.draw(generator) for _ in range(DRAWS)]
        frames = [each.flatten(0, 1)[::every] for each in (given.frames, *draws)]
        return cls(given.waves, given.names, torch.stack(frames))

    @property
    def one(self) -> Tensor:
        """The constant, which is known, (1 + draw, sample)."""
        found = torch.zeros_like(self.waves.points(self.frames[:, :, 0]).flatten(1))
        found[0] = 1
        return found

    def rows(self, jet: Jet) -> Tensor:
        """A derivative at all points, and its errors, (1 + draw, sample)."""
        modes = self.frames[:, :, self.names.index(jet.field)] * self.waves.symbol(jet.index)
        return self.waves.points(modes).flatten(1)


def _words(jet: Jet, kept: list[Jet], weights: Tensor, table: Tensor, size: float) -> str:
    shares = (weights * table.square().mean(1).sqrt()).abs().tolist()
    names = ["", *(f"*{other.name}" for other in kept)]
    parts = [
        f"{format_number(weight, 3)}{name}"
        for weight, share, name in zip(weights.tolist(), shares, names, strict=True)
        if share > SHOWN * size
    ]
    return f"{jet.name} = {' + '.join(parts) or '0'}".replace("+ -", "- ")
