"""Whole refinements: from data of the simulators to terms, coefficients and true errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pdenet.errors import ConfigError, DiscoveryError
from pdenet.events import Event, Refining, TermJudged
from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.likelihood import RefineConfig
from pdenet.likelihood import judge as judge_module
from pdenet.likelihood import trial as trial_module
from pdenet.likelihood.finish import _settled
from pdenet.likelihood.refine import refine
from pdenet.likelihood.saving import Kept
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.pde import PDE
from pdenet.pde.compare import compare
from pdenet.problem import Problem
from pdenet.results.equation import DiscoveredEquation
from pdenet.spectral.waves import Waves
from pdenet.storage import open_data
from simulators import simulate

pytestmark = pytest.mark.slow

TRUTH = PDE("u_t = -u*u_x + 0.1*u_xx")


@pytest.fixture(scope="module")
def burgers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tensor, Problem, float]:
    """Eight trajectories of 21 frames on 64 points, without noise."""
    path = tmp_path_factory.mktemp("data") / "burgers.h5"
    simulate(
        TRUTH, path, shape=(64,), trajectories=8, frames=21, dt=0.05, late_start=0.0, seed=4,
        noise=0.0, refine=4,
    )  # fmt: skip
    with open_data(path) as data:
        return torch.from_numpy(data.read(dtype="float64")), data.problem, data.dt


def noisy(states: Tensor, level: float, seed: int = 0) -> Tensor:
    """With noise of this share of the first frame's standard deviation."""
    generator = torch.Generator().manual_seed(seed)
    size = states[:, :1].flatten(3).std(3, correction=0)[..., None]
    return states + level * size * torch.randn(
        states.shape, generator=generator, dtype=states.dtype
    )


def z_scores(found: DiscoveredEquation) -> list[float]:
    """Errors of the true terms over their standard errors."""
    return [
        (row.found - row.truth) / found.stderr[row.field][row.monomial]
        for row in compare(found.pde, TRUTH).rows
        if row.found is not None and row.truth is not None
    ]


def exact(found: DiscoveredEquation) -> bool:
    """Whether the terms are the true ones and no others."""
    return compare(found.pde, TRUTH).tpr == 1


def test_terms_and_coefficients_from_data_alone(burgers: tuple[Tensor, Problem, float]) -> None:
    states, problem, dt = burgers
    events: list[Event] = []
    found = refine(None, noisy(states, 0.1), problem, dt, RefineConfig(), events.append)
    assert exact(found)
    assert max(map(abs, z_scores(found))) < 3.5
    result = found.refinement
    assert result is not None and result.converged and result.verdict == "identified"
    assert result.chi2 == pytest.approx(1, abs=0.05)
    # The noise is 10 % of the first frame's standard deviation, r.m.s. over trajectories.
    sigma = 0.1 * float(states[:, 0].var((1, 2), correction=0).mean().sqrt())
    assert result.sigma["u"] == pytest.approx(sigma, rel=0.03)
    for monomial, error in found.stderr["u"].items():
        assert error >= 0.99 * result.bound["u"][monomial] > 0
        assert result.bootstrap["u"][monomial] == pytest.approx(
            result.bound["u"][monomial], rel=1.2
        )
    judged = [event for event in events if isinstance(event, TermJudged)]
    assert {event.monomial_text for event in judged if event.kept} >= {"u_xx", "u*u_x"}
    assert {d.term for d in result.decisions if d.kept} == {"u_xx", "u*u_x"}
    assert any(isinstance(event, Refining) for event in events)


def test_units_do_not_matter(burgers: tuple[Tensor, Problem, float]) -> None:
    """The same data in other units of u, x and t give the same equation in these units."""
    states, problem, dt = burgers
    data, found = noisy(states[:, :9], 0.02), []
    for u, x, t in ((1.0, 1.0, 1.0), (1e-18, 1e-6, 1e3)):
        grid = Grid((64,), (problem.grid.lengths[0] * x,))
        guess = PDE(f"u_t = -{0.9 * x / t / u!r}*u*u_x + {0.12 * x**2 / t!r}*u_xx")
        config = RefineConfig(choose=False)
        result = refine(guess, u * data, Problem.periodic(guess, grid), t * dt, config)
        terms = result.pde.numeric_terms()["u"]
        scales = [x**2 / t if str(m) == "u_xx" else x / t / u for m in terms]
        found.append([value / size for value, size in zip(terms.values(), scales, strict=True)])
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_wrong_terms_leave_and_missing_ones_enter(burgers: tuple[Tensor, Problem, float]) -> None:
    states, problem, dt = burgers
    wrong = PDE("u_t = -0.8*u*u_x + 0.05*u")
    found = refine(wrong, noisy(states, 0.02), problem, dt)
    assert exact(found)
    assert max(map(abs, z_scores(found))) < 3.5
    dropped = {event.monomial_text for event in found.dropped}
    assert "u" in dropped


def test_half_of_the_points_missing(burgers: tuple[Tensor, Problem, float]) -> None:
    states, problem, dt = burgers
    data = noisy(states[:6, :15], 0.01)
    gaps = torch.rand(data.shape, generator=torch.Generator().manual_seed(1)) < 0.5
    data[gaps] = torch.nan
    found = refine(None, data, problem, dt)
    assert exact(found)
    assert compare(found.pde, TRUTH).einf < 0.01
    assert found.refinement is not None
    assert found.refinement.values == int(data.isfinite().sum())


def test_every_second_point_seen(burgers: tuple[Tensor, Problem, float]) -> None:
    """The states live on a finer grid where the data's own does not hold their waves."""
    states, problem, dt = burgers
    grid = Grid((16,), problem.grid.lengths)
    coarse = Problem.periodic(TRUTH, grid)
    data = noisy(states, 0.001)[..., ::4]
    config, saves = RefineConfig(choose=False), []
    kept = Kept(None, lambda state: saves.append(dict(state)))
    found = refine(TRUTH, data, coarse, dt, config, kept=kept)
    assert found.refinement is not None
    assert found.refinement.shape[0] > 16
    assert compare(found.pde, TRUTH).einf < 0.02
    # What was saved on the finer grid goes on there.
    again = refine(TRUTH, data, coarse, dt, config, kept=Kept(saves[-1]))
    assert again.refinement is not None and again.refinement.shape == found.refinement.shape
    assert compare(again.pde, found.pde).einf < 1e-3


def test_a_field_that_is_never_seen() -> None:
    """u is moved by a v that nobody measured."""
    pde = PDE("u_t = -v*u_x + 0.1*u_xx", "v_t = -v*v_x + 0.1*v_xx")
    grid = Grid((32,), (2 * np.pi,))
    library, theta = Library.of(pde)
    dynamics = Dynamics(library, Waves(grid, torch.zeros((), dtype=torch.float64)), 0.05, 2)
    x = grid.coordinates()[0]
    starts = [[np.sin(x + k) + np.cos(2 * x), 1 + 0.5 * np.cos(x - k)] for k in range(4)]
    modes = dynamics.waves.modes(torch.from_numpy(np.array(starts)))
    data = dynamics.waves.points(dynamics.rollout(modes, theta, 15))
    generator = torch.Generator().manual_seed(0)
    data = data + 1e-3 * torch.randn(data.shape, generator=generator, dtype=torch.float64)
    data[:, :, 1] = torch.nan
    guess = PDE("u_t = -v*u_x + 0.12*u_xx", "v_t = -0.9*v*v_x + 0.08*v_xx")
    problem = Problem.periodic(pde, grid)
    found = refine(guess, data, problem, 0.05, RefineConfig(choose=False))
    terms, errors = found.pde.terms(), found.stderr
    (diffusion,) = (m for m in terms["u"] if str(m) == "u_xx")
    assert abs(float(terms["u"][diffusion]) - 0.1) < 4 * errors["u"][diffusion] < 0.05
    # Twice the v with half the coefficients is as good: nobody can tell the size of a v unseen.
    assert found.refinement.verdict == "not identifiable"
    (convection,) = (m for m in terms["u"] if str(m) != "u_xx")
    assert errors["u"][convection] > 1
    assert found.refinement.chi2 == pytest.approx(1, abs=0.2)


def test_an_interrupted_refinement_goes_on_to_the_same_result(
    burgers: tuple[Tensor, Problem, float],
) -> None:
    states, problem, dt = burgers
    data = noisy(states[:, :9], 0.2)
    saves: list[Mapping[str, Tensor]] = []
    whole = refine(TRUTH, data, problem, dt, kept=Kept(None, lambda s: saves.append(dict(s))))
    assert len(saves) >= 2
    resumed = refine(TRUTH, data, problem, dt, kept=Kept(saves[0]))
    assert resumed.pde == whole.pde
    assert resumed.stderr == whole.stderr
    assert resumed.refinement.decisions == whole.refinement.decisions


def test_a_refinement_goes_on_with_the_finer_model_that_it_had(
    burgers: tuple[Tensor, Problem, float],
) -> None:
    states, problem, dt = burgers
    coarse = Problem.periodic(TRUTH, Grid((32,), problem.grid.lengths))
    data, config = noisy(states[:, :9], 1e-4)[..., ::2], RefineConfig(choose=False)
    saves: list[Mapping[str, Tensor]] = []
    kept = Kept(None, lambda state: saves.append(dict(state)))
    whole = refine(TRUTH, data, coarse, dt, config, kept=kept)
    finer = [state for state in saves if int(state["outer_shape"]) > int(state["shape"])]
    assert 0 < len(finer) < len(saves)
    told: list[Event] = []
    resumed = refine(TRUTH, data, coarse, dt, config, told.append, Kept(finer[0]))
    assert resumed.pde == whole.pde
    assert resumed.stderr == whole.stderr
    assert sum(isinstance(event, Refining) for event in told) == len(finer) - 1


def test_the_same_seed_gives_the_same_result_on_any_number_of_cores(
    burgers: tuple[Tensor, Problem, float],
) -> None:
    states, problem, dt = burgers
    data = noisy(states[:4, :9], 0.05)
    one, two = (
        refine(TRUTH, data, problem, dt, RefineConfig(workers=n, choose=False)) for n in (1, 2)
    )
    assert one.pde == two.pde and one.stderr == two.stderr


def test_a_noise_level_that_the_data_contradict_shows_in_chi2(
    burgers: tuple[Tensor, Problem, float],
) -> None:
    states, problem, dt = burgers
    data = noisy(states[:4, :9], 0.05)
    config = RefineConfig(choose=False, noise=0.01)
    found = refine(TRUTH, data, problem, dt, config)
    assert found.refinement.noise_given
    assert found.refinement.chi2 == pytest.approx(25, rel=0.2)
    true = 0.05 * float(states[:4, 0].var((1, 2), correction=0).mean().sqrt())
    assert found.refinement.sigma["u"] == pytest.approx(true, rel=0.2)


def test_what_cannot_be_refined_is_refused(burgers: tuple[Tensor, Problem, float]) -> None:
    states, problem, dt = burgers
    with pytest.raises(DiscoveryError, match="the equation is for v"):
        refine(PDE("v_t = v_xx"), states, problem, dt)
    few = states[:, :2].clone()
    few[:, 1, :, 5:] = torch.nan
    few[:, 0, :, 40:] = torch.nan
    with pytest.raises(DiscoveryError, match="more frames of each trajectory are missing"):
        refine(None, few, problem, dt)
    with pytest.raises(DiscoveryError, match=r"need .* GiB and 1e-05 are allowed, enough for"):
        refine(TRUTH, states, problem, dt, RefineConfig(memory=1e-5))
    for wrong in ({"noise": -1.0}, {"order": 0}, {"memory": 0.0}, {"workers": 0}):
        with pytest.raises(ConfigError):
            RefineConfig(**wrong)


def test_as_much_noise_as_signal(tmp_path: Path) -> None:
    """Whole steps swing to and fro here and do not converge."""
    path, size = tmp_path / "noise.h5", {"shape": (64,), "trajectories": 12, "frames": 21}
    simulate("burgers-1d", path, dt=0.02, refine=4, noise=1.0, seed=2, **size)
    with open_data(path) as data:
        rows = data.split["train"]
        states = torch.from_numpy(data.read(rows, dtype="float64"))
        problem = data.problem
    found = refine(None, states, problem, 0.02, RefineConfig())
    assert found.refinement is not None and found.refinement.converged
    scored = compare(found.pde, TRUTH)
    assert scored.tpr == 1 and scored.einf < 0.1
    for row in scored.rows:
        assert row.found is not None and row.truth is not None
        assert abs(row.found - row.truth) < 4 * found.stderr[row.field][row.monomial]


def test_steps_that_are_too_long_do_not_bring_terms_in(tmp_path: Path) -> None:
    """Stable steps are too long for the waves of Korteweg and de Vries: with them other terms make
    up for the error."""
    truth = PDE("u_t = -u*u_x - 0.05*u_xxx")
    path, size = tmp_path / "waves.h5", {"shape": (48,), "trajectories": 6, "frames": 16}
    simulate(truth, path, dt=0.04, refine=4, noise=0.01, **size)
    with open_data(path) as data:
        states = torch.from_numpy(data.read(data.split["train"], dtype="float64"))
        problem = data.problem
    found = refine(None, states, problem, 0.04, RefineConfig(order=3))
    assert found.refinement is not None and found.refinement.converged
    scored = compare(found.pde, truth)
    assert scored.tpr == 1 and scored.einf < 0.01


def test_no_change_no_equation(tmp_path: Path, burgers: tuple[Tensor, Problem, float]) -> None:
    """Noise alone has no terms."""
    _, problem, dt = burgers
    still = torch.sin(torch.linspace(0, 6, 64, dtype=torch.float64)).expand(6, 9, 1, 64)
    data = still + 0.1 * torch.randn(
        (6, 9, 1, 64), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    with pytest.raises(DiscoveryError, match="do not change by more than their noise"):
        refine(None, data, problem, dt)


@pytest.mark.parametrize(
    ("falls", "runs"),
    [
        ((4, 4, 1.5), 3),
        ((1.1,), 1),
        ((4, 4, 4, 1), 4),
        ((4e3, 5 / 3, 15 / 14), 3),  # 2.5, 1.5, 1.4
        ((4e3, 2.4), 2),  # 1.04
        ((4, math.nan), 2),
    ],
)
def test_a_fit_goes_on_for_as_long_as_it_halves_what_chi2_has_above_one(
    falls: tuple[float, ...], runs: int
) -> None:
    one = torch.ones((1, 1), dtype=torch.float64)

    def estimate(chi2: float) -> SimpleNamespace:
        reduced = SimpleNamespace(chi2=chi2 * one, spread=0 * one)
        seen = SimpleNamespace(sigma=one, count=one)
        finite = not math.isnan(chi2)
        return SimpleNamespace(
            reduced=reduced, seen=seen, sigma=one, converged=False, finite=finite
        )

    done: list[int] = []

    def run(now: SimpleNamespace, iterations: int, step: object) -> SimpleNamespace:
        done.append(iterations)
        return estimate(float(now.reduced.chi2) / falls[len(done) - 1])

    session = SimpleNamespace(config=SimpleNamespace(iterations=12), late=lambda: False)
    found = _settled(session, SimpleNamespace(run=run), estimate(1e4), print)
    assert done == [12] * runs
    left = 1e4 / np.prod(falls[:runs])
    assert float(found.reduced.chi2) == pytest.approx(left, nan_ok=True)


def test_one_long_trajectory_is_judged_in_windows(
    small: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over 65 frames at 10 % noise no rollout of a wrong equation leads to the right one."""
    problem = small(*TRUTH.equations(), shape=(64,), dt=0.1, n=1)
    data, lengths = problem.data(65, 0.1), set()
    fit = trial_module.fit_terms

    def seen(session: Any, start: Any, *rest: Any) -> Any:
        lengths.add(tuple(start.setup.data.shape[:2]))
        return fit(session, start, *rest)

    monkeypatch.setattr(trial_module, "fit_terms", seen)
    found = refine(None, data, problem.problem, 0.1)
    assert exact(found)
    assert all(count == 4 and frames <= 16 for count, frames in lengths)
    assert max(map(abs, z_scores(found))) < 3.5
    assert found.refinement is not None  # windows of one trajectory share the noise found in it
    assert found.refinement.chi2_error > 0.3 * (2 / found.refinement.values) ** 0.5


def test_where_no_fit_comes_near_windows_are_halved(
    small: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down to the shortest, whose terms are then judged; the final fit sees whole trajectories."""
    problem = small(*TRUTH.equations(), shape=(64,), dt=0.1, n=8)
    data, frames = problem.data(17, 0.02), []
    first = judge_module.first_fit

    def seen(session: Any, setup: Any, *rest: Any) -> Any:
        frames.append(tuple(setup.data.shape[:2]))
        return first(session, setup, *rest)

    monkeypatch.setattr(judge_module, "first_fit", seen)
    monkeypatch.setattr(judge_module, "NEAR", 0.0)
    found = refine(None, data, problem.problem, 0.1)
    assert frames == [(8, 17), (16, 8), (32, 4)]
    assert exact(found) and max(map(abs, z_scores(found))) < 3.5


@pytest.mark.parametrize("mean", [0.0, 300.0, 1e5])
@pytest.mark.parametrize("dt", [0.02, 0.6])
def test_heat_whose_waves_are_soon_gone(small: Callable[..., Any], mean: float, dt: float) -> None:
    """One trajectory in kelvin: T T_x is nearly 300 T_x, which is no other equation; and with
    frames so far apart that most waves are gone after one, integrals over frames say nothing."""
    problem = small("u_t = u_xx", shape=(64,), dt=dt, n=1, waves=4)
    data = mean + problem.data(40, 0.01)
    found = refine(None, data, problem.problem, dt)
    assert list(map(str, found.pde.terms()["u"])) == ["u_xx"]
    assert found.refinement is not None and found.refinement.verdict == "identified"
    ((value, error),) = zip(
        found.pde.numeric_terms()["u"].values(), found.stderr["u"].values(), strict=True
    )
    assert abs(float(value) - 1) < 4 * error < 0.1


@pytest.mark.parametrize(
    ("equation", "mean"),
    [
        ("u_t = -0.7*u_x + 0.1*u_xx", 30.0),
        ("u_t = -0.7*u_x + 0.1*u_xx", 1e3),
        ("u_t = -0.1*u*u_x + 0.1*u_xx", 5.0),
    ],
)
def test_a_mean_far_above_what_varies(
    small: Callable[..., Any], equation: str, mean: float
) -> None:
    """u u_x is nearly u_x times the mean: the plain term where the data do not tell, the other
    where they do."""
    problem = small(equation, shape=(48,), dt=0.05, n=4)
    waves, theta = problem.dynamics.waves, problem.coefficients
    starts = problem.starts + waves.modes(torch.full((4, 1, 48), mean, dtype=torch.float64))
    finer = problem.dynamics.in_steps((16,) * 4)
    clean = waves.points(finer.rollout(starts, theta, 20))
    draw = torch.randn(clean.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = refine(None, clean + 0.02 * draw, problem.problem, 0.05)
    assert set(found.pde.terms()["u"]) == set(PDE(equation).terms()["u"])
    assert found.refinement is not None and found.refinement.verdict == "identified"
