"""Derivatives on grids: against analytic jets, in 1 to 3 dimensions, for any number of points."""

import math

import numpy as np
import pytest
import torch

from pdenet.boundary import Dirichlet, periodic
from pdenet.errors import GridError
from pdenet.grid import Grid
from pdenet.pde.jet import Jet
from simulators.operators import Derivatives, block_length, jets, operator

WAVES = (1, 2, 1)


def plane_waves(grid):
    """u = sin(φ), v = cos(φ + 0.3), φ = x + 2y + z, and their exact jets."""
    mesh = [torch.from_numpy(points) for points in grid.mesh()]
    phase = sum(k * x for k, x in zip(WAVES, mesh, strict=False))
    shifts = {"u": 0.0, "v": 0.3 + math.pi / 2}

    def exact(jet):
        scale = math.prod(k**count for k, count in zip(WAVES, jet.index, strict=False))
        return scale * torch.sin(phase + shifts[jet.field] + jet.order * math.pi / 2)

    zero = (0,) * grid.ndim
    return torch.stack([exact(Jet("u", zero)), exact(Jet("v", zero))]), exact


@pytest.mark.parametrize(
    "shape", [(96,), (37,), (64, 48), (41, 62), (53, 64), (40, 32, 24), (23, 37, 26)]
)
def test_jets_are_the_analytic_ones(shape):
    grid = Grid(shape, (2 * math.pi,) * len(shape))
    u, exact = plane_waves(grid)
    variables = Jet.all(("u", "v"), grid.ndim, 3)
    batch = torch.stack([torch.zeros_like(u), u])
    found = jets(batch, grid, periodic(grid.ndim), variables)
    assert found.shape == (2, len(variables), *shape)
    assert torch.equal(found[0], torch.zeros_like(found[0]))
    worst = 1e-3 if min(shape) < 30 else 1e-5
    for k, jet in enumerate(variables):
        assert (found[1, k] - exact(jet)).abs().max() < worst * 2**jet.order, jet.name


@pytest.mark.parametrize("order", [2, 4, 6, 8])
@pytest.mark.parametrize("index", [(1, 0), (0, 1), (2, 0), (0, 2), (1, 1), (2, 1)])
def test_measured_order_on_a_grid(order, index):
    sizes = np.array([20, 24, 32, 40, 48])
    errors = []
    for n in sizes:
        grid = Grid.square(int(n), 2)
        u, exact = plane_waves(grid)
        found = jets(u[None], grid, None, [Jet("u", index)], fields=("u", "v"), order=order)
        errors.append(float((found[0, 0] - exact(Jet("u", index))).abs().max()))
    measured = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert measured == pytest.approx(order, abs=0.2)


def test_spectral_derivative_is_the_limit_of_high_order():
    grid = Grid((96,), (3.0,))
    x = torch.from_numpy(grid.coordinates()[0])
    u = torch.exp(torch.sin(2 * math.pi * x / 3.0))
    k = torch.fft.fftfreq(96, d=3.0 / 96).double() * 2j * math.pi
    spectral = torch.fft.ifft(k**2 * torch.fft.fft(u)).real
    found = jets(u[None, None], grid, None, [Jet("u", (2,))])[0, 0]
    assert (found - spectral).abs().max() < 1e-6 * spectral.abs().max()


def test_fields_do_not_mix_and_views_follow_the_operators():
    grid = Grid.square(16, 2)
    u = torch.randn(3, 2, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    operators = [operator(index, 4) for index in ((0, 0), (1, 0), (1, 2))]
    together = [v.clone() for v in Derivatives(operators, grid, (3, 2))(u)]
    for field in range(2):
        alone = Derivatives(operators, grid, (3, 1))(u[:, field : field + 1].contiguous())
        for whole, part in zip(together, alone, strict=True):
            assert torch.allclose(whole[:, field], part[:, 0], rtol=0, atol=1e-12)


def test_block_lengths_divide():
    assert [block_length(n) for n in (128, 100, 64, 25, 14, 23)] == [8, 10, 8, 5, 7, 23]
    assert block_length(101) == 101


def test_a_grid_that_does_not_fit_its_walls_is_refused():
    walls = ((Dirichlet(0.0), Dirichlet(0.0)),)
    with pytest.raises(GridError, match=r"x has walls.*endpoint=True"):
        jets(torch.zeros(1, 1, 16), Grid.square(16, 1), walls, [Jet("u", (1,))])
    with pytest.raises(GridError, match="come in 2 pairs, one for each axis"):
        jets(torch.zeros(1, 1, 16, 16), Grid.square(16, 2), walls, [Jet("u", (1, 0))])


@pytest.mark.parametrize(
    ("u", "variables", "message"),
    [
        (torch.zeros(1, 1, 16, 15), [Jet("u", (1, 0))], r"\(batch, 1, 16, 16\)"),
        (torch.zeros(1, 2, 16, 16), [Jet("u", (1, 0))], r"given \(1, 2, 16, 16\)"),
        (torch.zeros(1, 1, 16, 16), [Jet("u", (1,))], "no jet of the fields"),
    ],
)
def test_what_does_not_fit_is_refused(u, variables, message):
    with pytest.raises(GridError, match=message):
        jets(u, Grid.square(16, 2), None, variables)


def test_a_grid_smaller_than_the_stencil_is_refused():
    with pytest.raises(GridError, match=r"8 points along x.*at least 9"):
        jets(torch.zeros(1, 1, 8), Grid.square(8, 1), None, [Jet("u", (1,))])
