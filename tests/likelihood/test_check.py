"""What is too small to be refined: windows, and what holes leave of them."""

from __future__ import annotations

import pytest
import torch

from pdenet.boundary import Dirichlet, Open, Periodic
from pdenet.errors import DiscoveryError
from pdenet.grid import Grid
from pdenet.likelihood import RefineConfig
from pdenet.likelihood.check import (
    FEWEST,
    check_problem,
    highest_order,
    longest_run,
    points_for,
)
from pdenet.pde import PDE
from pdenet.problem import Problem

THIRD, FOURTH = PDE("u_t = -u*u_x - u_xxx"), PDE("u_t = -u*u_x - u_xxxx")


BOTH, JOINED = (Open(), Open()), (Periodic(), Periodic())


def window(*points: int, ends=BOTH) -> Problem:
    last = not isinstance(ends[0], Periodic)
    grid = Grid(points, (1.0,) * len(points), endpoint=last)
    return Problem(None, grid, (ends,) * len(points), ("u",))


def checked(pde: PDE | None, problem: Problem, outside: torch.Tensor | None = None) -> None:
    torch.manual_seed(0)
    data = torch.randn(2, 9, 1, *problem.grid.shape, dtype=torch.float64)
    check_problem(pde, data, problem, RefineConfig(), outside)


@pytest.mark.parametrize("ends", [(Open(), Open()), (Dirichlet(), Open())])
def test_a_window_needs_points_for_the_order_along_each_axis(ends):
    for pde, order in ((THIRD, 3), (FOURTH, 4)):
        needed = points_for(order)
        checked(pde, window(needed, ends=ends))
        told = f"x has {needed - 1} points in a row, and a derivative of order {order} along it"
        with pytest.raises(DiscoveryError, match=told) as caught:
            checked(pde, window(needed - 1, ends=ends))
        assert f"needs at least {needed}: 1 more" in str(caught.value)
    checked(None, window(FEWEST, ends=ends))
    checked(PDE("u_t = u_xx + u_yyyy"), window(4, 12, ends=ends))
    with pytest.raises(
        DiscoveryError, match=r"y has 4 points in a row, and .* needs at least 12: 8"
    ):
        checked(PDE("u_t = u_xx + u_yyyy"), window(4, 4, ends=ends))


def test_points_for_an_order():
    assert [points_for(order) for order in range(1, 7)] == [4, 4, 6, 12, 20, 30]


def test_a_periodic_axis_has_no_end():
    checked(FOURTH, window(5, ends=JOINED))
    assert longest_run(window(5, ends=JOINED), 0, None, 20) == 20


def test_holes_leave_rows_between_them():
    hole = torch.zeros(12, dtype=torch.bool)
    hole[[3, 8]] = True
    for ends, run in ((BOTH, 4), (JOINED, 6)):
        assert longest_run(window(12, ends=ends), 0, hole, 99) == run
    checked(None, window(12), hole)
    with pytest.raises(DiscoveryError, match="4 points in a row between edges and points outside"):
        checked(THIRD, window(12), hole)
    hole[[1, 6, 10]] = True
    with pytest.raises(DiscoveryError, match=r"x has 2 points .* a refinement needs at least 4: 2"):
        checked(None, window(12), hole)
    ring = torch.ones(9, 9, dtype=torch.bool)
    ring[2:7, 2:7] = False
    assert [longest_run(window(9, 9), k, ring, 99) for k in (0, 1)] == [5, 5]


def test_the_order_that_is_looked_for_fits_into_the_window():
    assert highest_order(window(5), None, 6) == 2
    assert highest_order(window(5, 40), None, 6) == 6
    assert highest_order(window(5, ends=JOINED), None, 4) == 4


def test_values_that_are_all_outside_are_none():
    problem, hole = window(12), torch.arange(12) < 6
    data = torch.full((2, 9, 1, 12), torch.nan, dtype=torch.float64)
    data[..., :6] = torch.randn(2, 9, 1, 6)
    with pytest.raises(DiscoveryError, match="no value is left: whatever was measured is"):
        check_problem(None, data, problem, RefineConfig(), hole)
    data[:, 0, :, 6:] = torch.randn(2, 1, 6)
    with pytest.raises(DiscoveryError, match=r"hold 12 values .* 12 unknowns \(2 traj.* of 6 num"):
        check_problem(None, data, problem, RefineConfig(), hole)
