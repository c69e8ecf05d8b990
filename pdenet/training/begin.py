"""What a training begins with: the trajectories, and a run folder with settled settings."""

from __future__ import annotations

from pathlib import Path

import torch

from pdenet.dataset import load
from pdenet.device import device_named
from pdenet.errors import ConfigError, DataError
from pdenet.events import OrderChosen
from pdenet.storage import Data, require_periodic
from pdenet.training.config import TrainingConfig
from pdenet.training.order import choose_order, with_order
from pdenet.training.run import Run, network_for, start_run
from pdenet.types import Trajectory
from pdenet.words import counted

__all__ = ["begin", "sets"]


def begin(
    run: Path, config: TrainingConfig, data: Data
) -> tuple[Run, tuple[Trajectory, Trajectory], OrderChosen | None]:
    """A new run in a folder, its training and validation trajectories, and the order of
    derivatives that they ask for, if that was left to them.

    Raises DataError, ConfigError, GridError or DeviceError before anything is written.
    """
    require_periodic(data)
    _check(with_order(config, 1), data)  # whatever the order will be, before any work
    shortest = min(stage.blocks for stage in config.stages)
    if shortest >= data.frames:
        raise ConfigError(
            f"every stage has at least {counted(shortest, 'block')}, but trajectories of "
            f"{counted(data.frames, 'frame')} hold at most {data.frames - 1}: add a "
            "shorter stage"
        )
    states, chosen = sets(data, config, getattr(torch, config.dtype)), None
    if config.network.order is None:
        chosen = choose_order(states[0], data.problem, data.dt, config)
        config = with_order(config, chosen.order)
        _check(config, data)
    return start_run(run, config, data), states, chosen


def _check(config: TrainingConfig, data: Data) -> None:
    network_for(data, config, torch.Generator().manual_seed(0))


def sets(data: Data, config: TrainingConfig, dtype: torch.dtype) -> tuple[Trajectory, Trajectory]:
    """The training and the validation trajectories on the device of the run."""
    device = device_named(config.device)
    train, validation = (
        load(data, split, dtype=dtype, device=device) for split in ("train", "validation")
    )
    if bool((train == train[:, :1]).all()):
        raise DataError(
            f"the fields in '{data.path}' do not change in time, so there is no equation to learn: "
            "use frames that are further apart, or other data"
        )
    return train, validation
