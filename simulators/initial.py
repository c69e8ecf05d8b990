"""Random Fourier fields, the initial states of the papers.

    w(x) = Σ_{|k_a| ≤ 4} λ_k cos(K·x) + γ_k sin(K·x),   K_a = 2π k_a / L_a,   λ, γ ~ N(0, 1)
    u(x) = 2 w(x) / max|w| + c,                          c ~ U(-2, 2)

Reference: Z. Long, Y. Lu, B. Dong, PDE-Net 2.0, J. Comput. Phys. 399 (2019) 108925, section 4.1.
The maximum is taken on a grid that depends on the wave numbers only, never on the resolution, so
that a field is the same function on every grid.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.errors import ConfigError
from pdenet.grid import Grid

__all__ = ["FourierInitial", "initial_state", "trajectory_generator"]

_PURPOSES = {"initial": 0, "noise": 1}
_SAMPLES_PER_WAVE = 8


@dataclass(frozen=True)
class FourierInitial:
    """Random Fourier fields with |k| ≤ waves along every axis.

    amplitude: max |w| after scaling (before the constant is added).
    constant: the constant is uniform in [-constant, constant].
    Good values: those of the papers, 4, 2.0, 2.0. waves = 0 leaves only the constant.
    """

    waves: int = 4
    amplitude: float = 2.0
    constant: float = 2.0

    def __post_init__(self) -> None:
        if not (isinstance(self.waves, int) and 0 <= self.waves <= 64):
            raise ConfigError(f"waves is a whole number from 0 to 64, given {self.waves!r}")
        for name in ("amplitude", "constant"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{name} is a finite number >= 0, given {value!r}")


def trajectory_generator(seed: int, trajectory: int, purpose: str) -> torch.Generator:
    """The generator of one trajectory for "initial" or "noise".

    Every trajectory has its own, so that it does not depend on how many others there are. Python's
    integers make the 64-bit seed by SplitMix64's mixing, which separates neighbouring seeds.
    """
    state = seed & (2**64 - 1)
    for word in (trajectory, _PURPOSES[purpose]):
        state = _mix((state + 0x9E3779B97F4A7C15 * (word + 1)) & (2**64 - 1))
    return torch.Generator("cpu").manual_seed(state >> 1)


def initial_state(
    config: FourierInitial, fields: int, grid: Grid, seed: int, trajectory: int
) -> Tensor:
    """The initial state (field, *space) of one trajectory, in float64 on the CPU."""
    generator = trajectory_generator(seed, trajectory, "initial")
    ndim, k = grid.ndim, config.waves
    shape = (fields, *(2 * k + 1,) * ndim)
    cosine = torch.randn(shape, generator=generator, dtype=torch.float64)
    sine = torch.randn(shape, generator=generator, dtype=torch.float64)
    constant = 2 * torch.rand(fields, generator=generator, dtype=torch.float64) - 1
    shift = (config.constant * constant).view(fields, *(1,) * ndim)
    if k == 0:
        return shift.expand(fields, *grid.shape).clone()
    coefficients = torch.complex(cosine, -sine)
    probe = Grid.square(_SAMPLES_PER_WAVE * k, ndim)
    peak = _field(coefficients, probe, k).abs().flatten(1).amax(1).view(shift.shape)
    return config.amplitude / peak * _field(coefficients, grid, k) + shift


def _field(coefficients: Tensor, grid: Grid, waves: int) -> Tensor:
    """Re Σ_k c_k exp(iK·(x - origin)), one axis after the other."""
    wave = torch.arange(-waves, waves + 1, dtype=torch.float64)
    total = coefficients
    for n in grid.shape:
        # Points at i/n of the period: exact fractions, the same numbers on a refined grid.
        phase = 2 * math.pi * torch.outer(torch.arange(n, dtype=torch.float64) / n, wave)
        total = torch.tensordot(total, torch.polar(torch.ones_like(phase), phase), dims=([1], [1]))
    return total.real.contiguous()


def _mix(z: int) -> int:
    mask = 2**64 - 1
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)
