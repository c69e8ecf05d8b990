"""Random Fourier fields: the same function on every grid, for every batch."""

import numpy as np
import pytest
import torch

from pdenet.boundary import Dirichlet, Neumann, Periodic, endpoints
from pdenet.errors import ConfigError, GridError
from pdenet.grid import Grid
from simulators.initial import FourierInitial, initial_state, trajectory_generator


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_a_finer_grid_holds_the_same_field(ndim):
    grid = Grid.square(12, ndim)
    coarse = initial_state(FourierInitial(), 2, grid, 3, 7)
    fine = initial_state(FourierInitial(), 2, grid.refine(3), 3, 7)
    points = (slice(None), *(slice(None, None, 3),) * ndim)
    assert coarse.shape == (2, *grid.shape)
    assert coarse.dtype == torch.float64
    assert torch.allclose(fine[points], coarse, rtol=0, atol=1e-12)


def test_only_low_waves_and_the_amplitude():
    grid = Grid.square(64, 2)
    for i in range(5):
        field = initial_state(FourierInitial(), 1, grid, 0, i)[0]
        spectrum = torch.fft.fft2(field).abs() / field.numel()
        waves = torch.fft.fftfreq(64, 1 / 64).abs()
        outside = (waves[:, None] > 4) | (waves[None, :] > 4)
        assert spectrum[outside].max() < 1e-14
        assert spectrum[4].max() > 1e-3
        wave = field - field.mean()
        mean_of_wave = 0.3  # w has a mean of its own, which belongs to w and not to the constant
        assert 1.6 - mean_of_wave < wave.abs().max() < 2.1 + mean_of_wave
        assert field.abs().max() < 4.1


def test_constants_are_uniform_and_waves_can_be_switched_off():
    flat = FourierInitial(waves=0, constant=1.5)
    values = np.array(
        [float(initial_state(flat, 1, Grid.square(4, 1), 0, i)[0, 0]) for i in range(400)]
    )
    assert np.abs(values).max() <= 1.5
    assert abs(values.mean()) < 0.15
    assert values.std() == pytest.approx(1.5 / 3**0.5, rel=0.1)


def test_trajectories_seeds_and_purposes_draw_differently():
    keys = [(s, i, p) for s in (0, 1, 2) for i in range(20) for p in ("initial", "noise")]
    draws = [float(torch.rand((), generator=trajectory_generator(*key))) for key in keys]
    assert len(set(draws)) == len(keys)
    again = [float(torch.rand((), generator=trajectory_generator(*key))) for key in keys]
    assert draws == again
    assert np.mean(draws) == pytest.approx(0.5, abs=0.1)


ENDS = (Periodic(), Periodic())
WALLS = [
    ((Dirichlet(1.0), Dirichlet(-2.0)),),
    ((Neumann(0.5), Neumann(-1.5)),),
    ((Dirichlet(1.0), Neumann(2.0)),),
    ((Neumann(2.0), Dirichlet(1.0)),),
    ((Dirichlet(0.5), Dirichlet(0.5)), (Dirichlet(0.5), Neumann())),
    (ENDS, (Dirichlet(1.0), Dirichlet(3.0))),
    ((Neumann(1.0), Neumann()), (Neumann(-1.0), Neumann(2.0)), ENDS),
]


@pytest.mark.parametrize("ends", WALLS, ids=str)
def test_fields_satisfy_their_walls_on_every_grid(ends):
    """Values to the last bit, derivatives to the order of a difference, and no other field."""
    ndim = len(ends)
    n = 41 if ndim < 3 else 13
    grid = Grid((n,) * ndim, (1.3,) * ndim, endpoint=endpoints(ends))
    fields = [initial_state(FourierInitial(), 2, g, 3, 7, ends) for g in (grid, grid.refine(3))]
    points = (slice(None), *(slice(None, None, 3),) * ndim)
    assert torch.allclose(fields[1][points], fields[0], rtol=0, atol=1e-12)
    very_fine = Grid(
        tuple(961 if flag and ndim == 1 else n for flag in endpoints(ends)),
        grid.lengths,
        endpoint=endpoints(ends),
    )
    for axis, pair in enumerate(ends):
        for place, end in zip((0, -1), pair, strict=True):
            if isinstance(end, Dirichlet):
                assert (fields[0].select(1 + axis, place) == end.value).all()
            if isinstance(end, Neumann) and ndim == 1:
                u = initial_state(FourierInitial(), 2, very_fine, 3, 7, ends)
                first, second, third = (u if place == 0 else u.flip(1))[:, :3].unbind(1)
                slope = (1.5 * first - 2 * second + 0.5 * third) / very_fine.spacing[0]
                assert slope.numpy() == pytest.approx(end.derivative, abs=2e-2)


def test_between_dirichlet_walls_even_derivatives_vanish_and_the_amplitude_holds():
    """A field of sines: continued oddly beyond its walls it is as smooth as within them."""
    ends = ((Dirichlet(), Dirichlet()),)
    grid = Grid((65,), (1.0,), endpoint=True)
    for i in range(5):
        u = initial_state(FourierInitial(waves=3, constant=0.0), 1, grid, 0, i, ends)[0]
        odd = torch.cat([u, -u[1:-1].flip(0)])
        spectrum = torch.fft.fft(odd).abs() / len(odd)
        assert spectrum[7:-6].max() < 1e-14 and spectrum[6] > 1e-3
        assert u.abs().max() == pytest.approx(2.0, rel=0.1)


def test_the_constant_is_a_half_wave_between_dirichlet_walls():
    flat = FourierInitial(waves=0, constant=1.5)
    grid = Grid((33, 16), (1.0, 1.0), endpoint=(True, False))
    ends = ((Dirichlet(1.0), Dirichlet(1.0)), ENDS)
    u = initial_state(flat, 1, grid, 0, 0, ends)[0] - 1
    x = torch.from_numpy(grid.coordinates()[0])
    assert torch.allclose(u, float(u[16, 0]) * torch.sin(np.pi * x)[:, None].expand_as(u))
    assert 0.01 < abs(float(u[16, 0])) < 1.5


@pytest.mark.parametrize(
    "ends",
    [
        ((Dirichlet(), Dirichlet()), (Dirichlet(1.0), Dirichlet(1.0))),
        ((Dirichlet(), Dirichlet(1.0)), (Dirichlet(), Neumann())),
        ((Neumann(), Dirichlet()), (Neumann(1.0), Neumann())),
    ],
)
def test_walls_that_contradict_each_other_in_a_corner_are_refused(ends):
    with pytest.raises(GridError, match="walls of x and y meet in corners and contradict"):
        initial_state(FourierInitial(), 1, Grid((9, 9), (1.0, 1.0), endpoint=True), 0, 0, ends)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"waves": -1}, "0 to 64"),
        ({"waves": 2.5}, "0 to 64"),
        ({"amplitude": float("nan")}, "amplitude is a finite number"),
        ({"constant": -1.0}, "constant is a finite number"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        FourierInitial(**settings)
