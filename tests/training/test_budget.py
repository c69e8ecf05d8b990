"""When its time is over, every step of a run says what it has, and goes on from there later."""

import math
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet import estimator
from pdenet.dataset import load
from pdenet.errors import ConfigError, DiscoveryError
from pdenet.estimator import discover, extract, train
from pdenet.events import Event, Iteration, Phase
from pdenet.readout import ReadoutConfig, read_out
from pdenet.storage import open_data
from pdenet.training.budget import Budget
from pdenet.training.run import network_for, read_run

RUNS = runpy.run_path(str(Path(__file__).with_name("runs.py")))
config, tensors, of_kind = RUNS["config"], RUNS["tensors"], RUNS["of_kind"]
assert_same_bits = RUNS["assert_same_bits"]

OVER = 1e-9
"""Seconds that are over before anything looks."""


def after(looks: int) -> Callable[[], bool]:
    """A clock that says that it is late from the look after so many on."""
    seen: list[int] = []

    def late() -> bool:
        seen.append(1)
        return len(seen) > looks

    return late


class Looks(Budget):
    """A budget that is over after so many looks at the clock, the same on every machine."""

    def __init__(self, looks: int) -> None:
        super().__init__(math.inf)
        self.late = after(looks)  # type: ignore[method-assign]


@pytest.mark.parametrize("looks", [0, 3, 5, 6, 7, 11, 14])
def test_training_that_ran_out_of_time_goes_on_bitwise(
    small_data, tmp_path, straight, looks, monkeypatch, caplog
):
    run, events = tmp_path / "run", list[Event]()
    with monkeypatch.context() as patch:
        patch.setattr(estimator, "Budget", lambda seconds: Looks(looks))
        train(small_data, run, config(), on_event=events.append)
    done = len(of_kind(events, Iteration))
    assert 1 <= done <= looks + 1
    assert "what it learned is kept" in caplog.text
    train(small_data, run, resume=True)
    assert_same_bits(tensors(run), tensors(straight[0]))


@pytest.mark.parametrize("budget", [0.0, -1.0, math.nan])
def test_no_time_at_all_is_refused(small_data, tmp_path, budget):
    with pytest.raises(ConfigError, match="above 0"):
        train(small_data, tmp_path / "run", config(), budget=budget)
    assert not (tmp_path / "run").exists()


def test_the_parts_of_a_budget():
    whole = Budget(1000.0)
    assert 499 < whole.part().left() <= 500
    assert 249 < whole.part().part().left() <= 250
    over = Budget(OVER)
    assert over.late() and over.left() == 1.0 and not whole.late()


def with_clock(path: Path, folder: Path) -> Callable:
    """What reads the equation of a trained network with a clock of its own."""
    with open_data(path) as data:
        sets = [load(data, split) for split in ("train", "validation")]
        generator = torch.Generator()
        run = read_run(folder)
        model = network_for(data, run.config, generator).double()
    run.restore(model, generator)
    quick = ReadoutConfig(steps=4, select_values=512, fit_values=1024, size=7)

    def reads(late: Callable[[], bool], events: list[Event]):
        generator.manual_seed(0)
        return read_out(model, *sets, generator, quick, events.append, late)

    return reads


@pytest.fixture(scope="module")
def read(small_data, straight):
    return with_clock(small_data, straight[0])


@settings(deadline=None, max_examples=12)
@given(looks=st.integers(0, 60))
def test_a_read_out_says_the_last_equation_that_it_had(read, looks):
    events = list[Event]()
    found = read(after(looks), events)
    assert any(found.pde.terms().values())
    last = of_kind(events, Phase)[-1]
    whole = last.name == "refit" and last.fraction == 1
    assert bool(found.stderr) == whole  # what was not fitted to its end has no errors


def test_where_a_read_out_has_no_equation_yet_it_says_so(small_data, tmp_path):
    """Of a source nothing is known before it was fitted."""
    run = train(small_data, tmp_path / "run", config(network={"source": {}}), budget=OVER)
    with pytest.raises(DiscoveryError, match="with more time"):
        with_clock(small_data, run.folder)(lambda: True, [])


def test_a_discovery_ends_with_what_it_has(small_data, tmp_path, monkeypatch, caplog):
    """Out of time from the beginning: one iteration of training, and what can be read of that."""
    monkeypatch.setattr(estimator, "Budget", lambda seconds: Looks(0))
    whole = config(refine={"when": "never"}, readout={"steps": 4, "size": 7})
    found = discover(small_data, output=tmp_path / "run", config=whole)
    assert any(found.equation.terms().values())
    assert "what it learned is kept" in caplog.text


def test_a_run_has_the_budget_of_its_settings(straight, tmp_path, monkeypatch):
    run = shutil.copytree(straight[0], tmp_path / "run")
    given_seconds: list[float] = []

    class Noted(Budget):
        def __init__(self, seconds: float) -> None:
            given_seconds.append(seconds)
            super().__init__(seconds)

    monkeypatch.setattr(estimator, "Budget", Noted)
    extract(run, refine=False)
    extract(run, refine=False, budget=77.0)
    assert given_seconds == [3600.0, 77.0]
