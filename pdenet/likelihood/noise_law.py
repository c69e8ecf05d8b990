"""Whether what a fit leaves asks for another law of the noise than the additive one.

Residuals say more of it than data alone (`initial_noise`): of those with gaps, or in whose spectrum
little is noise alone, nothing is known before.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from pdenet.errors import StoppedError
from pdenet.likelihood.fit.gauss_newton import Estimate, Fit
from pdenet.likelihood.fit.initial_noise import COMPUTED
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.verdict.misfit import chi2_of, misfit_of
from pdenet.noise.relearn import law_of, relearned

__all__ = ["under_its_law"]

NEAR = 1.1
"""chi² up to which residuals are those of noise: what an equation lacks is largest where fields
are, and would be taken for a law."""


def under_its_law(setup: Setup, fit: Fit, now: Estimate) -> Estimate | None:
    """The same under the law of the noise that its residuals ask for; None where that is additive,
    was not taken to be, or cannot be told: what an equation does not explain is no noise, nor is
    the error of computed data."""
    if not fit.learn_noise or now.seen.shape is not None or now.reduced is None:
        return None
    if not now.converged or chi2_of(now, setup.shown) > NEAR or misfit_of(now) < COMPUTED:
        return None
    spread = now.reduced.spread
    try:
        left, moved = fit.drawn(now, now.reduced.draw)
    except StoppedError:
        return None
    if law_of(now.seen, left, moved, spread).is_additive:
        return None
    seen, total = relearned(now.seen, left, moved, spread)
    share = torch.where(seen.count > 0, total / seen.count.clamp_min(1), 1.0).clamp_min(1e-20)
    return replace(now, seen=replace(seen, sigma=seen.sigma * share.sqrt()))
