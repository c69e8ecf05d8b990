"""Where a training stands between two iterations."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdenet.optimise import LBFGSState
from pdenet.training.config import StageConfig

__all__ = ["MOST_DOUBLINGS", "MOST_SUBSTEPS", "Progress", "is_over", "stage_names"]

MOST_SUBSTEPS = 64
MOST_DOUBLINGS = 3


@dataclass(frozen=True)
class Progress:
    """Where training stands: in stage `stage` (from 0), with its windows and optimiser, if it has
    begun. `substeps`: steps of a δt-block. `seconds`: spent in the stage before. `doublings`: how
    often the number of windows was doubled."""

    stage: int = 0
    substeps: int = 1
    windows: Tensor | None = None
    optimiser: LBFGSState | None = None
    seconds: float = 0.0
    doublings: int = 0


def stage_names(stages: tuple[StageConfig, ...]) -> tuple[str, ...]:
    """A name for each stage, no two alike."""
    names: list[str] = []
    for stage in stages:
        name = f"{stage.blocks} block{'s' if stage.blocks > 1 else ''}"
        name = name if stage.filters else "warm-up"
        same = sum(other.split(" (")[0] == name for other in names)
        names.append(f"{name} ({same + 1})" if same else name)
    return tuple(names)


def is_over(stage: StageConfig, state: LBFGSState) -> bool:
    """Whether a stage has done its iterations, or found its minimum."""
    return state.iteration >= stage.iterations or state.converged
