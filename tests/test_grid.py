"""Grid: spacing, points, refinement, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdenet.errors import GridError
from pdenet.grid import Grid


def test_periodic_spacing_leaves_out_the_far_end():
    grid = Grid((4, 8), (2.0, 4.0))
    assert grid.ndim == 2
    assert grid.axes == ("x", "y")
    assert grid.spacing == (0.5, 0.5)
    assert grid.size == 32
    np.testing.assert_allclose(grid.coordinates()[0], [0.0, 0.5, 1.0, 1.5])


def test_endpoint_and_origin():
    grid = Grid((5,), (2.0,), origin=(-1.0,), endpoint=True)
    np.testing.assert_allclose(grid.coordinates()[0], [-1.0, -0.5, 0.0, 0.5, 1.0])


def test_one_flag_for_all_axes_or_one_for_each():
    assert Grid((4, 5), (1.0, 1.0), endpoint=True) == Grid((4, 5), (1.0, 1.0), None, (True, True))
    channel = Grid((4, 5), (1.0, 1.0), endpoint=(False, True))
    assert channel.endpoints == (False, True)
    assert channel.spacing == (0.25, 0.25)
    assert channel.refine(3).shape == (12, 13)
    assert channel.refine(3).coarsen(3) == channel
    assert Grid((4, 5), (1.0, 1.0)).endpoint == (False, False)


def test_mesh_is_indexed_ij():
    x, y = Grid((3, 4), (3.0, 4.0)).mesh()
    assert x.shape == y.shape == (3, 4)
    assert x[2, 0] == 2.0
    assert y[0, 3] == 3.0


def test_square():
    grid = Grid.square(16, 3)
    assert grid.shape == (16, 16, 16)
    assert grid.lengths == (2 * math.pi,) * 3


@given(
    st.lists(st.integers(2, 9), min_size=1, max_size=3),
    st.integers(1, 4),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_refine_keeps_every_point_and_coarsen_undoes_it(shape, factor, flags):
    endpoint = tuple(flags[: len(shape)])
    grid = Grid(tuple(shape), (1.7,) * len(shape), (0.3,) * len(shape), endpoint)
    fine = grid.refine(factor)
    for points, fine_points in zip(grid.coordinates(), fine.coordinates(), strict=True):
        np.testing.assert_allclose(fine_points[::factor], points, rtol=0, atol=1e-14)
    assert fine.coarsen(factor) == grid


@pytest.mark.parametrize(
    "make",
    [
        lambda: Grid((), ()),
        lambda: Grid((4, 4, 4, 4), (1.0,) * 4),
        lambda: Grid((4,), (1.0, 1.0)),
        lambda: Grid((4,), (1.0,), (0.0, 0.0)),
        lambda: Grid((1,), (1.0,)),
        lambda: Grid((4.5,), (1.0,)),  # type: ignore[arg-type]
        lambda: Grid((4,), (0.0,)),
        lambda: Grid((4,), (math.nan,)),
        lambda: Grid((4,), (1.0,), (math.inf,)),
        lambda: Grid((4, 4), (1.0, 1.0), endpoint=(True,)),
        lambda: Grid((4,), (1.0,), endpoint="walls"),  # type: ignore[arg-type]
        lambda: Grid((4,), (1.0,), endpoint=2),  # type: ignore[arg-type]
        lambda: Grid((9, 8), (1.0, 1.0)).coarsen(2),
        lambda: Grid((8,), (1.0,)).refine(0),
        lambda: Grid((8,), (1.0,)).coarsen(1.5),  # type: ignore[arg-type]
    ],
)
def test_nonsense_is_refused_in_one_line(make):
    with pytest.raises(GridError) as error:
        make()
    assert "\n" not in str(error.value)


@given(st.integers(2, 40), st.floats(0.1, 10), st.booleans(), st.booleans())
def test_other_ends_leave_the_points_where_they_are(n, length, had, has):
    grid = Grid(n, length, (0.5,), endpoint=had)
    other = grid.with_endpoint(has)
    assert other.endpoints == (has,) and other.shape == grid.shape
    np.testing.assert_allclose(other.coordinates(), grid.coordinates(), rtol=1e-12)
    assert grid.with_endpoint(had) == grid and grid.with_endpoint((had,)) == grid
    with pytest.raises(GridError, match="does not fit 1 axis"):
        grid.with_endpoint((True, False))
