"""A real run that takes seconds: a transport equation in one dimension, on little data."""

import runpy
import shutil
from pathlib import Path

import pytest

from pdenet.estimator import extract, train
from pdenet.pde import PDE
from pdenet.training.config import load
from simulators import simulate

SHORT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "_short_run.py"))


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The data, not to be written to."""
    path = tmp_path_factory.mktemp("data") / "data.h5"
    sizes = {"shape": (64,), "trajectories": 6, "frames": 11, "refine": 1}
    return simulate(PDE(SHORT["EQUATION"]), path, noise=0.001, seed=0, **sizes)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, data):
    """The folder of a finished training, not to be written to."""
    folder = tmp_path_factory.mktemp("trained")
    settings = folder / "short.toml"
    settings.write_text(SHORT["SETTINGS"])
    train(data, folder / "run", load(settings))
    return folder / "run"


@pytest.fixture(scope="session")
def extracted(trained, tmp_path_factory):
    """The folder of a run whose equation was read, not to be written to."""
    run = tmp_path_factory.mktemp("extracted") / "run"
    shutil.copytree(trained, run)
    extract(run)
    return run
