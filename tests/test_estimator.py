"""Discovery from end to end on small data."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from pdenet import Grid, discover, refine
from pdenet.errors import CheckpointError, ConfigError, DiscoveryError, EquationError
from pdenet.estimator import extract
from pdenet.events import Event, Phase, Refining, TermDropped, TermJudged
from pdenet.likelihood.config import RefineConfig
from pdenet.pde import PDE
from pdenet.pde.compare import compare
from pdenet.results import load_equation, save_equation
from pdenet.storage import write_arrays
from pdenet.training.config import StageConfig, TrainingConfig
from simulators import simulate
from simulators.simulator import trajectories

pytestmark = pytest.mark.slow

SMALL = TrainingConfig(
    stages=(
        StageConfig(blocks=1, iterations=40, filters=False, penalties=False),
        StageConfig(blocks=1, iterations=30),
        StageConfig(blocks=3, iterations=20),
    ),
    values=6000,
    compile="off",
    readout={"select_values": 8000, "fit_values": 12000},
)


def assert_exactly_the_true_terms(found, largest_error: float) -> None:
    comparison = found.comparison
    assert comparison is not None
    assert (comparison.extra, comparison.missing) == ((), ()), str(found.equation)
    assert comparison.einf < largest_error, str(found.equation)


@pytest.fixture(scope="module")
def burgers(tmp_path_factory):
    """1-D Burgers with the papers' noise, on 64 points."""
    path = tmp_path_factory.mktemp("data") / "burgers.h5"
    initial = {"waves": 3, "amplitude": 1.0, "constant": 1.0}
    simulate(
        "burgers-1d", path, shape=(64,), trajectories=24, frames=21, refine=4, noise=1e-3, seed=0,
        dt=0.02, initial=initial, late_start=0.5,
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def found(burgers, tmp_path_factory):
    """The discovery, its folder and its events."""
    folder, events = tmp_path_factory.mktemp("run") / "run", []
    result = discover(burgers, output=folder, config=SMALL, on_event=events.append)
    return result, folder, events


def test_burgers_in_one_dimension(found):
    result, _, _ = found
    assert_exactly_the_true_terms(result, 0.02)
    for field, terms in result.equation.terms().items():
        assert result.stderr[field].keys() == terms.keys()
        assert all(0 < error < 0.02 for error in result.stderr[field].values())
    assert set(result.seconds) == {"train", "extract"}
    assert result.details.refinement is not None and result.details.refinement.converged
    assert 0 < result.details.seconds["refine"] < result.seconds["extract"]


def test_the_run_folder_holds_the_equation(found):
    result, folder, _ = found
    assert {"config.json", "checkpoint", "log.jsonl", "equation.json"} == {
        path.name for path in folder.iterdir()
    }
    kept = load_equation(folder / "equation.json")
    assert kept.pde == result.equation and kept.stderr == result.stderr
    assert vars(kept.refinement) == vars(result.details.refinement)
    assert 0 < kept.misfit < 0.1
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    told = {record["event"] for record in log}
    assert {"Iteration", "TermDropped", "Refining", "TermJudged"} <= told


def test_what_happens_is_told(found):
    _, _, events = found
    fractions: dict[str, list[float]] = {}
    for event in events:
        if isinstance(event, Phase):
            fractions.setdefault(event.name, []).append(event.fraction)
    assert {"read-out", "selection", "refit"} <= fractions.keys()
    assert all(f == sorted(f) and f[0] >= 0 and f[-1] <= 1 for f in fractions.values())
    dropped = [event for event in events if isinstance(event, TermDropped)]
    assert dropped and all(event.reason and event.monomial_text for event in dropped)
    judged = [event for event in events if isinstance(event, TermJudged)]
    assert judged and all(event.reason and event.needed > 0 for event in judged)
    steps = [event for event in events if isinstance(event, Refining)]
    assert all(event.chi2 > 0 and " = " in event.leading for event in steps)


def test_reading_a_run_twice_gives_the_same_bits(found, burgers):
    result, folder, _ = found
    again = extract(folder)
    assert again.pde.terms() == result.equation.terms()
    assert again.stderr == result.stderr


def test_a_read_out_without_a_refinement_is_less_sure(found):
    result, folder, _ = found
    events: list[Event] = []
    plain = extract(folder, refine=False, on_event=events.append)
    assert plain.refinement is None and load_equation(folder / "equation.json").refinement is None
    assert not [event for event in events if isinstance(event, Refining)]
    again = extract(folder, refine=True)
    assert again.refinement is not None and again.pde.terms() == result.equation.terms()
    assert plain.pde.terms() != again.pde.terms()
    # What the read-out alone knows stays.
    assert (again.steps, again.misfit) == (plain.steps, plain.misfit)
    assert [each.name for each in again.filters] == [each.name for each in plain.filters]


def test_the_rest_of_another_refinement_does_no_harm(found):
    result, folder, _ = found
    rest = folder / "refinement.safetensors"
    rest.write_bytes(b"the rest of another one")
    assert extract(folder).pde.terms() == result.equation.terms()
    assert not rest.exists()


class Stopped(Exception):
    """Somebody pressed Ctrl-C."""


def test_an_interrupted_refinement_of_a_run_goes_on(found):
    """Terms that were judged before are not judged again."""
    result, folder, _ = found
    rest = folder / "refinement.safetensors"

    def stop(event):
        if isinstance(event, Refining) and rest.exists():
            raise Stopped

    (folder / "equation.json").unlink()
    with pytest.raises(Stopped):
        extract(folder, on_event=stop)
    assert rest.exists() and not (folder / "equation.json").exists()
    events: list[Event] = []
    again = extract(folder, on_event=events.append)
    assert not [event for event in events if isinstance(event, TermJudged)]
    assert not rest.exists() and load_equation(folder / "equation.json").pde == again.pde
    for monomial, value in result.equation.numeric_terms()["u"].items():
        error = 0.1 * result.stderr["u"][monomial]
        assert again.pde.numeric_terms()["u"][monomial] == pytest.approx(value, abs=error)
    assert [each.term for each in again.refinement.decisions] == [
        each.term for each in result.details.refinement.decisions
    ]


def test_a_refinement_that_fails_leaves_the_read_out(found, caplog):
    """Where it was not asked for, it is not missed, but it is said why there is none."""
    _, folder, _ = found
    path = folder / "config.json"
    whole = path.read_text()
    record = json.loads(whole)
    record["config"]["refine"]["memory"] = 1e-6
    path.write_text(json.dumps(record))
    try:
        kept = extract(folder)
        assert kept.refinement is None and kept.pde.terms()
        assert "the equation is not refined" in caplog.text and "memory" in caplog.text
        with pytest.raises(DiscoveryError, match="memory"):
            extract(folder, refine=True)
    finally:
        path.write_text(whole)


def test_where_noise_drowned_the_network_terms_come_from_the_data(found, monkeypatch, caplog):
    """No equation in the network is no reason to stop where a refinement needs none."""
    result, folder, _ = found

    def nothing(*_args, **_kwargs):
        raise DiscoveryError("no term helps to predict held-out trajectories")

    kept = (folder / "equation.json").read_bytes()
    monkeypatch.setattr("pdenet.estimator.read_out", nothing)
    try:
        again = extract(folder)
        assert again.pde.numeric_terms().keys() == result.equation.numeric_terms().keys()
        assert set(again.pde.numeric_terms()["u"]) == set(result.equation.numeric_terms()["u"])
        assert again.refinement is not None and again.refinement.verdict == "identified"
        assert "terms come from the data alone" in caplog.text
        with pytest.raises(DiscoveryError, match="no term helps"):
            extract(folder, refine=False)
    finally:
        (folder / "equation.json").write_bytes(kept)


def test_many_data_are_refined_when_asked_for(found, monkeypatch, caplog):
    _, folder, _ = found
    monkeypatch.setattr("pdenet.training.refining.QUICK", 100)
    try:
        assert extract(folder).refinement is None
        assert f"extract({str(folder)!r}, refine=True)" in caplog.text
    finally:
        monkeypatch.undo()
        assert extract(folder).refinement is not None


def test_refining_begins_with_an_equation_a_file_or_nothing(found, burgers, tmp_path):
    result, _, _ = found
    config = RefineConfig(workers=1)
    save_equation(result.details, tmp_path / "equation.json")
    truth = PDE("u_t = -u*u_x + 0.1*u_xx")
    for begun in (PDE("u_t = -0.8*u*u_x + nu*u_xx", nu=0.2), tmp_path / "equation.json", None):
        again = refine(begun, burgers, config=config)
        comparison = compare(again.pde, truth)
        assert not comparison.missing and comparison.einf < 0.005, str(again.pde)
        assert again.refinement is not None
        assert bool(again.filters) == isinstance(begun, Path)


def test_half_of_the_values_missing(tmp_path):
    gaps, generator = tmp_path / "gaps.h5", np.random.default_rng(0)
    data = trajectories(
        "burgers-1d", shape=(64,), trajectories=8, frames=21, refine=4, noise=1e-2, seed=0,
        dt=0.02, initial={"waves": 3, "amplitude": 1.0, "constant": 1.0}, late_start=0.5,
    )  # fmt: skip
    states = data.states.numpy()
    states[generator.random(states.shape) < 0.5] = np.nan
    write_arrays(gaps, states, Grid((64,), (2 * math.pi,)), 0.02, missing=True)
    begun = PDE("u_t = -0.9*u*u_x + 0.12*u_xx")
    found = refine(begun, gaps, config=RefineConfig(choose=False, workers=1))
    comparison = compare(found.pde, PDE("u_t = -u*u_x + 0.1*u_xx"))
    assert comparison.exact and comparison.einf < 0.01, str(found.pde)
    assert found.refinement.values < 0.55 * states.size


def test_a_state_is_kept_until_it_is_removed(burgers, tmp_path):
    config = RefineConfig(choose=False, workers=1)
    begun, state = PDE("u_t = -0.9*u*u_x + 0.12*u_xx"), tmp_path / "state"
    first = refine(begun, burgers, config=config, state=state)
    again = refine(begun, burgers, config=config, state=state, resume=True)
    for monomial, value in first.pde.numeric_terms()["u"].items():
        error = 0.1 * first.stderr["u"][monomial]
        assert again.pde.numeric_terms()["u"][monomial] == pytest.approx(value, abs=error)
    other = RefineConfig(choose=False, noise=0.5)
    with pytest.raises(CheckpointError, match=r"begun with noise None, not 0\.5"):
        refine(begun, burgers, config=other, state=state, resume=True)
    with pytest.raises(ConfigError, match=r"say where it is \(state=\)"):
        refine(begun, burgers, config=config, resume=True)


def test_what_cannot_be_refined_is_refused_in_one_line(tmp_path):
    random = np.random.default_rng(0).normal(size=(4, 5, 1, 16))
    write_arrays(tmp_path / "random.h5", random, Grid((16,), (1.0,)), 0.1)
    for pde, message in ((PDE("w_t = w_x"), "is for w"), (PDE("u_t = u_xx + u_yy"), "x, y")):
        with pytest.raises(EquationError, match=message):
            refine(pde, tmp_path / "random.h5")
    with pytest.raises(CheckpointError, match="holds no equation"):
        refine(tmp_path / "none.json", tmp_path / "random.h5")


def test_diffusion_in_two_dimensions_from_an_array():
    """Another domain, time unit and size of the field than the catalogue's."""
    scale, stretch = 50.0, 3.0
    data = trajectories(
        "diffusion", shape=(24, 24), trajectories=12, frames=11, refine=1, noise=1e-3, seed=1,
        dt=0.02, initial={"waves": 2, "amplitude": 1.0, "constant": 1.0}, late_start=0.0,
    )  # fmt: skip
    grid = Grid((24, 24), (2 * math.pi * stretch,) * 2)
    result = discover(
        scale * data.states.numpy(),
        grid=grid,
        dt=0.02,
        truth=PDE("u_t = c*(u_xx + u_yy)", c=0.1 * stretch**2),
        config=SMALL,
    )
    assert_exactly_the_true_terms(result, 0.02)


def test_float32_data_and_training(burgers):
    result = discover(burgers, config=SMALL, dtype="float32")
    assert_exactly_the_true_terms(result, 0.02)
