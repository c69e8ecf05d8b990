"""The eliminated normal equations against dense linear algebra, and what the draws are for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor

from pdenet.grid import Grid
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.fit.gauss_newton import Estimate, Fit
from pdenet.likelihood.fit.information import covariance, inverse, limited, share_of
from pdenet.likelihood.fit.information import errors as standard_errors
from pdenet.likelihood.fit.normal_equations import States, reduce_states
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.fit.workers import Workers
from pdenet.likelihood.states.linearised import Linearised
from pdenet.likelihood.states.model import Model
from pdenet.noise.observations import Observations
from pdenet.optimise.krylov import conjugate_gradients
from pdenet.spectral.waves import Waves


def states_of(problem: object, data: Tensor, variance: float, seed: int = 3) -> States:
    """First states without prior knowledge but this variance of every wave."""
    waves, at = problem.dynamics.waves, problem.starts
    generator = torch.Generator().manual_seed(seed)
    wave = waves.modes(
        torch.randn(waves.points(at).shape, generator=generator, dtype=torch.float64)
    )
    return States(
        at=at,
        draw=torch.zeros_like(at),
        variance=torch.full(at.shape, variance, dtype=torch.float64),
        solved=at.new_zeros((len(at), len(problem.coefficients), *at.shape[1:])),
        white=torch.randn(data.shape, generator=generator, dtype=torch.float64),
        wave=wave,
    )


@pytest.mark.parametrize(("single", "error"), [(False, 1e-7), (True, 1e-5)])
def test_reduced_equations_are_those_of_dense_algebra(
    small: Callable[..., object], single: bool, error: float
) -> None:
    problem = small("u_t = -u*u_x + 0.1*u_xx", shape=(12,), n=1, waves=2)
    data = problem.data(4, 0.05)
    data[:, 2, :, 3:6] = torch.nan
    seen = Observations.of(data, torch.full((1, 1), 0.05, dtype=torch.float64))
    states, theta = states_of(problem, data, 0.5), problem.coefficients
    model = Model(problem.dynamics, problem.dynamics, single=single)
    found = reduce_states(model, theta, seen, states, 200, 1e-12)
    same = partial(torch.testing.assert_close, rtol=error, atol=error)
    # The same with matrices.
    waves, line = problem.dynamics.waves, Linearised.of(problem.dynamics, states.at, theta, 4)
    unit = waves.modes(torch.eye(12, dtype=torch.float64)[None, :, None])
    weight = seen.weight
    j_u = (seen.sample(waves, line.tangent(unit)) * weight[:, None])[0].flatten(1).T
    slopes = line.sensitivities(range(2))
    j_theta = (seen.sample(waves, slopes) * weight[:, None])[0].flatten(1).T
    r = seen.residual(waves, line.frames).flatten()
    u = waves.points(states.at).flatten()
    h = j_u.T @ j_u + torch.eye(12, dtype=torch.float64) / 0.5
    x = torch.linalg.solve(h, j_u.T @ j_theta)
    b = torch.linalg.solve(h, j_u.T @ r - u / 0.5)
    same(found.matrix[0], j_theta.T @ j_theta - j_theta.T @ j_u @ x)
    same(found.gradient[0], j_theta.T @ r - j_theta.T @ j_u @ b)
    same(waves.points(found.step).flatten(), b)
    same(waves.points(found.solved)[0, :, 0].T, x)
    same(found.chi2.sum(), r.square().sum())
    same(found.prior[0], u.square().sum() / 0.5)
    # The draw solves the system of its own noise.
    white = (states.white * seen.seen).flatten()
    drawn = j_u.T @ white + waves.points(states.wave).flatten() / 0.5**0.5
    same(waves.points(found.draw).flatten(), torch.linalg.solve(h, drawn))


def test_draws_have_the_covariance_of_the_state(small: Callable[..., object]) -> None:
    problem = small("u_t = 0.2*u_xx", shape=(8,), n=4000, waves=2)
    data = problem.data(3, 0.3)
    seen = Observations.of(data, torch.full((4000, 1), 0.3, dtype=torch.float64))
    states = states_of(problem, data, 0.2)
    model = Model(problem.dynamics, problem.dynamics)
    found = reduce_states(model, problem.coefficients, seen, states, 100, 1e-10)
    points = problem.dynamics.waves.points(found.draw)[:, 0]
    seen_covariance = points.T @ points / len(points)
    k = problem.dynamics.waves.numbers[0]
    times = 0.05 * torch.arange(3)
    information = sum((-0.4 * k**2 * t).exp() for t in times) / 0.09 + 5.0
    column = torch.fft.irfft(1 / information, n=8)
    rows = (torch.arange(8)[:, None] - torch.arange(8)).abs()
    expected = column[rows]
    assert float((seen_covariance - expected).norm() / expected.norm()) < 0.08


def test_a_finer_outer_model_gives_its_residuals(small: Callable[..., object]) -> None:
    problem = small("u_t = -u*u_x + 0.05*u_xx", shape=(16,), n=2, waves=3)
    fine = Waves(problem.problem.grid.refine(2), torch.zeros((), dtype=torch.float64))
    outer = replace(problem.dynamics, waves=fine, substeps=4)
    start = problem.dynamics.waves.resampled(problem.starts, fine)
    data = fine.points(outer.rollout(start, problem.coefficients, 6))[..., ::2]
    seen = Observations.of(data, torch.ones((2, 1), dtype=torch.float64))
    model = Model(problem.dynamics, outer)
    left = model.residual(seen, problem.starts, problem.coefficients, None)
    torch.testing.assert_close(left, torch.zeros_like(left))
    own = Model(problem.dynamics, problem.dynamics)
    assert float(own.residual(seen, problem.starts, problem.coefficients, None).abs().max()) > 1e-6


@pytest.mark.parametrize("unit", [1e-20, 1e-6, 1e6, 1e25])
def test_single_precision_holds_in_any_unit(small: Callable[..., object], unit: float) -> None:
    problem = small("u_t = -u*u_x + 0.1*u_xx")
    size = torch.tensor([1.0 if term.text == "u_xx" else unit for term in problem.library.terms])
    data = unit * problem.data(6, 0.05)
    problem = replace(
        problem, starts=unit * problem.starts, coefficients=problem.coefficients / size
    )
    seen = Observations.of(data, torch.full((len(data), 1), 0.05 * unit, dtype=torch.float64))
    states = states_of(problem, data, unit**2)
    found, exact = (
        reduce_states(
            Model(problem.dynamics, problem.dynamics, single=single),
            problem.coefficients, seen, states, 20, 1e-4,
        )
        for single in (True, False)
    )  # fmt: skip
    for mine, theirs in ((found.matrix, exact.matrix), (found.solved, exact.solved)):
        close = mine.flatten(2) if mine.is_complex() else mine
        same = theirs.flatten(2) if theirs.is_complex() else theirs
        scale = same.abs().amax()
        assert float((close - same).abs().amax() / scale) < 1e-4


def test_rollouts_beyond_single_precision_are_taken_again(small: Callable[..., object]) -> None:
    problem = small("u_t = 300.0*u")
    data = torch.ones((6, 5, 1, 32), dtype=torch.float64)
    seen = Observations.of(data, torch.ones((6, 1), dtype=torch.float64))
    now = Estimate(problem.coefficients, states_of(problem, data, 1.0), seen)
    with Workers.of(torch.device("cpu"), 1) as workers:
        found, exact = (
            Fit(Model(problem.dynamics, problem.dynamics, single=single), workers).reduce(now)
            for single in (True, False)
        )
    assert found.finite
    torch.testing.assert_close(found.matrix, exact.matrix, rtol=0, atol=0)


def test_draws_take_the_bias_of_weak_waves_away(small: Callable[..., object]) -> None:
    """With a prior that shrinks states, their most probable values give too little diffusion; the
    expectation over states that the data allow does not."""
    problem = small("u_t = 0.1*u_xx", shape=(64,), n=200, waves=30, dt=0.02)
    decay = (-problem.dynamics.waves.radius / 3).exp()
    problem = replace(problem, starts=problem.starts * decay)
    sigma = 0.02
    data = problem.data(8, sigma)
    variance = problem.starts.abs().square().mean(0, keepdim=True) / 64
    seen = Observations.of(data, torch.full((200, 1), sigma, dtype=torch.float64))
    states = states_of(problem, data, 1.0)
    states = replace(states, variance=variance.clamp_min(1e-12).expand(200, -1, -1))
    found = {}
    with Workers.of(torch.device("cpu"), 1) as workers:
        fit = Fit(Model(problem.dynamics, problem.dynamics), workers, learn_noise=False)
        for draws in (False, True):
            now = Estimate(problem.coefficients, states, seen)
            for _ in range(6):
                now = fit.iterate(now)
                draw = now.states.draw if draws else torch.zeros_like(now.states.draw)
                now = replace(now, states=replace(now.states, draw=draw, variance=states.variance))
            error = inverse(now.reduced.matrix.sum(0)).diagonal().sqrt()
            found[draws] = float((now.coefficients - 0.1)[0] / error[0])
    assert abs(found[True]) < 3
    assert abs(found[False]) > 3 + abs(found[True])


@pytest.mark.slow
def test_spectra_that_depend_on_direction_do_not_pull_diffusion(
    small: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waves along one axis are weaker than those along the other, as fronts make them: a prior that
    knows shells alone takes the one for more damped and the other for less."""
    problem = small("u_t = 0.1*u_xx + 0.1*u_yy", shape=(16, 16), n=40, dt=0.02)
    waves, truth = problem.dynamics.waves, problem.coefficients
    generator = torch.Generator().manual_seed(0)
    x, y = waves.numbers
    decay = (-((x / 1.5).square() + y.square()).sqrt()).exp()
    white = torch.randn((40, 1, 16, 16), generator=generator, dtype=torch.float64)
    data = replace(problem, starts=waves.modes(white) * decay).data(8, 0.005)
    setup = Setup.of(data, problem.problem, 0.02, RefineConfig())

    def errors() -> list[float]:
        with Workers.of(torch.device("cpu"), 1) as workers:
            fit = Fit(Model(problem.dynamics, problem.dynamics), workers)
            now = fit.run(setup.begin(problem.problem.grid, truth), 12)
        return ((now.coefficients - truth) / standard_errors(now.information)).tolist()

    along, across = errors()
    assert abs(along) < 4 and abs(across) < 4
    monkeypatch.setattr(
        "pdenet.noise.spectrum._sectors",
        lambda waves: torch.zeros(waves.shape, dtype=torch.long),
    )
    along, across = errors()
    assert along < -4 and across > 4


def test_conjugate_gradients_solve_each_system_by_itself() -> None:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn((7, 7), generator=generator, dtype=torch.float64)
    a = a @ a.T + torch.eye(7, dtype=torch.float64)
    b = torch.randn((2, 3, 7), generator=generator, dtype=torch.float64)
    b[0, 0] = 0
    found, left = conjugate_gradients(
        lambda x: x @ a,
        b,
        torch.zeros_like(b),
        lambda x: x,
        lambda x, y: x @ y.mT,
        50,
        torch.full((2, 3), 1e-24, dtype=torch.float64),
    )
    torch.testing.assert_close(found @ a, b)
    torch.testing.assert_close(left, b - found @ a, rtol=0, atol=1e-9)


def test_vectors_know_the_directions_of_each_other() -> None:
    """Twelve directions grow, as in chaotic dynamics; six vectors find them in three steps, one
    would take twelve."""
    generator = torch.Generator().manual_seed(1)
    some = torch.linalg.qr(torch.randn((60, 12), generator=generator, dtype=torch.float64)).Q
    a = torch.eye(60, dtype=torch.float64) + some * 10 ** torch.linspace(1, 6, 12).double() @ some.T
    b = torch.randn((1, 6, 60), generator=generator, dtype=torch.float64)

    def solved(right: Tensor, iterations: int) -> Tensor:
        zero, bound = torch.zeros_like(right), torch.zeros(right.shape[:2], dtype=torch.float64)
        return conjugate_gradients(
            lambda x: x @ a, right, zero, lambda x: x, lambda x, y: x @ y.mT, iterations, bound
        )[0]

    exact = torch.linalg.solve(a, b.mT).mT
    together, alone = solved(b, 3), solved(b[:, :1], 3)
    torch.testing.assert_close(together, exact, rtol=0, atol=1e-8)
    assert float((alone - exact[:, :1]).norm()) > 0.1 * float(exact[:, :1].norm())


def test_gaps_are_bridged_in_time() -> None:
    data = torch.tensor([0.0, torch.nan, 2.0, torch.nan, torch.nan], dtype=torch.float64)
    never = torch.full((5,), torch.nan, dtype=torch.float64)
    values = torch.stack([data, never], -1)[None, :, None]
    seen = Observations.of(values, torch.ones((1, 1), dtype=torch.float64)).bridged()
    assert seen.values[0, :, 0, 0].tolist() == [0, 1, 2, 2, 2]
    assert seen.seen[0, :, 0].tolist() == [[1, 0]] * 5


def test_sampling_and_spreading_are_transposed() -> None:
    waves = Waves(Grid((8, 6), (1.0, 1.0)), torch.zeros((), dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    u = torch.randn((1, 2, 1, 8, 6), generator=generator, dtype=torch.float64)
    y = torch.randn((1, 2, 1, 4, 3), generator=generator, dtype=torch.float64)
    seen = Observations.of(y, torch.ones((1, 1), dtype=torch.float64))
    left = (seen.sample(waves, waves.modes(u)) * y).sum()
    right = waves.inner(waves.modes(u), seen.spread(waves, y)).sum()
    torch.testing.assert_close(left, right)
    assert seen.share(waves) == pytest.approx(0.25)


def test_every_state_goes_as_far_as_is_good_for_itself(
    small: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three steps one is right, one three times too long and one in the wrong direction; the sum
    falls for none of the whole ones."""
    problem = small("u_t = 0.1*u_xx", n=3)
    data = problem.data(5, 0.01)
    setup = Setup.of(data, problem.problem, 0.05, RefineConfig())
    now = setup.begin(problem.problem.grid, problem.coefficients)
    direction = torch.ones_like(now.states.at)
    best = torch.tensor([1.0, 1 / 3, -1.0], dtype=torch.float64)

    def distances(self: Fit, at: object, seen: object, states: States, wanted: object = None):  # type: ignore[no-untyped-def]
        share = (states.at - now.states.at)[:, 0, 0].real
        return 100 * (share - best) ** 2

    monkeypatch.setattr(Fit, "objectives", distances)
    before = 100 * best**2
    with Workers.of(torch.device("cpu"), 1) as workers:
        fit = Fit(Model(problem.dynamics, problem.dynamics), workers, free=False)
        reduced = reduce_states(
            fit.model, problem.coefficients, now.seen, now.states, 1, 0.1, free=False
        )
        chi2 = before[:, None]
        reduced = replace(reduced, step=direction, chi2=chi2, prior=torch.zeros_like(before))
        _, states, whole = fit._step(now, reduced, 1.0)
    share = (states.at - now.states.at)[:, 0, 0].real
    assert torch.allclose(share, torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64))
    assert not whole


@pytest.mark.parametrize("overshoot", [2.2, 3.5])
def test_changes_that_swing_are_made_in_part(overshoot: float) -> None:
    """Whole changes that go too far by a factor above 2 lead away and away; shares of them do not,
    and changes that go nowhere too far are made whole."""
    information = torch.tensor([[4.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    rotation = torch.tensor([[0.8, -0.6], [0.6, 0.8]], dtype=torch.float64)
    axes = torch.linalg.cholesky(information).T.inverse() @ rotation

    def distances(factors: tuple[float, float]) -> list[tuple[float, float]]:
        response = axes @ torch.tensor(factors, dtype=torch.float64).diag() @ axes.inverse()
        at, last, found = torch.tensor([1.0, -1.0], dtype=torch.float64), None, []
        for _ in range(30):
            wanted = -response @ at
            share = share_of(wanted, information, last)
            last = (wanted, share * wanted)
            at = at + share * wanted
            found.append((share, float(at.norm())))
        return found

    assert distances((overshoot, 0.8))[-1][1] < 1e-6
    assert min(share for share, _ in distances((overshoot, 0.8))) < 1
    assert all(share == 1 for share, _ in distances((1.0, 0.8)))


def test_information_that_is_singular_or_not_finite_is_not_taken_for_knowledge() -> None:
    """Of two coefficients of which only the sum is seen neither is known; of numbers that blew up
    nothing is."""
    seen = torch.ones(2, 2, dtype=torch.float64) * 1e8
    assert torch.allclose(inverse(seen), seen / 4e16)
    assert float(covariance(seen).diagonal().min()) > 1
    for wrong in (torch.nan, torch.inf):
        broken = seen.clone()
        broken[0, 1] = broken[1, 0] = wrong
        assert bool((inverse(broken) == 0).all())
        assert bool(standard_errors(broken).isinf().all())


def test_coefficients_do_not_grow_out_of_all_proportion() -> None:
    change = torch.tensor([1e82, -1e82, 5.0, 7.0], dtype=torch.float64)
    coefficients = torch.tensor([-2.0, 1e-3, 0.0, 1.0], dtype=torch.float64)
    assert limited(change, coefficients).tolist() == [2000.0, -1.0, 5.0, 7.0]
