"""Which terms stay: the sparsest equation that predicts held-out trajectories as well as the best.

At the least-squares solution x̂ of the equation with all candidates, the misfit of any smaller
equation follows from the same linearised problem, refitted without a new rollout: with the dropped
unknowns D at zero and the others K refitted,

    x_K = x̂_K + A_KK⁻¹ A_KD x̂_D,      E_held-out = mean over windows of  c − 2 g·δ + δᵀ A δ,

δ = x − x̂, A, g, c of the held-out windows. Terms leave one by one, each time the one whose loss
costs the training windows least, and of all equations on this path the shortest is taken whose
held-out misfit exceeds the lowest by no more than a tolerance: `TOLERANCE` of it, or the share of
it that is structure and not noise (`pdenet.noise.level`) where that is more. A term that buys
less than the error which even the fullest equation leaves may just as well stand for that error.

Reference: Efroymson's backward elimination, as in Hastie, Tibshirani, Friedman, The Elements of
Statistical Learning, 2nd ed., sections 3.3.2 and 7.10 (the sparsest model that is as good).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.readout.fit import Normal

__all__ = ["TOLERANCE", "Step", "eliminate", "refitted"]

TOLERANCE = 0.1
"""Least tolerance: 5 % in r.m.s. Noise alone makes that no sign of a term; a true one that matters
changes the misfit by factors."""

RESOLUTION = 1e-12
"""Share of the largest misfit, of no equation at all, below which a misfit counts as zero: rounding
of the quadratic form is less."""


@dataclass(frozen=True)
class Step:
    """One equation on the path: `dropped`, the term that left last, and its held-out misfit.

    growth: the misfit over that of the equation before, minus one.
    """

    dropped: int
    misfit: float
    growth: float


def eliminate(
    x: Tensor, terms: int, train: Normal, held_out: Normal, tolerance: float = 0.0
) -> tuple[list[int], list[Step]]:
    """The terms that leave, in the order in which they leave, and the whole path.

    x: the unknowns at which both problems are linearised, the first `terms` of them coefficients;
    the others (moments of the filters) always stay. tolerance: by how much of itself the lowest
    held-out misfit may be exceeded, at least `TOLERANCE`. All of it is done on the CPU: these are
    many operations on few numbers, which a GPU takes longer to start than a CPU to do.
    """
    x, train, held_out = x.cpu(), train.on_cpu, held_out.on_cpu
    matrix, gradient = train.matrix.mean(0), train.gradient.mean(0)
    best = x + _solve(matrix, gradient)
    kept = list(range(len(x)))
    lowest = last = _misfit(best - x, held_out)
    path: list[Step] = []
    misfits = [last]
    while any(k < terms for k in kept):
        block = matrix[kept][:, kept]
        inverse = torch.linalg.pinv(block, hermitian=True)
        current = _restricted(matrix, best, kept)
        # The rise of the training misfit when one coefficient is set to zero and the rest refitted.
        cost = current[kept].square() / inverse.diagonal().clamp_min(1e-300)
        place = min((i for i, k in enumerate(kept) if k < terms), key=lambda i: float(cost[i]))
        leaving = kept.pop(place)
        misfit = _misfit(_restricted(matrix, best, kept) - x, held_out)
        path.append(Step(leaving, misfit, misfit / max(last, 1e-300) - 1))
        lowest, last = min(lowest, misfit), misfit
        misfits.append(misfit)
    # Data without noise leave a misfit that is only rounding, and may be negative.
    bound = (1 + max(TOLERANCE, tolerance)) * max(lowest, RESOLUTION * max(misfits))
    length = max((i for i, misfit in enumerate(misfits) if misfit <= bound), default=0)
    return [step.dropped for step in path[:length]], path


def refitted(x: Tensor, train: Normal, leaving: Sequence[int]) -> Tensor:
    """The unknowns with those that leave at zero and all others fitted to the training windows, in
    the problem linearised at x."""
    matrix = train.matrix.mean(0)
    best = x + _solve(matrix, train.gradient.mean(0))
    return _restricted(matrix, best, [k for k in range(len(x)) if k not in leaving])


def _restricted(matrix: Tensor, best: Tensor, kept: list[int]) -> Tensor:
    """The minimiser with everything but `kept` at zero."""
    dropped = [k for k in range(len(best)) if k not in kept]
    result = torch.zeros_like(best)
    if kept:
        shift = matrix[kept][:, dropped] @ best[dropped]
        result[kept] = best[kept] + _solve(matrix[kept][:, kept], shift)
    return result


def _misfit(delta: Tensor, normal: Normal) -> float:
    quadratic = torch.einsum("i,wij,j->w", delta, normal.matrix, delta)
    return float((normal.misfit - 2 * normal.gradient @ delta + quadratic).mean())


def _solve(matrix: Tensor, right: Tensor) -> Tensor:
    """The solution of a symmetric system, scaled, with a trace of regularisation."""
    size = matrix.diagonal().clamp_min(1e-300).sqrt()
    scaled = matrix / size / size[:, None] + 1e-10 * torch.eye(len(size)).to(matrix)
    solution: Tensor = torch.linalg.solve(scaled, right / size) / size
    return solution
