"""Forecasts: exact solutions, blow-ups one by one, groups, refinement, walls."""

import numpy as np
import pytest

from pdenet.boundary import Dirichlet, Neumann, Periodic
from pdenet.evaluation.forecast import (
    Forecast,
    load_network,
    predict,
    predict_with_network,
    with_equation,
    with_network,
)
from pdenet.evaluation.score import errors_of, fields_of
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.storage import open_data
from simulators import trajectories

LINE = Grid((32,), (2 * np.pi,))
TIMES = np.linspace(0.0, 0.5, 11)


def test_a_trajectory_that_blows_up_takes_no_other_with_it():
    # u' = u² from a is a/(1 - a t): 4 blows up at t = 0.25, -1 and 1 live.
    pde = PDE("u_t = u**2 + 0*u_x", coordinates=("x",))
    start = np.array([-1.0, 4.0, 1.0])[:, None, None] * np.ones((3, 1, 32))
    frames = predict(pde, LINE, start, TIMES)
    for row in (0, 2):
        exact = start[row, 0, 0] / (1 - start[row, 0, 0] * TIMES)
        assert frames[row, :, 0, 5] == pytest.approx(exact, rel=1e-5)  # RK4 at steps of 0.05
    assert np.isfinite(frames[1, TIMES < 0.24]).all() and np.isnan(frames[1, TIMES > 0.26]).all()


def test_groups_change_no_number():
    pde = PDE("u_t = -u*u_x + 0.1*u_xx")
    start = np.random.default_rng(0).normal(size=(5, 1, 1)) + np.sin(LINE.mesh()[0])
    observed = predict(pde, LINE, start, TIMES) + 0.1
    forecast = with_equation(pde, LINE, TIMES, refine=2)
    stored, done = (0, 3, 10), []
    whole = errors_of(forecast, start, observed[:, stored], stored, done.append)
    parts = errors_of(Forecast(forecast.frames, 2), start, observed[:, stored], stored)
    assert np.array_equal(whole, parts)
    assert done == sorted(done) and done[-1] == pytest.approx(1)


def test_a_refined_grid_leaves_the_equation_alone():
    data = trajectories(
        "burgers-1d", shape=(64,), refine=4, trajectories=3, frames=31, noise=0.0, dt=0.02
    )
    states, stored = data.states.numpy(), range(31)
    grid, pde = data.problem.grid, data.problem.pde
    errors = [
        errors_of(with_equation(pde, grid, data.times.numpy(), refine=n), states[:, 0], states,
                  stored).max()
        for n in (1, 4)
    ]  # fmt: skip
    assert errors[1] < 0.1 * errors[0]


@pytest.mark.parametrize("refine", [1, 2])
def test_walls(refine):
    walls = Grid((33,), (1.0,), endpoint=True)
    (x,) = walls.coordinates()
    ends = {
        "sine": ((Dirichlet(0.0), Dirichlet(0.0)), np.sin(np.pi * x)),
        "cosine": ((Neumann(0.0), Neumann(0.0)), np.cos(np.pi * x)),
    }
    for pair, shape in ends.values():
        forecast = with_equation(
            PDE("u_t = 0.2*u_xx"), walls, TIMES, refine=refine, boundaries=(pair,)
        )
        exact = np.exp(-0.2 * np.pi**2 * TIMES)[:, None, None] * shape
        found = fields_of(forecast, shape[None], range(len(TIMES)))
        assert found == pytest.approx(exact, abs=1e-5)


def test_walls_along_one_axis_of_two():
    grid = Grid((16, 17), (2 * np.pi, 1.0), endpoint=(False, True))
    x, y = grid.mesh()
    shape = np.sin(x) * np.cos(np.pi * y)
    boundaries = ((Periodic(), Periodic()), (Neumann(0.0), Neumann(0.0)))
    pde = PDE("u_t = 0.2*u_xx + 0.1*u_yy")
    forecast = with_equation(pde, grid, TIMES, refine=2, boundaries=boundaries)
    exact = np.exp(-(0.2 + 0.1 * np.pi**2) * TIMES)[:, None, None, None] * shape
    found = fields_of(forecast, shape[None], range(len(TIMES)))
    assert found == pytest.approx(exact, abs=1e-5)


@pytest.mark.slow
def test_a_network_forecasts_with_its_own_blocks(trained, data):
    with open_data(data) as opened:
        model = load_network(trained, opened)
        start = opened.read(trajectories=[0, 1], dtype="float64")[:, 0]
        every = predict_with_network(trained, opened, start)
    assert every.shape == (2, 11, 1, 64) and np.array_equal(every[:, 0], start)
    step, second = (np.stack([*with_network(model, 6, k).frames(start)], axis=1) for k in (1, 2))
    assert step == pytest.approx(every[:, :6], abs=1e-14)
    assert second == pytest.approx(every[:, :11:2], abs=1e-13)
