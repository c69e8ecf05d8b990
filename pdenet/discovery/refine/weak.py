"""The equation in weak form: linear in its coefficients, and without a derivative of data in time.

With test functions W of time that vanish at both ends of a run of frames, and waves k in space,

    −∫ W' û_k dt = Σ c ∫ W p̂_k dt,

p the products of an equation on fields of which a Wiener filter, frame by frame, keeps what the
shells of their spectra show to be signal (`prior`). What data are multiplied with is smooth, and
what is left of their noise is averaged over frames and points. The noise of the left-hand side is
known: σ² Σ W'², which both sides are divided by; and both are multiplied by the filter's gain,
squared, so that waves that are mostly noise count for nothing. W' is scaled so that fields that
change by a quadratic of time are integrated exactly, and W is so smooth that others nearly are.

Sources: Gurevich, Reinbold, Grigoriev, Chaos 29 (2019) 103113; Messenger, Bortz, J. Comput. Phys.
443 (2021) 110525 (regression in weak form).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pdenet.discovery.fit import Normal
from pdenet.discovery.product import Product, values_of
from pdenet.discovery.refine.prior import Shells, wiener
from pdenet.discovery.refine.waves import Waves
from pdenet.pde.jet import sorted_jets

__all__ = ["bumps", "signal", "weak_form"]

POWER = 4
"""Of the test functions (1 − s²)^p: sums over frames are as good as integrals."""

SHORTEST = 9
"""Frames of the shortest test functions; others are twice as long, up to all frames."""

WAVES = 512
"""Waves of each trajectory that are looked at: those with most of the signal."""


def bumps(frames: int, dt: float) -> tuple[Tensor, Tensor]:
    """W and −W' at the frames, (function, frame) each, over Σ W'²^(1/2)."""
    widths = [frames]
    while widths[-1] // 2 >= SHORTEST:
        widths.append(widths[-1] // 2)
    rows = []
    for width in widths:
        s = torch.linspace(-1, 1, width + 2, dtype=torch.float64)[1:-1]
        bump = (1 - s.square()) ** POWER
        slope = s * (1 - s.square()) ** (POWER - 1)
        time = dt * torch.arange(width, dtype=torch.float64)
        slope = slope * bump.sum() / (slope @ time)
        step = max(1, width // 4)
        for first in range(0, frames - width + 1, step):
            row = torch.zeros(2, frames, dtype=torch.float64)
            row[:, first : first + width] = torch.stack([bump, slope]) / slope.norm()
            rows.append(row)
    both = torch.stack(rows, 1)
    return both[0], both[1]


def signal(complete: Tensor, sigma: Tensor, waves: Waves) -> tuple[Tensor, Tensor]:
    """The waves of data without gaps and what the filter keeps of them, (trajectory, frame, field,
    *waves), and its gain, (trajectory, 1, field, *waves). sigma: (trajectory, field)."""
    modes = waves.modes(complete)
    power = modes.abs().square().mean(1) / waves.grid.size
    gain = wiener(power, sigma.square(), Shells(waves), complete.shape[1])[:, None]
    return modes, gain


def weak_form(
    complete: Tensor,
    sigma: Tensor,
    waves: Waves,
    dt: float,
    fields: tuple[str, ...],
    products: tuple[Product, ...],
) -> list[Normal]:
    """The least-squares problem of each field's equation, trajectory by trajectory.

    complete: data without gaps, (trajectory, frame, field, *space). sigma: their noise,
    (trajectory, field).
    """
    jets = sorted_jets({jet for product in products for jet in product.jets}, fields)
    symbols = torch.stack([waves.symbol(jet.index) for jet in jets])
    owners = torch.tensor([fields.index(jet.field) for jet in jets], device=complete.device)
    bump, slope = (each.to(symbols) for each in bumps(complete.shape[1], dt))
    sums: list[list[tuple[Tensor, ...]]] = [[] for _ in fields]
    for row in range(len(complete)):
        modes, gain = (found[0] for found in signal(complete[[row]], sigma[[row]], waves))
        weight = waves.weight.flatten().sqrt()
        power = (modes * gain).flatten(2).abs().square().sum((0, 1)) * weight.square()
        chosen = power.topk(min(WAVES, len(power))).indices
        columns = []
        for frame in modes * gain:
            values = waves.points(frame.index_select(0, owners) * symbols).flatten(1)
            value_of = values_of(values[None], jets, {})
            every = torch.cat([value_of(product) for product in products])
            every = waves.modes(every.unflatten(1, waves.grid.shape))
            columns.append(every.flatten(1)[:, chosen])
        tested = torch.einsum("mt,tpk->pmk", bump, torch.stack(columns))
        rates = torch.einsum("mt,tfk->fmk", slope, modes.flatten(2)[..., chosen])
        for f, rate in enumerate(rates):
            share = weight[chosen] * gain[0, f].flatten()[chosen].square()
            left = torch.view_as_real(tested * share).flatten(1)
            right = torch.view_as_real(rate * share).flatten()
            count = len(right)
            sums[f].append((left @ left.T / count, left @ right / count, right @ right / count))
    return [Normal(*map(torch.stack, zip(*each, strict=True))) for each in sums]
