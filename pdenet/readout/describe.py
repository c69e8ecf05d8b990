"""Which formula describes a function that was fitted freely, if any does.

A free function f = Σ_m w_m B_m was fitted through rollouts, together with everything else that is
unknown. Near the fit the misfit is a quadratic form, so that what it costs to put a formula
Σ_j a_j φ_j in the place of f, with all else refitted, follows without a new rollout. With the
others eliminated (S, h: matrix and gradient of w alone), and column j of P the weights of φ_j,

    rise(a) = (Pa − w)ᵀ S (Pa − w) − 2 hᵀ(Pa − w) + hᵀ S⁻¹ h,

zero at the best f that there is. Many functions are nearly alike over the range that data visit, so
the smallest formulas are tried first, all of them: of every size the `WIDTH` best are extended by
each function in turn.

What is a large rise is told by how much one superfluous unknown lowers the misfit by chance (the
unit), which is seen in how the scores of windows scatter. Noise scatters independently, and its
mean over W windows falls as 1/W; what no equation explains, such as errors of the filters
(`pdenet.noise.level`), may be alike in all of them: its share s of the misfit counts W times.
A formula of k functions describes f of p weights where

    rise/unit < (p − k) (F + W s),       F the 99 % point of the F distribution,

and among those that do, one costs rise/(unit (1 + W s)) + k (log W + 2 log P) with P functions to
choose from and, here, the largest unit of any direction. The shortest that describes f, and that no
longer one beats by odds of 1000 : 1, stands in the equation, unless

- another one of its size is within these odds, so that the data cannot tell which is true,
- its terms cancel: together they are more than `CANCELS` times as large as their sum, or
- it is the beginning of a series: waves, or powers, up to the last that there are.

In all these cases the numbers would mean nothing, and f itself is the answer.

References: exhaustive search by least squares: Furnival, Wilson, Technometrics 16 (1974) 499-511.
The test: Seber, Lee, Linear Regression Analysis, 2nd ed., section 4.3. The price of a function:
Schwarz, Ann. Stat. 6 (1978) 461-464; of choosing it among P: Foster, George, Ann. Stat. 22 (1994)
1947-1975.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
import torch
from scipy import stats
from torch import Tensor

from pdenet.pde.render import format_expression
from pdenet.readout.fit import Normal
from pdenet.readout.formula import Dictionary

__all__ = ["CANCELS", "Description", "Quadratic", "cancellation", "describe", "inverse"]

WIDTH = 200
"""Formulas of each size that are extended: all of them, for one and for two functions."""

MOST = {1: 4, 2: 6, 3: 6}
"""Most functions in a formula, by the number of variables; longer ones are series."""

CONFIDENCE = 0.99
"""How sure it must be that a formula misses the function before it is given up."""

CANCELS = 30.0
"""Largest size of the terms of a formula over the size of their sum. A read-out knows coefficients
to about 0.3 %: with terms thirty times as large as their sum, the sum is known to 10 % only."""

ODDS = 2 * math.log(1000)
"""Difference in cost that decides, at odds of 1000 : 1, as in a refinement."""

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
    unknown lowers the misfit by chance, on average; largest: the most that one does, as noise that
    a whole window shares acts along few of them. unknowns: that the data know of the free function.
    windows: that were fitted.
    """

    matrix: Tensor
    right: Tensor
    constant: float
    unit: float
    largest: float
    unknowns: int
    windows: int

    @classmethod
    def of(
        cls,
        normal: Normal,
        x: Tensor,
        block: slice,
        projection: Tensor,
        weights: int | None = None,
    ) -> Quadratic:
        """From the problem linearised at x. block: the place of the free function's weights in x.
        projection: (weight, function), the weights that come nearest to each function. weights: how
        many it really has, where not all of them are in x."""
        windows, unknowns = normal.gradient.shape
        # From here on it is small linear algebra, wherever the rollouts were.
        matrix, gradient = normal.matrix.mean(0).cpu(), normal.gradient.mean(0).cpu()
        projection, x = projection.cpu(), x.cpu()
        inside = torch.arange(unknowns)[block]
        others = torch.tensor([k for k in range(unknowns) if k not in set(inside.tolist())]).long()
        cross = matrix[inside][:, others]
        solved = cross @ inverse(matrix[others][:, others])
        schur = matrix[inside][:, inside] - solved @ cross.T
        slope = gradient[inside] - solved @ gradient[others]
        inner = inverse(schur)
        # The gain that unknowns have by chance, from the spread of the scores of whole windows:
        # within one, errors of the first frame and of the filters are shared by all points.
        scores = normal.gradient.cpu() - gradient
        scores = scores[:, inside] - scores[:, others] @ solved.T
        rank = round(float((schur * inner).sum()))
        gains = torch.linalg.eigvalsh(scores @ inner @ scores.T) / (windows * max(1, windows - 1))
        here = x[inside]
        pull = schur @ here + slope
        return cls(
            matrix=projection.T @ schur @ projection,
            right=projection.T @ pull,
            constant=float(here @ pull + here @ slope + slope @ inner @ slope),
            unit=float(gains.sum()) / max(1, rank),
            largest=float(gains[-1]),
            unknowns=weights or rank,
            windows=windows,
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
        quantile = float(stats.f.ppf(CONFIDENCE, spare, max(1, self.windows - 1)))
        return self.unit * spare * (quantile + self.windows * structure)

    def cost(self, rise: Tensor, functions: int, choices: int, structure: float) -> Tensor:
        """Of formulas of so many functions out of so many choices, as twice a log-likelihood."""
        price = functions * (math.log(self.windows) + 2 * math.log(choices))
        return rise / (self.largest * (1 + self.windows * structure)) + price


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
    """A formula {function: coefficient}, empty where the function is zero; or None, with the reason
    why there is none."""

    formula: dict[sympy.Expr, float] | None
    reason: str | None = None


def describe(
    quadratic: Quadratic,
    dictionary: Dictionary,
    weight: np.ndarray,
    structure: float,
    choices: int,
) -> Description:
    """The formula of a free function, where there is one that can be trusted.

    dictionary: the functions of `quadratic`, in its order, with their values at points; weight: of
    each point in the size of a function. structure: share of the misfit that is not noise.
    choices: how many functions there were to choose from.
    """
    names = list(dictionary)
    columns = np.stack([dictionary[name].ravel() for name in names])
    share = weight.ravel() / weight.sum()
    variables = set().union(*(name.free_symbols for name in names))
    most = min(MOST[max(1, len(variables))], max(1, quadratic.unknowns // 2), len(names))
    found = _shortest(_sizes(quadratic, structure, choices, most))
    if not found:
        return Description(None, f"no sum of up to {most} simple functions describes it")
    if not found[0][0]:
        return Description({})
    terms = [
        {names[k]: a for k, a in zip(subset, values, strict=True)}
        for subset, values in _different(found, columns, share)
    ]
    usual = [each for each in terms if cancellation(each, dictionary, share) <= CANCELS]
    if not usual:
        ratio = cancellation(terms[0], dictionary, share)
        return Description(
            None, f"the terms of {_text(terms[0])} cancel: they are {ratio:.0f} times their sum"
        )
    # Over a short range all functions look alike: constant, or linear.
    plain = [each for each in usual if all(name.is_Symbol or name == 1 for name in each)]
    chosen = usual if len(usual) == 1 else plain
    if len(chosen) != 1:
        return Description(None, "data cannot tell apart " + " and ".join(map(_text, usual[:3])))
    if _begins_series(chosen[0], names):
        return Description(None, f"{_text(chosen[0])} looks like the beginning of a series")
    return Description(chosen[0])


def cancellation(
    formula: dict[sympy.Expr, float], dictionary: Dictionary, share: np.ndarray
) -> float:
    """Size (r.m.s.) of all terms of a formula together over that of their sum."""
    parts = np.stack([a * dictionary[name].ravel() for name, a in formula.items()])
    sizes = np.sqrt(parts**2 @ share)
    return float(sizes.sum() / max(float(np.sqrt(parts.sum(0) ** 2 @ share)), 1e-300))


def _begins_series(formula: Iterable[sympy.Expr], names: Iterable[sympy.Expr]) -> bool:
    """Whether a formula has three waves or powers of one variable, and the last of all `names`
    among them: what comes next is not known."""
    found, every = _steps(formula), _steps(names)
    return any(len(steps) > 2 and max(every[kind]) in steps for kind, steps in found.items())


def _steps(names: Iterable[sympy.Expr]) -> dict[tuple[str, sympy.Symbol], set[float]]:
    """Frequencies of the waves and exponents of the powers of each variable."""
    found: dict[tuple[str, sympy.Symbol], set[float]] = {}
    for name in names:
        for wave in name.atoms(sympy.sin, sympy.cos):
            frequency, variable = wave.args[0].as_coeff_Mul()
            found.setdefault(("wave", variable), set()).add(float(frequency))
        base, power = name.as_base_exp()
        if base.is_Symbol and power.is_Integer:
            found.setdefault(("power", base), set()).add(float(power))
    return found


_Found = list[tuple[tuple[int, ...], tuple[float, ...]]]


@dataclass(frozen=True, eq=False)
class _Size:
    """The best formulas of one size: subsets (formula, function), their coefficients and costs.

    good: whether the best one describes the function.
    """

    subsets: Tensor
    values: Tensor
    costs: Tensor
    good: bool

    def within(self, cost: float) -> Iterator[tuple[tuple[int, ...], tuple[float, ...]]]:
        """Those that cost less."""
        for k in range(int((self.costs <= cost).sum())):
            yield tuple(self.subsets[k].tolist()), tuple(self.values[k].tolist())


def _sizes(quadratic: Quadratic, structure: float, choices: int, most: int) -> list[_Size]:
    """Every size from none up to one more than `most`, which can only beat shorter ones."""
    n, found = len(quadratic.right), []
    beam = torch.zeros(1, 0, dtype=torch.int64)
    for size in range(min(most + 1, n) + 1):
        beam = _extended(beam, n) if size else beam
        values, rise = quadratic.solve(beam)
        order = torch.argsort(rise)[:WIDTH]
        beam, values, rise = beam[order], values[order], rise[order]
        costs = quadratic.cost(rise, size, choices, structure)
        good = size <= most and bool(rise[0] <= quadratic.limit(size, structure))
        found.append(_Size(beam, values, costs, good))
    return found


def _shortest(sizes: Sequence[_Size]) -> _Found:
    """The shortest formula that describes the function, and others of its size that may be true."""
    least = min(float(size.costs[0]) for size in sizes)
    for size in sizes:
        best = float(size.costs[0])
        if size.good and best <= least + ODDS:
            return list(size.within(best + ODDS))
    return []


def _extended(beam: Tensor, n: int) -> Tensor:
    """Every subset of the beam (subset, function) with one more of n functions, once each."""
    every = torch.cat([beam.repeat_interleave(n, 0), torch.arange(n).repeat(len(beam))[:, None]], 1)
    every = every.sort(1).values
    fresh = (every.diff(dim=1) > 0).all(1)
    found: Tensor = torch.unique(every[fresh], dim=0)
    return found


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
