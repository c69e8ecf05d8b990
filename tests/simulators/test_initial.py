"""Random Fourier fields: the same function on every grid, for every batch."""

import numpy as np
import pytest
import torch

from pdenet.errors import ConfigError
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
