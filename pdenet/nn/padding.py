"""Ghost cells: the values beyond the edge of the grid that a boundary condition prescribes.

For a periodic axis with N points, u_(i+N) = u_i. Walls (Dirichlet, Neumann) have their place here
too; until then they are refused where a problem is turned into a network.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pdenet.errors import GridError

__all__ = ["pad_periodic"]


def pad_periodic(u: Tensor, width: int, ndim: int) -> Tensor:
    """`u` with `width` periodic ghost cells on both sides of each of its last `ndim` axes.

    u: (*batch, *space); returns (*batch, *(space + 2 width)).
    Raises GridError where an axis has fewer points than ghost cells on one side.
    """
    if width < 0 or min(u.shape[u.dim() - ndim :]) < width:
        raise GridError(
            f"{width} ghost cells were asked of a grid of shape {tuple(u.shape[u.dim() - ndim :])};"
            " give from 0 to as many as the shortest axis has points"
        )
    if width == 0:
        return u
    # Concatenation of slices: twice as fast, forward and backward, as torch's circular padding.
    for axis in range(u.dim() - ndim, u.dim()):
        n = u.shape[axis]
        u = torch.cat([u.narrow(axis, n - width, width), u, u.narrow(axis, 0, width)], axis)
    return u
