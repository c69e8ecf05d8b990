"""Settings of a refinement."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from pdenet.errors import ConfigError

__all__ = ["RefineConfig"]

LEAST_NOISE = 1e-15
"""Relative to a field: less than rounding of double precision makes."""


@dataclass(frozen=True)
class RefineConfig:
    """How an equation is refined.

    given: names of fields that act on the others and have no equation of their own. noise: standard
    deviation of the noise over that of the first frame of each trajectory and
    field, 0.01 for 1 %; None estimates it. sigma: standard deviations in the units of the fields,
    one, one for each field, or as many as broadcast to (trajectory, frame, field, *space); taken as
    they are, in place of `noise`. choose: whether terms may enter and leave; otherwise the
    given ones are fitted. order: of the highest derivative of terms that may enter; it is raised
    from 2 as far as the data ask for. budget: seconds after which nothing new is begun, and what
    was found by then is the result. iterations: of Gauss-Newton between two looks at the terms, at
    most. finest: steps of the grid of the states in one step of the data, at most. memory: GiB that
    the states and their derivatives may take. workers: trajectories at once; None for one on each
    core. seed: of the draws.

    Raises ConfigError for values that are not allowed.
    """

    given: tuple[str, ...] = ()
    noise: float | None = None
    sigma: Tensor | None = field(default=None, compare=False)
    choose: bool = True
    order: int = 6
    budget: float = 1800.0
    iterations: int = 12
    finest: int = 4
    memory: float = 4.0
    workers: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        given: object = self.given  # one name is taken for itself, not for its letters
        names = (given,) if isinstance(given, str) else tuple(self.given)
        object.__setattr__(self, "given", tuple(dict.fromkeys(names)))
        if self.noise is not None and not LEAST_NOISE <= self.noise <= 1 / LEAST_NOISE:
            raise ConfigError(
                f"noise {self.noise} is no noise level: give it as a fraction from "
                f"{LEAST_NOISE:g} to {1 / LEAST_NOISE:g}, e.g. 0.01 for 1 %, or leave it out to "
                "have it estimated"
            )
        if self.noise is not None and self.sigma is not None:
            raise ConfigError("noise and sigma both say how much noise there is: give one of them")
        for name in ("order", "iterations", "finest"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}: give a whole number >= 1")
        if not self.budget > 0:
            raise ConfigError(f"budget is {self.budget} s: give a number of seconds above 0")
        if not 0 < self.memory < math.inf:
            raise ConfigError(f"memory is {self.memory} GiB: give a number above 0")
        if not 0 <= self.seed < 2**63:
            raise ConfigError(
                f"seed is {self.seed!s:.40}: give a whole number from 0 to {2**63 - 1}"
            )
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"workers is {self.workers}: give a whole number >= 1")
