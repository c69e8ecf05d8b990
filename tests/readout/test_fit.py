"""Least squares through rollouts: derivatives, known solutions, outliers, standard errors."""

import math
from dataclasses import replace

import pytest
import torch

from pdenet.errors import DiscoveryError
from pdenet.library.terms import Library
from pdenet.nn import FilterBank
from pdenet.pde import PDE
from pdenet.readout.fit import Normal, Rollouts, gauss_newton, learned_axes, linearise
from pdenet.readout.steps import standard_errors, while_finite

BURGERS = PDE("u_t = -u*u_x + 0.2*u_xx + 0.05*u")
SYSTEM = PDE("u_t = -u*u_x - v*u_y + 0.2*u_xx", "v_t = 0.3*v_yy - 0.5*u*v_x + 0.1")


def problem_of(pde: PDE, points: int, *, dt: float = 0.02, constraint: object = 2) -> Rollouts:
    library, _ = Library.of(pde)
    spacing = [2 * math.pi / points] * pde.ndim
    bank = FilterBank(library.jets, pde.fields, spacing, size=5, constraint=constraint)
    return Rollouts(library, bank, learned_axes(bank), dt)


def smooth(pde: PDE, points: int, n: int, seed: int = 0) -> torch.Tensor:
    """Random fields of wave numbers up to two."""
    generator = torch.Generator().manual_seed(seed)
    shape = (n, len(pde.fields), *[points] * pde.ndim)
    modes = torch.fft.fftn(
        torch.randn(shape, generator=generator, dtype=torch.float64),
        dim=tuple(range(2, len(shape))),
    )
    for axis in range(2, len(shape)):
        wave = torch.fft.fftfreq(points, 1 / points).abs() <= 2
        modes = modes * wave.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    u = torch.fft.ifftn(modes, dim=tuple(range(2, len(shape)))).real
    return u / u.flatten(2).std(2).reshape([*shape[:2], *[1] * pde.ndim]) + 0.5


def truth_of(problem: Rollouts, pde: PDE, seed: int = 5) -> torch.Tensor:
    """The PDE's coefficients with random moments of the filters."""
    generator = torch.Generator().manual_seed(seed)
    x = problem.start(Library.of(pde)[1])
    terms = len(problem.library.terms)
    x[terms:] = 0.2 * torch.randn(len(x) - terms, generator=generator, dtype=torch.float64)
    return x


def windows_of(problem: Rollouts, x: torch.Tensor, u: torch.Tensor, steps: int) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([u[:, None], problem.predict(x, u, steps)], 1)


def none(fraction: float) -> None:
    """Nothing to tell."""


def test_held_out_windows_shrink_until_the_candidates_do_not_blow_up():
    pde = PDE("u_t = 0.2*u_xx + 4*u**3")
    problem = problem_of(pde, 16, dt=0.05)
    x, u = problem.start(Library.of(pde)[1]), smooth(pde, 16, 3)
    windows = u[:, None].repeat(1, 17, 1, 1)
    with pytest.raises(DiscoveryError, match="blows up on held-out trajectories"):
        linearise(problem, x, windows)
    shorter = while_finite(problem, x, windows)
    assert 2 <= shorter.shape[1] < 17 and torch.equal(shorter, windows[:, : shorter.shape[1]])
    linearise(problem, x, shorter)
    gentle = torch.zeros_like(x)
    assert while_finite(problem, gentle, windows).shape == windows.shape


@pytest.mark.parametrize(
    ("pde", "points", "substeps"), [(BURGERS, 24, 1), (BURGERS, 24, 2), (SYSTEM, 12, 1)]
)
def test_the_normal_equations_against_finite_differences(pde, points, substeps):
    problem = replace(problem_of(pde, points), substeps=substeps)
    x = truth_of(problem, pde)
    windows = windows_of(problem, 0.9 * x, smooth(pde, points, 3), 4)
    scale = 0.01 + 0.02 * torch.rand(3, len(pde.fields), generator=torch.Generator()).double()
    normal = problem.normal(x, windows, scale, none)

    residual = problem.residuals(x, windows)
    columns = []
    for k in range(len(x)):
        h = torch.zeros_like(x)
        h[k] = 1e-5
        up, down = (problem.residuals(x + sign * h, windows) for sign in (1, -1))
        columns.append((down - up) / 2e-5)
    jacobian = torch.stack(columns, 1).flatten(2)
    spread = scale.reshape(3, 1, len(pde.fields), *[1] * pde.ndim)
    weight = (5 / (4 + (residual / spread) ** 2) / spread**2).flatten(1)
    flat = residual.flatten(1)
    n = flat.shape[1]
    matrix = torch.einsum("wkn,wn,wln->wkl", jacobian, weight, jacobian) / n
    gradient = torch.einsum("wkn,wn,wn->wk", jacobian, weight, flat) / n
    misfit = (weight * flat**2).sum(1) / n
    torch.testing.assert_close(normal.matrix, matrix, rtol=1e-6, atol=1e-7 * float(matrix.max()))
    torch.testing.assert_close(normal.gradient, gradient, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(normal.misfit, misfit)


def test_blocks_do_not_change_the_result(monkeypatch):
    problem = problem_of(BURGERS, 24)
    x = truth_of(problem, BURGERS)
    windows = windows_of(problem, 0.9 * x, smooth(BURGERS, 24, 5), 3)
    scale = torch.full((5, 1), 0.01, dtype=torch.float64)
    whole, residual = problem.normal(x, windows, scale, none), problem.residuals(x, windows)
    monkeypatch.setattr("pdenet.readout.fit.BLOCK", {"cpu": 1, "cuda": 1})
    told: list[float] = []
    parts = problem.normal(x, windows, scale, told.append)
    torch.testing.assert_close(parts.matrix, whole.matrix)
    torch.testing.assert_close(parts.gradient, whole.gradient)
    torch.testing.assert_close(problem.residuals(x, windows), residual)
    assert told == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.mark.parametrize(("pde", "points"), [(BURGERS, 32), (SYSTEM, 14)], ids=["1-D", "2-D"])
def test_coefficients_and_filters_are_recovered_from_their_own_rollout(pde, points):
    problem = problem_of(pde, points)
    truth = truth_of(problem, pde)
    windows = windows_of(problem, truth, smooth(pde, points, 6), 5)
    start = problem.start(0.7 * truth[: len(problem.library.terms)])
    fit = gauss_newton(problem, start, windows, iterations=12, tolerance=0)
    terms = len(problem.library.terms)
    torch.testing.assert_close(fit.x[:terms], truth[:terms], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(fit.x[terms:], truth[terms:], rtol=1e-3, atol=1e-4)


def test_frozen_filters_leave_coefficients_alone():
    problem = problem_of(BURGERS, 32, constraint="frozen")
    assert len(problem.free) == 0
    truth = truth_of(problem, BURGERS)
    windows = windows_of(problem, truth, smooth(BURGERS, 32, 4), 5)
    fit = gauss_newton(problem, 0 * truth, windows, iterations=12, tolerance=0)
    torch.testing.assert_close(fit.x, truth, rtol=1e-6, atol=1e-8)


def test_a_region_of_outliers_does_not_move_the_fit():
    problem = problem_of(BURGERS, 64, constraint="frozen")
    truth = truth_of(problem, BURGERS)
    windows = windows_of(problem, truth, smooth(BURGERS, 64, 8), 5)
    noise = torch.randn(windows.shape, generator=torch.Generator().manual_seed(1)).double()
    windows[:, 1:] += 1e-4 * noise[:, 1:]
    clean = gauss_newton(problem, truth, windows, iterations=6)
    windows[:, 1:, :, :4] += 0.3
    robust = gauss_newton(problem, truth, windows, iterations=12)
    assert float((robust.x / truth - 1).abs().max()) < 5e-3
    # Plain least squares, the first step with equal weights, is off by far more.
    equal = problem.normal(truth, windows, torch.full((8, 1), 1e6, dtype=torch.float64), none)
    plain = torch.linalg.solve(equal.matrix.sum(0), equal.gradient.sum(0))
    assert float((plain / truth).abs().max()) > 0.05
    assert float((clean.x / truth - 1).abs().max()) < 5e-3


def test_a_start_that_blows_up_is_told():
    problem = problem_of(BURGERS, 32)
    windows = windows_of(problem, truth_of(problem, BURGERS), smooth(BURGERS, 32, 2), 3)
    wild = problem.start(torch.tensor([1.0, 1.0, -1e150], dtype=torch.float64))
    with pytest.raises(DiscoveryError, match="blows up within a window"):
        gauss_newton(problem, wild, windows, iterations=2)
    with pytest.raises(DiscoveryError, match="blows up on held-out"):
        linearise(problem, wild, windows)


def test_a_step_that_blows_up_is_halved():
    """The full first step from far away is too long; the objective still falls every time."""
    pde = PDE("u_t = -u**3 + 0.1*u_xx")
    problem = problem_of(pde, 32, dt=0.01, constraint="frozen")
    truth = truth_of(problem, pde)
    windows = windows_of(problem, truth, 2 * smooth(pde, 32, 6), 6)
    fit = gauss_newton(problem, 0 * truth, windows, iterations=40, tolerance=0)
    torch.testing.assert_close(fit.x, truth, rtol=1e-6, atol=1e-7)


def test_progress_goes_up_to_one():
    problem = problem_of(BURGERS, 32, constraint="frozen")
    truth = truth_of(problem, BURGERS)
    windows = windows_of(problem, truth, smooth(BURGERS, 32, 4), 3)
    told: list[float] = []
    gauss_newton(
        problem, 0.9 * truth, windows, iterations=3, on_progress=lambda done, x: told.append(done)
    )
    assert told == sorted(told) and told[-1] == 1.0


def test_moments_of_an_earlier_fit_are_carried_by_name():
    problem = problem_of(BURGERS, 32)
    x = truth_of(problem, BURGERS)
    smaller = problem_of(PDE("u_t = 0.2*u_xx"), 32)
    start = smaller.start(torch.tensor([0.3]).double(), problem.moments(x))
    kernel = problem.kernels(x)[problem.bank.indices.index((2,))]
    torch.testing.assert_close(smaller.kernels(start)[0], kernel)
    torch.testing.assert_close(
        smaller.kernels(smaller.start(torch.zeros(1).double()))[0].sum(),
        torch.zeros(()).double(),
        atol=1e-9,
        rtol=0,
    )


def test_only_moments_along_a_derivative_are_learned():
    jets = Library.of(PDE("u_t = u_x + u_yy + u_xy"))[0].jets
    bank = FilterBank(jets, ("u",), (0.1, 0.1), size=5, constraint=2)
    places = torch.stack(torch.unravel_index(bank.positions, (3, 5, 5)), 1)[learned_axes(bank)]
    found = {(bank.indices[k], (i, j)) for k, i, j in places.tolist()}
    assert found == {((1, 0), (3, 0)), ((0, 2), (0, 4))}


def test_as_many_substeps_as_stability_asks_for():
    pde = PDE("u_t = 1.0*u_xx")
    problem = problem_of(pde, 64, dt=0.1, constraint="frozen")
    x = torch.ones(1, dtype=torch.float64)
    u = smooth(pde, 64, 2)
    stable = problem.stabilised(x, u, torch.Generator().manual_seed(0))
    radius = 16 / 3 / (2 * math.pi / 64) ** 2
    assert 0.8 * 0.1 * radius / 2.4 <= stable.substeps <= math.ceil(0.1 * radius / 2.4)
    assert bool(stable.predict(x, u, 20).abs().max() < 2 * u.abs().max())
    assert not bool(problem.predict(x, u, 20).abs().max() < 1e3)


def test_standard_errors_are_the_spread_over_draws_of_the_noise():
    """A line through noisy points, in 40 windows: 600 draws against the formula, within 20 %."""
    generator = torch.Generator().manual_seed(2)
    design = torch.randn(40, 25, 2, generator=generator, dtype=torch.float64)
    truth = torch.tensor([1.0, -2.0], dtype=torch.float64)
    # Errors differ between windows and are correlated within them, as the formula allows.
    level = 0.5 + torch.rand(40, 1, generator=generator, dtype=torch.float64)
    matrix = torch.einsum("wnk,wnl->wkl", design, design) / 25
    found, errors = [], []
    for _ in range(600):
        common = torch.randn(40, 1, generator=generator, dtype=torch.float64)
        own = torch.randn(40, 25, generator=generator, dtype=torch.float64)
        y = design @ truth + level * (0.7 * own + 0.7 * common)
        estimate = torch.linalg.solve(matrix.sum(0), torch.einsum("wnk,wn->k", design, y) / 25)
        residual = y - design @ estimate
        gradient = torch.einsum("wnk,wn->wk", design, residual) / 25
        found.append(estimate)
        errors.append(standard_errors(Normal(matrix, gradient, residual.square().mean(1))))
    spread = torch.stack(found).std(0)
    torch.testing.assert_close(torch.stack(errors).mean(0), spread, rtol=0.2, atol=0)
