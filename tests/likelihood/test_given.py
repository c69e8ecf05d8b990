"""Fields that are given: at any time, freed of noise, in rollouts, and what they act on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from pdenet.errors import DiscoveryError, EquationError
from pdenet.grid import Grid
from pdenet.library.terms import Library
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.refine import refine
from pdenet.likelihood.saving import Kept
from pdenet.likelihood.selection.dependent import dependent
from pdenet.likelihood.states.clock import Clock
from pdenet.likelihood.states.driving import Driving, pieces_of
from pdenet.likelihood.states.dynamics import Dynamics
from pdenet.likelihood.states.given import Given
from pdenet.likelihood.states.linearised import Linearised
from pdenet.noise.observations import Observations
from pdenet.pde import PDE
from pdenet.pde.render import format_monomial
from pdenet.problem import Problem
from pdenet.results.equation import DiscoveredEquation
from pdenet.spectral.waves import Waves

TAU = 2 * math.pi
N, FRAMES, DT = 32, 17, 0.08
GRID = Grid((N,), (TAU,))
TRUTH = PDE("rho_t = -rho*v_x - v*rho_x + 0.05*rho_xx", given=("v",))
K = np.fft.fftfreq(2 * N, 1 / (2 * N))
X = np.arange(2 * N) / (2 * N) * TAU


def d(u: np.ndarray, order: int = 1) -> np.ndarray:
    """A derivative along x on the points of the solver."""
    return np.real(np.fft.ifft((1j * K) ** order * np.fft.fft(u)))


@cache
def carried(n: int = 3) -> np.ndarray:
    """A density that a flow carries and that diffuses, and the flow: (trajectory, frame, 2, x), by
    Runge and Kutta's method on twice the points."""
    rng, steps, found = np.random.default_rng(3), 20, []
    for _ in range(n):
        a, p = rng.uniform(0.4, 0.7), rng.uniform(0, TAU, 4)

        def flow(t: float, a: float = a, p: np.ndarray = p) -> np.ndarray:
            slow = 0.3 * np.cos(2 * X - 0.7 * t * t + p[2])
            return np.asarray(a * np.sin(X + p[0]) * np.cos(1.3 * t + p[1]) + slow)

        def rate(t: float, u: np.ndarray, flow=flow) -> np.ndarray:
            return np.asarray(-d(u * flow(t)) + 0.05 * d(u, 2))

        u, h = 1 + 0.3 * np.cos(X + p[3]), DT / steps
        frames = [(u, flow(0.0))]
        for step in range((FRAMES - 1) * steps):
            t = step * h
            one = rate(t, u)
            two = rate(t + h / 2, u + h / 2 * one)
            three = rate(t + h / 2, u + h / 2 * two)
            u = u + h / 6 * (one + 2 * two + 2 * three + rate(t + h, u + h * three))
            if (step + 1) % steps == 0:
                frames.append((u, flow(t + h)))
        found.append(np.array(frames)[:, :, ::2])
    return np.array(found)


def noisy(levels: tuple[float, float], n: int = 3) -> Tensor:
    """The same with noise, as a share of the standard deviation of density and flow."""
    clean = torch.from_numpy(carried(n))
    size = clean.movedim(2, 0).flatten(1).std(1) * torch.tensor(levels, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    return clean + size[:, None] * white


def problem(fields: tuple[str, ...] = ("rho", "v")) -> Problem:
    return Problem(None, GRID, Problem.periodic(PDE("u_t = u_x"), GRID).boundaries, fields)


def found_in(data: Tensor, begin: PDE | None = None, **settings: object) -> DiscoveredEquation:
    config = RefineConfig(given=("v",), workers=1, **settings)
    return refine(begin, data, problem(), DT, config)


def ratios(found: DiscoveredEquation) -> list[float]:
    """Errors of the coefficients over their standard errors."""
    truth = TRUTH.numeric_terms()["rho"]
    return [
        (value - truth[term]) / found.stderr["rho"][term]
        for term, value in found.pde.numeric_terms()["rho"].items()
    ]


def of_waves(values: Tensor) -> Driving:
    """Given fields (trajectory, frame, field, x) without noise."""
    return Driving(pieces_of(Waves(GRID, values).modes(values)))


# At any time.


@pytest.mark.parametrize("frames", range(2, 9))
def test_between_frames_polynomials_are_exact(frames: int) -> None:
    degree = min(frames - 1, 5)
    time = torch.arange(frames, dtype=torch.float64)
    driving = Driving(pieces_of((time**degree)[None, :, None]))
    for frame in range(frames - 1):
        for part in (0.0, 0.3, 1.0):
            value = float(driving.at((frame, part)))
            assert value == pytest.approx((frame + part) ** degree, abs=1e-8)


def test_a_window_takes_its_piece() -> None:
    time = torch.arange(12, dtype=torch.float64)
    driving = Driving(pieces_of(torch.sin(time / 2)[None, :, None]))
    window = driving.cut([(0, 3), (0, 6)], 4)
    for row, first in enumerate((3, 6)):
        torch.testing.assert_close(window.at((1, 0.4))[row], driving.at((first + 1, 0.4))[0])


# Without noise and gaps.


@pytest.mark.parametrize(("level", "gaps"), [(0.05, 0.0), (0.01, 0.3), (0.0, 0.3)])
def test_the_filter_knows_what_it_leaves(level: float, gaps: float) -> None:
    clean = torch.from_numpy(carried())[:, :, 1:]
    size = clean.std()
    generator = torch.Generator().manual_seed(1)
    data = clean + level * size * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    lost = torch.rand(clean.shape, generator=generator) < gaps
    data = torch.where(lost, torch.nan, data)
    sigma = torch.full((3, 1), max(level, 1e-9) * float(size), dtype=torch.float64)
    waves = Waves(GRID, clean)
    given = Given.of(("v",), Observations.of(data, sigma), waves)
    error = (waves.points(given.frames) - clean).std() / size
    drawn = torch.stack([waves.points(given.draw(generator)).std() for _ in range(4)]).mean() / size
    assert error < max(0.5 * level, 1e-5)
    if level:
        assert 0.6 < drawn / error < 1.6


def test_derivatives_that_are_others_are_named() -> None:
    grid = Grid((16, 16), (TAU, TAU))
    x, y = (torch.from_numpy(axis) for axis in grid.mesh())
    time = torch.arange(8, dtype=torch.float64)[:, None, None]
    turned = [(x + 2 * y + time, 1, 2), (2 * x - y + time**2 / 9, 2, -1), (x + y - 2 * time, 1, 1)]
    u = sum(m * torch.sin(phase) for phase, _, m in turned)
    v = -sum(m * torch.sin(phase) for phase, m, _ in turned)
    both = torch.stack([u, v], 1)[None]  # ∂u/∂x + ∂v/∂y = 0
    sigma = torch.full((1, 2), 1e-9, dtype=torch.float64)
    given = Given.of(("u", "v"), Observations.of(both, sigma), Waves(grid, both))
    found = {jet.name: text for jet, text in dependent(given, 1).items()}
    assert found == {"v_y": "v_y = -1*u_x"}


# In rollouts.


def driven(equation: str, dt: float = 0.05) -> tuple[Dynamics, Tensor, Tensor]:
    """A rollout with a given field, its coefficients and its start."""
    library, theta = Library.of(PDE(equation, given=("v",)))
    x = torch.from_numpy(GRID.mesh()[0])
    time = dt * torch.arange(6, dtype=torch.float64)[:, None]
    v = torch.stack([torch.sin(x + time), torch.cos(2 * x - time)])[:, :, None]
    waves = Waves(GRID, v)
    dynamics = Dynamics(library.on(GRID, v), waves, dt, 3, (3, 3), driving=of_waves(v))
    start = waves.modes(torch.stack([torch.cos(x), torch.sin(2 * x) - 0.3])[:, None])
    return dynamics, theta, start


def test_what_is_added_is_integrated() -> None:
    """u_t = v + 0.1 u_xx with v = sin(x + t): every wave by itself has an exact solution."""
    dynamics, theta, start = driven("u_t = v + 0.1*u_xx")
    end = dynamics.waves.points(dynamics.rollout(start, theta, 6)[0, -1, 0])
    x, t = torch.from_numpy(GRID.mesh()[0]), 0.25
    # Of e^{ix}: a_t = −0.1 a + e^{it}, a(0) = i (cos x = Im i e^{ix}).
    a = (1j - 1 / (0.1 + 1j)) * math.exp(-0.1 * t) + np.exp(1j * t) / (0.1 + 1j)
    exact = a.real * torch.sin(x) + a.imag * torch.cos(x)
    torch.testing.assert_close(end, exact, rtol=0, atol=1e-7)


@pytest.mark.parametrize("equation", ["u_t = -u*v_x - v*u_x + 0.1*u_xx", "u_t = sin(v)*u + v_xx"])
def test_tangent_adjoint_and_sensitivities(equation: str) -> None:
    dynamics, theta, start = driven(equation, dt=0.01)
    line = Linearised.of(dynamics, start, theta, 6)
    generator = torch.Generator().manual_seed(2)
    waves = dynamics.waves
    x = waves.modes(torch.randn((2, 3, 1, N), generator=generator, dtype=torch.float64))
    y = waves.modes(torch.randn((2, 3, 6, 1, N), generator=generator, dtype=torch.float64))
    moved, step = line.tangent(x), 1e-5
    ahead, behind = (dynamics.rollout(start + sign * step * x[:, 0], theta, 6) for sign in (1, -1))
    torch.testing.assert_close((ahead - behind) / (2 * step), moved[:, 0], rtol=1e-6, atol=1e-5)
    back, along = line.gradient(y)
    torch.testing.assert_close(waves.inner(moved, y).sum(2), waves.inner(x, back))
    slopes = line.sensitivities(range(len(theta)))
    expected = waves.inner(slopes[:, None], y[:, :, None]).sum(3)
    torch.testing.assert_close(along, expected, rtol=1e-10, atol=1e-8)
    for k in range(len(theta)):
        more = theta.clone()
        more[k] += step
        change = (dynamics.rollout(start, more, 6) - line.frames) / step
        torch.testing.assert_close(change, slopes[:, k], rtol=1e-3, atol=1e-2)


def test_parts_twice_and_single_precision_take_the_given_fields_along() -> None:
    dynamics, theta, start = driven("u_t = -v*u_x + 0.1*u_xx")
    whole = dynamics.rollout(start, theta, 6)
    torch.testing.assert_close(dynamics.part(slice(1, 2)).rollout(start[1:], theta, 6), whole[1:])
    both = dynamics.twice().rollout(torch.cat([start, start]), theta, 6)
    torch.testing.assert_close(both, torch.cat([whole, whole]))
    line = Linearised.of(dynamics, start, theta, 6, single=True)
    precise = Linearised.of(dynamics, start, theta, 6).tangent(start[:, None])
    torch.testing.assert_close(
        line.tangent(start[:, None]).to(precise), precise, rtol=1e-4, atol=1e-3
    )


# Equations.


@pytest.mark.slow
def test_the_equation_of_the_others_is_found() -> None:
    found = found_in(noisy((0.01, 0.01)))
    assert found.pde.given == ("v",) and found.pde.fields == ("rho",)
    assert set(found.pde.terms()["rho"]) == set(TRUTH.terms()["rho"])
    assert found.refinement is not None and found.refinement.verdict == "identified"
    assert set(found.refinement.sigma) == {"rho"}
    assert max(map(abs, ratios(found))) < 3.5


@pytest.mark.slow
def test_noise_of_a_given_field_is_in_the_errors() -> None:
    """The flow has twenty times the noise of the density: no term makes up for it, χ² is not held
    against the equation, and the errors hold."""
    found = found_in(noisy((0.001, 0.02)))
    assert set(found.pde.terms()["rho"]) == set(TRUTH.terms()["rho"])
    assert found.refinement is not None and found.refinement.chi2 > 2
    assert found.refinement.verdict == "identified"
    assert max(map(abs, ratios(found))) < 3.5
    for term, error in found.stderr["rho"].items():
        assert error > 1.5 * found.refinement.bound["rho"][term]


@pytest.mark.slow
def test_gaps_and_the_order_of_the_fields() -> None:
    data = noisy((0.01, 0.01)).flip(2)
    lost = torch.rand(data.shape, generator=torch.Generator().manual_seed(4)) < 0.2
    config = RefineConfig(given=("v",), workers=1, choose=False)
    holes = torch.where(lost, torch.nan, data)
    found = refine(TRUTH, holes, problem(("v", "rho")), DT, config)
    assert max(map(abs, ratios(found))) < 3.5


@pytest.mark.slow
def test_it_goes_on_where_it_was() -> None:
    states: list[Mapping[str, Tensor]] = []
    data, config = noisy((0.01, 0.01)), RefineConfig(given=("v",), workers=1, choose=False)
    begin = PDE("rho_t = -0.98*rho*v_x - 1.01*v*rho_x + 0.05*rho_xx", given=("v",))
    whole = refine(begin, data, problem(), DT, config, kept=Kept(None, states.append))
    again = refine(begin, data, problem(), DT, config, kept=Kept(states[1]))
    assert again.pde.numeric_terms() == whole.pde.numeric_terms()


def test_refusals() -> None:
    data = noisy((0.01, 0.01))

    def refused(
        begin: PDE | None = None, given: tuple[str, ...] = ("v",), data: Tensor = data
    ) -> str:
        with pytest.raises(DiscoveryError) as error:
            refine(begin, data, problem(), DT, RefineConfig(given=given))
        return str(error.value)

    assert "no field 'w' to be given: the data hold rho, v" in refused(given=("w",))
    assert "all fields (rho, v) are given" in refused(given=("v", "rho"))
    both = PDE("rho_t = -v*rho_x", "v_t = v_xx")
    assert "v is given, so it has no equation" in refused(both)
    assert "give an equation for each of the data's fields but v" in refused(PDE("rho_t = rho_xx"))
    assert "with v given" in refused(TRUTH, given=())
    unseen = data.clone()
    unseen[1, :, 1] = torch.nan
    assert "v is given, but was never measured in trajectory 2" in refused(data=unseen)
    with pytest.raises(EquationError, match="'v' is given, so it has no equation of its own"):
        PDE("rho_t = -v*rho_x", "v_t = v_xx", given=("v",))


@pytest.mark.slow
def test_a_field_without_a_law_is_advised_to_be_given() -> None:
    with pytest.raises(DiscoveryError, match=r"given=\('v',\)") as error:
        refine(None, noisy((0.001, 0.001), 6), problem(), DT, RefineConfig(workers=1))
    assert error.value.shell.endswith("--given v")


def moved(maps: bool) -> tuple[Tensor, Problem]:
    """Waves in a medium of speed c(x), which was measured, or under a force g(x, t) that was: what
    drives is the same in all trajectories, and c in all frames."""
    text = "u_t = (1 + 0.5*sin(x))*u_x + 0.1*u_xx" if maps else "u_t = 0.1*u_xx + sin(x - 2*t)"
    library, theta = Library.of(PDE(text), in_time=True)
    like, n = torch.zeros((), dtype=torch.float64), 5
    clock = Clock.of(GRID, None, like.expand(n), DT, FRAMES)
    solver = Dynamics(library, Waves(GRID, like), DT, 8, clock=clock).of(library)
    generator = torch.Generator().manual_seed(1)
    white = torch.randn((n, 1, N), generator=generator, dtype=torch.float64)
    start = solver.waves.modes(white) * (solver.waves.radius <= 3)
    u = solver.waves.points(solver.rollout(start, theta, FRAMES))
    x, t = clock.coordinates["x"], DT * torch.arange(FRAMES, dtype=torch.float64)[:, None]
    drives = (1 + 0.5 * torch.sin(x)).expand(FRAMES, N) if maps else torch.sin(x - 2 * t)
    both = torch.cat([u, drives.expand(n, FRAMES, N)[:, :, None]], 2)
    noise = torch.randn(both.shape, generator=generator, dtype=torch.float64)
    return both + 0.01 * float(u[:, 0].std()) * noise, problem(("u", "v"))


@pytest.mark.slow
@pytest.mark.parametrize("maps", [True, False], ids=["c(x)", "g(x, t)"])
def test_a_map_and_a_force_that_were_measured(maps: bool) -> None:
    """Exactly the true terms, from the data alone."""
    data, about = moved(maps)
    found = refine(None, data, about, DT, RefineConfig(given=("v",), workers=1))
    assert found.refinement is not None and found.refinement.verdict == "identified"
    terms = found.pde.numeric_terms()["u"]
    truth = {"v*u_x" if maps else "v": 1.0, "u_xx": 0.1}
    assert {format_monomial(term) for term in terms} == set(truth)
    for term, value in terms.items():
        assert abs(value - truth[format_monomial(term)]) < 4 * found.stderr["u"][term]
