"""Unknown coefficients, forcings and sources: as sums of functions, and recovered from data."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import sympy
import torch
from torch import Tensor

from pdenet.boundary import Open
from pdenet.discovery.equation import DiscoveredEquation
from pdenet.discovery.refine.better import is_lost, is_vain, is_worse, rise
from pdenet.discovery.refine.choose import Quadratic, choose
from pdenet.discovery.refine.config import RefineConfig
from pdenet.discovery.refine.eliminate import States
from pdenet.discovery.refine.ladder import CURVE, climbed, is_short, ladders_of, shortened
from pdenet.discovery.refine.linearised import Linearised
from pdenet.discovery.refine.refine import refine
from pdenet.discovery.refine.series import Range, along, is_formula, opened, series_of
from pdenet.discovery.refine.setup import Setup
from pdenet.discovery.refine.shown import shown
from pdenet.discovery.refine.unknowns import begun, gain, ranges_of, whole_of
from pdenet.discovery.refine.vary import varied
from pdenet.discovery.refine.weak import weak_form
from pdenet.discovery.terms import Library
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.unknown import OpenPDE
from pdenet.problem import Problem

X, T, U = sympy.symbols("x t u", real=True)
RANGES = {
    "x": Range(0.0, 2 * math.pi, 32, periodic=True),
    "y": Range(0.0, 1.0, 16),
    "t": Range(0.0, 1.0, 21),
    "u": Range(-1.0, 3.0, 10_000),
}


def open_pde(text: str, axes: tuple[str, ...] = ("x",)) -> OpenPDE:
    return OpenPDE.from_text(text, axes)


def test_functions_along_an_axis() -> None:
    waves = list(along("x", RANGES["x"]))
    assert waves[:3] == [(0, sympy.Integer(1)), (1, sympy.cos(X)), (1, sympy.sin(X))]
    assert waves[-1][0] == 5  # six points for each wave
    powers = list(along("t", RANGES["t"]))
    assert [f for _, f in powers[:4]] == [1, T, T**2, T**3]
    assert powers[-1][0] == 7
    assert is_formula([f for _, f in powers[:4]])
    assert not is_formula([f for _, f in powers])
    far = list(along("u", Range(299.0, 301.0, 1000)))
    inside = [float(f.subs(U, 300.3)) for _, f in far[:4]]
    assert inside == pytest.approx([1, 0.3, (3 * 0.09 - 1) / 2, (5 * 0.027 - 0.9) / 2], abs=1e-9)


def test_levels_of_products() -> None:
    (unknown,) = open_pde("u_t = a(x, t)*u_x").unknown
    series = series_of(unknown, RANGES)
    assert series.levels[:4] == (0, 1, 1, 1)
    assert set(series.functions[1:4]) == {sympy.cos(X), sympy.sin(X), T}
    assert len(series.functions) == 25 and max(series.levels) == 4
    assert not series.of_field(("u",))


def test_terms_of_an_equation_with_unknowns() -> None:
    equation = open_pde("u_t = -2*sin(x)*a(t)*u_x + b*u_xx + 0.5*u + f(u) + g(x)")
    library, values, series = opened(equation, RANGES)
    names = [str(term.name) for term in library.terms]
    assert len(set(names)) == len(names)
    # The constant, which f and g share, is there once, and u, which is known, is not in f.
    assert names.count("1") == 1 and names.count("u") == 1
    assert values[names.index("u")] == 0.5 and math.isnan(values[names.index("u_xx")])
    assert "t*u_x*sin(x)" in names and "u**2" in names and "cos(x)" in names
    assert [(each.unknown.text, each.scale) for each in series if each.scale != 1] == [("a(t)", -2)]
    levels = ladders_of(library)
    assert len(levels) == 3 and len(levels[0][0]) == 1
    for ladder in levels:
        parts = {library.terms[k].part.name for level in ladder for k in level}
        assert len(parts) == 1
    square = next(term for term in library.terms if str(term.name) == "u**2")
    assert [each.unknown.text for each in series if each.holds(square)] == ["f(u)"]


def quadratic(theta: list[float], seed: int = 0, values: int = 4000) -> Quadratic:
    """Of a regression with unit noise on orthonormal columns times 10, in eight trajectories."""
    generator = torch.Generator().manual_seed(seed)
    n, count = 8, len(theta)
    columns = torch.randn((n, values // n, count), generator=generator, dtype=torch.float64) / 6.3
    noise = torch.randn((n, values // n), generator=generator, dtype=torch.float64)
    left = columns @ torch.tensor(theta, dtype=torch.float64) + noise
    matrix = columns.transpose(1, 2) @ columns
    gradient = (columns * left[..., None]).sum(1)
    return Quadratic(torch.zeros(count, dtype=torch.float64), matrix, gradient, values)


def test_a_ladder_is_climbed_as_far_as_the_data_ask_for() -> None:
    ladder = tuple((k,) for k in range(1, 8))
    heights = []
    for seed in range(20):
        found = quadratic([5.0, 3.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0], seed)
        kept = climbed(found.value, [0], [ladder], CURVE)
        assert {0, 1, 2, 3} <= set(kept)
        heights.append(len(kept))
        assert climbed(found.value, [0], [ladder], CURVE, frozenset({2})) == [0, 1]
    assert np.mean(heights) < 6  # chance adds a function now and then, and no more


def test_a_formula_pays_for_its_functions() -> None:
    ladder = tuple((k,) for k in range(1, 8))
    found = quadratic([5.0, 3.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0])
    kept = shortened(found.value, range(8), [ladder], found.price, 1.0)
    assert kept == [0, 1, 3] and is_short(kept)
    # Many small ones, none of which is worth it alone, are no formula together.
    many = quadratic([5.0, 3.0, *[0.25] * 6])
    assert shortened(many.value, range(8), [ladder], many.price, 1.0) == list(range(8))


def test_functions_are_judged_together_and_other_terms_one_by_one() -> None:
    ladder = ((1,), (2, 3), (4, 5))
    found = quadratic([5.0, 0.0, 0.2, 0.2, 0.0, 0.0, 0.2])
    choice = choose(found, lambda a, b: True, ladders=[ladder])
    assert {0, 1} <= set(choice.kept)  # the constant of an unknown stays
    assert 6 not in choice.kept  # 1.4 standard errors are no term
    assert all({rival.leaves, rival.enters} <= {0, 6, None} for rival in choice.rivals)


@pytest.mark.parametrize(
    "text", ["u_t = a(x)*u_x + b(t)*u_xx + g(x, t)", "u_t = 0.1*u_xx + f(u) + a(x)*u*u_x"]
)
def test_derivatives_of_rollouts_along_unknowns(small: Callable[..., object], text: str) -> None:
    """Sensitivities by differences, and the adjoint as their transpose."""
    problem = small("u_t = 0.1*u_xx", n=2, dt=0.005)
    spans = {**RANGES, "u": Range(-4.0, 4.0, 30)}
    library, values, _ = opened(open_pde(text), spans)
    generator = torch.Generator().manual_seed(0)
    theta = 0.02 * torch.randn(len(values), generator=generator, dtype=torch.float64)
    dynamics = problem.dynamics.of(library)
    line = Linearised.of(dynamics, problem.starts, theta, 3)
    slopes = line.sensitivities(range(len(theta)))
    for j in range(0, len(theta), 5):
        step = torch.zeros_like(theta)
        step[j] = 1e-5
        ends = [dynamics.rollout(problem.starts, theta + s * step, 3) for s in (1, -1)]
        expected = (ends[0] - ends[1]) / 2e-5
        size = float(expected.abs().max())
        torch.testing.assert_close(slopes[:, j], expected, rtol=1e-4, atol=2e-4 * size)
    waves = dynamics.waves
    y = torch.randn((2, 1, 3, 1, 32), generator=generator, dtype=torch.float64)
    modes = waves.modes(y)
    _, along_theta = line.gradient(modes)
    expected = waves.inner(slopes[:, None], modes[:, :, None]).sum(3)
    torch.testing.assert_close(along_theta, expected, rtol=1e-10, atol=1e-8)


def data_of(
    small: Callable[..., object], text: str, frames: int = 21, noise: float = 0.01,
    scale: float = 1.0, mean: float = 0.0, **settings: object,
) -> tuple[Tensor, Problem]:  # fmt: skip
    """Rollouts with noise, as a share of the first frame's standard deviation."""
    problem = small(text, **settings)
    starts = scale * problem.starts
    starts.flatten(2)[..., 0] += mean * problem.dynamics.waves.grid.size
    dynamics = problem.dynamics.in_steps((8,) * len(starts))
    clean = dynamics.waves.points(dynamics.rollout(starts, problem.coefficients, frames))
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    given = Problem(None, problem.problem.grid, problem.problem.boundaries, ("u",))
    return clean + noise * float(clean[:, 0].std()) * white, given


def test_first_values_are_near(small: Callable[..., object]) -> None:
    truth = "u_t = (1 + 0.5*sin(x))*u_x + 0.1*u_xx"
    data, problem = data_of(small, truth)
    setup = Setup.of(data, problem, 0.05, RefineConfig())
    spans = ranges_of(setup)
    assert spans["x"] == Range(0.0, 2 * math.pi, 32, True)
    assert spans["t"] == Range(0.0, 1.0, 21)
    assert spans["u"].low < -1 and spans["u"].high > 1
    assert whole_of(setup).values.shape == data.shape
    library, start, series = begun(open_pde("u_t = a(x)*u_x + b*u_xx"), setup)
    table = {str(term.name): value for term, value in zip(library.terms, start, strict=True)}
    assert table["u_x"] == pytest.approx(1, abs=0.02)
    assert table["u_x*sin(x)"] == pytest.approx(0.5, abs=0.02)
    assert table["u_xx"] == pytest.approx(0.1, rel=0.05)
    spread = torch.eye(len(start), dtype=torch.float64)
    found = shown(series, library, start, spread, setup)
    assert found.maps[0].values == pytest.approx(1 + 0.5 * np.sin(found.maps[0].points[0]), abs=0.1)


def refined(text: str, data: Tensor, problem: Problem, **settings: object) -> DiscoveredEquation:
    config = RefineConfig(workers=1, **{"choose": False, **settings})
    return refine(open_pde(text, problem.grid.axes), data, problem, 0.05, config)


def ratio(found: np.ndarray, truth: np.ndarray, errors: np.ndarray | None) -> float:
    """R.m.s. error over r.m.s. standard error."""
    assert errors is not None
    return float(np.sqrt(np.mean((found - truth) ** 2) / np.mean(errors**2)))


@pytest.mark.parametrize(
    ("truth", "found"),
    [
        ("u_t = (1 + 0.5*sin(x))*u_x + 0.1*u_xx", "a(x)*u_x"),
        ("u_t = 0.5*u_x + (0.2 + 0.1*cos(3*t))*u_xx", "a(t)*u_xx"),
        ("u_t = 0.5*u_x + 0.1*u_xx + 0.5*cos(2*x)", "g(x)"),
        ("u_t = 0.5*u_x + 0.1*u_xx + cos(3*t)", "g(t)"),
        ("u_t = 0.5*u_x + 0.1*u_xx", None),
    ],
)
def test_what_is_proposed_to_vary(
    small: Callable[..., object], truth: str, found: str | None
) -> None:
    data, problem = data_of(small, truth)
    setup = Setup.of(data, problem, 0.05, RefineConfig())
    library = Library.of(PDE("u_t = u_x + u_xx"))[0]
    equation = varied(library, (), setup)
    assert (equation and equation.equations()[0].split(" + ")[0]) == (found and f"u_t = {found}")
    if equation is not None:  # and once more, nothing besides
        wide, _, series = opened(equation, ranges_of(setup))
        assert varied(wide, series, setup) is None


def test_squares_are_lower_by_what_is_gained(small: Callable[..., object]) -> None:
    data, problem = data_of(small, "u_t = 0.5*u_x + 0.1*u_xx", noise=1e-3)
    setup = Setup.of(data, problem, 0.05, RefineConfig())
    products = tuple(term.product for term in Library.of(PDE("u_t = u_x + u_xx"))[0].terms)
    form = weak_form(whole_of(setup), ("u",), products)
    none = torch.zeros(2, dtype=torch.float64)
    squares = form.squares(0, form.surprise(0, none)[1])
    lower, found = gain(squares, none, [0, 1])
    assert found.tolist() == pytest.approx([0.5, 0.1], rel=0.02)
    assert lower == pytest.approx(float(squares.square.sum()), rel=0.01)
    beside, one = gain(squares, torch.tensor([0.5, 0.0], dtype=torch.float64), [1])
    assert one.tolist() == pytest.approx([0.1], rel=0.02) and 0 < beside < lower


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coefficient", "force"])
def test_what_varies_is_found_in_the_data_alone(small: Callable[..., object], name: str) -> None:
    truth = {
        "coefficient": "u_t = (1 + 0.5*sin(x))*u_x + 0.1*u_xx",
        "force": "u_t = 0.5*u_x + 0.1*u_xx + 0.5*cos(2*x)",
    }[name]
    data, problem = data_of(small, truth)
    found = refine(None, data, problem, 0.05, RefineConfig(workers=1))
    assert found.refinement is not None and found.refinement.verdict == "identified"
    told = {"coefficient": "the coefficient of u_x varies along x", "force": "a force varies"}
    assert told[name] in found.refinement.reason
    terms = {
        str(monomial * basis): (value, found.stderr["u"][monomial * basis])
        for monomial, bases in found.pde.expansions()["u"].items()
        for basis, value in bases.items()
    }
    true = {"u_xx": 0.1} | (
        {"u_x": 1.0, "u_x*sin(x)": 0.5} if name == "coefficient" else {"u_x": 0.5, "cos(2*x)": 0.5}
    )
    assert terms.keys() == true.keys()
    assert all(abs(value - true[term]) < 4 * error for term, (value, error) in terms.items())


@pytest.mark.slow
def test_a_coefficient_that_varies_in_space(small: Callable[..., object]) -> None:
    data, problem = data_of(small, "u_t = (1 + 0.5*sin(x))*u_x + 0.1*u_xx")
    found = refined("u_t = a(x)*u_x + b*u_xx", data, problem)
    assert found.refinement is not None and found.refinement.verdict == "identified"
    (each,) = found.maps
    (x,) = each.points
    assert (each.name, each.term, each.axes, each.kind) == ("a", "u_x", ("x",), "varying")
    assert ratio(each.values, 1 + 0.5 * np.sin(x), each.errors) < 2
    terms = found.pde.expansions()["u"]
    assert {str(basis) for basis in terms[sympy.Symbol("u_x", real=True)]} == {"1", "sin(x)"}
    for monomial, bases in terms.items():
        for basis, value in bases.items():
            true = {"u_x": 1.0, "u_x*sin(x)": 0.5, "u_xx": 0.1}[str(monomial * basis)]
            assert abs(value - true) < 3.5 * found.stderr["u"][monomial * basis]
            assert found.stderr["u"][monomial * basis] < 0.01 * true


@pytest.mark.slow
def test_a_coefficient_without_a_formula_is_a_map(small: Callable[..., object]) -> None:
    data, problem = data_of(small, "u_t = exp(sin(x))*u_x + 0.1*u_xx")
    found = refined("u_t = a(x)*u_x + b*u_xx", data, problem)
    assert found.refinement is not None and found.refinement.verdict == "identified"
    assert found.lines()[0].endswith("*u_xx + a(x)*u_x")
    (each,) = found.maps
    assert each.formula is None and each.reason
    (x,) = each.points
    assert ratio(each.values, np.exp(np.sin(x)), each.errors) < 2
    assert float(np.sqrt(np.mean(each.errors**2))) < 0.005


@pytest.mark.slow
def test_a_coefficient_that_varies_in_time(small: Callable[..., object]) -> None:
    data, problem = data_of(small, "u_t = 0.5*u_x + (0.2 + 0.1*cos(3*t))*u_xx")
    found = refined("u_t = c*u_x + b(t)*u_xx", data, problem)
    assert found.refinement is not None and found.refinement.verdict == "identified"
    (each,) = found.maps
    (t,) = each.points
    assert each.axes == ("t",) and t[0] == 0 and t[-1] == pytest.approx(1.0)
    assert ratio(each.values, 0.2 + 0.1 * np.cos(3 * t), each.errors) < 2.5


@pytest.mark.slow
def test_a_source_of_unknown_shape(small: Callable[..., object]) -> None:
    """Beside terms that are judged: none enters."""
    data, problem = data_of(small, "u_t = 0.1*u_xx + u - u**2", scale=0.2, mean=0.4)
    found = refined("u_t = D*u_xx + f(u)", data, problem, choose=True)
    assert found.refinement is not None and found.refinement.verdict == "identified"
    (curve,) = found.curves
    assert (curve.name, curve.of, curve.term) == ("f", "u", "")
    assert ratio(curve.values, curve.points - curve.points**2, curve.errors) < 2.5
    assert set(map(str, found.pde.terms()["u"])) == {"u", "u**2", "u_xx"}
    assert curve.density.sum() == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_a_forcing_of_unknown_shape(small: Callable[..., object]) -> None:
    data, problem = data_of(small, "u_t = 0.1*u_xx + 0.5*u_x + 0.5*sin(x) + 0.2*cos(2*x)")
    found = refined("u_t = D*u_xx + c*u_x + g(x)", data, problem)
    assert found.refinement is not None and found.refinement.verdict == "identified"
    (each,) = found.maps
    (x,) = each.points
    assert each.term == "1" and each.multiplied == ""
    assert ratio(each.values, 0.5 * np.sin(x) + 0.2 * np.cos(2 * x), each.errors) < 2.5


@pytest.mark.slow
def test_two_dimensions(small: Callable[..., object]) -> None:
    text = "u_t = (0.6 + 0.3*cos(x))*u_x + 0.3*sin(y)*u_y + 0.2*u_xx + 0.2*u_yy"
    data, problem = data_of(small, text, frames=11, shape=(16, 16), n=4, waves=2)
    equation = "u_t = a(x, y)*u_x + b(y)*u_y + c*u_xx + d*u_yy"
    found = refined(equation, data, problem)
    assert found.refinement is not None and found.refinement.verdict == "identified"
    a, b = found.maps
    x, _ = np.meshgrid(*a.points, indexing="ij")
    assert ratio(a.values, 0.6 + 0.3 * np.cos(x), a.errors) < 2.5
    assert a.axes == ("x", "y") and b.axes == ("y",)
    assert ratio(b.values, 0.3 * np.sin(b.points[0]), b.errors) < 2.5


@pytest.mark.slow
def test_a_window(small: Callable[..., object]) -> None:
    """Half of a periodic box, of which nothing else is told."""
    data, _ = data_of(small, "u_t = (1 + 0.5*sin(x))*u_x + 0.1*u_xx", shape=(64,))
    grid = Grid((36,), (35 * math.pi / 32,), endpoint=True)
    window = Problem(None, grid, ((Open(), Open()),), ("u",))
    found = refined("u_t = a(x)*u_x + b*u_xx", data[..., :36], window)
    (each,) = found.maps
    (x,) = each.points
    assert ratio(each.values, 1 + 0.5 * np.sin(x), each.errors) < 3
    assert np.max(np.abs(each.values - 1 - 0.5 * np.sin(x))) < 0.05


def fit_with(chi2: float, theta: list[float], *, finite: bool = True) -> SimpleNamespace:
    """What is asked of a fit of two terms, the second of which is a part of an unknown function."""
    library = opened(open_pde("u_t = b*u_xx + a(x)*u"), RANGES)[0]
    values, one = torch.tensor(theta, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    now = SimpleNamespace(
        finite=finite, coefficients=values, sigma=one, states=States(*[one] * 6),
        seen=SimpleNamespace(count=100 * one, sigma=one, values=one, size=one),
        reduced=SimpleNamespace(chi2=100 * chi2 * one, spread=0 * one),
    )  # fmt: skip
    fit = SimpleNamespace(
        model=SimpleNamespace(inner=SimpleNamespace(library=library)),
        objectives=lambda coefficients, seen, states: 100 * chi2 * one,
    )
    return SimpleNamespace(now=now, fit=fit, setup=SimpleNamespace(sigma=one, shown=one))


def test_a_fit_beside_another() -> None:
    library = fit_with(1.0, []).fit.model.inner.library
    functions = [k for k, term in enumerate(library.terms) if term.part is not None]
    (number,) = (k for k, term in enumerate(library.terms) if term.part is None)

    def theta(*places: int) -> list[float]:
        return [float(k in places) for k in range(len(library.terms))]

    before = fit_with(1.0, theta(functions[0]))
    assert rise(fit_with(1.2, theta(number)), before) == pytest.approx(20)
    # A number must gain half of its price of 10; functions are judged as a ladder.
    both = theta(functions[0], number)
    assert is_vain(fit_with(0.96, both), before, 10.0)
    assert not is_vain(fit_with(0.94, both), before, 10.0)
    assert not is_vain(fit_with(1.0, theta(*functions)), before, 10.0)
    assert is_worse(fit_with(1.6, both), before) and not is_worse(fit_with(1.4, both), before)
    assert is_worse(fit_with(1.0, both, finite=False), before)
    assert not is_worse(fit_with(9.0, both), fit_with(1.0, both, finite=False))
    assert not is_lost(fit_with(1.0, both, finite=False), before)


@pytest.mark.slow
def test_a_function_that_explains_nothing_is_left_out(small: Callable[..., object]) -> None:
    """A second field that was not measured acts on the first: a coefficient a(x) mends a little of
    what is missing, and is no answer."""
    problem = small("u_t = 0.1*u_xx + v*u_x", "v_t = 0.1*v_xx - u", shape=(24,), n=3)
    clean = problem.dynamics.in_steps((4,) * 3)
    states = clean.waves.points(clean.rollout(problem.starts, problem.coefficients, 13))[:, :, :1]
    generator = torch.Generator().manual_seed(0)
    data = states + 0.01 * torch.randn(states.shape, generator=generator, dtype=torch.float64)
    given = Problem(None, problem.problem.grid, problem.problem.boundaries, ("u",))
    setup = Setup.of(data, given, 0.05, RefineConfig())
    assert varied(Library.of(PDE("u_t = u_x + u_xx"))[0], (), setup) is not None
    found = refine(None, data, given, 0.05, RefineConfig(workers=1, order=2, iterations=4))
    assert found.refinement is not None and found.refinement.verdict == "not explained"
    assert not found.maps and not found.curves
