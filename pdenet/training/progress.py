"""Where a training stands between two iterations."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pdenet.optimise import LBFGSState

__all__ = ["MOST_DOUBLINGS", "MOST_SUBSTEPS", "Progress"]

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
