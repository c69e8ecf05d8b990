"""A preconditioner for what is unknown around a window.

The data determine what comes in through the edge of a window thousands of times better than the
prior does: H = J'J + P has eigenvalues up to 10⁷ of P's, hundreds of them in a plane. Which ones
is known: the fields v that draw the states act on the window from the points just outside it, where
the data tell of them about as much as if they had been measured there. With E the values of a shape
of v in time at those points, S = 1/P its spectrum and w the precision of such a measurement,

    M = (P + w E'E)⁻¹ = S − S E' (1/w + E S E')⁻¹ E S,

and E S E' is the covariance function of the prior at the differences of the points: a dense matrix
for each shape and field, of as many rows as there are points along the edge. Of the initial state M
is what it is in a periodic box. M H then has eigenvalues between 10⁻³ and 10 (2-D Burgers).

Source: Woodbury's identity; Daužickaitė, Lawless, Scott, van Leeuwen, Q. J. R. Meteorol. Soc. 147
(2021) 3521-3537 (why the unknown forcing of weak-constraint assimilation needs one of its own).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.likelihood.states.latent import KNOTS, Latent, collocation
from pdenet.noise.observations import Observations

__all__ = ["Edge", "size"]

SHARE = 0.3
"""What the data tell of v at a point outside over what a measurement there would."""

ROUNDING = 1e-10
"""Least variance of a measurement over that of the prior: a thousand rows of rounding."""

MOST = 768
"""Points that stand for the edge, at most: in space they are more, and some stand for all."""


@dataclass(frozen=True, eq=False)
class Edge:
    """M of some trajectories.

    first: of the initial state, (trajectory, 1, field, *waves). variance: S, (trajectory, 1, shape,
    field, *waves). points: their places in the grid, (point,). inverse: of 1/w + E S E',
    (trajectory, shape, field, point, point).
    """

    latent: Latent
    first: Tensor
    variance: Tensor
    points: Tensor
    inverse: Tensor

    @classmethod
    def of(cls, latent: Latent, seen: Observations, diagonal: Tensor, variance: Tensor) -> Edge:
        """diagonal: of J'J of the initial state, (trajectory, field, *waves). variance: S of all
        that is unknown, (trajectory, field + shape x field, *waves)."""
        own = diagonal.shape[1]
        around = variance[:, own:].unflatten(1, (latent.times, own))
        every = -(-len(latent.edge) // MOST)
        points = latent.edge[::every]
        frames = collocation(latent.times - KNOTS)[: seen.values.shape[1]].to(latent.shapes)
        told = (frames @ latent.shapes).square().sum(0)[:, None] / seen.sigma.square()[:, None]
        told = torch.where(seen.count[:, None] > 0, SHARE * every * told, 0.0).clamp_min(1e-300)
        matrix = _covariance(latent, around, points)
        # Where next to nothing is taken for noise, rounding makes like rows equal.
        scatter = torch.maximum(1 / told, ROUNDING * matrix[..., 0, 0])
        matrix.diagonal(dim1=-2, dim2=-1).add_(scatter[..., None])
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(matrix))
        first = 1 / (diagonal + 1 / variance[:, :own])
        return cls(latent, first[:, None], around[:, None], points, inverse)

    def __call__(self, x: Tensor) -> Tensor:
        """M x of vectors (trajectory, vector, field, *waves)."""
        waves, own = self.latent.waves, self.first.shape[2]
        rest = x[:, :, own:].unflatten(2, self.variance.shape[2:4])
        there = waves.points(self.variance * rest).flatten(4)
        told = torch.einsum("bsfij,bvsfj->bvsfi", self.inverse, there[..., self.points])
        back = torch.zeros_like(there).index_copy_(-1, self.points, told)
        back = waves.modes(back.unflatten(-1, waves.grid.shape))
        rest = self.variance * (rest - back)
        return torch.cat([self.first * x[:, :, :own], rest.flatten(2, 3)], 2)


def size(latent: Latent, fields: int) -> int:
    """Bytes that M of a trajectory takes while it is made: three matrices for each shape."""
    return 3 * 8 * latent.times * fields * min(MOST, len(latent.edge)) ** 2


def _covariance(latent: Latent, variance: Tensor, points: Tensor) -> Tensor:
    """E S E', (trajectory, shape, field, point, point): the function is even."""
    waves, shape = latent.waves, latent.waves.grid.shape
    function = waves.points(variance.to(waves.complex)).flatten(3)
    places = torch.stack(torch.unravel_index(points, shape))
    difference, flat = places[:, :, None] - places[:, None], torch.zeros_like(points)
    for along, n in zip(difference, shape, strict=True):
        flat = flat * n + along % n
    found: Tensor = function[..., flat]
    return found
