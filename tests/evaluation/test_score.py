"""Errors of predictions, by hand."""

import numpy as np
import pytest

from pdenet.evaluation.forecast import Forecast
from pdenet.evaluation.score import error_percentiles, errors_of, fields_of, relative_errors


def test_relative_errors_are_over_fields_and_points():
    observed = np.array([[[[3.0, 0.0], [0.0, 4.0]]]])  # ‖u‖ = 5, one trajectory, one frame
    predicted = observed + np.array([[1.0, 0.0], [0.0, 0.0]])
    assert relative_errors(predicted, observed) == pytest.approx(np.array([[0.2]]))
    assert np.isinf(relative_errors(predicted, 0 * observed)).all()
    assert np.isnan(relative_errors(np.nan * predicted, observed)).all()


def test_errors_of_a_forecast_by_hand():
    observed = np.ones((2, 2, 1, 4))
    forecast = Forecast(lambda start: iter([start, 1.1 * start, 1.5 * start, 9 * start]), 1)
    errors = errors_of(forecast, observed[:, 0], observed, (0, 2))
    assert errors == pytest.approx(np.array([[0.0, 0.5], [0.0, 0.5]]))
    assert fields_of(forecast, observed[0, 0], (1, 3))[:, 0, 0] == pytest.approx([1.1, 9.0])


def test_nothing_is_computed_beyond_the_last_stored_frame():
    def frames(start):
        yield start
        yield start
        pytest.fail("a frame that nobody wants was computed")

    start = np.ones((1, 1, 4))
    assert errors_of(Forecast(frames, 4), start, start[:, None], (1,)) == 0


def test_percentiles_of_trajectories_that_blew_up_are_infinite():
    errors = np.array([[0.1, 0.2], [0.2, np.inf], [0.3, np.nan], [0.4, 0.5], [0.5, np.inf]])
    bands = error_percentiles(errors)
    assert bands[:, 0] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert bands[0, 1] == 0.2
    assert np.isinf(bands[2:, 1]).all()
