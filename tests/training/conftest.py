"""A small data file that a tiny network learns in a second."""

import runpy
from pathlib import Path

import pytest

from pdenet.boundary import Dirichlet, Neumann
from pdenet.estimator import train
from pdenet.pde import PDE
from simulators import simulate

RUNS = runpy.run_path(str(Path(__file__).with_name("runs.py")))
config = RUNS["config"]


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """1-D Burgers on 24 points: 6 trajectories of 8 frames."""
    path = tmp_path_factory.mktemp("data") / "small.h5"
    simulate("burgers-1d", path, shape=(24,), trajectories=6, frames=8, dt=0.02, refine=4, seed=0)
    return path


@pytest.fixture(scope="session")
def walled_data(tmp_path_factory):
    """1-D diffusion with a source between two kinds of walls: 6 trajectories of 8 frames."""
    path = tmp_path_factory.mktemp("data") / "walled.h5"
    simulate(
        PDE("u_t = 0.2*u_xx + 3*sin(u)"),
        path,
        shape=(25,),
        lengths=(3.0,),
        boundaries=((Dirichlet(0.0), Neumann(0.5)),),
        trajectories=6,
        frames=8,
        dt=0.01,
        late_start=0.0,
        seed=0,
    )
    return path


@pytest.fixture(scope="session")
def straight(small_data, tmp_path_factory):
    """The folder and the events of a run that nothing interrupts."""
    folder, events = tmp_path_factory.mktemp("runs") / "straight", []
    train(small_data, folder, config(), on_event=events.append)
    return folder, events
