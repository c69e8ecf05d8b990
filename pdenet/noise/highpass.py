"""The part of data that is noise alone: what lies in the blocks of their spectrum without signal.

`floor` finds the blocks. With P the orthogonal projection on them, h = P y is free of the signal,
and where noise of a variance that changes little over a few points is independent in every value,
E h² = P_ii σ² at each of them. What is left, y − h, is the signal with the rest of the noise, which
of normal noise of one variance is independent of h.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pdenet.noise.floor import BANDS, agreeing, band_of, blocks_of, pieces_of

__all__ = ["noise_alone"]


def noise_alone(values: Tensor, periodic: Sequence[bool]) -> tuple[Tensor, Tensor]:
    """h and P_ii of a field without gaps, (trajectory, frame, *space) each.

    periodic: which space axes are.
    """
    frames = values.shape[1]
    times = torch.arange(frames, dtype=values.dtype, device=values.device)
    found = [blocks_of(each, times, periodic) for each in values]
    chosen = agreeing(torch.stack([power for power, _ in found]), found[0][1]).to(values)
    axes = [_Axis.of(n, k, periodic, values) for k, n in enumerate(values.shape[1:])]
    mask, share = chosen, chosen
    for axis in axes:  # each product takes the first dimension and makes it the last
        mask = torch.tensordot(mask, axis.side, dims=([0], [1]))
        share = torch.tensordot(share, axis.share, dims=([0], [1]))
    found_there = torch.stack([_projected(each, axes, mask) for each in values])
    return found_there, share.expand_as(values)


class _Axis:
    """One axis: which band each coefficient is in, side, and what a band holds of each point,
    share, (n, band) each; basis: of the pieces of an axis that is not periodic."""

    def __init__(self, side: Tensor, share: Tensor, basis: Tensor | None) -> None:
        self.side, self.share, self.basis = side, share, basis

    @classmethod
    def of(cls, n: int, place: int, periodic: Sequence[bool], like: Tensor) -> _Axis:
        """place: 0 for time, then the axes of space."""
        bands = BANDS[len(periodic)]
        if place and periodic[place - 1]:
            side = band_of(n, bands, like, waves=True)
            return cls(side, (side.sum(0) / n).expand(n, -1), None)
        pieces, basis = pieces_of(torch.arange(n, dtype=like.dtype, device=like.device))
        side = band_of(len(basis), bands, like)
        share, left = (basis.square() @ side).repeat(pieces, 1), n - pieces * len(basis)
        # The rest that fills no piece is in no block.
        none = share.new_zeros(left, share.shape[1])
        return cls(torch.cat([side.repeat(pieces, 1), none]), torch.cat([share, none]), basis)

    def turned(self, values: Tensor, axis: int, back: bool = False) -> Tensor:
        """Coefficients of values along an axis, or values of coefficients; waves stay."""
        if self.basis is None:
            return values
        basis = self.basis.T if back else self.basis
        moved, size = values.movedim(axis, -1), len(basis)
        whole = moved.shape[-1] // size * size
        cut = moved[..., :whole].unflatten(-1, (-1, size)) @ basis
        return torch.cat([cut.flatten(-2), moved[..., whole:]], -1).movedim(-1, axis)


def _projected(values: Tensor, axes: Sequence[_Axis], mask: Tensor) -> Tensor:
    """P y of one trajectory (frame, *space)."""
    closed = [k for k, axis in enumerate(axes) if axis.basis is None]
    for k, axis in enumerate(axes):
        values = axis.turned(values, k)
    if closed:
        values = torch.fft.ifftn(torch.fft.fftn(values, dim=closed) * mask, dim=closed).real
    else:
        values = values * mask
    for k, axis in enumerate(axes):
        values = axis.turned(values, k, back=True)
    return values
