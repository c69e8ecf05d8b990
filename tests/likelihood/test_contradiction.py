"""Walls that contradict the data: which, by how much, and that right ones do not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pdenet.boundary import Boundary, Dirichlet, Neumann, Open, PerField, Robin
from pdenet.errors import DiscoveryError
from pdenet.grid import Grid
from pdenet.likelihood import RefineConfig
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.refine import refine
from pdenet.likelihood.verdict.contradiction import check_walls, contradictions, left_at_walls
from pdenet.pde import PDE
from pdenet.problem import Problem

N, DT = 32, 0.02


def heat(noise: float, kind: str = "sin", rows: int = 4, seed: int = 0) -> Tensor:
    """Solutions of u_t = 0.1 u_xx on (0, 1), 1 at both walls ("sin") or without a slope there, with
    noise of this share of their size; (trajectory, 12, 1, N)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.linspace(0, 1, N, dtype=torch.float64)
    t = DT * torch.arange(12, dtype=torch.float64)[:, None]
    each = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    k = math.pi * torch.arange(1, 4, dtype=torch.float64)[:, None, None]
    shapes = getattr(torch, kind)(k * x) * torch.exp(-0.1 * k**2 * t)
    clean = 1 + torch.einsum("rk,ktx->rtx", each, shapes)[:, :, None]
    white = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    return clean + noise * float(clean.std()) * white


def window(data: Tensor, lower: Boundary, upper: Boundary) -> tuple[Setup, Problem]:
    problem = Problem(None, Grid((N,), (1.0,), endpoint=True), ((lower, upper),), ("u",))
    return Setup.of(data, problem, DT, RefineConfig(workers=1)), problem


def found(data: Tensor, lower: Boundary, upper: Boundary) -> tuple:
    setup, problem = window(data, lower, upper)
    return contradictions(setup, problem, setup.seen, setup.seen.values)


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.01, 0.1])
@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        ("sin", (Dirichlet(1.0), Dirichlet((1.0,) * 12))),
        ("cos", (Neumann(0.0), Neumann((0.0,) * 12))),
        ("cos", (Open(), Neumann(0.0))),
    ],
)
def test_right_walls_contradict_nothing(noise, kind, ends):
    for seed in range(3):
        assert found(heat(noise, kind, seed=seed), *ends) == ()


@pytest.mark.parametrize("noise", [0.001, 0.1])
@pytest.mark.parametrize("off", [3.0, 10.0, 300.0])
def test_a_wrong_value_is_off_by_as_many_standard_deviations(noise, off):
    data = heat(noise)
    wrong = 1 + off * noise * float(heat(0.0).std())
    (wall,) = found(data, Dirichlet(1.0), Dirichlet(wrong))
    assert (wall.axis, wall.end, wall.field) == ("x", "upper", "u")
    assert wall.sigmas == pytest.approx(off, rel=0.3) and wall.most >= wall.sigmas
    assert wall.share == pytest.approx(off * noise, rel=0.2)
    assert wall.instead == "x:dirichlet=1,open" and f"dirichlet={wrong:g} is said of u" in str(wall)


def test_wrong_slopes_are_seen_and_where_they_are_worst():
    data = heat(0.01, "cos")
    (wall,) = found(data, Neumann(0.0), Robin(1.0, 0.0))
    assert wall.end == "upper" and wall.instead == "x:neumann=0,open"
    told = tuple(3.0 if frame == 7 else 0.0 for frame in range(12))
    (wall,) = found(data, Neumann(told), Open())
    assert wall.frame == 8 and wall.most > wall.sigmas and wall.instead == "x:open"
    (wall,) = found(data, PerField((("u", Neumann(20.0)),)), Neumann(told))[:1]
    assert wall.told == "neumann=20" and wall.instead == "x:open"


def test_walls_are_compared_beside_gaps_and_in_two_dimensions():
    data = heat(0.01, rows=2)[..., None] * torch.linspace(1, 2, 9, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    gone = torch.rand(data.shape, generator=generator, dtype=torch.float64) < 0.3
    grid = Grid((N, 9), (1.0, 1.0), endpoint=True)
    # u is 1 to 2 at x = 0, so that no number holds there, and so along y.
    ends = ((Dirichlet(1.5), Open()), (Neumann(-1.0), Open()))
    problem = Problem(None, grid, ends, ("u",))
    setup = Setup.of(torch.where(gone, math.nan, data), problem, DT, RefineConfig(workers=1))
    walls = contradictions(setup, problem, setup.seen, setup.seen.values)
    assert [wall.axis for wall in walls] == ["x", "y"]
    values = 1 / torch.linspace(1, 2, 9, dtype=torch.float64)
    even = torch.where(gone, math.nan, data * values)
    problem = Problem(None, grid, ((Dirichlet(1.0), Open()), (Neumann(0.0), Open())), ("u",))
    setup = Setup.of(even, problem, DT, RefineConfig(workers=1))
    assert contradictions(setup, problem, setup.seen, setup.seen.values) == ()


def test_what_is_wrong_beyond_doubt_is_refused():
    setup, problem = window(heat(0.01), Dirichlet(1.0), Dirichlet(4.0))
    with pytest.raises(DiscoveryError, match=r"boundary='x:dirichlet=1,open'") as caught:
        check_walls(setup, problem)
    assert "--boundary x:dirichlet=1,open" in caught.value.shell
    assert "upper end of x" in str(caught.value) and "standard deviations" in str(caught.value)
    with pytest.raises(DiscoveryError, match="a wall contradicts the data"):
        refine(None, heat(0.01), problem, DT, RefineConfig(workers=1))
    slight = 1 + 0.02 * float(heat(0.0).std())
    check_walls(*window(heat(0.001), Dirichlet(1.0), Dirichlet(slight)))  # 20 σ, and 2 %
    check_walls(*window(heat(0.1), Dirichlet(1.0), Dirichlet(1.5)))  # a few σ
    check_walls(*window(heat(0.1), Open(), Open()))


@pytest.mark.slow
@pytest.mark.parametrize("off", [0.0, 3.0])
def test_a_fit_says_which_wall_it_contradicts(off, monkeypatch):
    """By what it leaves, where a polynomial of the data alone was enough to let it begin."""
    data = heat(0.01, rows=3)
    wrong = Dirichlet(1 + off * 0.01 * float(heat(0.0, rows=3).std()))
    problem = Problem(None, Grid((N,), (1.0,), endpoint=True), ((wrong, Dirichlet(1.0)),), ("u",))
    seen = []
    monkeypatch.setattr(
        "pdenet.likelihood.refine.left_at_walls",
        lambda *given: seen.append(left_at_walls(*given)) or seen[-1],
    )
    config = RefineConfig(workers=1, choose=False)
    told = refine(PDE("u_t = 0.1*u_xx"), data, problem, DT, config).refinement
    if off == 0:
        assert told.verdict == "identified" and seen == [()]
    else:
        assert told.verdict == "not explained" and "lower end of x" in told.reason
        assert seen[0][0].sigmas == pytest.approx(off, rel=0.3)
        assert "(x:open,dirichlet=1)" in told.reason
