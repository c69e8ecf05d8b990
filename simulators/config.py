"""Settings of a simulation, as frozen values that check themselves."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

import torch

from pdenet.boundary import Boundaries, check_boundaries, endpoints, periodic
from pdenet.errors import ConfigError
from pdenet.grid import AXES, LARGEST, Grid
from pdenet.storage.schema import LONGEST
from simulators.initial import FourierInitial
from simulators.rhs import UPWIND, Order
from simulators.stencils import ORDERS
from simulators.stepping import SCHEMES
from simulators.walls import check_kinds

__all__ = ["Numerics", "SimulationConfig"]

_FINEST = 1024
"""Times finer than observed: an equation of second order then takes 10⁶ times as many steps."""

_MOST = 2**63 - 1
"""Of a count or a seed: as files and generators keep whole numbers."""

_DTYPES = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True)
class Numerics:
    """How the equation is discretised.

    order: order of the central stencils (2, 4, 6, 8), or "upwind" (third order, upwind-biased,
        for first derivatives; order 4 for the others).
    scheme: "rk4" or "ssprk3".
    substeps: steps per frame; None chooses them for each trajectory from the stability limit.
    cfl: part of the largest stable step that is used when substeps is None; the rest is room for
        the state to change within a frame.
    Good values: order 8, rk4, cfl 0.8. On Burgers' shocks the error in time is then invisible
    beside that in space, and order 8 has a fifth of the error of order 4 at the same cost.
    """

    order: Order = 8
    scheme: str = "rk4"
    substeps: int | None = None
    cfl: float = 0.8

    def __post_init__(self) -> None:
        if self.order not in (*ORDERS, UPWIND):
            raise ConfigError(f'order is one of {ORDERS} or "{UPWIND}", given {self.order!r}')
        if self.scheme not in SCHEMES:
            names = ", ".join(sorted(SCHEMES))
            raise ConfigError(f"scheme is one of {names}, given {self.scheme!r}")
        if self.substeps is not None:
            _whole("substeps", self.substeps, 1, " (or None)", most=_MOST)
        if not 0 < self.cfl <= 1:
            raise ConfigError(f"cfl is a number in (0, 1], given {self.cfl!r}")


@dataclass(frozen=True)
class SimulationConfig(Numerics):
    """Everything that decides the bytes of a simulation, beside the equation and the device.

    shape, lengths: the observed grid and the size of its domain.
    boundaries: what holds at the ends of each axis, for all fields; None where all are periodic.
        An axis with walls has its first and last point on them.
    dt, frames: time between stored frames, and their number; the first is at time 0.
    trajectories: how many; trajectory i is the same however many others there are.
    refine: the equation is solved on a grid with this many times more points along each axis,
        and sampled at the observed points.
    noise: level sigma; sigma * std(first stored frame) * N(0, 1) is added to every frame, with
        the standard deviation of the trajectory and field.
    missing: part of the points that is left out at random, in [0, 1), of every frame anew; there
        all fields are NaN. At least one point of a frame stays.
    late_start: every second trajectory is first run for this long, so that its first stored
        frame is not a Fourier field; 1.0 in the papers. 0 switches it off.
    initial: the random fields at the start; they satisfy the boundaries.
    seed: of the initial fields, the noise and the missing points.
    """

    shape: tuple[int, ...] = (64, 64)
    lengths: tuple[float, ...] = (2 * math.pi, 2 * math.pi)
    dt: float = 0.01
    frames: int = 41
    trajectories: int = 28
    refine: int = 2
    noise: float = 0.0
    late_start: float = 1.0
    initial: FourierInitial = field(default_factory=FourierInitial)
    seed: int = 0
    dtype: str = "float64"
    device: str = "auto"
    boundaries: Boundaries | None = None
    missing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("frames", "trajectories"):
            _whole(name, getattr(self, name), 1, most=LONGEST)
        _whole("refine", self.refine, 1, most=_FINEST)
        _whole("seed", self.seed, 0, most=_MOST)
        for name, least in (("dt", "> 0"), ("noise", ">= 0"), ("late_start", ">= 0")):
            value = getattr(self, name)
            if not (math.isfinite(value) and (value > 0 or (value == 0 and least == ">= 0"))):
                raise ConfigError(f"{name} is a finite number {least}, given {value!r}")
        if not 1 / LARGEST <= self.dt <= LARGEST:
            raise ConfigError(
                f"dt is a number from {1 / LARGEST:g} to {LARGEST:g}, given {self.dt!r}: choose "
                "other units"
            )
        if not 0 <= self.missing < 1:
            raise ConfigError(
                f"missing is the part of the points left out, in [0, 1), given {self.missing!r}"
            )
        if len(self.shape) != len(self.lengths):
            raise ConfigError(
                f"shape {self.shape} and lengths {self.lengths} must have one number per axis"
            )
        if max(self.shape, default=0) > LONGEST:
            raise ConfigError(f"a grid has at most {LONGEST} points along an axis: {self.shape}")
        if self.boundaries is not None:
            check_boundaries(self.boundaries, len(self.shape))
            check_kinds(self.boundaries[: len(AXES)], AXES[: len(self.shape)])
        if self.dtype not in _DTYPES:
            raise ConfigError(f"dtype is float64 or float32, given {self.dtype!r}")

    @property
    def ends(self) -> Boundaries:
        """The boundaries, with None spelt out as periodic ones."""
        return periodic(len(self.shape)) if self.boundaries is None else self.boundaries

    @property
    def grid(self) -> Grid:
        """The observed grid. Raises GridError when the numbers do not describe one."""
        return Grid(self.shape, self.lengths, endpoint=endpoints(self.ends))

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype of the states."""
        return _DTYPES[self.dtype]

    @property
    def times(self) -> list[float]:
        """Times of the stored frames."""
        return [frame * self.dt for frame in range(self.frames)]

    @classmethod
    def names(cls) -> list[str]:
        """The settings that exist, sorted."""
        return sorted(item.name for item in fields(cls))


def _whole(name: str, value: Any, least: int, other: str = "", most: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} is a whole number >= {least}{other}, given {value!r:.40}")
    if most is not None and value > most:
        raise ConfigError(f"{name} is a whole number up to {most}, given {value!s:.40}")
