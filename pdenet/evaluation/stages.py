"""How a training went, from the events that the log of its run keeps: losses and seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pdenet.training.records import read_log

__all__ = ["StageCurve", "seconds_of_training", "stage_curves"]


@dataclass(frozen=True, eq=False)
class StageCurve:
    """The loss of one stage of training.

    blocks: number of δt-blocks that the stage trains through.
    iterations, loss: (points,) each; iterations count from the start of the stage.
    validation: loss on the validation trajectories at the end of the stage; None if not measured.
    """

    name: str
    blocks: int
    iterations: np.ndarray
    loss: np.ndarray
    validation: float | None = None


def stage_curves(events: Sequence[Mapping[str, Any]]) -> tuple[StageCurve, ...]:
    """The loss by stage, from the events of a run as `pdenet.training.records.read_log` gives them;
    a stage that was begun again goes on.

    Iterations that were lost with an interrupted run are replaced by those of the resumed one.
    """
    stages: dict[str, dict[str, Any]] = {}
    for event in events:
        kind, name = event.get("event"), event.get("stage", "")
        if kind == "StageStarted":
            stages.setdefault(name, {"blocks": event["blocks"], "points": {}, "validation": None})
        elif kind == "Iteration" and name in stages:
            stages[name]["points"][event["iteration"]] = event["loss"]
        elif kind == "StageFinished" and name in stages:
            stages[name]["validation"] = event["validation"]
    return tuple(
        StageCurve(
            name,
            stage["blocks"],
            np.array(sorted(stage["points"]), dtype=float),
            np.array([stage["points"][i] for i in sorted(stage["points"])], dtype=float),
            stage["validation"],
        )
        for name, stage in stages.items()
        if stage["points"]
    )


def seconds_of_training(run: Path) -> float:
    """The time that the stages of a run took, interruptions left out, in seconds.

    Raises CheckpointError for a damaged log.
    """
    stages = {
        event["stage"]: float(event["seconds"])
        for event in read_log(run)
        if event.get("event") == "StageFinished"
    }
    return sum(stages.values())
