"""A long prediction as a value: percentiles by hand, the record, the trajectory to look at."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from pdenet.errors import DataError
from pdenet.evaluation.prediction import median_trajectory, record, to_text

made = runpy.run_path(str(Path(__file__).with_name("made_prediction.py")))["made"]


def test_the_record_holds_percentiles_and_what_was_lost():
    errors = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 4.0], [0.0, np.nan]])
    prediction = made(steps=2, errors={"equation": errors, "network": errors[:4]}, trained=0.25)
    document = json.loads(to_text(record(prediction)))
    equation, network = (document["predictors"][name] for name in ("equation", "network"))
    last = {key: band[1] for key, band in equation["percentiles"].items()}
    assert last == {"0": 1.0, "25": 2.0, "50": 3.0, "75": 4.0, "100": None}
    assert equation["lost"] == [0.0, 0.2] and network["lost"] == [0.0, 0.0]
    last = {key: band[1] for key, band in network["percentiles"].items()}
    assert last == {"0": 1.0, "25": 1.75, "50": 2.5, "75": 3.25, "100": 4.0}
    assert equation["errors"][4] == [0.0, None]
    assert document["horizon"] == {"window": 0.1, "trained": 0.25, "predicted": 1.0, "times": 4.0}
    assert document["median"]["network"] == {"window": 0.0, "trained": 0.0, "end": 2.5}


def test_the_median_trajectory_counts_blow_ups_as_worst():
    last = np.array([[5.0], [np.nan], [1.0], [2.0], [np.inf]])
    assert median_trajectory(last) == 0
    assert median_trajectory(last[:4]) == 3
    assert median_trajectory(np.full((3, 1), np.nan)) in range(3)


def test_numbers_that_do_not_belong_together():
    with pytest.raises(DataError, match="observed"):
        made(observed=np.zeros((3, 1, 24, 20)))
    with pytest.raises(DataError, match="errors of the network"):
        made(errors={"network": np.zeros((5, 3))})
