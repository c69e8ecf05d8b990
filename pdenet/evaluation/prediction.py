"""A long prediction: how the error of each predictor grows, and one trajectory to look at.

The error is ‖û(t) − u(t)‖/‖u(t)‖; percentiles are over trajectories, as in the figures of both
PDE-Net papers. A trajectory that has blown up counts as infinitely wrong from then on.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pdenet.errors import DataError
from pdenet.evaluation.score import PERCENTILES, error_percentiles
from pdenet.grid import Grid

__all__ = ["EQUATION", "NETWORK", "TRUTH", "Prediction", "median_trajectory", "record", "to_text"]

FORMAT = "pdenet-prediction"
FORMAT_VERSION = 1

# Names of the predictors; every other one is a network to compare with.
EQUATION, NETWORK, TRUTH = "equation", "network", "true equation"


@dataclass(frozen=True, eq=False)
class Prediction:
    """What was predicted and how well.

    times: (time,), the first is where predictions start. errors: {predictor: (trajectory, time)}
    relative L2 errors, NaN once a trajectory has blown up.
    window: the longest time that a training stage looked ahead. trained: the length of the
    training's trajectories. dt: time between frames of the training.
    shown: number of the trajectory in `observed` and `predicted`, (time, field, *space) each.
    units: of coordinates, "t" and fields. settings: plain values for the record.

    Raises DataError when shapes disagree.
    """

    grid: Grid
    fields: tuple[str, ...]
    times: np.ndarray
    errors: Mapping[str, np.ndarray]
    window: float
    trained: float
    shown: int
    observed: np.ndarray
    predicted: Mapping[str, np.ndarray]
    units: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expected = (len(self.times), len(self.fields), *self.grid.shape)
        shapes = {name: np.shape(values) for name, values in self.predicted.items()}
        for name, shape in {"observed": np.shape(self.observed), **shapes}.items():
            if shape != expected or len(self.times) < 2:
                raise DataError(
                    f"{name} has shape {shape}, but times, fields and grid ask for {expected} with "
                    "at least two times"
                )
        for name, errors in self.errors.items():
            if np.ndim(errors) != 2 or np.shape(errors)[1] != len(self.times):
                raise DataError(
                    f"the errors of the {name} have shape {np.shape(errors)}, but must be "
                    f"(trajectory, {len(self.times)})"
                )

    def place(self, time: float) -> int:
        """The number of the time that is nearest to `time`."""
        return int(np.abs(np.asarray(self.times) - self.times[0] - time).argmin())

    def reach(self) -> float:
        """How many times the length of the training's trajectories is predicted."""
        return float(self.times[-1] - self.times[0]) / self.trained

    def lost(self, name: str) -> np.ndarray:
        """The share of trajectories whose prediction has blown up, (time,)."""
        share: np.ndarray = (~np.isfinite(self.errors[name])).mean(axis=0)
        return share


def median_trajectory(errors: np.ndarray) -> int:
    """The trajectory whose last error is the median, the lower of two; NaN is the largest."""
    last = np.where(np.isfinite(errors[:, -1]), errors[:, -1], np.inf)
    return int(np.argsort(last, kind="stable")[(len(last) - 1) // 2])


def record(prediction: Prediction) -> dict[str, Any]:
    """The prediction as JSON values: exact numbers, None for what is infinite."""
    predictors: dict[str, Any] = {}
    for name, errors in prediction.errors.items():
        bands = error_percentiles(np.asarray(errors, dtype=np.float64))
        predictors[name] = {
            "percentiles": {
                str(percentile): _numbers(band)
                for percentile, band in zip(PERCENTILES, bands, strict=True)
            },
            "lost": _numbers(prediction.lost(name)),
            "errors": [_numbers(row) for row in np.asarray(errors, dtype=np.float64)],
        }
    at = {
        "window": prediction.place(prediction.window),
        "trained": prediction.place(prediction.trained),
        "end": len(prediction.times) - 1,
    }
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **prediction.settings,
        "fields": list(prediction.fields),
        "grid": list(prediction.grid.shape),
        "lengths": list(prediction.grid.lengths),
        "horizon": {
            "window": prediction.window,
            "trained": prediction.trained,
            "predicted": float(prediction.times[-1] - prediction.times[0]),
            "times": prediction.reach(),
        },
        "median": {
            name: {key: table["percentiles"]["50"][place] for key, place in at.items()}
            for name, table in predictors.items()
        },
        "times": _numbers(prediction.times),
        "predictors": predictors,
        "shown": prediction.shown,
    }


def to_text(document: Mapping[str, Any]) -> str:
    """A record as the text of a JSON file."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _numbers(values: np.ndarray) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]
