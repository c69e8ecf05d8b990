"""The noise that a refinement begins with: as the user says, or as the data alone show.

A level for each trajectory and field (`pdenet.noise.level`), and how uneven the noise is: the
law of it (`law`) that the part of the data asks for in which there is no signal (`highpass`), with
what is left of the data in place of a prediction. A fit then learns both from its residuals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.boundary import Periodic
from pdenet.errors import ConfigError
from pdenet.likelihood.config import RefineConfig
from pdenet.noise.highpass import noise_alone
from pdenet.noise.law import Law, Squares, evened, uneven
from pdenet.noise.level import noise_of
from pdenet.problem import Problem

__all__ = ["COMPUTED", "Level"]

COMPUTED = 1e-6
"""Noise below this share of a field is the error of data that were computed: no law is looked for
in what solvers and rounding leave."""


@dataclass(frozen=True, eq=False)
class Level:
    """Noise of every value: sigma · uneven.

    sigma: as given or shown, (trajectory, field). shown: the larger of the two. doubt: the relative
    standard error of the variance that the data show. given: whether it was given. uneven: of the
    shape of the data, of mean square 1 in each trajectory and field; None where all are alike.
    """

    sigma: Tensor
    shown: Tensor
    doubt: Tensor
    given: bool
    uneven: Tensor | None = None

    def at_least(self, share: float, data: Tensor) -> Level:
        """The same, but no less than a share of the size of every field."""
        flat = data.movedim(2, 1).flatten(2)
        mean = flat.nanmean(2, keepdim=True)
        least = share * (flat - mean).square().nanmean(2).sqrt().nan_to_num(0.0)
        sigma, shown = self.sigma.maximum(least), self.shown.maximum(least)
        return replace(self, sigma=sigma, shown=shown)

    @classmethod
    def of(cls, data: Tensor, problem: Problem, config: RefineConfig) -> Level:
        """Of data (trajectory, frame, field, *space), NaN where missing.

        Raises ConfigError for standard deviations that are not of the shape of the data.
        """
        periodic = [isinstance(ends[0], Periodic) for ends in problem.boundaries]
        found = noise_of(data, periodic)
        shown = found.sigma
        if config.sigma is not None:
            sigma, each = _given(data, config.sigma)
            return cls(sigma, torch.maximum(sigma, shown), found.doubt, True, each)
        if config.noise is not None:
            first = data[:, 0].flatten(2)
            mean = first.nanmean(2, keepdim=True)
            size = (first - mean).square().nanmean(2).sqrt().nan_to_num(1.0).clamp_min(1e-300)
            sigma = config.noise * size
            return cls(sigma, torch.maximum(sigma, shown), found.doubt, True)
        each = _learned(data, shown, periodic)
        return cls(shown, shown, found.doubt, False, each)


def _given(data: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor | None]:
    """σ of each trajectory and field, and of each value over it, from standard deviations that
    broadcast to the data; one for each field may be given without the axes of space."""
    sigma = torch.as_tensor(sigma).to(data)
    if sigma.shape == data.shape[2:3]:
        sigma = sigma.reshape([-1] + [1] * (data.dim() - 3))
    try:
        each = sigma.expand(data.shape)
    except RuntimeError:
        raise ConfigError(
            f"sigma is of shape {tuple(sigma.shape)} and the data of {tuple(data.shape)}: give one "
            "number, one for each field, or an array that broadcasts to the data"
        ) from None
    seen = data.isfinite()
    if not bool(((each > 0) & each.square().isfinite())[seen].all()):
        raise ConfigError("sigma holds a number that is not above 0 and finite where there is data")
    there = seen.to(data)
    variance = torch.where(seen, each.square(), 0.0)
    count = there.movedim(2, 1).flatten(2).sum(2)
    mean = variance.movedim(2, 1).flatten(2).sum(2) / count.clamp_min(1)
    level = torch.where(count > 0, mean, 1.0).sqrt()
    shape = evened(variance, there)
    even = bool((shape - 1).abs().amax() < 1e-12)  # but for rounding
    return level, None if even else shape


def _learned(data: Tensor, shown: Tensor, periodic: list[bool]) -> Tensor | None:
    """How uneven the data show noise to be; None where it is additive, or cannot be told: of a
    field with gaps a fit tells (`pdenet.likelihood.fit.gauss_newton`)."""
    found = torch.ones_like(data)
    for field in range(data.shape[2]):
        own = data[:, :, field].double()
        rows = own.isfinite().flatten(1).all(1)
        if not bool(rows.any()) or data.shape[1] < 2:
            continue
        own = own[rows]
        size = own.square().mean().sqrt()
        if not float(shown[rows, field].square().mean().sqrt()) > COMPUTED * float(size):
            continue
        noise, share = noise_alone(own, periodic)
        smooth, seen = (own - noise)[:, :, None], torch.ones_like(own)[:, :, None]
        law: Law = Squares.of(smooth, noise[:, :, None], share[:, :, None]).law()
        if not law.is_additive:
            found[rows, :, field] = uneven(law, smooth, seen)[:, :, 0].to(data)
    return found if bool((found != 1).any()) and math.isfinite(float(found.sum())) else None
