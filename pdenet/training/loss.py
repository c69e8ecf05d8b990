"""What training makes small: the error of prediction over several δt-blocks, and two penalties.

    L = 1/n Σ_k ⟨|û_k − u_k|² / w²⟩ / δt² + λ_s n Σ H(weights; 10⁻³) + λ_m n Σ H(moments; 10⁻²)

over n blocks, with w_f the r.m.s. of u_t = (u_1 − u_0)/δt of field f, so that the first term is
about one where no change is predicted. H is Huber's norm, a²/(2s) below s and |a| − s/2 above: near
to the sum of moduli that makes weights vanish, but smooth. A map or a source adds the mean of H
over its mesh.

Next to walls every point counts, although ghost cells by reflection make stencils there less exact
than inside. Measured on four equations (benchmarks/walls.py), that is as good as leaving out the
points within half a filter of a wall where reflection is exact, and better where it is not: a
viscosity in a boundary layer is then found to 0.4 % instead of 3 %, and 6 % without ghost cells,
where only points count that no stencil of any block has carried the wall to. The layers next to
walls are what shows the coefficients best, and several blocks reach far into the domain. `margin`
leaves points out all the same, for data that are worse next to walls.

Reference: Long, Lu, Dong, "PDE-Net 2.0", J. Comput. Phys. 399 (2019) 108925, section 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pdenet.boundary import endpoints
from pdenet.model import PDENet
from pdenet.types import Trajectory

__all__ = ["huber", "penalty", "prediction_loss"]


def huber(values: Tensor, size: float) -> Tensor:
    """Σ H(a; size) over all values."""
    modulus = values.abs()
    return torch.where(modulus < size, values * values / (2 * size), modulus - size / 2).sum()


def prediction_loss(model: PDENet, windows: Trajectory, margin: int = 0) -> Tensor:
    """The first term of L for windows (n, blocks + 1, field, *space).

    margin: points next to each wall that do not count, those on the wall among them.
    """
    blocks = windows.shape[1] - 1
    weight = (1 / (model.symnet.output_scale * model.dt)) ** 2
    inner = _inner(model, windows.shape[3:], margin)
    total = windows.new_zeros(())
    for k, state in enumerate(model.states(windows[:, 0], blocks), start=1):
        error = state[inner] - windows[:, k][inner]
        error = error.square().movedim(1, 0).flatten(1).mean(1)
        total = total + (weight * error).mean()
    return total / blocks


def _inner(model: PDENet, shape: Sequence[int], margin: int) -> tuple[slice, ...]:
    """The points of a state (batch, field, *space) that are `margin` or more from every wall."""
    axes: tuple[slice, ...] = (slice(None), slice(None))
    for n, walled in zip(shape, endpoints(model.filters.boundaries), strict=True):
        axes += (slice(margin, n - margin) if walled else slice(None),)
    return axes


def penalty(model: PDENet, sparsity: float, moments: float) -> Tensor:
    """The other two terms of L for one block."""
    weights = torch.cat([tensor.flatten() for tensor in model.symnet.weights()])
    total = sparsity * huber(weights, 1e-3) + moments * huber(model.filters.free_moments(), 1e-2)
    for spline in model.splines():
        # A whole function counts as one weight, however fine its mesh.
        total = total + sparsity * huber(spline, 1e-3) / spline[0].numel()
    return total
