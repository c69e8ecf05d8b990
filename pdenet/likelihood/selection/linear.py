"""Linear equations from how every wave changes from one frame to the next.

Of a linear equation each wave obeys u(t + dt) = Λ u(t), Λ = exp(L dt), a matrix of fields, however
far apart frames are. What follows from it,

    Λ = Σ u(t + dt) u(t)ᴴ (Σ u(t) u(t)ᴴ − n N σ²)⁻¹,      L = log(Λ) / dt = Σ_α c_α (i k)^α,

has no error of integrals over frames, which is large where waves decay or turn by much from frame
to frame. Of other data it is a guess that rollouts refute at once.

Source: Fuller, Measurement Error Models (1987), section 2.2 (the noise of u(t) taken from its sum).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pdenet.likelihood.fit.information import inverse
from pdenet.pde.jet import Jet
from pdenet.spectral.waves import Waves

__all__ = ["linear_equations"]

SEEN = 6.0
"""Standard deviations of the sums of noise from which on a wave counts."""

KNOWN = 3.0
"""Standard errors that Λ must be away from zero for its logarithm to say something."""

TURNED = 2.5
"""Radians from frame to frame beyond which a wave may as well have turned the other way."""


def linear_equations(
    values: Tensor, sigma: Tensor, waves: Waves, dt: float, fields: Sequence[str], jets: list[Jet]
) -> Tensor:
    """Coefficients of these jets in the equation of every field, (field, jet); zero for those that
    the data do not ask for.

    values: without gaps, (trajectory, frame, field, *space). sigma: (trajectory, field).
    """
    rate, weight = _rates(values, sigma, waves, dt)
    found = torch.zeros(len(fields), len(jets), dtype=values.dtype, device=values.device)
    for source, name in enumerate(fields):
        own = [k for k, jet in enumerate(jets) if jet.field == name]
        symbols = torch.stack([waves.symbol(jets[k].index).flatten() for k in own])
        for equation in range(len(fields)):
            found[equation, own] = _fitted(
                symbols, rate[:, equation, source], weight[:, equation, source]
            )
    return found


def _rates(values: Tensor, sigma: Tensor, waves: Waves, dt: float) -> tuple[Tensor, Tensor]:
    """L of every wave and the inverse of its variance, (wave, field, field) each."""
    scale = sigma.square().mean(0).sqrt()
    modes = waves.modes(values).flatten(3) / math.sqrt(waves.grid.size)
    modes = (modes / scale[:, None]).permute(3, 2, 0, 1)  # in units of the noise
    before, after = modes[..., :-1].flatten(2), modes[..., 1:].flatten(2)
    number, one = before.shape[2], torch.eye(len(scale), dtype=modes.dtype, device=modes.device)
    signal = before @ before.mH - number * one
    seen = torch.linalg.eigvalsh(signal)[:, 0] > SEEN * math.sqrt(number)
    signal = torch.where(seen[:, None, None], signal, one)
    covariance = torch.linalg.inv(signal)
    step = torch.where(seen[:, None, None], after @ before.mH @ covariance, one)
    roots, vectors = torch.linalg.eig(step)
    error = (1 + roots.abs().amax(1).square())[:, None] * covariance.diagonal(dim1=1, dim2=2).real
    least = roots.abs().amin(1).square()
    seen = seen & (roots.angle().abs().amax(1) < TURNED)
    seen = seen & (least > KNOWN**2 * error.amax(1))
    logs = torch.where(seen[:, None], roots, 1.0).log() / dt
    # Where Λ cannot be told apart from a matrix without enough eigenvectors, nothing is said.
    back, lost = torch.linalg.inv_ex(vectors)
    rate = (vectors * logs[:, None]) @ torch.where((lost == 0)[:, None, None], back, 0.0)
    seen = seen & (lost == 0)
    weight = dt**2 * least[:, None] / error * seen[:, None]
    weight = weight[:, None] / (scale[:, None] / scale).square()
    return rate * scale[:, None] / scale, weight


def _fitted(symbols: Tensor, rate: Tensor, weight: Tensor) -> Tensor:
    """Real coefficients of Σ_α c_α (i k)^α, from which those leave that the data do not ask for."""
    root = weight.sqrt()
    columns = torch.view_as_real((symbols * root).contiguous()).flatten(1)
    aim = torch.view_as_real((rate * root).contiguous()).flatten()
    size = columns.square().sum(1).sqrt().clamp_min(1e-300)
    columns = columns / size[:, None]
    matrix, right = columns @ columns.T, columns @ aim
    number = 2 * int((weight > 0).sum())
    left = float(aim.square().sum() - right @ inverse(matrix) @ right)
    price = math.log(max(number, 3)) + 2 * math.log(len(symbols) + 1)
    needed = price * max(1.0, left / max(1, number - len(symbols)))
    kept = list(range(len(symbols)))
    while kept:
        solved = inverse(matrix[kept][:, kept])
        cost = (solved @ right[kept]).square() / solved.diagonal().clamp_min(1e-300)
        worst = int(cost.argmin())
        if float(cost[worst]) > needed:
            break
        kept.pop(worst)
    found = torch.zeros_like(right)
    if kept:
        found[kept] = inverse(matrix[kept][:, kept]) @ right[kept] / size[kept]
    return found
