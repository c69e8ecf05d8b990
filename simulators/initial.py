"""Random Fourier fields, the initial states of the papers.

    w(x) = Σ_{|k_a| ≤ 4} λ_k cos(K·x) + γ_k sin(K·x),   K_a = 2π k_a / L_a,   λ, γ ~ N(0, 1)
    u(x) = 2 w(x) / max|w| + c,                          c ~ U(-2, 2)

Between walls the waves of an axis are those that satisfy its homogeneous conditions, with as many
half waves on the axis: sines between Dirichlet walls, cosines between Neumann walls, and those of a
quarter wave more or less between one of each. The constant is multiplied by the lowest of these
waves, which is constant between Neumann walls, and

    u(x) = 2 w(x) / max|w| + c b(x) + ℓ(x),

where ℓ, of degree one or two along each axis, takes on what the conditions give. All derivatives of
even order of u - ℓ vanish at a Dirichlet wall, and all of odd order at a Neumann wall, so that
diffusion, convection and odd sources start without a layer at the wall.

Reference: Z. Long, Y. Lu, B. Dong, PDE-Net 2.0, J. Comput. Phys. 399 (2019) 108925, section 4.1.
The maximum is taken on a grid that depends on the wave numbers only, never on the resolution, so
that a field is the same function on every grid.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.boundary import Boundaries, Dirichlet, Neumann, Periodic, constant, endpoints
from pdenet.errors import ConfigError, GridError
from pdenet.grid import Grid
from pdenet.problem import boundaries_on
from simulators.walls import hold

__all__ = ["FourierInitial", "initial_state", "trajectory_generator"]

_PURPOSES = {"initial": 0, "noise": 1, "missing": 2}
_SAMPLES_PER_WAVE = 8


@dataclass(frozen=True)
class FourierInitial:
    """Random Fourier fields with |k| ≤ waves along every axis.

    amplitude: max |w| after scaling (before the constant is added).
    constant: the constant is uniform in [-constant, constant]; between Dirichlet walls it is the
        maximum of a half wave instead.
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
    """The generator of one trajectory for "initial", "noise" or "missing".

    Every trajectory has its own, so that it does not depend on how many others there are. Python's
    integers make the 64-bit seed by SplitMix64's mixing, which separates neighbouring seeds.
    """
    state = seed & (2**64 - 1)
    for word in (trajectory, _PURPOSES[purpose]):
        state = _mix((state + 0x9E3779B97F4A7C15 * (word + 1)) & (2**64 - 1))
    return torch.Generator("cpu").manual_seed(state >> 1)


def initial_state(
    config: FourierInitial,
    fields: int,
    grid: Grid,
    seed: int,
    trajectory: int,
    boundaries: Boundaries | None = None,
) -> Tensor:
    """The initial state (field, *space) of one trajectory, in float64 on the CPU.

    boundaries: what it satisfies at the ends of every axis; None where all are periodic.
    Raises GridError where walls that meet contradict each other.
    """
    ends = boundaries_on(grid, boundaries)
    generator = trajectory_generator(seed, trajectory, "initial")
    ndim, k = grid.ndim, config.waves
    samples = (max(2, _SAMPLES_PER_WAVE * k),) * ndim
    probe = Grid(samples, (1.0,) * ndim, endpoint=endpoints(ends))
    waves, probed = _waves(grid, ends, k), _waves(probe, ends, k)
    shape = (fields, *(axis.shape[1] for axis in waves))
    cosine = torch.randn(shape, generator=generator, dtype=torch.float64)
    sine = torch.randn(shape, generator=generator, dtype=torch.float64)
    constant = 2 * torch.rand(fields, generator=generator, dtype=torch.float64) - 1
    each = (fields, *(1,) * ndim)
    shift = (config.constant * constant).view(each)
    state = shift * _lowest(grid, ends) + _lift(grid, ends)
    if k:
        coefficients = torch.complex(cosine, -sine)
        peak = _field(coefficients, probed).abs().flatten(1).amax(1).view(each)
        state = config.amplitude / peak * _field(coefficients, waves) + state
    hold(state, ends)
    return state.contiguous()


def _places(grid: Grid) -> list[Tensor]:
    """Where the points lie on each axis, from 0 to 1: exact fractions, the same numbers on a
    refined grid."""
    return [
        torch.arange(n, dtype=torch.float64) / (n - last)
        for n, last in zip(grid.shape, grid.endpoints, strict=True)
    ]


def _waves(grid: Grid, boundaries: Boundaries, k: int) -> list[Tensor]:
    """For each axis the waves, (point, wave): exp(iK(x - origin)), or sines or cosines."""
    found = []
    for s, (lower, upper) in zip(_places(grid), boundaries, strict=True):
        if isinstance(lower, Periodic):
            wave = torch.arange(-k, k + 1, dtype=torch.float64)
            phase = 2 * math.pi * torch.outer(s, wave)
        else:
            # cos(π j s) between Neumann walls; sines are cosines a quarter wave later.
            held = (isinstance(lower, Dirichlet), isinstance(upper, Dirichlet))
            first = sum(held) / 2
            half = torch.arange(2 * k + (not any(held)), dtype=torch.float64) + first
            phase = math.pi * torch.outer(s, half) - math.pi / 2 * held[0]
        wave = torch.polar(torch.ones_like(phase), phase)
        found.append(wave if isinstance(lower, Periodic) else wave.real.to(wave.dtype))
    return found


def _field(coefficients: Tensor, waves: list[Tensor]) -> Tensor:
    """Re Σ_k c_k Π_axes wave_k(x), one axis after the other."""
    total = coefficients
    for wave in waves:
        total = torch.tensordot(total, wave, dims=([1], [1]))
    return total.real.contiguous()


def _lowest(grid: Grid, boundaries: Boundaries) -> Tensor:
    """The lowest wave that the conditions allow: 1 without Dirichlet walls, 1 at its maximum."""
    product = torch.ones(grid.shape, dtype=torch.float64)
    for axis, (s, ends) in enumerate(zip(_places(grid), boundaries, strict=True)):
        held = [isinstance(end, Dirichlet) for end in ends]
        if any(held):
            line = torch.cos(math.pi * (sum(held) / 2 * s - held[0] / 2))
            product = product * _along(line, axis, grid.ndim)
    return product


def _lift(grid: Grid, boundaries: Boundaries) -> Tensor:
    """A field with the values and derivatives of the walls.

    Raises GridError if the value along a wall contradicts what another wall gives where they meet.
    """
    _check_corners(grid, boundaries)
    total = torch.zeros(grid.shape, dtype=torch.float64)
    level = 0.0
    for axis, (length, s, (lower, upper)) in enumerate(
        zip(grid.lengths, _places(grid), boundaries, strict=True)
    ):
        x = length * s
        if isinstance(lower, Dirichlet) and isinstance(upper, Dirichlet):
            level = constant(lower.value)
            line = (constant(upper.value) - level) * s
        elif isinstance(lower, Dirichlet) and isinstance(upper, Neumann):
            level, line = constant(lower.value), constant(upper.derivative) * x
        elif isinstance(lower, Neumann) and isinstance(upper, Dirichlet):
            level, line = constant(upper.value), constant(lower.derivative) * (length - x)
        elif isinstance(lower, Neumann) and isinstance(upper, Neumann):
            slope = constant(lower.derivative)
            bend = (constant(upper.derivative) + slope) / (2 * length)
            line = bend * x**2 - slope * x
        else:
            continue
        total = total + _along(line, axis, grid.ndim)
    return total + level


def _check_corners(grid: Grid, boundaries: Boundaries) -> None:
    """Walls of two axes meet in corners, where a Dirichlet wall has one value all along it."""
    for axis, ends in zip(grid.axes, boundaries, strict=True):
        for other, across in zip(grid.axes, boundaries, strict=True):
            values = {end.value for end in (*ends, *across) if isinstance(end, Dirichlet)}
            slopes = any(isinstance(end, Neumann) and end.derivative for end in across)
            held = any(isinstance(end, Dirichlet) for end in ends)
            both = any(isinstance(end, Dirichlet) for end in across)
            if axis != other and held and ((both and len(values) > 1) or slopes):
                raise GridError(
                    f"the walls of {axis} and {other} meet in corners and contradict each other "
                    f"there: {', '.join(map(str, (*ends, *across)))}; beside a Dirichlet wall use "
                    "the same value, Neumann(0.0) or periodic ends"
                )


def _along(line: Tensor, axis: int, ndim: int) -> Tensor:
    """A line as an array that varies along one axis."""
    return line.view(*(1,) * axis, -1, *(1,) * (ndim - axis - 1))


def _mix(z: int) -> int:
    mask = 2**64 - 1
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)
