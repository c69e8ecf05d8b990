"""Coefficient maps: the definition as a sum, what they can be, their gradients and limits."""

import math

import numpy as np
import pytest
import torch

from pdenet.boundary import Dirichlet, Neumann, periodic
from pdenet.errors import ConfigError
from pdenet.grid import Grid
from pdenet.nn import CoefficientMaps, splines

WALLS = (Dirichlet(1.0), Neumann(0.0))


def random_maps(count: int, grid: Grid, pieces: int, degree: int, boundaries=None):
    maps = CoefficientMaps(count, grid, pieces, degree, boundaries)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        maps.weights.copy_(
            torch.randn(maps.weights.shape, generator=generator, dtype=torch.float64)
        )
    return maps


@pytest.mark.parametrize(
    ("shape", "walled"),
    [((9,), ()), ((9,), (0,)), ((8, 10), ()), ((8, 10), (1,)), ((7, 8, 9), (0, 2))],
)
@pytest.mark.parametrize("degree", [1, 3])
def test_maps_are_sums_of_products_of_splines(shape, walled, degree):
    ndim = len(shape)
    origin, lengths = (0.5, -1.0, 0.0)[:ndim], (2.0, 3.0, 1.0)[:ndim]
    ends = tuple(axis in walled for axis in range(ndim))
    grid = Grid(shape, lengths, origin, ends)
    boundaries = tuple(WALLS if end else periodic(1)[0] for end in ends)
    maps = random_maps(2, grid, 4, degree, boundaries)
    assert maps.weights.shape == (2, *(4 + degree * end for end in ends))
    expected = maps.weights.detach().numpy()
    for axis in range(ndim):
        basis = splines.values_at(
            np.clip(grid.coordinates()[axis], origin[axis], origin[axis] + lengths[axis]),
            origin[axis],
            origin[axis] + lengths[axis],
            4,
            degree,
            periodic=not ends[axis],
        ).numpy()
        expected = np.moveaxis(np.tensordot(expected, basis, ([axis + 1], [1])), -1, axis + 1)
    np.testing.assert_allclose(maps().detach().numpy(), expected, atol=1e-12)


def test_maps_start_at_zero_on_periodic_axes():
    maps = CoefficientMaps(3, Grid((10, 12), (1.0, 1.0)), 5, 2)
    assert maps.weights.shape == (3, 5, 5)
    assert not bool(maps().any()) and maps().shape == (3, 10, 12)


def test_the_coefficients_of_the_paper_are_close_to_maps():
    """The second derivative of a jumps where the axis closes, so degree 3 is no better for it."""
    grid = Grid((50, 50), (2 * math.pi, 2 * math.pi))
    x, y = map(torch.from_numpy, grid.mesh())
    a = 0.5 * (torch.cos(y) + x * (2 * math.pi - x) * torch.sin(x)) + 0.6
    b = 2 * (torch.cos(y) + torch.sin(x)) + 0.8
    off = {}
    for degree in (2, 3):
        maps = CoefficientMaps(2, grid, 10, degree)
        maps.fit(0, a)
        maps.fit(1, b)
        with torch.no_grad():
            pairs = zip(maps(), (a, b), strict=True)
            off[degree] = [float((found - c).norm() / c.norm()) for found, c in pairs]
    assert off[2][0] < 5e-3 and off[2][1] < 2e-3 and off[3][1] < 2e-4
    assert off[3][0] > 2 * off[2][0]


def test_fitting_a_map_to_what_it_is_gives_it_back():
    maps = random_maps(
        2, Grid((9, 8), (1.0, 2.0), endpoint=(True, False)), 4, 2, (WALLS, *periodic(1))
    )
    before = maps.weights.detach().clone()
    values = maps()[1].detach()
    with torch.no_grad():
        maps.weights[1] = 0
    maps.fit(1, values)
    torch.testing.assert_close(maps.weights.detach(), before)


def test_gradients():
    maps = random_maps(2, Grid((5, 6), (1.0, 1.0)), 3, 2)
    weights = maps.weights.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda w: torch.func.functional_call(maps, {"weights": w}, ()), (weights,)
    )


def test_a_mesh_finer_than_the_data_is_refused():
    grid = Grid((20, 10), (1.0, 1.0))
    with pytest.raises(
        ConfigError, match="11 unknowns along y, where the data have 10 points: use at most 10"
    ):
        CoefficientMaps(1, grid, 11, 2)
    CoefficientMaps(1, grid, 10, 2)
    walled = Grid((20, 10), (1.0, 1.0), endpoint=(False, True))
    boundaries = (periodic(1)[0], WALLS)
    with pytest.raises(ConfigError, match=r"12 unknowns along y.* use at most 7 pieces"):
        CoefficientMaps(1, walled, 9, 3, boundaries)
    CoefficientMaps(1, walled, 7, 3, boundaries)
