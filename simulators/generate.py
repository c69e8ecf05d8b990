"""Trajectories from an equation: initial fields, stepping, sampling, noise, gaps; block by block.

    observed frame = fine solution at every refine-th point + σ std(u(first frame)) N(0, 1),
                     and NaN at the points that are left out

Trajectories are solved in chunks that fit the cache of a CPU (or fill a GPU), and stored frames
leave in blocks of bounded size, so memory does not grow with the length of the data. Trajectory i
depends on the seed and on i alone, not on the chunks.
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pdenet.device import device_named
from pdenet.errors import ConfigError, GridError
from pdenet.pde.definition import PDE
from pdenet.words import counted
from simulators.config import SimulationConfig
from simulators.initial import initial_state, trajectory_generator
from simulators.solver import Solver

__all__ = ["Block", "chunk_size", "generate", "is_late"]

logger = logging.getLogger(__name__)

# Values of one state: 64 Ki doubles are half a megabyte, so that the dozen buffers stay in cache.
_CPU_VALUES = 1 << 16
_GPU_VALUES = 1 << 22
_BLOCK_BYTES = 1 << 25

_MOST_VALUES = 1 << 31
"""Of one state, 16 GiB; a dozen of that size are needed."""

_MOST_WORK = 1e13
"""Steps times values of a state, days on one core. A step of few values costs as much as one of
so many:"""
_OVERHEAD = 1 << 12


@dataclass(frozen=True)
class Block:
    """Some frames of some trajectories: states (n, frames, field, *space) on the CPU.

    work, total: how much of the whole run is done, in frames computed.
    """

    first_trajectory: int
    first_frame: int
    states: Tensor
    work: int
    total: int


def is_late(trajectory: int) -> bool:
    """Whether a trajectory belongs to the half that starts late: every second one."""
    return trajectory % 2 == 1


def chunk_size(values: int, device: torch.device) -> int:
    """How many trajectories of so many values (fields × fine points) are solved at once."""
    return max(1, (_GPU_VALUES if device.type == "cuda" else _CPU_VALUES) // values)


def generate(pde: PDE, config: SimulationConfig, *, chunk: int | None = None) -> Iterator[Block]:
    """Solve `pde` as `config` says; yields blocks in the order of trajectories, then frames.

    chunk: trajectories at once; None chooses by size and device. It changes no number.
    Blocks without frames report the progress of late starts.
    Raises ConfigError, GridError, DeviceError, and StabilityError on the way.
    """
    grid = config.grid
    if grid.ndim != pde.ndim:
        raise GridError(
            f"the equation has {counted(pde.ndim, 'space dimension')}, the grid {config.shape} has "
            f"{grid.ndim}: give shape and lengths with {counted(pde.ndim, 'number')}"
        )
    if grid.shape != tuple(config.shape):
        raise ConfigError(f"shape must hold whole numbers, given {config.shape}")
    device = device_named(config.device)
    fine = grid.refine(config.refine)
    _require_affordable(len(pde.fields) * fine.size, config)
    solver = Solver(pde, fine, config, config.ends)
    size = chunk or chunk_size(len(pde.fields) * fine.size, device)
    run = _Run(solver, config, device, _total_work(config))
    logger.info(
        "solving %s on %s (sampled on %s), %d trajectories of %d frames, %d at once on %s",
        ", ".join(pde.fields), fine.shape, grid.shape, config.trajectories, config.frames,
        size, device,
    )  # fmt: skip
    for first in range(0, config.trajectories, size):
        yield from run.chunk(range(first, min(first + size, config.trajectories)))


def _require_affordable(values: int, config: SimulationConfig) -> None:
    """Raise ConfigError for what would never end: values of a state, too large or too often."""
    if values > _MOST_VALUES:
        raise ConfigError(
            f"states of {values:.3g} values (refine={config.refine}) cannot be solved, at most of "
            f"{_MOST_VALUES:.3g}: use fewer points or a smaller refine"
        )
    steps = _total_work(config) * (config.substeps or 1)
    if steps * max(values, _OVERHEAD) > _MOST_WORK:
        raise ConfigError(
            f"{steps:.3g} steps of states of {values:.3g} values would take days: use fewer "
            "frames, trajectories or substeps, or a larger dt"
        )


def _late_frames(config: SimulationConfig) -> int:
    return math.ceil(config.late_start / config.dt - 1e-9)


def _total_work(config: SimulationConfig) -> int:
    late = sum(is_late(i) for i in range(config.trajectories))
    return config.trajectories * config.frames + late * _late_frames(config)


class _Run:
    """What the chunks of one run share."""

    def __init__(
        self, solver: Solver, config: SimulationConfig, device: torch.device, total: int
    ) -> None:
        self.solver, self.config, self.device = solver, config, device
        self.work, self.total = 0, total

    def chunk(self, members: range) -> Iterator[Block]:
        """Solve some trajectories from their initial fields to their last frame."""
        config, solver = self.config, self.solver
        fields = len(solver.pde.fields)
        states = [
            initial_state(config.initial, fields, solver.grid, config.seed, i, config.ends)
            for i in members
        ]
        u = torch.stack(states).to(device=self.device, dtype=config.torch_dtype)
        yield from self._late(members, u)
        noise, gaps = _Noise(config, members), _Gaps(config, members)
        frames: list[Tensor] = []
        first = 0
        for frame in range(config.frames):
            if frame:
                solver.advance((frame - 1) * config.dt, config.dt, u)
            frames.append(gaps(noise(self._sample(u))))
            self.work += len(members)
            size = sum(frame.numel() * frame.element_size() for frame in frames)
            if size >= _BLOCK_BYTES or frame == config.frames - 1:
                block = torch.stack(frames, dim=1)
                yield Block(members[0], first, block, self.work, self.total)
                first, frames = frame + 1, []

    def _late(self, members: range, u: Tensor) -> Iterator[Block]:
        """Run every second trajectory from time -late_start to 0."""
        config = self.config
        late = [k for k, i in enumerate(members) if is_late(i)]
        steps = _late_frames(config)
        if not late or not steps:
            return
        part = u[late]
        h = config.late_start / steps
        for step in range(steps):
            self.solver.advance((step - steps) * h, h, part)
            self.work += len(late)
            nothing = torch.empty(0)
            yield Block(members[0], 0, nothing, self.work, self.total)
        u[late] = part

    def _sample(self, u: Tensor) -> Tensor:
        """The observed points, on the CPU."""
        for axis in range(2, u.ndim):
            u = u[(slice(None),) * axis + (slice(None, None, self.config.refine),)]
        return u.to("cpu", copy=True).contiguous()


class _Noise:
    """σ std(first frame) N(0, 1) on every frame, from a generator of each trajectory's own."""

    def __init__(self, config: SimulationConfig, members: range) -> None:
        self._level = config.noise
        self._generators = [trajectory_generator(config.seed, i, "noise") for i in members]
        self._scale: Tensor | None = None

    def __call__(self, frame: Tensor) -> Tensor:
        """The noisy frame (trajectory, field, *space); the first call sets the scale."""
        if not self._level:
            return frame
        if self._scale is None:
            # One by one: a sum over an array rounds by the shape of the whole array.
            fields = [field for state in frame for field in state]
            deviations = torch.stack([field.flatten().std(correction=0) for field in fields])
            ones = (1,) * (frame.ndim - 2)
            self._scale = self._level * deviations.view(*frame.shape[:2], *ones)
        draws = [
            torch.randn(frame.shape[1:], generator=generator, dtype=torch.float64)
            for generator in self._generators
        ]
        return frame + self._scale * torch.stack(draws).to(frame.dtype)


class _Gaps:
    """NaN in all fields of some points of each frame, from a generator of each trajectory's own."""

    def __init__(self, config: SimulationConfig, members: range) -> None:
        points = math.prod(config.shape)
        self._count = min(round(config.missing * points), points - 1)
        self._generators = [trajectory_generator(config.seed, i, "missing") for i in members]

    def __call__(self, frame: Tensor) -> Tensor:
        """The frame (trajectory, field, *space) with its gaps, which are others each time."""
        if not self._count:
            return frame
        points = frame.flatten(2)
        for position, generator in enumerate(self._generators):
            drawn = torch.randperm(points.shape[2], generator=generator)[: self._count]
            points[position, :, drawn] = math.nan
        return points.view(frame.shape)
