"""Which formula describes a function that was fitted freely, if any does.

A free function f = Σ_m w_m B_m was fitted through rollouts, together with everything else that is
unknown. Near the fit the misfit is a quadratic form, so that what it costs to put a formula
Σ_j a_j φ_j in the place of f, with all else refitted, follows without a new rollout. With the
others eliminated (S, h: matrix and gradient of w alone), and column j of P the weights of φ_j,

    rise(a) = (Pa − w)ᵀ S (Pa − w) − 2 hᵀ(Pa − w) + hᵀ S⁻¹ h,

zero at the best f that there is. Many functions are nearly alike over the range that data visit, so
the smallest formulas are tried first, all of them: of every size the `WIDTH` best are extended by
each function in turn.

A formula describes f where its rise is no larger than chance makes it (`CONFIDENCE`), or than what
the data hold of structure that no equation explains (`pdenet.discovery.noise`). The shortest one
that does stands in the equation, unless

- there are several of its size, which the data cannot tell apart, or
- its terms cancel: together they are more than `CANCELS` times as large as their sum.

In either case numbers would be printed that mean nothing, and f itself is the answer.

References: exhaustive search by least squares: Furnival, Wilson, Technometrics 16 (1974) 499-511.
The test: Seber, Lee, Linear Regression Analysis, 2nd ed., section 4.3, with the variance of scores
between windows in the place of that of residuals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy
import torch
from scipy import stats
from torch import Tensor

from pdenet.discovery.fit import Normal
from pdenet.discovery.formula import Dictionary
from pdenet.pde.render import format_expression

__all__ = ["CANCELS", "Description", "Quadratic", "cancellation", "describe", "inverse"]

WIDTH = 200
"""Formulas of each size that are extended: all of them, for one and for two functions."""

MOST = 6
"""Most functions in a formula."""

CONFIDENCE = 0.999
"""How sure it must be that a formula misses the function before it is given up."""

CANCELS = 30.0
"""Largest size of the terms of a formula over the size of their sum. A read-out knows coefficients
to about 0.3 %: with terms thirty times as large as their sum, the sum is known to 10 % only."""

ALIKE = 1e-6
"""Relative difference below which two formulas are one function, written in two ways."""

RIDGE = 1e-12
"""Of systems that are scaled to have ones on their diagonal."""


UNKNOWN = 1e-10
"""Share of the best known direction below which nothing is known of one."""


@dataclass(frozen=True, eq=False)
class Quadratic:
    """What it costs to put a sum of functions, Σ a_j φ_j, in the place of a free one.

        rise(a) = aᵀ G a − 2 rᵀ a + c,

    matrix: G (function, function). right: r. constant: c. unit: by how much one superfluous
    unknown lowers the misfit by chance. unknowns: that the data know of the free function. windows:
    that were fitted. misfit: of the free function.
    """

    matrix: Tensor
    right: Tensor
    constant: float
    unit: float
    unknowns: int
    windows: int
    misfit: float

    @classmethod
    def of(cls, normal: Normal, x: Tensor, block: slice, projection: Tensor) -> Quadratic:
        """From the problem linearised at x. block: the place of the free function's weights in x.
        projection: (weight, function), the weights that come nearest to each function."""
        windows, unknowns = normal.gradient.shape
        matrix, gradient = normal.matrix.mean(0), normal.gradient.mean(0)
        inside = torch.arange(unknowns)[block]
        others = torch.tensor([k for k in range(unknowns) if k not in set(inside.tolist())]).long()
        cross = matrix[inside][:, others]
        solved = cross @ inverse(matrix[others][:, others])
        schur = matrix[inside][:, inside] - solved @ cross.T
        slope = gradient[inside] - solved @ gradient[others]
        inner = inverse(schur)
        # The gain that unknowns have by chance, from the spread of the scores of whole windows:
        # within one, errors of the first frame and of the filters are shared by all points.
        scores = normal.gradient - normal.gradient.mean(0)
        scores = scores[:, inside] - scores[:, others] @ solved.T
        rank = round(float((schur * inner).sum()))
        gain = torch.einsum("wi,ij,wj->", scores, inner, scores) / (windows * max(1, windows - 1))
        weights = x[inside]
        pull = schur @ weights + slope
        return cls(
            matrix=projection.T @ schur @ projection,
            right=projection.T @ pull,
            constant=float(weights @ pull + weights @ slope + slope @ inner @ slope),
            unit=float(gain) / max(1, rank),
            unknowns=rank,
            windows=windows,
            misfit=float(normal.misfit.mean()),
        )

    def solve(self, subsets: Tensor) -> tuple[Tensor, Tensor]:
        """The best coefficients of the functions in each row of `subsets` (subset, function), and
        their rise (subset,)."""
        size = self.matrix.diagonal().clamp_min(1e-300).sqrt()
        scaled, right = self.matrix / size / size[:, None], self.right / size
        blocks = scaled[subsets[:, :, None], subsets[:, None, :]]
        blocks = blocks + RIDGE * torch.eye(subsets.shape[1]).to(blocks)
        wanted = right[subsets]
        found = torch.linalg.solve(blocks, wanted[..., None])[..., 0]
        return found / size[subsets], self.constant - (found * wanted).sum(1)

    def limit(self, functions: int, structure: float) -> float:
        """The rise up to which a formula of so many functions describes the free one. structure:
        share of the misfit that is not noise."""
        spare = max(1, self.unknowns - functions)
        chance = spare * float(stats.f.ppf(CONFIDENCE, spare, max(1, self.windows - 1)))
        return max(self.unit * chance, structure * self.misfit)


def inverse(matrix: Tensor) -> Tensor:
    """The inverse of a symmetric matrix, scaled to ones on its diagonal; zero along what data do
    not know, such as the ends of a curve that they hardly visit."""
    size = matrix.diagonal().clamp_min(0).sqrt()
    known = torch.where(size > 0, 1 / size.clamp_min(1e-300), 0.0)
    scaled = matrix * known * known[:, None]
    found: Tensor = torch.linalg.pinv(scaled, hermitian=True, rtol=UNKNOWN) * known * known[:, None]
    return found


@dataclass(frozen=True)
class Description:
    """A formula {function: coefficient}; or none, with the reason why."""

    formula: dict[sympy.Expr, float]
    reason: str | None = None


def describe(
    quadratic: Quadratic, dictionary: Dictionary, weight: np.ndarray, structure: float
) -> Description:
    """The formula of a free function, where there is one that can be trusted.

    dictionary: the functions of `quadratic`, in its order, with their values at points; weight: of
    each point in the size of a function. structure: share of the misfit that is not noise.
    """
    names = list(dictionary)
    columns = np.stack([dictionary[name].ravel() for name in names])
    share = weight.ravel() / weight.sum()
    found, rise = _smallest(quadratic, structure)
    if not found:
        off = 100 * ((1 + rise / max(quadratic.misfit, 1e-300)) ** 0.5 - 1)
        return Description(
            {},
            f"no sum of up to {min(MOST, len(names))} simple functions describes it: the "
            f"nearest one adds {off:.2g} % to the error of prediction",
        )
    terms = [
        {names[k]: float(a) for k, a in zip(subset, values, strict=True)}
        for subset, values in _different(found, columns, share)
    ]
    usual = [t for t in terms if cancellation(t, dictionary, share) <= CANCELS]
    if not usual:
        ratio = cancellation(terms[0], dictionary, share)
        return Description(
            {},
            f"its terms cancel, being {ratio:.0f} times as large as their sum: " + _text(terms[0]),
        )
    # What cannot be told from a single power is that power, to the order that was seen.
    powers = [t for t in usual if len(t) == 1 and all(name.is_Pow or name.is_Symbol for name in t)]
    chosen = usual if len(usual) == 1 else powers
    if len(chosen) != 1:
        return Description({}, "data cannot tell apart " + " and ".join(map(_text, usual[:3])))
    return Description(chosen[0])


def cancellation(
    formula: dict[sympy.Expr, float], dictionary: Dictionary, share: np.ndarray
) -> float:
    """Size (r.m.s.) of all terms of a formula together over that of their sum."""
    parts = np.stack([a * dictionary[name].ravel() for name, a in formula.items()])
    sizes = np.sqrt(parts**2 @ share)
    return float(sizes.sum() / max(float(np.sqrt(parts.sum(0) ** 2 @ share)), 1e-300))


_Found = list[tuple[tuple[int, ...], tuple[float, ...]]]


def _smallest(quadratic: Quadratic, structure: float) -> tuple[_Found, float]:
    """All formulas of the smallest size at which one describes the function, best first; none
    where none does. Then the least rise that was seen, too."""
    n, least = len(quadratic.right), float("inf")
    beam = torch.zeros(1, 0, dtype=torch.int64)
    for size in range(1, min(MOST, n) + 1):
        beam = _extended(beam, n)
        values, rise = quadratic.solve(beam)
        order = torch.argsort(rise)[:WIDTH]
        beam, values, rise = beam[order], values[order], rise[order]
        least = min(least, float(rise[0]))
        good = int((rise <= quadratic.limit(size, structure)).sum())
        if good:
            kept = zip(beam[:good].tolist(), values[:good].tolist(), strict=True)
            return [(tuple(subset), tuple(a)) for subset, a in kept], least
    return [], least


def _extended(beam: Tensor, n: int) -> Tensor:
    """Every subset of the beam (subset, function) with one more of n functions, once each."""
    every = torch.cat([beam.repeat_interleave(n, 0), torch.arange(n).repeat(len(beam))[:, None]], 1)
    every = every.sort(1).values
    fresh = (every.diff(dim=1) > 0).all(1)
    return torch.unique(every[fresh], dim=0)


def _different(found: _Found, columns: np.ndarray, share: np.ndarray) -> _Found:
    """The formulas that are different functions, the best way to write each."""
    kept: _Found = []
    seen: list[np.ndarray] = []
    for subset, values in found:
        function = np.array(values) @ columns[list(subset)]
        size = ALIKE * np.sqrt(function**2 @ share)
        if all(np.sqrt((function - other) ** 2 @ share) > size for other in seen):
            kept.append((subset, values))
            seen.append(function)
    return kept


def _text(formula: dict[sympy.Expr, float]) -> str:
    total = sympy.Add(*(sympy.Float(a) * name for name, a in formula.items()))
    return format_expression(total, "text", 3)
