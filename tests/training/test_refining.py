"""Refining on the data of a file: what is fitted, what stays of the read-out, how it goes on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pdenet.errors import CheckpointError, DataError, EquationError
from pdenet.events import Refining, TermDropped, TermJudged
from pdenet.grid import Grid
from pdenet.likelihood.config import RefineConfig
from pdenet.pde import PDE
from pdenet.results import DiscoveredEquation, FittedFilter
from pdenet.storage import open_data, write_arrays
from pdenet.training.config import TrainingConfig
from pdenet.training.refined import RefinementState
from pdenet.training.refining import Fitted, refined, why_not
from simulators import simulate

FAR = PDE("u_t = -0.7*u*u_x + 0.2*u_xx + 0.1*u")
KEEP = RefineConfig(choose=False, workers=1)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """1-D Burgers on 64 points with 1 % noise: 6 trajectories of 21 frames."""
    path = tmp_path_factory.mktemp("data") / "burgers.h5"
    initial = {"waves": 3, "amplitude": 1.0, "constant": 1.0}
    simulate(
        "burgers-1d", path, shape=(64,), trajectories=6, frames=21, refine=4, noise=1e-2, seed=0,
        dt=0.02, initial=initial, late_start=0.5,
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def fitted(path):
    with open_data(path) as data:
        return Fitted.read(data, torch.device("cpu"))


def begun(pde: PDE = FAR) -> DiscoveredEquation:
    """A read-out."""
    return DiscoveredEquation(
        pde,
        {},
        (
            TermDropped("u", "u*u_xx", 0.1, 0.2, "not needed"),
            TermDropped("u", "u_xx", 0.1, 0.2, "not needed, it seemed"),
        ),
        (FittedFilter("x", np.arange(3.0), np.arange(3.0)),),
        7,
        0.25,
        {"expand": 1.0, "total": 5.0},
    )


@pytest.mark.parametrize("empty", [[2], [0, 1, 2, 3], [0, 1, 2, 3, 4]])
def test_trajectories_without_a_value_are_left_out(tmp_path, path, empty):
    with open_data(path) as data:
        grid, dt, states = data.problem.grid, data.dt, data.read()
    states[empty] = np.nan
    with open_data(write_arrays(tmp_path / "a.h5", states, grid, dt, missing=True)) as data:
        left = Fitted.read(data, torch.device("cpu"))
        asked = {*map(int, data.split["train"]), *map(int, data.split["validation"])} - {*empty}
    assert len(left.states) == len(asked) > 0
    assert bool(left.states.isfinite().all())


def test_data_without_a_value_are_refused(tmp_path, path):
    with open_data(path) as data:
        grid, dt, states = data.problem.grid, data.dt, np.full_like(data.read(), np.nan)
    with (
        open_data(write_arrays(tmp_path / "a.h5", states, grid, dt, missing=True)) as data,
        pytest.raises(DataError, match="no value at all"),
    ):
        Fitted.read(data, torch.device("cpu"))


def test_the_truth_is_not_among_what_is_fitted(path, fitted):
    with open_data(path) as data:
        assert data.problem.pde is not None
    assert fitted.problem.pde is None
    assert fitted.states.shape == (5, 21, 1, 64)
    assert fitted.states.dtype == torch.float64 and fitted.dt == pytest.approx(0.02)


@pytest.mark.parametrize(("trajectories", "fitted"), [(2, 2), (3, 2)])
def test_trajectories_of_a_small_file_are_fitted_once(tmp_path, trajectories, fitted):
    states = np.random.default_rng(0).normal(size=(trajectories, 4, 1, 8))
    write_arrays(tmp_path / "few.h5", states, Grid((8,), (1.0,)), 0.1)
    with open_data(tmp_path / "few.h5") as data:
        assert len(Fitted.read(data, torch.device("cpu")).states) == fitted


@pytest.mark.parametrize("outside", [None, np.arange(8) < 3])
def test_points_outside_are_a_mask(tmp_path, outside):
    states = np.random.default_rng(0).normal(size=(5, 4, 1, 8))
    write_arrays(tmp_path / "hole.h5", states, Grid(8, 1.0), 0.1, outside=outside)
    with open_data(tmp_path / "hole.h5") as data:
        read = Fitted.read(data, torch.device("cpu")).outside
    if outside is None:
        assert read is None
    else:
        assert read.dtype == torch.bool and read.tolist() == outside.tolist()


def test_missing_values_are_nan(tmp_path):
    states = np.random.default_rng(0).normal(size=(5, 4, 1, 8))
    states[:, :, :, ::3] = np.nan
    write_arrays(tmp_path / "gaps.h5", states, Grid((8,), (1.0,)), 0.1, missing=True)
    with open_data(tmp_path / "gaps.h5") as data:
        read = Fitted.read(data, torch.device("cpu"))
    assert torch.isnan(read.states[..., ::3]).all() and torch.isfinite(read.states[..., 1]).all()


@pytest.mark.parametrize("pde", [PDE("w_t = w_x"), PDE("u_t = u_xx + u_yy")])
def test_an_equation_of_other_data_is_refused(fitted, pde):
    with pytest.raises(EquationError, match=r"but the data hold u in \(x\)"):
        fitted.check(pde)
    fitted.check(FAR)


def test_what_the_read_out_knows_stays(fitted):
    events = []
    found = refined(begun(), fitted, KEEP, events.append)
    assert found.pde.terms().keys() == FAR.terms().keys()
    comparison = {str(m): v for m, v in found.pde.numeric_terms()["u"].items()}
    assert comparison["u*u_x"] == pytest.approx(-1, abs=0.01)
    assert comparison["u_xx"] == pytest.approx(0.1, abs=0.002)
    assert found.stderr["u"].keys() == found.pde.terms()["u"].keys()
    assert found.refinement is not None and found.refinement.iterations >= 3
    assert (found.steps, found.misfit, found.filters[0].name) == (7, 0.25, "x")
    # A term that came back was not dropped.
    assert [event.monomial_text for event in found.dropped] == ["u*u_xx"]
    assert found.seconds["refine"] > 0 and found.seconds["expand"] == 1.0
    assert found.seconds["total"] == 5.0 + found.seconds["refine"]
    said = [event for event in events if isinstance(event, Refining)]
    assert said[-1].leading.startswith("u_t = ") and 0.5 < said[-1].chi2 < 2


def test_terms_are_found_in_the_data_alone(fitted):
    events = []
    found = refined(None, fitted, RefineConfig(workers=1), events.append)
    assert {str(m) for m in found.pde.terms()["u"]} >= {"u*u_x", "u_xx"}
    judged = {e.monomial_text: e for e in events if isinstance(e, TermJudged)}
    assert judged["u*u_x"].kept and judged["u*u_x"].gain > judged["u*u_x"].needed
    assert set(found.seconds) == {"refine", "total"}


class Stopped(Exception):
    """Somebody pressed Ctrl-C."""


def test_an_interrupted_refinement_goes_on_where_it_was(fitted, tmp_path):
    state = RefinementState(tmp_path / "state", "ab", FAR, KEEP)
    whole, rest = [], []
    through = refined(begun(), fitted, KEEP, whole.append)
    last = max(event.iteration for event in whole if isinstance(event, Refining))
    assert last > 1

    def stop(event):
        if isinstance(event, Refining) and event.iteration == last:
            raise Stopped

    with pytest.raises(Stopped):
        refined(begun(), fitted, KEEP, stop, state)
    kept = state.load()
    assert int(kept["iterations"]) == last - 1
    resumed = refined(begun(), fitted, KEEP, rest.append, state, resume=True)
    numbers = [event.iteration for event in rest if isinstance(event, Refining)]
    assert numbers[0] == last and len(rest) < len(whole)
    for monomial, value in through.pde.numeric_terms()["u"].items():
        error = through.stderr["u"][monomial]
        again = resumed.pde.numeric_terms()["u"][monomial]
        assert again == pytest.approx(value, abs=0.1 * error)
        assert resumed.stderr["u"][monomial] == pytest.approx(error, rel=0.05)


def test_nothing_else_goes_on(fitted, tmp_path):
    state = RefinementState(tmp_path / "state", "ab", FAR, KEEP)
    with pytest.raises(CheckpointError, match="begin anew"):
        refined(begun(), fitted, KEEP, None, state, resume=True)
    state.save({"start": torch.zeros(3)})
    with pytest.raises(CheckpointError, match="other data"):
        refined(begun(), fitted, KEEP, None, replace(state, data="cd"), resume=True)
    # Whole by its digest, and still no state of this refinement.
    with pytest.raises(CheckpointError, match=r"state' is damaged \(start is float32") as caught:
        refined(begun(), fitted, KEEP, None, state, resume=True)
    assert "\n" not in str(caught.value)


def test_why_not(walled_data, small_data):
    with open_data(walled_data) as walled, open_data(small_data) as periodic:
        assert why_not(walled.problem, TrainingConfig()) == ""
        assert why_not(periodic.problem, TrainingConfig()) == ""
        varying = TrainingConfig(network={"coefficients": {}})
        assert "vary in space" in why_not(periodic.problem, varying)
        source = TrainingConfig(network={"source": {}})
        assert "a source" in why_not(periodic.problem, source)
