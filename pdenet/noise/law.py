"""How the noise of a value depends on the value that a field has there.

    σ²(u) = a² + b² u² + c |u|:    additive, multiplicative (a share b of the field), counts.

u is what a fit predicts, never the noisy value: noise that makes a value small would give it a
large weight, and bias everything. For squares q of residuals, sorted by |u| into bins of equal
numbers of values, separately for each trajectory, the law that is likeliest lowers

    D = Σ p (q/v + log v),    v = s σ²(u),

with p the number of independent values of a bin and s a factor for each trajectory, so that a
trajectory whose noise is larger everywhere says nothing of the law. Where the squares of a bin
scatter more than those of normal numbers do, p is smaller by as much: outliers, and counts of few,
decide by what they are worth. Every a², b², c is made larger or smaller by the root of the ratio of
the two parts of its derivative, which never raises D. Of the seven laws that have some of the three
parts the additive one is taken unless another lowers D by `SURE` and log n for each further number,
and promises enough by it (`WORTH`).

Sources: Carroll, Ruppert, Transformation and Weighting in Regression (1988), chapters 2 and 3
(weights from predictions; pseudolikelihood); Févotte, Idier, Neural Comput. 23 (2011) 2421-2456
(the factors); Schwarz, Ann. Stat. 6 (1978) 461-464 (log n); McCullagh, Nelder, Generalized Linear
Models (1989), chapter 9 (scatter and numbers of values).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

__all__ = ["Law", "Squares", "evened", "uneven"]

PARTS = 3
"""Additive, multiplicative, counts."""

BINS, HELD = 32, 64
"""Bins of a trajectory, at most, and values in each, at least: σ² of a bin is known to a sixth, and
|u| differs little in it."""

LEAST = 1e-4
"""Additive part of any law beside its mean: a prediction near zero is never exact, and no value
counts for more than a ten thousand others."""

SURE = 10.0
"""Lower D, beyond log n, of a law that is taken in place of the additive one: odds of e⁵ = 150. Its
D and that of another law of as many numbers differ by chance alone where |u| hardly changes."""

WORTH = 1.05
"""mean v · mean 1/v from which on values are weighted by a law: by how much equal weights raise the
variance of an average. Below it nothing is gained, and what is left of a signal, or of an equation
that is not quite right, would be taken for a law in many data."""

STEPS, STILL = 400, 1e-5
"""Steps of the minimum, at most, and the change of all shares in one that ends them."""

LAWS = tuple(each for each in product((True, False), repeat=PARTS) if any(each))
"""Which parts each law has."""


@dataclass(frozen=True, eq=False)
class Law:
    """σ²(u) of each field. parts: a², b², c, (part, field)."""

    parts: Tensor

    @property
    def is_additive(self) -> bool:
        """Whether the noise of every field is."""
        return not bool((self.parts[1:] > 0).any())

    def variance(self, u: Tensor) -> Tensor:
        """σ² of values (trajectory, frame, field, *space)."""
        return sum_of(self.parts, _parts(u))


@dataclass(frozen=True, eq=False)
class Squares:
    """Squares of residuals in bins of |u|.

    weight: how many independent values each is made of, (trajectory, field, bin). mean: of the
    squares. parts: of 1, u² and |u|, (part, trajectory, field, bin). unit: of each field, in which
    all of them are: its largest size, (field,).
    """

    weight: Tensor
    mean: Tensor
    parts: Tensor
    unit: Tensor

    @classmethod
    def of(cls, u: Tensor, residual: Tensor, weight: Tensor, more: Tensor | None = None) -> Squares:
        """Of values (trajectory, frame, field, *space) at predictions u.

        weight: the share of each residual that is independent, E r² = weight · σ²; 0 where there is
        none. more: what is added to the square of each, for the error of u.
        """
        u, r, w = (each.movedim(2, 1).flatten(2) for each in (u, residual, weight))
        unit = torch.where(w > 0, u.abs(), 0.0).amax((0, 2))
        unit = torch.where(unit > 0, unit, 1.0)
        u, q = u / unit[:, None], (r / unit[:, None]).square()
        if more is not None:
            q = q + more.movedim(2, 1).flatten(2) / unit[:, None] / unit[:, None]
        size = torch.where(w > 0, u.abs(), math.inf)
        size, order = size.sort(2)
        w, q = w.gather(2, order), torch.where(size.isfinite(), q.gather(2, order), 0.0)
        size = torch.where(size.isfinite(), size, 0.0)
        total = w.sum(2, keepdim=True)
        number = (total / HELD).floor().clamp(1, BINS)
        place = (w.cumsum(2) / total.clamp_min(1e-300) * number).ceil().clamp(1, BINS).long() - 1

        def summed(values: Tensor) -> Tensor:
            return values.new_zeros((*values.shape[:2], BINS)).scatter_add(2, place, values)

        held = summed(w)
        each = held.clamp_min(1e-300)
        mean = summed(q) / each
        fourth = summed(q.square() / w.clamp_min(1e-300)) / each
        scatter = (fourth / mean.square().clamp_min(1e-300) - 1).clamp_min(2.0)
        held = torch.where(mean > 0, 2 * held / scatter, 0.0)
        parts = [torch.ones_like(mean), summed(w * size.square()) / each, summed(w * size) / each]
        return cls(held, mean, torch.stack(parts), unit)

    def law(self) -> Law:
        """The law that the squares of each field ask for."""
        found = torch.stack([self._of(field) for field in range(self.mean.shape[1])], 1)
        units = torch.stack([self.unit.square(), torch.ones_like(self.unit), self.unit])
        return Law(found * units)

    def _of(self, field: int) -> Tensor:
        """a², b², c of one field, (part,)."""
        p, q, parts = self.weight[:, field], self.mean[:, field], self.parts[:, :, field]
        total = p.sum().clamp_min(1e-300)
        scale = (p * parts).sum((1, 2)) / total  # of each part
        level = (p * q).sum() / total
        if not float(level) > 0:
            return torch.zeros_like(scale)
        # Shares of a mean variance of one.
        basis = parts / scale.clamp_min(1e-300)[:, None, None] + LEAST
        has = torch.tensor(LAWS, device=q.device).to(q)
        shares, deviance = _likeliest(has, basis, p, q / level)
        price = (has.sum(1) - 1) * math.log(max(float(total), 2.0)) + SURE
        alone = LAWS.index((True, False, False))
        price[alone] = 0.0
        v = torch.einsum("lk,ktb->ltb", shares, basis)
        # The variance of trajectories may differ: what counts is how uneven each is in itself.
        mean = (p * v).sum(2) / p.sum(1).clamp_min(1e-300)
        gained = (p * mean[..., None] / v).sum((1, 2)) / total
        price = torch.where(gained > WORTH, price, math.inf)
        price[alone] = 0.0
        best = int((deviance + price).argmin())
        chosen = shares[best] / scale.clamp_min(1e-300) * (scale > 0)
        v = (chosen[:, None, None] * parts).sum(0).clamp_min(1e-300)
        return chosen * (p * q / v).sum() / total


def _likeliest(has: Tensor, basis: Tensor, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of the parts of each law, (law, part), and its D.

    has: which parts a law has, (law, part). basis: (part, trajectory, bin). p, q: (trajectory,
    bin).
    """
    shares = has / has.sum(1, keepdim=True)
    number = p.sum(1).clamp_min(1e-300)

    def scaled(shares: Tensor) -> tuple[Tensor, Tensor]:
        v = torch.einsum("lk,ktb->ltb", shares, basis)
        s = (p * q / v).sum(2) / number
        return v, torch.where(s > 0, s, 1.0)[..., None]

    for _ in range(STEPS):
        v, s = scaled(shares)
        up = torch.einsum("ltb,ktb->lk", p * q / (s * v.square()), basis)
        down = torch.einsum("ltb,ktb->lk", p / v, basis)
        new = shares * (up / down.clamp_min(1e-300)).sqrt()
        new = new / new.sum(1, keepdim=True)
        still = bool(((new - shares).abs() < STILL).all())
        shares = new
        if still:
            break
    v, s = scaled(shares)
    return shares, (p * (q / (s * v) + (s * v).log())).sum((1, 2))


def _parts(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.ones_like(u), u.square(), u.abs()


def sum_of(weights: Tensor, values: tuple[Tensor, ...]) -> Tensor:
    """Σ weight · value with weights (part, field) of values (trajectory, frame, field, *space)."""
    shape = [1, 1, -1] + [1] * (values[0].dim() - 3)
    total = torch.zeros_like(values[0])
    for weight, value in zip(weights, values, strict=True):
        total = total + weight.reshape(shape) * value
    return total


def uneven(law: Law, u: Tensor, seen: Tensor) -> Tensor:
    """σ of each value over its r.m.s. in each trajectory and field, under a law, where there is a
    value: (trajectory, frame, field, *space). seen: 1 where there is, 0 elsewhere."""
    v = law.variance(u)
    return evened(v + LEAST * _mean(v, seen, every=True), seen)


def evened(variance: Tensor, seen: Tensor) -> Tensor:
    """Roots of variances over their mean in each trajectory and field, 1 where there is no
    value."""
    mean = _mean(variance, seen)
    found = torch.where(mean > 0, variance / mean.clamp_min(1e-300), torch.ones_like(variance))
    return torch.where(seen > 0, found, torch.ones_like(found)).sqrt()


def _mean(values: Tensor, seen: Tensor, every: bool = False) -> Tensor:
    """The mean of what is seen of each field, in each trajectory or in all."""
    over = [axis for axis in range(values.dim()) if axis != 2 and (every or axis != 0)]
    return (values * seen).sum(over, keepdim=True) / seen.sum(over, keepdim=True).clamp_min(1)
