"""Problem: its parts must agree."""

import pytest

from pdenet.boundary import Dirichlet, Neumann, Open, PerField, Periodic, periodic
from pdenet.errors import EquationError, GridError
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.problem import Problem, boundaries_on

HEAT = PDE("u_t = u_xx + u_yy")
GRID = Grid.square(8, 2)


def test_a_known_problem():
    problem = Problem.periodic(HEAT, GRID, units={"u": "K", "x": "m", "t": "s"})
    assert problem.fields == ("u",)
    assert problem.boundaries == periodic(2)
    assert problem.units["u"] == "K"
    assert problem == Problem(HEAT, GRID, periodic(2), ("u",), {"u": "K", "x": "m", "t": "s"})
    assert hash(problem) == hash(Problem.periodic(HEAT, GRID))


def test_an_unknown_equation():
    assert Problem(None, GRID, periodic(2), ("u", "v")).pde is None


WALLS = (Dirichlet(), Neumann(1.0))
ENDS = (Periodic(), Periodic())


def test_axes_with_walls_have_an_endpoint_and_others_have_none():
    line = Grid((5,), (1.0,), endpoint=True)
    assert Problem(None, line, (WALLS,), ("u",)).grid is line
    channel = Grid((8, 5), (1.0, 1.0), endpoint=(False, True))
    assert Problem(HEAT, channel, (ENDS, WALLS), ("u",)).boundaries == (ENDS, WALLS)
    assert boundaries_on(GRID, None) == periodic(2)
    with pytest.raises(GridError, match=r"y has walls.*endpoint=\(False, True\)"):
        boundaries_on(GRID, (ENDS, WALLS))
    with pytest.raises(GridError, match=r"x is periodic.*endpoint=\(False, True\)"):
        boundaries_on(Grid((5, 5), (1.0, 1.0), endpoint=True), (ENDS, WALLS))
    with pytest.raises(GridError, match=r"x has walls.*endpoint=True$"):
        boundaries_on(GRID, (WALLS, WALLS))


@pytest.mark.parametrize(
    "parts, message",
    [
        ((HEAT, Grid.square(8, 1), periodic(1), ("u",)), "2 space dimensions"),
        ((HEAT, GRID, periodic(1), ("u",)), "2 pairs"),
        ((HEAT, GRID, periodic(2), ("v",)), "is for u, not v"),
        ((None, GRID, periodic(2), ()), "no equation"),
        ((None, GRID, periodic(2), ("u", "u")), "different names"),
        ((None, GRID, periodic(2), ("u", "x")), "cannot name a field"),
        ((HEAT, GRID, periodic(2), ("u",), {"v": "m"}), "unit"),
        ((None, Grid((4,), (1.0,), endpoint=True), periodic(1), ("u",)), "endpoint=False"),
    ],
)
def test_parts_that_do_not_agree_are_refused(parts, message):
    with pytest.raises((GridError, EquationError), match=message):
        Problem(*parts)


def test_other_conditions_at_some_axes():
    problem = Problem.periodic(HEAT, GRID)
    window = problem.with_ends({"y": (Open(), Dirichlet(1.0))})
    assert window.boundaries == (ENDS, (Open(), Dirichlet(1.0)))
    assert window.grid.endpoints == (False, True) and window.grid.spacing == GRID.spacing
    assert window.with_ends({"y": ENDS}) == problem and problem.with_ends({}) == problem
    with pytest.raises(GridError, match="periodic at both ends"):
        problem.with_ends({"y": (Open(), Periodic())})


def test_a_condition_is_of_a_field_that_is_there():
    line = Grid(5, 1.0, endpoint=True)
    mixed = PerField((("v", Dirichlet()),))
    assert Problem(None, line, ((mixed, Open()),), ("u", "v")).boundaries == ((mixed, Open()),)
    with pytest.raises(GridError, match="no field 'v' to have a condition: fields are u"):
        Problem(None, line, ((mixed, Open()),), ("u",))
