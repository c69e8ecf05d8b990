"""Walls as observations."""

import pytest
import torch

from pdenet.boundary import Dirichlet, Neumann, Open, PerField, Robin
from pdenet.errors import DiscoveryError
from pdenet.grid import Grid
from pdenet.noise.filling import smoothed
from pdenet.noise.observations import Observations
from pdenet.noise.spectrum import Shells
from pdenet.noise.walls import KNOWN, Walls
from pdenet.problem import Problem
from pdenet.spectral.waves import Waves
from pdenet.spectral.window import Window

BOTH = ((Dirichlet(1.0), Neumann(0.5)), (Robin(2.0, 1.0), Open()))


def placed(ends, shape=(20, 17), fields=("u", "v"), given=()):
    grid = Grid(shape, (1.0,) * len(shape), endpoint=(True,) * len(shape))
    problem = Problem(None, grid, ends, fields)
    window = Window.of(problem)
    torch.manual_seed(0)
    data = torch.randn(1, 3, len(fields), *shape, dtype=torch.float64)
    return window, *Walls.placed(window.placed(data), window, problem, given)


@pytest.mark.parametrize("factor", [1, 2])
def test_spreading_is_the_transpose_of_sampling(factor):
    window, data, walls = placed(BOTH)
    seen = Observations.of(data, torch.ones(1, 2, dtype=torch.float64), walls=walls)
    waves = Waves(window.box.refine(factor), torch.zeros((), dtype=torch.float64))
    frames = waves.modes(torch.randn(1, 3, 2, *waves.grid.shape, dtype=torch.float64))
    values = torch.randn(1, 3, 2, *window.box.shape, dtype=torch.float64)
    there = (seen.sample(waves, frames) * values).sum()
    back = waves.inner(frames, seen.spread(waves, values)).sum()
    assert float(there) == pytest.approx(float(back), rel=1e-10)


@pytest.mark.parametrize(
    ("end", "value"),
    [(Dirichlet(2.0), 2.0), (Neumann(-1.5), None), (Robin(3.0, 4.5), None)],
)
def test_a_field_that_meets_the_wall_leaves_nothing(end, value):
    """At the upper side, where ∂u/∂n = ∂u/∂x; u = 2 − 1.5 (x − 1) there to first order."""
    window, data, walls = placed(((Open(), end),), (33,), ("u",))
    x = torch.arange(window.box.shape[0], dtype=torch.float64) * window.box.spacing[0]
    turn = 2 * torch.pi / float(window.box.lengths[0])
    field = 2 - 1.5 * torch.sin(turn * (x - 1)) / turn
    waves = Waves(window.box, torch.zeros((), dtype=torch.float64))
    seen = Observations.of(data, torch.ones(1, 1, dtype=torch.float64), walls=walls)
    left = seen.residual(waves, waves.modes(field.expand(1, 3, 1, -1)))
    wall = left - seen.measured(left)
    assert float(wall.abs().max()) < 1e-9
    assert float(seen.weight.max()) == KNOWN and float(seen.count.max()) == 3 * 33


def test_values_in_time_and_fields_apart():
    ends = ((PerField((("v", Dirichlet((1.0, 2.0, 3.0))),)), Open()),)
    window, data, walls = placed(ends, (20,))
    slot = window.box.shape[0] - 1
    assert data[0, :, 1, slot].tolist() == [1.0, 2.0, 3.0]
    assert bool(data[0, :, 0, slot].isnan().all())
    assert walls.told[:, slot].tolist() == [0.0, KNOWN]
    assert placed(ends, (20,), given=("v",))[2] is None


def test_open_sides_are_no_walls_and_changing_coefficients_are_refused():
    assert placed(((Open(), Open()),), (20,))[2] is None
    with pytest.raises(DiscoveryError, match="changes in time"):
        placed(((Robin((1.0, 2.0, 3.0)), Open()),), (20,))


def test_what_a_wall_says_is_no_value_of_the_field():
    """∂u/∂n = 0 around a field of 3 to 4: its continuation does not go through 0."""
    window, data, walls = placed(((Neumann(0.0), Neumann(0.0)),), (40,), ("u",))
    data[..., :40] = 3.5 + 0.5 * torch.linspace(0, 6, 40, dtype=torch.float64).sin()
    seen = Observations.of(data, torch.full((1, 1), 0.01, dtype=torch.float64), walls=walls)
    waves = Waves(window.box, torch.zeros((), dtype=torch.float64))
    around = smoothed(seen, waves, Shells(waves)).values
    assert float(around.min()) > 2 and float(around.max()) < 5
