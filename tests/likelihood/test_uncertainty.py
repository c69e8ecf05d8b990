"""What a finer model would change, against what it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.fit.gauss_newton import Fit
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.fit.workers import Workers
from pdenet.likelihood.states.model import Model
from pdenet.likelihood.verdict.uncertainty import shift, slopes_off


def test_shift_of_trajectories_that_are_advanced_together(small: Callable[..., object]) -> None:
    """Steps a quarter of the size move the coefficients by what `shift` says, however many
    trajectories are computed at once."""
    problem = small("u_t = -u*u_x + 0.1*u_xx", dt=0.07, n=5)
    exact = replace(problem, dynamics=problem.dynamics.in_steps((16,) * 5))
    data = exact.data(9, 1e-4)
    setup = Setup.of(data, problem.problem, 0.07, RefineConfig())
    coarse = problem.dynamics.in_steps((1,) * 5)
    finer = coarse.in_smaller_steps(4)
    with Workers.of(data.device, 1) as workers:
        fit = Fit(Model(coarse, coarse, single=False), workers, learn_noise=False)
        now = fit.run(setup.begin(problem.problem.grid, problem.coefficients), 12, until=0.003)
        assert len(fit.pieces(now)) == 1  # all five at once
        said = shift(fit, now, finer)[0]
        ahead = replace(fit, model=Model(coarse, finer, single=False))
        there = ahead.run(now, 12, until=0.003)
    moved = there.coefficients - now.coefficients
    torch.testing.assert_close(said, moved, rtol=0.1, atol=0.0)


def test_derivatives_in_steps_that_waves_turn_through_are_wrong(
    small: Callable[..., object],
) -> None:
    """k = 4 turns by two and a half radians in one step of the coarsest rollout."""
    problem = small("u_t = -u*u_x - 0.1*u_xxxxx", dt=0.05, n=3, waves=4)
    exact = replace(problem, dynamics=problem.dynamics.in_steps((64,) * 3))
    data = exact.data(9, 1e-3)
    setup = Setup.of(data, problem.problem, 0.05, RefineConfig())
    wrong = []
    with Workers.of(data.device, 1) as workers:
        for steps in (2, 8, 64):
            dynamics = problem.dynamics.in_steps((steps,) * 3)
            model = Model(dynamics, exact.dynamics, single=False)
            fit = Fit(model, workers, learn_noise=False)
            now = fit.run(setup.begin(problem.problem.grid, problem.coefficients), 4, until=0.0)
            wrong.append(slopes_off(fit, now, dynamics.in_smaller_steps(2)))
    assert wrong[0] > 0.1 > wrong[2] and wrong[0] > wrong[1] > wrong[2]
