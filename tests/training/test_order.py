"""The highest derivative of a network: what the training data ask for, within the limit."""

import json
import math
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.boundary import Boundary, Dirichlet, periodic
from pdenet.errors import ConfigError
from pdenet.estimator import train
from pdenet.events import OrderChosen, from_record
from pdenet.grid import Grid
from pdenet.problem import Problem
from pdenet.storage import open_data, write_arrays
from pdenet.training.config import TrainingConfig, preset, validated
from pdenet.training.order import choose_order, settled_as, with_order
from pdenet.training.run import network_for, read_run

config = runpy.run_path(str(Path(__file__).with_name("runs.py")))["config"]

POINTS, FRAMES, DT = 48, 24, 0.02


def waves(order: int, noise: float = 0.0, seed: int = 0) -> torch.Tensor:
    """Three trajectories of u_t = 0.3 u_x ± c ∂ⁿu, damped where n is even, of eight waves each."""
    random = np.random.default_rng(seed)
    k = np.arange(1, 9)
    size = random.normal(size=(3, 8)) + 1j * random.normal(size=(3, 8))
    strength = 2.0 / 8**order * (-1) ** (order // 2 + 1)
    rate = 0.3j * k + strength * (1j * k) ** order / DT / FRAMES * 8
    time = DT * np.arange(FRAMES)
    x = 2 * np.pi * np.arange(POINTS) / POINTS
    modes = size[:, None] * np.exp(rate * time[:, None])
    states = (modes @ np.exp(1j * k[:, None] * x)).real[:, :, None]
    states += noise * states[:, :1].std() * random.normal(size=states.shape)
    return torch.from_numpy(states)


def problem(*ends: Boundary) -> Problem:
    grid = Grid((POINTS,), (2 * math.pi,), endpoint=bool(ends))
    return Problem(None, grid, (ends,) if ends else periodic(1), ("u",))


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("order", [2, 3, 4, 5, 6])
def test_the_order_is_that_of_the_equation(order, noise):
    chosen = choose_order(waves(order, noise), problem(), DT, TrainingConfig())
    assert chosen.order == order
    assert chosen.filter_size == {2: 5, 3: 7, 4: 7, 5: 9, 6: 9}[order]


@settings(deadline=None, max_examples=8)
@given(order=st.integers(2, 6), limit=st.integers(1, 6), seed=st.integers(0, 99))
def test_a_limit_only_limits(order, limit, seed):
    asked = TrainingConfig(network={"max_order": limit})
    found = choose_order(waves(order, 0.01, seed), problem(), DT, asked).order
    assert found == order if limit >= order else found <= limit


@pytest.mark.parametrize("frames", [2, 3, 4, 9])
def test_few_frames_say_little_and_break_nothing(frames):
    chosen = choose_order(waves(3)[:1, :frames], problem(), DT, TrainingConfig())
    assert 2 <= chosen.order <= 6


def test_a_field_that_stands_still_breaks_nothing():
    both = torch.cat([waves(3), torch.ones(3, FRAMES, 1, POINTS, dtype=torch.float64)], 2)
    two = replace(problem(), fields=("u", "v"))
    assert 2 <= choose_order(both, two, DT, TrainingConfig()).order <= 6


def test_a_coarse_grid_holds_no_longer_filters():
    grid = Grid((6,), (1.0,))
    coarse = Problem(None, grid, periodic(1), ("u",))
    chosen = choose_order(waves(4)[..., ::8], coarse, DT, TrainingConfig())
    assert (chosen.order, chosen.filter_size) == (2, 5)


@pytest.mark.parametrize("name", ["variable-coefficients", "nonlinear-source"])
def test_what_hides_the_order_leaves_it_at_two(name):
    named = preset(name)
    assert named.network.order in (4, 2)  # a preset of such a problem says it itself
    network = named.network.model_copy(update={"order": None})
    asked = named.model_copy(update={"network": network})
    chosen = choose_order(waves(4), problem(), DT, asked)
    assert chosen.order == 2 and "any shape" in chosen.reason


def test_between_walls_the_order_is_two():
    walled = problem(Dirichlet(0.0), Dirichlet(0.0))
    chosen = choose_order(waves(4), walled, DT, TrainingConfig())
    assert chosen.order == 2 and "walls" in chosen.reason


def test_an_order_that_is_given_stays():
    given_order = TrainingConfig(network={"order": 4, "filter_size": 7})
    assert with_order(given_order, 2) == given_order
    assert given_order.network.highest == 4 and TrainingConfig().network.highest == 2
    assert TrainingConfig(network={"order": 4, "max_order": 3}).network.highest == 3


def test_a_run_says_and_keeps_its_order(tmp_path):
    data = write_arrays(tmp_path / "data.h5", waves(3).numpy().repeat(2, 0), problem(), DT)
    run = tmp_path / "run"
    train(data, run, config())
    found = read_run(run).config
    assert (found.network.order, found.network.filter_size) == (3, 7)
    first = json.loads((run / "log.jsonl").read_text().splitlines()[0])
    assert from_record(first) == OrderChosen(3, 7, first["reason"])
    with open_data(data) as opened:
        model = network_for(opened, found, torch.Generator().manual_seed(0))
    assert max(jet.order for jet in model.filters.jets) == 3
    assert settled_as(found, config()) == found
    assert settled_as(found, config(seed=1)) != found
    before = (run / "log.jsonl").read_text()
    train(data, run, resume=True)
    assert (run / "log.jsonl").read_text().startswith(before)


def test_runs_of_before_have_the_order_that_they_say(tmp_path):
    """Their configuration has no `order`, and `max_order` was what the network had."""
    record = {"config": {"network": {"max_order": 3}}, "data": {"path": "x", "digest": "y"}}
    (tmp_path / "config.json").write_text(json.dumps(record))
    assert read_run(tmp_path).config.network.highest == 3


def test_seven_is_no_order():
    with pytest.raises(ConfigError, match="less than or equal to 6"):
        validated({"network": {"max_order": 7}})
