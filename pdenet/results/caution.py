"""What the standard errors of a read-out leave out.

They are the scatter of windows, and hold no bias. Noise in the first frame of a window biases what
is read from it, and so do filters next to walls, and on grids that are too coarse for them. Where
that may exceed the scatter by far, whoever prints the numbers says so. A refinement has no such
bias.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from pdenet.boundary import Boundaries, endpoints

__all__ = ["CAUTIONS", "cautions", "in_words", "level"]

NOISY = 7.5e-4
"""Noise, over the size of a field, from which its bias may exceed the scatter. At 0.1 % the
viscosity of Burgers' equation on 64² points is several standard errors off; on few data, whose
scatter is larger, coefficients of Burgers' and of Korteweg and de Vries' equation were 1.5 off at
0.2 %, 2.8 at 1 % and 2.8 at 5 %."""

STRUCTURED = 0.5
"""Share of the squared residuals that noise does not account for from which they are errors of the
filters more than noise: without noise Korteweg and de Vries' equation was 26 standard errors off,
that of Kuramoto and Sivashinsky 22, both within 1 %."""

CAUTIONS = {
    "walls": "between walls",
    "noise": "from data as noisy as these",
    "residuals": "with filters that err more than the data",
}
"""Where standard errors are too small, in words."""


def level(states: Tensor, sigma: Tensor) -> float:
    """The noise over the standard deviation of the first frame, the largest of all fields and the
    mean of all trajectories. states: (trajectory, frame, field, *space). sigma: (trajectory,
    field)."""
    size = states[:, 0].flatten(2).std(2).square().mean(0)
    share = sigma.square().mean(0) / size.clamp_min(1e-300)
    return float(share.amax().sqrt())


def cautions(boundaries: Boundaries, noise: float, structure: float) -> tuple[str, ...]:
    """Where the standard errors of a read-out are known to be too small, of `CAUTIONS`.

    noise: as of `level`. structure: the share of squared residuals that it does not account for.
    """
    found = {
        "walls": any(endpoints(boundaries)),
        "noise": noise > NOISY,
        "residuals": structure > STRUCTURED,
    }
    return tuple(name for name, holds in found.items() if holds)


def in_words(found: Iterable[str]) -> str:
    """A sentence for a reader of the numbers; "" where there is nothing to say."""
    where = " and ".join(CAUTIONS[name] for name in found)
    if not where:
        return ""
    return (
        f"read {where}: a coefficient may be off by several of its standard errors, which hold "
        "the scatter of the data but not the bias of the read-out"
    )
