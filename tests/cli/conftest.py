"""A real run that takes seconds: a transport equation in one dimension, on little data."""

import pytest

from pdenet.cli import main

EQUATION = "u_t = 0.1*u_xx - 0.5*u_x"
DATA = [
    *("--pde", EQUATION, "--grid", "64", "--trajectories", "6", "--frames", "11"),
    *("--refine", "1", "--noise", "0.001"),
]
SETTINGS = """
values = 4096
[network]
units = 2
[[stages]]
blocks = 1
iterations = 30
filters = false
penalties = false
[[stages]]
blocks = 2
iterations = 20
[readout]
steps = 6
select_values = 4096
fit_values = 8192
"""


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    """A configuration file for a short run."""
    path = tmp_path_factory.mktemp("settings") / "short.toml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The data, not to be written to."""
    path = tmp_path_factory.mktemp("data") / "data.h5"
    assert main(["simulate", *DATA, "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory, data, settings):
    """The folder of a finished training, not to be written to."""
    run = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", str(data), "-o", str(run), "--config", str(settings)]) == 0
    return run
