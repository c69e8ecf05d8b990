"""Held-out trajectories: what is predicted, what noise alone makes, and where nothing can be."""

import numpy as np
import pytest

from pdenet.boundary import Periodic
from pdenet.evaluation.held_out import MOST_PREDICTED, predict_held_out, without_noise
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.results import DiscoveredEquation
from pdenet.storage import open_data
from simulators import simulate

TRUE = PDE("u_t = 0.1*u_xx - 0.5*u_x")


def test_the_true_equation_leaves_what_the_noise_leaves(data):
    with open_data(data) as opened:
        right = predict_held_out(DiscoveredEquation(TRUE, {}), opened)
        wrong = predict_held_out(DiscoveredEquation(PDE("u_t = 0.1*u_xx - 0.6*u_x"), {}), opened)
        rows = opened.split["test"][:MOST_PREDICTED]
        observed = opened.read(trajectories=rows, dtype="float64")
    assert np.array_equal(right.observed, observed)
    assert set(right.errors) == {"equation"}
    assert right.errors["equation"].shape == (len(rows), len(right.times))
    assert right.errors["equation"].max() < 0.005 < 2 * wrong.errors["equation"][:, -1].min()


@pytest.mark.slow
def test_a_run_predicts_with_its_network_too(data, trained):
    with open_data(data) as opened:
        found = predict_held_out(DiscoveredEquation(TRUE, {}), opened, trained)
    assert 0 < found.errors["network"][:, -1].max() < 0.1


def test_nothing_is_predicted_from_data_with_gaps_or_of_given_fields(data, tmp_path):
    path = tmp_path / "gaps.h5"
    sizes = {"shape": (32,), "trajectories": 4, "frames": 5, "refine": 1}
    simulate(TRUE, path, missing=0.3, seed=0, **sizes)
    with open_data(path) as opened:
        assert predict_held_out(DiscoveredEquation(TRUE, {}), opened) is None
    given = DiscoveredEquation(PDE("u_t = v*u_x", given=("v",)), {})
    with open_data(data) as opened:
        assert predict_held_out(given, opened) is None


def test_first_frames_without_noise_are_nearer_to_the_truth():
    grid, noise = Grid((64,), (2 * np.pi,)), 0.1
    times = 0.02 * np.arange(30)
    truth = np.sin(grid.mesh()[0] - times[:, None])[None, :, None].repeat(4, axis=0)
    draws = np.random.default_rng(0).normal(size=truth.shape)
    observed = truth + noise * draws
    start, alone = without_noise(observed, grid, ((Periodic(), Periodic()),))
    off = np.sqrt(np.mean((start - truth[:, 0]) ** 2))
    assert off < 0.5 * noise
    size = np.sqrt(np.mean(observed**2, axis=(2, 3)))
    assert alone == pytest.approx(noise / size, rel=0.05)
    # Where chi² is a quarter, half of what looks like noise is none.
    _, less = without_noise(observed, grid, ((Periodic(), Periodic()),), chi2=0.25)
    assert less == pytest.approx(0.5 * alone)
