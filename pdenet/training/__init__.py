"""Learning: configuration, loss, stages, optimiser, checkpoints, run folders."""

from pdenet.training.config import TrainingConfig, load, preset
from pdenet.training.progress import Progress
from pdenet.training.run import Run, read_run, start_run
from pdenet.training.trainer import Trainer

__all__ = [
    "Progress",
    "Run",
    "Trainer",
    "TrainingConfig",
    "load",
    "preset",
    "read_run",
    "start_run",
]
