"""The window in its box: where the equation holds, and how fast it stops to."""

import math

import pytest
import torch

from pdenet.boundary import Dirichlet, Open, Periodic, periodic
from pdenet.grid import Grid
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.refine import refine
from pdenet.likelihood.saving import Kept
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.spectral.window import Window

PAIR, JOINED = (Open(), Open()), (Periodic(), Periodic())


def window(shape=(20, 16), ends=(PAIR, JOINED), outside=None):
    flags = tuple(not isinstance(each[0], Periodic) for each in ends)
    grid = Grid(shape, (1.0,) * len(shape), endpoint=flags)
    return Window.of(Problem(None, grid, ends, ("u",)), outside)


def test_a_periodic_box_needs_no_window():
    grid = Grid((16,), (1.0,))
    problem = Problem(None, grid, periodic(1), ("u",))
    assert Window.of(problem) is None
    assert Window.of(problem, torch.zeros(16, dtype=torch.bool)) is None
    hole = torch.arange(16) < 3
    found = Window.of(problem, hole)
    assert found is not None and found.box.shape == (16,)
    assert torch.equal(found.inside, ~hole)


def test_only_axes_that_are_not_periodic_have_a_pad():
    found = window()
    assert found.box.shape[0] >= 32 and found.box.shape[0] % 2 == 0 and found.box.shape[1] == 16
    assert found.box.spacing == pytest.approx((1 / 19, 1 / 16))
    assert int(found.inside.sum()) == 20 * 16


def test_data_are_placed_with_nothing_around_them():
    outside = torch.zeros(20, 16, dtype=torch.bool)
    outside[3, 4] = True
    found = window(outside=outside)
    data = torch.randn(2, 3, 1, 20, 16, dtype=torch.float64)
    placed = found.placed(data)
    assert placed.shape == (2, 3, 1, *found.box.shape)
    assert torch.equal(placed.isfinite().all((0, 1, 2)), found.inside)
    assert torch.equal(placed[..., 5:20, :], data[..., 5:, :])


@pytest.mark.parametrize("factor", [1, 2])
def test_the_rate_is_nothing_inside_and_all_of_it_far_away(factor):
    found = window(shape=(21,), ends=((Dirichlet(0.0), Open()),))
    rate = found.rate(found.box.refine(factor))
    inside = 20 * factor + 1
    assert float(rate[:inside].abs().max()) == 0
    assert float(rate.max()) == pytest.approx(1)
    steps = rate[inside - 1 :].diff().abs()
    assert float(steps.max()) < 0.5  # it rises over several points


def test_test_functions_vanish_at_the_edge_and_keep_the_size_of_noise():
    taper = window().taper
    assert float(taper[20:].abs().max()) == 0
    assert float(taper.square().mean()) == pytest.approx(1)
    assert float(taper[10].min()) > 1 > float(taper[0].max())


def test_distances_go_around_a_hole_too():
    hole = torch.zeros(16, 16, dtype=torch.bool)
    hole[6:10, 6:10] = True
    found = window((16, 16), ((Periodic(), Periodic()),) * 2, hole)
    rate = found.rate(found.box)
    assert float(rate[~hole].max()) == 0 and float(rate[hole].min()) > 0
    assert float(rate[7, 7]) == pytest.approx(math.sin(math.pi / 2 * 2 / 4) ** 2)


def test_an_equation_is_found_in_a_window_of_which_nothing_else_is_known():
    """Waves that no box of this length holds, carried by c = 1 and damped by D = 0.3."""
    x, t = torch.arange(64) * 0.25, torch.arange(31)[:, None] * 0.1
    k = torch.tensor([0.37, 0.83, 1.41, 2.03])[:, None, None]
    turn = torch.tensor([0.3, 2.1, 4.0, 5.2])[:, None, None]
    clean = ((-0.3 * k.square() * t).exp() * torch.cos(k * (x - t) + turn)).sum(0).double()
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    data = (clean + 0.01 * clean.std() * noise)[None, :, None]
    problem = Problem(None, Grid((64,), (63 * 0.25,), endpoint=True), (PAIR,), ("u",))
    saves: list[dict[str, torch.Tensor]] = []
    kept = Kept(None, lambda state: saves.append(dict(state)))
    found = refine(None, data, problem, 0.1, RefineConfig(workers=1), kept=kept)
    again = refine(None, data, problem, 0.1, RefineConfig(workers=1), kept=Kept(saves[1]))
    assert found.refinement is not None and found.refinement.verdict == "identified"
    terms, same = (
        {str(name): float(value) for name, value in each.pde.terms()["u"].items()}
        for each in (found, again)
    )
    assert set(terms) == {"u_x", "u_xx"} and same == pytest.approx(terms, rel=1e-4)
    assert terms["u_x"] == pytest.approx(-1, abs=0.005)
    assert terms["u_xx"] == pytest.approx(0.3, abs=0.005)


def test_a_known_wall_is_used():
    """Diffusion that grows between walls at which u = 0: with 20 % of noise walls tell a part."""
    x, t = torch.linspace(0, 1, 33), torch.linspace(0, 0.5, 31)[:, None]
    m = torch.arange(1, 5)[:, None, None]
    size = torch.randn(4, 4, 1, 1, generator=torch.Generator().manual_seed(0)) / m
    decay = ((0.4 - 0.05 * (math.pi * m).square()) * t).exp()
    clean = (size * decay * torch.sin(math.pi * m * x)).sum(1).double()
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    data = (clean + 0.2 * clean.std() * noise)[:, :, None]
    errors = {}
    for end in (Dirichlet(0.0), Open()):
        grid = Grid((33,), (1.0,), endpoint=True)
        problem = Problem(None, grid, ((end, end),), ("u",))
        config = RefineConfig(workers=1, choose=False)
        found = refine(
            PDE.from_text("u_t = 0.3*u + 0.04*u_xx", ("x",)), data, problem, 0.5 / 30, config
        )
        error = {str(name): value for name, value in found.stderr["u"].items()}
        values = {str(name): float(value) for name, value in found.pde.terms()["u"].items()}
        assert abs(values["u_xx"] - 0.05) < 3.5 * error["u_xx"]
        errors[type(end)] = error["u_xx"]
    assert errors[Dirichlet] < errors[Open]
