"""What a found equation is worth: predictions, scores, and the values that reports show.

    prediction = predict_run(Path("run"))                  # far past the training, with its errors
    frames = predict(found.pde, grid, start, times)        # solved by the simulators
    evidence = evidence_of(found, data, Path("run"))       # all that a report says

Functions and frozen values: nothing here parses, prints or draws. What predicts shares no
discretisation with what learned, so that the two cannot agree by sharing their errors.
"""

from pdenet.evaluation.evidence import Evidence
from pdenet.evaluation.forecast import Forecast, predict, with_equation, with_network
from pdenet.evaluation.gather import evidence_of
from pdenet.evaluation.held_out import HeldOut, predict_held_out
from pdenet.evaluation.prediction import Prediction
from pdenet.evaluation.remainder import Weight, dropped_weights, kept_weights, with_shares
from pdenet.evaluation.repeats import Repeat, consensus, load_repeat, spreads
from pdenet.evaluation.run import Request, predict_run
from pdenet.evaluation.score import error_percentiles, errors_of, relative_errors
from pdenet.evaluation.study import Measured, measure
from pdenet.evaluation.trajectories import Fresh, Observed, simulated

__all__ = [
    "Evidence",
    "Forecast",
    "Fresh",
    "HeldOut",
    "Measured",
    "Observed",
    "Prediction",
    "Repeat",
    "Request",
    "Weight",
    "consensus",
    "dropped_weights",
    "error_percentiles",
    "errors_of",
    "evidence_of",
    "kept_weights",
    "load_repeat",
    "measure",
    "predict",
    "predict_held_out",
    "predict_run",
    "relative_errors",
    "simulated",
    "spreads",
    "with_equation",
    "with_network",
    "with_shares",
]
