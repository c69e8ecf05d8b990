"""A small problem, its states, and the file that holds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.storage import write_arrays

EQUATIONS = (
    "u_t = -u*u_x - v*u_y + nu*(u_xx + u_yy)",
    "v_t = -u*v_x - v*v_y + nu*(v_xx + v_yy)",
)


@pytest.fixture(scope="session")
def states() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((5, 6, 2, 8, 4)).cumsum(axis=1)


@pytest.fixture(scope="session")
def pde() -> PDE:
    return PDE(*EQUATIONS, nu=0.05)


@pytest.fixture(scope="session")
def grid() -> Grid:
    return Grid((8, 4), (2.0, 1.0))


@pytest.fixture(scope="session")
def gaps(states: np.ndarray) -> np.ndarray:
    """The states with half of the points of u missing, and the whole of v."""
    holes = np.random.default_rng(1).random(states.shape) < 0.5
    holes[:, :, 1] = True
    return np.where(holes, np.nan, states)


@pytest.fixture
def gappy(tmp_path: Path, gaps: np.ndarray, grid: Grid, pde: PDE) -> Path:
    """A file with missing values."""
    return write_arrays(tmp_path / "gaps.h5", gaps, Problem.periodic(pde, grid), 0.1, missing=True)


@pytest.fixture
def holed(tmp_path: Path, gaps: np.ndarray, grid: Grid, pde: PDE) -> Path:
    """A file with missing values and points outside."""
    outside = np.zeros(grid.shape, bool)
    outside[2:4, 1] = True
    problem = Problem.periodic(pde, grid)
    return write_arrays(tmp_path / "hole.h5", gaps, problem, 0.1, missing=True, outside=outside)


@pytest.fixture
def path(tmp_path: Path, states: np.ndarray, grid: Grid, pde: PDE) -> Path:
    metadata = {"seed": 7, "noise": {"level": 0.001, "seed": 1}, "solver": {"scheme": "rk4"}}
    problem = Problem.periodic(pde, grid)
    return write_arrays(tmp_path / "data.h5", states, problem, 0.1, metadata=metadata)


@pytest.fixture
def weighed(tmp_path: Path, states: np.ndarray, grid: Grid, pde: PDE) -> Path:
    """A file with standard deviations of its values."""
    problem = Problem.periodic(pde, grid)
    return write_arrays(tmp_path / "weighed.h5", states, problem, 0.1, sigma=[0.1, 0.2])
