"""A small data file that a tiny network learns in a second."""

import pytest

from simulators import simulate


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """1-D Burgers on 24 points: 6 trajectories of 8 frames."""
    path = tmp_path_factory.mktemp("data") / "small.h5"
    simulate("burgers-1d", path, shape=(24,), trajectories=6, frames=8, dt=0.02, refine=4, seed=0)
    return path
