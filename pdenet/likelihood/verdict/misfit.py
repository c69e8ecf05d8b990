"""How near a fit is to its data, as numbers and words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from pdenet.errors import Advice
from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.likelihood.fit.gauss_newton import Estimate, Fit
from pdenet.likelihood.fit.information import errors, visible
from pdenet.likelihood.fit.normal_equations import Reduced
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.selection.choose import Judged, Quadratic
from pdenet.noise.observations import Observations
from pdenet.pde.render import format_number

__all__ = [
    "EXPLAINED",
    "LARGE",
    "SIGNIFICANT",
    "SMALL",
    "SURPRISING",
    "TOO_LATE",
    "WHAT_TO_TRY",
    "Final",
    "chi2_of",
    "finer_than",
    "freedom",
    "is_exact",
    "is_good",
    "misfit_of",
    "miss",
    "quadratic_of",
    "reason_of",
    "why_no_change",
    "why_noise",
    "why_nothing",
]

EXPLAINED = 1.5
SMALL = 1e-3
"""chi² per degree of freedom, and r.m.s. residual over that of the fields, above which a finer grid
of the states is tried."""

SIGNIFICANT = 2.0
"""Standard errors that a coefficient must be away from zero."""

_ENDED = (
    "the time budget ended before an equation was fitted: give fewer trajectories or frames, or"
)
TOO_LATE = Advice(f"{_ENDED} more time (budget=)", shell=f"{_ENDED} more time (--budget)")

SURPRISING = 4.0
"""Standard deviations that noise alone does not reach."""

ABOVE_NOISE = 1.2
"""Variance over that of the noise, which is known to some per cent, from which it is more than
noise."""

WHAT_TO_TRY = (
    "The law may need a coefficient that varies, a force, or a source that is no polynomial (begin "
    "with an equation that names them, as 'u_t = a(x)*u_x + b*u_xx + g(t) + f(u)'), a field that "
    "was not measured, or none of these: random or nonlocal dynamics have no such equation. Noise "
    "that is alike from frame to frame leaves as much, too. A field may also act on the others "
    "without a law of its own: then say that it is given"
)

LARGE = 0.05
"""The same ratio, above which a fit has missed the data."""


@dataclass(frozen=True, eq=False)
class Final:
    """The final fit. grid: of the states. quadratic: chi² of each trajectory around the
    coefficients. bias: what a still finer model would change. setup: with its windows."""

    setup: Setup
    library: Library
    grid: Grid
    fit: Fit
    estimate: Estimate
    quadratic: Quadratic
    bias: Tensor


def reason_of(judged: Judged) -> str:
    """Why a term stays or leaves, in words."""
    lower, least = (format_number(value, 3, "unicode") for value in (judged.gain, judged.needed))
    if judged.kept:
        return f"without it χ² is higher by {lower}, where {least} is evidence for it"
    if judged.gain > judged.needed and judged.held_out is not None and judged.held_out <= 0:
        higher = format_number(-judged.held_out, 3, "unicode")
        return f"it raises χ² of trajectories that it was not fitted to by {higher}"
    return f"it lowers χ² by {lower} where {least} would be evidence for it"


def misfit_of(now: Estimate) -> float:
    """The r.m.s. residual per degree of freedom, over the r.m.s. deviation of fields from their
    mean."""
    assert now.reduced is not None and now.sigma is not None
    left = (now.reduced.chi2 * now.sigma.square()).sum() / freedom(now.seen, now.reduced)
    values, seen = now.seen.values, now.seen.seen
    mean = values.sum() / seen.sum()
    size = ((values - mean) * seen).square().sum() / seen.sum()
    return float((left / size.clamp_min(1e-300)).sqrt())


def miss(final: Final) -> float:
    """The same of a final fit, inf where it blew up."""
    found = misfit_of(final.estimate)
    return found if math.isfinite(found) else math.inf


def is_good(final: Final, enough: float = EXPLAINED) -> bool:
    """Whether a fit explains the data, or has at least converged near them. enough: chi² that is
    small enough even where it has not converged."""
    chi2 = chi2_of(final.estimate, final.setup.shown)
    near = final.estimate.converged and (chi2 < EXPLAINED or miss(final) < LARGE)
    return chi2 < enough or near


def chi2_of(now: Estimate, sigma: Tensor) -> float:
    """chi² per degree of freedom with the noise that was given, or that differences show."""
    assert now.reduced is not None and now.sigma is not None
    chi2 = (now.reduced.chi2 * (now.sigma / sigma).square()).sum()
    return float(chi2 / freedom(now.seen, now.reduced))


def freedom(seen: Observations, reduced: Reduced) -> Tensor:
    """Degrees of freedom: values less the unknowns of the states that they determine."""
    return (seen.count.sum() - reduced.spread.sum()).clamp_min(1)


def quadratic_of(now: Estimate, found: Reduced, windows: int, pool: int = 1) -> Quadratic:
    """chi² around an estimate from its normal equations, the windows of one trajectory together.

    On the CPU, wherever the fit is: terms are judged by some hundred thousand operations on few
    numbers, each of which a GPU takes longer to start than a CPU to do.
    """
    count = int(now.seen.count.sum())
    misfit = float(found.chi2.sum() / freedom(now.seen, found))

    def together(values: Tensor) -> Tensor:
        total: Tensor = values.unflatten(0, (-1, windows)).sum(1)
        return total.cpu()

    matrix, gradient = together(found.matrix), together(found.gradient)
    return Quadratic(now.coefficients.cpu(), matrix, gradient, count, misfit, pool)


def finer_than(grid: Grid, setup: Setup, now: Estimate, driven: float = 0.0) -> Grid | None:
    """A finer grid of the states, where what is left is neither noise nor negligible. driven: what
    errors of given fields add to chi² per degree of freedom."""
    explained = chi2_of(now, setup.shown) < EXPLAINED + driven
    if explained or misfit_of(now) < SMALL:
        return None
    return setup.finer(grid, len(now.coefficients))


def why_nothing(setup: Setup, tried: tuple[str, ...]) -> str:
    """Why no equation can be fitted, in words: nothing but noise, no change, or a change that no
    equation which was looked at explains."""
    return why_no_change(setup) or (
        "no equation of the library explains how the fields change, although they change by "
        f"{math.sqrt(_variation(setup, still=True)):.3g} times their noise; tried: "
        f"{'; '.join(tried) or 'the given terms'}. {WHAT_TO_TRY}"
    )


def why_no_change(setup: Setup) -> str | None:
    """That the data show nothing but noise, or no change, in words; None where they do."""
    variation, frames = _variation(setup), setup.data.shape[1]
    if variation < ABOVE_NOISE:
        return (
            f"the data show nothing but noise: the fields vary by {math.sqrt(variation):.3g} times "
            "their noise, and no wave in them stands above it"
        )
    if _variation(setup, still=True) < ABOVE_NOISE * (frames - 1) / frames:
        return (
            "the fields do not change by more than their noise from the first frame to the last: "
            "use frames that are further apart, or data with less noise"
        )
    return None


def is_exact(now: Estimate) -> bool:
    """Whether the data have no noise to speak of: longer windows would say nothing that counts."""
    if now.information is None:
        return False
    return bool((errors(now.information) < visible(now.information, now.coefficients)).all())


def why_noise(final: Final) -> str | None:
    """That an equation was fitted to nothing but noise, in words: it lowers χ², beside fields that
    are constant, by no more than its terms and the unknowns of its states do of noise. None where
    it lowers it by more."""
    now, setup = final.estimate, final.setup
    none = why_no_change(setup)
    if now.reduced is None or none is None:
        return None
    unknowns = float(now.reduced.spread.sum())
    left = chi2_of(now, setup.sigma) * float(freedom(now.seen, now.reduced))
    lowered = _variation(setup) * float(setup.seen.seen.sum()) - left
    terms = final.quadratic.price * len(now.coefficients)
    chance = unknowns + SURPRISING * math.sqrt(2 * unknowns) + terms
    return none if lowered < chance else None


def _variation(setup: Setup, still: bool = False) -> float:
    """The variance of the fields over that of their noise: around their mean, or around what stands
    still."""
    values, seen = setup.seen.values, setup.seen.seen
    sigma = setup.sigma.reshape([*setup.sigma.shape] + [1] * (values.dim() - 3))[:, None]
    over = (1,) if still else (1, *range(3, values.dim()))
    mean = values.sum(over, keepdim=True) / seen.sum(over, keepdim=True).clamp_min(1)
    return float((((values - mean) * seen) / sigma).square().sum() / seen.sum())
