"""A prediction, made up: waves that travel, and predictors that fall behind."""

from __future__ import annotations

import numpy as np

from pdenet.evaluation.prediction import Prediction
from pdenet.grid import Grid

SHAPES = {1: (40,), 2: (24, 20), 3: (10, 9, 8)}


def made(ndim=2, fields=("u",), steps=11, **changes):
    """Waves that travel; predictions that fall behind."""
    grid = Grid(SHAPES[ndim], tuple(2 * np.pi * (1 + axis) for axis in range(ndim)))
    times = np.linspace(0, 1, steps)
    mesh = grid.mesh()

    def states(speed):
        return np.array(
            [
                [
                    np.sin(mesh[0] - speed * t + k) + 0.3 * sum(np.cos(x) for x in mesh[1:])
                    for k, _ in enumerate(fields)
                ]
                for t in times
            ]
        )

    growth = np.outer([1.0, 2.0, 3.0, 4.0, 5.0], times)
    values = {
        "grid": grid,
        "fields": fields,
        "times": times,
        "errors": {
            "equation": 1e-4 * growth,
            "true equation": 1e-6 * growth,
            "network": 1e-2 * growth,
            "network of frozen": 1e-1 * growth,
        },
        "window": 0.1,
        "trained": 0.2,
        "shown": 2,
        "observed": states(1.0),
        "predicted": {"network": states(0.9), "equation": states(0.999)},
    }
    return Prediction(**{**values, **changes})
