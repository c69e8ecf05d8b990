"""Linear equations from how waves change from frame to frame."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.grid import Grid
from pdenet.likelihood.selection.linear import linear_equations
from pdenet.pde import PDE
from pdenet.pde.jet import Jet
from pdenet.spectral.waves import Waves


def solved(
    pde: PDE, waves: Waves, dt: float, frames: int, n: int, seed: int, mean: float = 0.0
) -> torch.Tensor:
    """Exact solutions of a linear equation, (n, frames, field, *space), from four waves an axis."""
    ndim, size = waves.grid.ndim, (n, len(pde.fields), *waves.grid.shape)
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(size, generator=generator, dtype=torch.float64)
    modes = waves.modes(draw) * (waves.radius <= 4)
    modes[(..., *[0] * ndim)] = mean * waves.grid.size
    matrix = torch.zeros(len(pde.fields), len(pde.fields), *waves.shape, dtype=torch.complex128)
    for k, name in enumerate(pde.fields):
        for monomial, value in pde.numeric_terms()[name].items():
            (jet,) = [each for each in Jet.all(pde.fields, ndim, 6) if each.symbol == monomial]
            place = pde.fields.index(jet.field)
            matrix[k, place] += float(value) * waves.symbol(jet.index)
    step = torch.linalg.matrix_exp(matrix.flatten(2).movedim(2, 0) * dt)
    step = step.movedim(0, 2).unflatten(2, waves.shape)
    found = [modes]
    for _ in range(frames - 1):
        found.append(torch.einsum("fg...,ng...->nf...", step, found[-1]))
    return waves.points(torch.stack(found, 1))


def noisy(clean: torch.Tensor, level: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """With noise of this share of each field's change, and its size, (trajectory, field)."""
    sigma = level * clean.movedim(2, 0).flatten(3).std(3).mean((1, 2))
    draw = torch.randn(
        clean.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    shape = [1, 1, -1] + [1] * (clean.dim() - 3)
    return clean + sigma.reshape(shape) * draw, sigma.expand(len(clean), -1)


def waves_of(*shape: int) -> Waves:
    return Waves(Grid(shape, (2 * math.pi,) * len(shape)), torch.zeros((), dtype=torch.float64))


def found(pde: PDE, data: torch.Tensor, sigma: torch.Tensor, waves: Waves, dt: float) -> PDE:
    jets = [jet for jet in Jet.all(pde.fields, waves.grid.ndim, 4)]
    table = linear_equations(data, sigma, waves, dt, pde.fields, jets)
    return PDE(
        *(
            f"{name}_t = "
            + (
                " + ".join(
                    f"({value})*{jet.name}"
                    for jet, value in zip(jets, row.tolist(), strict=True)
                    if value
                )
                or "0"
            )
            for name, row in zip(pde.fields, table, strict=True)
        )
    )


EQUATIONS = {
    "heat, where most waves are gone after a frame": (("u_t = u_xx",), (48,), 0.6, 300.0),
    "waves that turn by half a radian": (("u_t = -0.5*u_x - 0.05*u_xxx",), (48,), 0.2, 0.0),
    "two fields": (("u_t = v", "v_t = u_xx - 0.3*v"), (32,), 0.2, 0.0),
    "a plane": (("u_t = 0.4*u_x - 0.2*u_y + 0.05*u_xx + 0.1*u_yy",), (24, 20), 0.2, 0.0),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_exactly_the_true_terms(name: str) -> None:
    equations, shape, dt, mean = EQUATIONS[name]
    pde, waves = PDE(*equations), waves_of(*shape)
    data, sigma = noisy(solved(pde, waves, dt, 30, 3, 0, mean), 0.01, 1)
    got = found(pde, data, sigma, waves, dt)
    truth = pde.numeric_terms()
    for field, terms in got.numeric_terms().items():
        assert set(terms) == set(truth[field])
        for term, value in terms.items():
            assert float(value) == pytest.approx(float(truth[field][term]), rel=0.03)


@settings(max_examples=15, deadline=None)
@given(
    speed=st.integers(-20, 20).map(lambda k: k / 10),
    spread=st.integers(1, 50).map(lambda k: k / 100),
    scale=st.sampled_from([1e-9, 1.0, 1e6]),
    seed=st.integers(0, 2**31),
)
def test_units_of_the_fields_do_not_matter(
    speed: float, spread: float, scale: float, seed: int
) -> None:
    pde, waves = PDE(f"u_t = {speed!r}*u_x + {spread!r}*u_xx"), waves_of(32)
    data, sigma = noisy(solved(pde, waves, 0.15, 20, 2, seed), 0.001, 1)
    jets = Jet.all(("u",), 1, 3)
    one = linear_equations(data, sigma, waves, 0.15, ("u",), list(jets))
    other = linear_equations(scale * data, scale * sigma, waves, 0.15, ("u",), list(jets))
    assert one[0].tolist() == pytest.approx(other[0].tolist(), rel=1e-6, abs=1e-9)
    places = {jet.name: k for k, jet in enumerate(jets)}
    assert float(one[0, places["u_xx"]]) == pytest.approx(spread, rel=0.05, abs=0.002)


def test_noise_alone_says_nothing() -> None:
    draw = torch.randn(
        (3, 20, 1, 32), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    one = torch.ones(3, 1, dtype=torch.float64)
    jets = list(Jet.all(("u",), 1, 4))
    assert not bool(linear_equations(draw, one, waves_of(32), 0.1, ("u",), jets).any())
