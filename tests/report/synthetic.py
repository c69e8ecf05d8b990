"""Synthetic evidence for reports: cheap, deterministic, in every shape that a report must take."""

from __future__ import annotations

import itertools
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np

from pdenet.evaluation.evidence import DataSource, Evidence
from pdenet.evaluation.stages import StageCurve
from pdenet.events import TermDropped
from pdenet.grid import Grid
from pdenet.pde import PDE, Jet
from pdenet.pde.compare import compare
from pdenet.results import FittedCurve, FittedMap
from pdenet.results.refinement import Alternative

refinement = runpy.run_path(str(Path(__file__).with_name("refinements.py")))["refinement"]

STAGES = ("warm-up", *(f"{blocks} blocks" for blocks in (1, 2, 3, 6, 9, 12, 15)))


def perturbed(truth: PDE, rng: np.random.Generator, scale: float = 2e-3) -> tuple[PDE, dict]:
    """The truth with relative errors of `scale` in every coefficient, and matching errors."""
    found, stderr = {}, {}
    for field, terms in truth.numeric_terms().items():
        found[field] = {
            monomial: value * (1 + scale * rng.standard_normal())
            for monomial, value in terms.items()
        }
        stderr[field] = {monomial: abs(float(value)) * scale for monomial, value in terms.items()}
    return PDE.from_terms(found, truth.coordinates), stderr


def fields_on(grid: Grid, names: tuple[str, ...], times: np.ndarray) -> np.ndarray:
    """Smooth travelling waves, (frames, field, *space), with no symmetry between x and y."""
    mesh = grid.mesh()
    frames = []
    for t in times:
        frame = []
        for k, _ in enumerate(names):
            wave = 1.6 * np.sin(mesh[0] - (1 + k) * t) * np.exp(-0.2 * t)
            for axis, points in enumerate(mesh[1:]):
                wave = wave * np.cos((axis + 1) * points + 0.3 + k) + 0.4 * np.sin(points + t)
            frame.append(wave)
        frames.append(frame)
    return np.array(frames)


def errors_over(times: np.ndarray, rng: np.random.Generator, rate: float) -> np.ndarray:
    """(trajectory, time): zero at the start, then growing."""
    scales = np.exp(0.5 * rng.standard_normal((8, 1)))
    return scales * 3e-3 * np.expm1(rate * times) / np.expm1(rate * times[-1]) ** 0.5


def kernels(ndim: int, size: int, rng: np.random.Generator) -> dict:
    """Classical stencils in the middle of `size`^ndim kernels, and the same with small changes."""
    first, second = np.zeros(size), np.zeros(size)
    middle = size // 2
    first[middle - 1 : middle + 2] = -0.5, 0.0, 0.5
    second[middle - 1 : middle + 2] = 1.0, -2.0, 1.0
    delta = np.eye(size)[middle]
    result = {}
    indices = [i for i in itertools.product(range(3), repeat=ndim) if 1 <= sum(i) <= 2]
    for index in sorted(indices, key=lambda i: (sum(i), tuple(-k for k in i))):
        frozen = np.array(1.0)
        for count in index:
            frozen = np.multiply.outer(frozen, (delta, first, second)[count])
        name = "".join("xyz"[axis] * count for axis, count in enumerate(index))
        result[name] = (frozen + 0.04 * rng.standard_normal(frozen.shape), frozen)
    return result


def stages(rng: np.random.Generator) -> tuple[StageCurve, ...]:
    curves = []
    for k, name in enumerate(STAGES):
        iterations = np.arange(1, 120 - 10 * k)
        decay = 2.0 * np.exp(-iterations / 18) + 2e-3
        loss = decay * (1 + k) / 2 * np.exp(0.05 * rng.standard_normal(len(iterations)))
        blocks = 1 if k == 0 else int(name.split()[0])
        curves.append(StageCurve(name, blocks, iterations, loss, float(loss[-1] * 1.1)))
    return tuple(curves)


def evidence(truth: PDE, grid: Grid, title: str, *, size: int = 5, frames: int = 21) -> Evidence:
    """Evidence in which everything is present, for any equation and grid."""
    rng = np.random.default_rng(7)
    found, stderr = perturbed(truth, rng)
    times = np.linspace(0.0, 1.0, frames)
    observed = fields_on(grid, truth.fields, times)
    wobble = 1e-2 * times.reshape(-1, *(1,) * (observed.ndim - 1))
    predicted = observed + wobble * np.roll(observed, 3, axis=2)
    observed = observed + 1e-3 * rng.standard_normal(observed.shape)
    error_times = np.linspace(0.0, 4.0, 81)
    jets = Jet.all(truth.fields, grid.ndim, 2)[:5]
    dropped = tuple(
        TermDropped(
            field,
            str(a.symbol * b.symbol),
            coefficient := float(10 ** rng.uniform(-5, -2)),
            coefficient * 1.3,
            "held-out error does not rise without it (1.2e-3 before, 1.2e-3 after)",
        )
        for field in truth.fields
        for a, b in itertools.combinations_with_replacement(jets, 2)
    )
    return Evidence(
        title=title,
        found=found,
        stderr=stderr,
        truth=truth,
        comparison=compare(found, truth),
        dropped=dropped,
        grid=grid,
        dt=0.01,
        fields=truth.fields,
        observed=observed,
        predicted=predicted,
        times=times,
        errors={
            "network": errors_over(error_times, rng, 1.2),
            "equation": errors_over(error_times, rng, 0.6),
        },
        error_times=error_times,
        horizon=0.15,
        filters=kernels(grid.ndim, size, rng),
        loss=stages(rng),
        settings={
            "preset": "default",
            "model": {"size": size, "products": 5, "constraint": "order 2", "upwind": False},
            "training": {
                "blocks": [1, 2, 3, 6, 9, 12, 15],
                "iterations": 120,
                "sparsity": {"symnet": 0.005, "moments": 0.001},
            },
            "discovery": {"threshold": 0.05, "refit_steps": 10},
        },
        seeds={"data": 0, "training": 0},
        versions={"pdenet": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6", "python": "3.11.2"},
        seconds={"simulate": 11.3, "train": 96.2, "extract": 12.75},
        data=DataSource(
            "runs/burgers/data.h5", "9f2b" * 16, (28, 21, len(truth.fields), *grid.shape), 0.001
        ),
    )


def burgers() -> Evidence:
    """The 2-D Burgers system, everything found."""
    truth = PDE(
        "u_t = -u*u_x - v*u_y + nu*(u_xx + u_yy)",
        "v_t = -u*v_x - v*v_y + nu*(v_xx + v_yy)",
        nu=0.05,
    )
    return evidence(truth, Grid.square(64, 2), "Burgers system in two dimensions")


def one_dimension() -> Evidence:
    """Burgers in 1-D with units, no network curve, one spurious and one missing term."""
    truth = PDE("u_t = -u*u_x + 0.1*u_xx")
    whole = evidence(truth, Grid((128,), (4.0,)), "Burgers equation", size=7)
    u, u_x = Jet("u", (0,)).symbol, Jet("u", (1,)).symbol
    found = PDE.from_terms({"u": {u * u_x: -0.9987, u**2 * u_x: 3.1e-4}}, ("x",))
    return replace(
        whole,
        found=found,
        stderr={"u": {u * u_x: 4.1e-4}},
        comparison=compare(found, truth),
        errors={"equation": whole.errors["equation"]},
        units={"x": "cm", "t": "ms", "u": "cm/ms"},
    )


def without_truth() -> Evidence:
    """An equation from measured data: no truth, no network curve, no filters, no stages."""
    whole = burgers()
    return replace(
        whole, title="Measured flow", truth=None, comparison=None, filters={}, loss=(),
        errors={"equation": whole.errors["equation"]}, dropped=(), settings={},
        data=replace(whole.data, noise=None), horizon=None,
    )  # fmt: skip


def long_equations() -> Evidence:
    """Three fields with long names and ten terms each, in a long, flat domain."""
    fields = ("velocity", "theta", "c2")
    jets = Jet.all(fields, 2, 2)
    rng = np.random.default_rng(3)
    pairs = list(itertools.combinations_with_replacement(jets, 2))
    terms = {
        field: {
            pairs[k][0].symbol * pairs[k][1].symbol: float(rng.normal() * 10 ** rng.uniform(-5, 2))
            for k in rng.choice(len(pairs), 10, replace=False)
        }
        for field in fields
    }
    truth = PDE.from_terms(terms, ("x", "y"))
    return evidence(truth, Grid((96, 32), (6.0, 2.0)), "Three fields, thirty terms", size=7)


def three_dimensions() -> Evidence:
    """Anisotropic diffusion in 3-D with a source that depends on x."""
    truth = PDE("u_t = 0.1*u_xx + 0.2*u_yy + 0.3*u_zz + 0.5*sin(x)*u", coordinates=("x", "y", "z"))
    return evidence_of_variable(truth)


def evidence_of_variable(truth: PDE) -> Evidence:
    """As `evidence`, for coefficients that vary in space: found equals true."""
    constant = PDE("u_t = 0.1*u_xx + 0.2*u_yy + 0.3*u_zz", coordinates=("x", "y", "z"))
    whole = evidence(constant, Grid.square(24, 3), "Diffusion with a source in three dimensions")
    return replace(whole, found=truth, truth=truth, comparison=compare(truth, truth))


def wavy(grid: Grid, size: float) -> np.ndarray:
    """A smooth error of a map: a wave that is in no formula."""
    wave = np.ones(grid.shape)
    for axis, points in enumerate(grid.mesh()):
        wave = wave * np.sin((2 + axis) * points + 0.4)
    return size * wave


def variable_coefficients() -> Evidence:
    """The papers' convection and diffusion: one formula, one map without, constants and zeros."""
    truth = PDE(
        "u_t = (0.5*(cos(y) + x*(2*pi - x)*sin(x)) + 0.6)*u_x + (2*(cos(y) + sin(x)) + 0.8)*u_y"
        " + 0.2*u_xx + 0.3*u_yy"
    )
    grid = Grid.square(50, 2)
    x, y = grid.mesh()
    formula = "0.602 + 0.499*cos(y) + 3.137*x*sin(x) - 0.4993*x**2*sin(x)"
    found = PDE(f"u_t = ({formula})*u_x + 0.199*u_xx + 0.302*u_yy")
    c_x = 0.5 * (np.cos(y) + x * (2 * np.pi - x) * np.sin(x)) + 0.6
    c_y = 2 * (np.cos(y) + np.sin(x)) + 0.8
    one = np.ones(grid.shape)
    maps = (
        FittedMap("u", "u", "zero", 0.0 * one),
        FittedMap("u", "u_x", "varying", c_x + wavy(grid, 0.05), formula),
        FittedMap("u", "u_y", "varying", c_y + wavy(grid, 0.08), None, 0.05 * one,
                  "its terms cancel"),
        FittedMap("u", "u_xx", "constant", 0.199 * one),
        FittedMap("u", "u_xy", "zero", 0.0 * one),
        FittedMap("u", "u_yy", "constant", 0.302 * one),
    )  # fmt: skip
    stderr = {
        "u": {
            monomial * basis: 1e-3
            for monomial, bases in found.expansions()["u"].items()
            for basis in bases
        }
    }
    plain = PDE("u_t = 0.2*u_xx + 0.3*u_yy")
    whole = evidence(plain, grid, "Convection and diffusion in a medium that varies")
    return replace(
        whole, found=found, truth=truth, comparison=compare(found, truth), stderr=stderr,
        maps=maps,
    )  # fmt: skip


def variable_line() -> Evidence:
    """A coefficient in one dimension, with units."""
    truth = PDE("u_t = (0.5 + 0.2*sin(x))*u_x + 0.1*u_xx")
    found = PDE("u_t = (0.503 + 0.197*sin(x))*u_x + 0.101*u_xx")
    grid = Grid((96,), (2 * np.pi,))
    (x,) = grid.coordinates()
    maps = (
        FittedMap("u", "u_x", "varying", 0.5 + 0.2 * np.sin(x) + wavy(grid, 0.01),
                  "0.503 + 0.197*sin(x)"),
        FittedMap("u", "u_xx", "constant", np.full(96, 0.101)),
    )  # fmt: skip
    whole = evidence(PDE("u_t = 0.1*u_xx"), grid, "A string of two materials")
    return replace(
        whole, found=found, truth=truth, comparison=compare(found, truth), stderr={}, maps=maps,
        units={"x": "cm", "t": "ms"},
    )  # fmt: skip


def variable_volume() -> Evidence:
    """Coefficients in three dimensions without a truth: found beside the formula."""
    whole = three_dimensions()
    x, _, z = whole.grid.mesh()
    maps = (
        FittedMap("u", "u", "varying", 0.5 * np.sin(x) + 0.02 * np.cos(z), "0.5*sin(x)"),
        FittedMap("u", "u_x", "varying", 0.1 * np.cos(x + z)),
    )
    return replace(whole, maps=maps, truth=None, comparison=None)


def source() -> Evidence:
    """The nonlinear source of PDE-Net between walls."""
    truth = PDE("u_t = 0.3*u_xx + 0.3*u_yy + 15*sin(u)")
    found = PDE("u_t = 0.301*u_xx + 0.299*u_yy + 14.93*sin(u)")
    grid = Grid((50, 50), (2 * np.pi, 2 * np.pi), endpoint=True)
    u = np.linspace(-3.37, 2.96, 120)
    density = 0.3 * np.exp(-((u - 2.2) ** 2) / 0.3) + np.exp(-((u + 0.4) ** 2) / 2)
    curve = FittedCurve(
        "u", u, 15 * np.sin(u) + 0.25 * np.cos(4 * u), density / density.sum(), "14.93*sin(u)"
    )
    plain = PDE("u_t = 0.3*u_xx + 0.3*u_yy")
    whole = evidence(plain, grid, "Diffusion with a nonlinear source")
    return replace(
        whole, found=found, truth=truth, comparison=compare(found, truth), stderr={},
        curves=(curve,), units={"u": "K"},
    )  # fmt: skip


def source_without_formula() -> Evidence:
    """Two sources of which no formula came, and no truth."""
    whole = burgers()
    points = np.linspace(-1.0, 2.0, 40)
    curves = tuple(
        FittedCurve(
            name, points, np.abs(points) ** 1.5, np.full(40, 1 / 40), None, np.full(40, 0.03)
        )
        for name in "uv"
    )
    return replace(whole, curves=curves, truth=None, comparison=None)


def refined() -> Evidence:
    """The 2-D Burgers system after a refinement that left nothing open."""
    whole = burgers()
    return replace(whole, refinement=refinement(whole.found, whole.stderr))


def refined_in_doubt() -> Evidence:
    """A refinement that is unsure in every way."""
    whole = one_dimension()
    return replace(
        whole,
        refinement=refinement(
            whole.found,
            whole.stderr,
            converged=False,
            chi2=2.31,
            chi2_error=0.02,
            noise_given=True,
            bootstrap={},
            bias={},
            verdict="not identifiable",
            reason="another equation has odds of 0.31 : 1 (u_t: u_xx instead of u**2*u_x)",
            alternatives=(
                Alternative(("u_t ~ u*u_x + u**3",), 0.004, -11.0, 2, "u_t: u**3 besides"),
                Alternative(("u_t ~ u*u_x",), 1.7, 1.0, 1, "u_t: without u**2*u_x"),
                Alternative(
                    ("u_t ~ u*u_x + u_xx",), 0.31, -2.3, 2, "u_t: u_xx instead of u**2*u_x"
                ),
            ),
        ),
    )


VARIANTS = {
    "burgers": burgers,
    "one_dimension": one_dimension,
    "without_truth": without_truth,
    "long_equations": long_equations,
    "three_dimensions": three_dimensions,
    "variable_coefficients": variable_coefficients,
    "variable_line": variable_line,
    "variable_volume": variable_volume,
    "source": source,
    "source_without_formula": source_without_formula,
    "refined": refined,
    "refined_in_doubt": refined_in_doubt,
}
