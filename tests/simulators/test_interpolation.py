"""Interpolated fields pass through their points and are exact where the method says so."""

import numpy as np
import pytest

from pdenet.errors import GridError
from pdenet.grid import Grid
from simulators.interpolation import interpolated


@pytest.mark.parametrize("shape", [(16,), (15,), (12, 9), (6, 8, 7)])
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_waves_that_the_grid_holds_are_exact(shape, factor):
    grid = Grid(shape, (2.0,) * len(shape))

    def wave(mesh):
        total = 0.3 + np.zeros(mesh[0].shape)
        for axis, x in enumerate(mesh):
            total = total + np.sin(np.pi * x + axis) * np.cos(np.pi * mesh[0])
        return np.stack([total, 2 * total + 1])

    found = interpolated(wave(grid.mesh()), grid, factor)
    assert found == pytest.approx(wave(grid.refine(factor).mesh()), abs=1e-12)


@pytest.mark.parametrize("shape", [(16,), (8, 9)])
def test_any_field_keeps_its_points(shape):
    grid = Grid(shape, (1.0,) * len(shape))
    u = np.random.default_rng(0).normal(size=(3, *shape))
    every_third = (slice(None), *(slice(None, None, 3),) * len(shape))
    assert interpolated(u, grid, 3)[every_third] == pytest.approx(u, abs=1e-12)


def test_the_wave_of_the_grid_itself_is_shared_by_both_signs():
    # (-1)^i is cos(π x/dx): real, bounded by one and even, on every finer grid.
    grid = Grid((8,), (8.0,))
    found = interpolated((-1.0) ** np.arange(8), grid, 4)
    assert found == pytest.approx(np.cos(np.pi * np.arange(32) / 4), abs=1e-12)


def test_walls_take_a_spline_that_holds_polynomials():
    walls = Grid((11,), (1.0,), endpoint=True)
    (x,), (fine,) = walls.coordinates(), walls.refine(4).coordinates()
    found = interpolated(np.stack([x**5 - x, np.sin(3 * x)]), walls, 4)
    assert found.shape == (2, 41)
    assert found[0] == pytest.approx(fine**5 - fine, abs=1e-12)
    assert found[1] == pytest.approx(np.sin(3 * fine), abs=1e-5)


def test_a_field_of_another_shape_is_refused():
    with pytest.raises(GridError, match="16"):
        interpolated(np.zeros((2, 15)), Grid((16,), (1.0,)), 2)
