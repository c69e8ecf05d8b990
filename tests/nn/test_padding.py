"""Ghost cells: what they continue exactly, that they are affine in the state, and their limits."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pdenet.boundary import (
    Boundaries,
    Boundary,
    Dirichlet,
    Neumann,
    Open,
    Periodic,
    Robin,
    periodic,
)
from pdenet.errors import GridError
from pdenet.nn.padding import held_points, hold, pad

VALUES = st.floats(-3, 3)
ENDS = st.builds(Dirichlet, VALUES) | st.builds(Neumann, VALUES)
PAIRS = st.tuples(ENDS, ENDS) | st.just((Periodic(), Periodic()))
WALLS = st.lists(PAIRS, min_size=1, max_size=3).map(tuple)


def random_state(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def ghost(line: list[float], i: int, walls: tuple[Boundary, Boundary], dx: float) -> float:
    """The value at index i of one axis, in the grid or beyond it: the definition, by cases."""
    low, high = walls
    n = len(line)
    if 0 <= i < n:
        return line[i]
    if isinstance(low, Periodic):
        return line[i % n]
    end, away, inside = (low, -i, line[-i]) if i < 0 else (high, i - n + 1, line[2 * n - 2 - i])
    if isinstance(end, Dirichlet):
        return 2 * end.value - inside
    assert isinstance(end, Neumann)
    return inside + 2 * away * dx * end.derivative


@settings(max_examples=60)
@given(PAIRS, st.integers(2, 7), st.integers(0, 6))
def test_one_axis_is_the_definition(walls, n, width):
    width = min(width, n - 1)
    u = random_state(n)
    padded = pad(u, [width], (walls,), [0.3])
    expected = [ghost(u.tolist(), i, walls, 0.3) for i in range(-width, n + width)]
    torch.testing.assert_close(padded, torch.tensor(expected, dtype=torch.float64))


@settings(max_examples=60)
@given(WALLS, st.integers(0, 3))
def test_axes_are_padded_one_after_the_other_and_differences_homogeneously(walls, width):
    ndim = len(walls)
    spacing, shape = [0.3, 0.5, 0.7][:ndim], (4, 5, 6)[:ndim]
    u, du = random_state(2, 3, *shape), random_state(2, 3, *shape, seed=1)
    padded = pad(u, [width] * ndim, walls, spacing)
    assert padded.shape == (2, 3, *(n + 2 * width for n in shape))
    one_by_one = u
    for axis in range(ndim):
        lines = one_by_one.movedim(2 + axis, -1)
        one_by_one = pad(lines, [width], walls[axis : axis + 1], spacing[axis : axis + 1])
        one_by_one = one_by_one.movedim(-1, 2 + axis)
    torch.testing.assert_close(padded, one_by_one)
    moved = pad(u + du, [width] * ndim, walls, spacing)
    tangent = pad(du, [width] * ndim, walls, spacing, homogeneous=True)
    torch.testing.assert_close(moved - padded, tangent)


@settings(max_examples=40)
@given(ENDS, VALUES, VALUES, VALUES)
def test_a_wall_continues_what_is_odd_or_even_about_it(end, slope, curve, shift):
    """g + a s + c s³ beyond a Dirichlet wall; b + d s + c s² beyond a Neumann wall."""
    s = 0.2 * torch.arange(-3.0, 7.0, dtype=torch.float64)  # outwards negative
    if isinstance(end, Dirichlet):
        whole = end.value + slope * s + curve * s**3
    else:
        whole = shift - end.derivative * s + curve * s**2
    lower = pad(whole[3:], [3], ((end, Neumann()),), [0.2])
    torch.testing.assert_close(lower[:-3], whole)
    upper = pad(whole[3:].flip(0), [3], ((Neumann(), end),), [0.2])
    torch.testing.assert_close(upper[3:], whole.flip(0))


@pytest.mark.parametrize("homogeneous", [False, True])
def test_gradients(homogeneous):
    walls = ((Dirichlet(1.0), Neumann(2.0)), (Periodic(), Periodic()))
    u = random_state(2, 4, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda u: pad(u, [3, 2], walls, [0.1, 0.2], homogeneous=homogeneous).square(), (u,)
    )


def test_no_ghost_cells_are_no_copy():
    u = random_state(1, 4, 3)
    walls = ((Dirichlet(1.0), Neumann(2.0)), (Periodic(), Periodic()))
    assert pad(u, [0, 0], walls, [0.1, 0.1]) is u


@pytest.mark.parametrize(
    ("walls", "width", "most"),
    [(periodic(1), 5, 4), (((Dirichlet(), Neumann()),), 4, 3), (periodic(1), -1, 4)],
)
def test_more_ghost_cells_than_the_axis_has_are_refused(walls: Boundaries, width, most):
    with pytest.raises(GridError, match=f"axis with 4 points; at most {most} can be made"):
        pad(random_state(1, 4), [width], walls, [0.1])


def test_points_on_dirichlet_walls_are_held():
    walls = ((Dirichlet(3.0), Neumann(1.0)), (Neumann(), Dirichlet(-2.0)), *periodic(1))
    u = random_state(2, 3, 4, 5)
    moving = held_points(walls, u.shape[1:], u)
    assert moving is not None
    expected = torch.ones(3, 4, 5, dtype=torch.float64)
    expected[0] = expected[:, -1] = 0
    assert torch.equal(moving, expected)
    held = hold(u, walls)
    assert torch.equal(held * moving, u * moving)
    assert bool((held[:, 0, :-1] == 3).all()) and bool((held[:, :, -1] == -2).all())
    tangent = torch.func.jvp(lambda v: hold(v, walls), (u,), (torch.ones_like(u),))[1]
    assert torch.equal(tangent, expected.expand_as(u))


def test_nothing_is_held_without_dirichlet_walls():
    walls = ((Neumann(1.0), Neumann()), *periodic(1))
    u = random_state(3, 4)
    assert held_points(walls, (3, 4), u) is None and hold(u, walls) is u


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (Open(), "says nothing of the points beyond it"),
        (Robin(1.0), "says nothing of the points beyond it"),
        (Neumann((1.0, 2.0)), "2 numbers in time"),
        (Dirichlet((1.0, 2.0)), "2 numbers in time"),
    ],
)
def test_what_says_nothing_of_ghost_cells_is_refused(end: Boundary, message: str):
    with pytest.raises(GridError, match=message):
        pad(random_state(1, 8), [2], ((Neumann(), end),), [0.1])
