"""Trajectories as tensors, and the windows t, t + δt, ..., t + k δt of them that training uses.

A window is one supervised example for k δt-blocks: the first frame goes into the network, the k
frames after it are compared with the rollout (PDE-Net, arXiv:1710.09668, section 2.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pdenet.errors import ConfigError, DataError
from pdenet.grid import LARGEST
from pdenet.storage import Data
from pdenet.types import Trajectory
from pdenet.words import counted

__all__ = ["Windows", "load"]


def load(
    data: Data,
    split: str | Sequence[int],
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    missing: bool = False,
) -> Trajectory:
    """The trajectories of one set, shape (n, frames, field, *space), on `device`.

    split: "train", "validation", "test", or the numbers of trajectories. They are read one by one
    into one tensor. missing: NaN where the file says that a value is missing, instead of an error.
    Raises DataError where a value is damaged, missing or not finite, with its place, where the set
    is unknown or empty, and where memory does not suffice.
    """
    if isinstance(split, str) and split not in data.split:
        raise DataError(f"there is no set {split!r}: use one of {', '.join(data.split)}")
    chosen = data.split[split] if isinstance(split, str) else split
    rows = [int(row) for row in chosen]
    if not rows:
        raise DataError(f"{data.path} has no trajectories in the set {split!r}: simulate more")
    if data.frames < 2:
        raise DataError(f"{data.path} has one frame only: a time derivative needs two")
    shape = (len(rows), data.frames, len(data.fields), *data.problem.grid.shape)
    try:
        states = torch.empty(shape, dtype=dtype, device=device)
    except RuntimeError as error:  # PyTorch's way to say that memory is short
        size = torch.Size(shape).numel() * dtype.itemsize / 2**30
        raise DataError(
            f"{data.path}: {size:.1f} GiB do not fit into the memory of {device} "
            f"({str(error).splitlines()[0]}): use fewer trajectories or float32"
        ) from error
    on_cpu = states.device.type == "cpu"
    staging = states[:1] if on_cpu else torch.empty(states[:1].shape, dtype=dtype)
    for position, row in enumerate(rows):
        target = states[position : position + 1]
        data.read([row], out=(target if on_cpu else staging).numpy(), missing=missing)
        if not on_cpu:
            target.copy_(staging)
    for f, name in enumerate(data.fields):
        size = float(states[:, :, f].abs().nan_to_num(0.0).amax())
        if 0 < size < 1 / LARGEST:
            raise DataError(
                f"{data.path}: the values of {name} reach {size:.3g}, and squares and products of "
                "them are no numbers any more: choose other units"
            )
    return states


@dataclass(frozen=True)
class Windows:
    """All windows of `steps` + 1 frames in `trajectories` trajectories of `frames` frames.

    Window i starts in trajectory i // starts at frame i % starts. Raises ConfigError where a
    trajectory is shorter than a window.
    """

    trajectories: int
    frames: int
    steps: int

    def __post_init__(self) -> None:
        if self.trajectories < 1 or not 1 <= self.steps < self.frames:
            raise ConfigError(
                f"{counted(self.trajectories, 'trajectory')} of {counted(self.frames, 'frame')} "
                "hold no window of "
                f"{counted(self.steps, 'step')}: use 1 to {self.frames - 1} or simulate more frames"
            )

    @property
    def starts(self) -> int:
        """Number of windows in one trajectory."""
        return self.frames - self.steps

    def __len__(self) -> int:
        return self.trajectories * self.starts

    def sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """The numbers of `n` different windows, spread evenly over all of them; int64, ascending.

        The windows are cut into `n` runs of nearly equal length and one is drawn from each, so
        every trajectory and every part of it is seen. All windows where there are not more than n.
        """
        if n < 1:
            raise ConfigError(f"{counted(n, 'window')} cannot be drawn: give at least 1")
        if n >= len(self):
            return torch.arange(len(self))
        edges = torch.arange(n + 1) * len(self) // n
        drawn = torch.rand(n, generator=generator, dtype=torch.float64)
        return edges[:-1] + (drawn * (edges[1:] - edges[:-1])).long()

    def gather(self, states: Trajectory, windows: torch.Tensor | None = None) -> Trajectory:
        """The windows with the given numbers (all by default), (n, steps + 1, field, *space).

        states: (trajectories, frames, field, *space). The result is a copy on its device.
        """
        if states.shape[:2] != (self.trajectories, self.frames):
            raise DataError(
                f"states have shape {tuple(states.shape)}, these windows are of "
                f"{counted(self.trajectories, 'trajectory')} of {counted(self.frames, 'frame')}"
            )
        chosen = torch.arange(len(self)) if windows is None else windows
        chosen = chosen.to(states.device)
        offsets = torch.arange(self.steps + 1, device=states.device)
        times = (chosen % self.starts)[:, None] + offsets
        gathered: torch.Tensor = states[(chosen // self.starts)[:, None], times]
        return gathered
