"""The seam of a periodic axis: closed for whatever is periodic, open for what is not."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet import Grid, discover, refine
from pdenet.boundary import Dirichlet, periodic
from pdenet.errors import DataError
from pdenet.estimator import train
from pdenet.problem import Problem
from pdenet.seam import equal_ends, faults
from pdenet.storage import open_data, require_periodic, write_arrays

TAU = 2 * np.pi


def waves(
    points: int,
    *,
    count: int,
    frames: int,
    slope: float,
    highest: int,
    seed: int,
    length: float = 1,
) -> np.ndarray:
    """Travelling, decaying waves of period 1 at x = i length/points; (trajectory, frame, 1, x)."""
    random = np.random.default_rng(seed)
    x, t = length * np.arange(points) / points, np.linspace(0, 1, frames)[:, None]
    states = np.zeros((count, frames, 1, points))
    for trajectory in states:
        for k in range(1, highest + 1):
            phase, speed, size = random.uniform(0, TAU), random.normal(), random.normal()
            shape = np.cos(TAU * k * (x - 0.2 * speed * t) + phase)
            trajectory[:, 0] += size * k**-slope * np.exp(-0.3 * t) * shape
    return states


def noisy(states: np.ndarray, level: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(states.shape)
    return states + level * states.std() * noise


def moving(shape, *, speed: float, points: int = 64, frames: int = 12, start: float = 0.0):
    """One structure, `shape` of the distance from its centre, on a period of 1."""
    x, t = np.arange(points) / points, np.linspace(0, 1, frames)[:, None]
    distance = (x - start - speed * t + 0.5) % 1 - 0.5
    return shape(distance)[None, :, None]


@settings(max_examples=150, deadline=None)
@given(
    points=st.integers(12, 96),
    count=st.integers(1, 4),
    frames=st.integers(3, 12),
    slope=st.floats(0, 4),
    share=st.floats(0.05, 0.9),
    level=st.sampled_from([0, 1e-3, 0.1, 1]),
    seed=st.integers(0, 2**32 - 1),
)
def test_periodic_waves_close(points, count, frames, slope, share, level, seed):
    highest = max(1, int(share * points / 2))
    states = waves(points, count=count, frames=frames, slope=slope, highest=highest, seed=seed)
    assert faults(noisy(states, level, seed), [True]) == []


@settings(max_examples=60, deadline=None)
@given(
    points=st.integers(32, 96),
    length=st.floats(0.3, 0.45),
    level=st.sampled_from([0, 1e-3, 0.02]),
    seed=st.integers(0, 2**32 - 1),
)
def test_windows_of_smooth_fields_do_not(points, length, level, seed):
    states = waves(
        points, count=4, frames=6, slope=0.5, highest=4, seed=seed, length=length
    )  # fmt: skip
    (fault,) = faults(noisy(states, level, seed), [True])
    assert not fault.repeated and fault.beside > 2 and fault.jump > 0


@pytest.mark.parametrize("start", [0.0, -0.5 / 64, 0.01])
@pytest.mark.parametrize("speed", [0.0, 0.4])
@pytest.mark.parametrize(
    "shape",
    [
        lambda z: np.tanh(z / 0.02) * np.cos(np.pi * z) ** 2,
        lambda z: (2 * z - 1) ** 2 * np.cos(TAU * z),
        lambda z: -np.abs(z),
        lambda z: np.exp(-((z / 0.03) ** 2)),
        lambda z: 1 / np.cosh(z / 0.05) ** 2,
        lambda z: np.sign(np.sin(TAU * z)),
    ],
    ids=["front", "kink", "triangle", "pulse", "soliton", "square"],
)
def test_what_lies_on_the_seam_is_no_jump(shape, speed, start):
    assert faults(moving(shape, speed=speed, start=start), [True]) == []


def test_noise_alone_closes():
    for seed in range(20):
        states = np.random.default_rng(seed).standard_normal((2, 5, 1, 16, 16))
        assert faults(states, [True, True]) == []


def test_a_front_in_a_window_is_open():
    x, t = np.linspace(-5, 5, 64), np.linspace(0, 1, 10)[:, None]
    front = np.where(x - t < 0, 1.0, 0.0) + 0 * t
    (fault,) = faults(np.tanh(-(x - t))[None, :, None], [True])
    assert fault.jump == pytest.approx(2, rel=0.01)
    assert faults(front[None, :, None], [True]) == [], "as steep inside as on the seam"


def test_only_the_open_axis_is_named():
    x, y = np.arange(40) / 40, np.arange(24) / 24
    t = np.linspace(0, 1, 6)[:, None, None]
    field = np.sin(TAU * (y - 0.2 * t)) * np.exp(-x[:, None]) + 0 * x[:, None]
    (fault,) = faults(field[None, :, None], [True, True])
    assert fault.axis == 0
    assert faults(field[None, :, None], [False, True]) == []


def test_the_worst_field_is_named():
    closed = waves(48, count=2, frames=6, slope=1, highest=4, seed=0)
    ramp = np.broadcast_to(np.linspace(0, 1, 48), closed.shape)
    (fault,) = faults(np.concatenate([closed, ramp], axis=2), [True])
    assert fault.field == 1


@pytest.mark.parametrize("level", [0, 1e-3])
def test_time_for_space_is_open(level):
    states = waves(32, count=2, frames=32, slope=1, highest=4, seed=3)
    assert faults(states, [True]) == []
    assert faults(noisy(np.swapaxes(states, 1, 3), level), [True])


def test_an_end_point_stored_twice_is_found():
    states = waves(64, count=3, frames=8, slope=1, highest=5, seed=1)
    (fault,) = faults(np.concatenate([states, states[..., :1]], axis=-1), [True])
    assert fault.repeated and fault.jump == 0
    assert equal_ends(states, [True]) == []


def test_walls_that_hold_a_value_are_found():
    x, t = np.linspace(0, 1, 65), np.linspace(0, 1, 8)[:, None]
    states = np.sin(np.pi * x) * np.exp(-t) + 0.5 * np.sin(TAU * x) * np.exp(-4 * t)
    (fault,) = faults(states[None, :, None], [True])
    assert fault.repeated


def test_equal_ends_of_a_symmetric_field_are_only_told(tmp_path, caplog):
    x, t = np.arange(65) / 64, np.linspace(0, 1, 8)[:, None]
    states = (np.cos(TAU * x) + 0.3 * np.cos(2 * TAU * x)) * np.exp(-t)
    states[:, -1] = states[:, 0]
    assert faults(states[None, :, None], [True]) == []
    assert equal_ends(states[None, :, None], [True]) == [0]
    path = write_arrays(tmp_path / "a.h5", states[None, :, None], Grid(65, 1.0), 0.1)
    with open_data(path) as data, caplog.at_level(logging.WARNING):
        require_periodic(data)
    assert "leave it out" in caplog.text


def test_gaps_do_not_hide_an_open_seam():
    states = waves(48, count=4, frames=20, slope=1, highest=4, seed=5, length=0.4)
    states[np.random.default_rng(0).random(states.shape) < 0.5] = np.nan
    assert faults(states, [True])
    assert faults(np.full((1, 3, 1, 16), np.nan), [True]) == []


def test_an_offset_and_a_unit_change_nothing():
    states = waves(48, count=2, frames=9, slope=1, highest=4, seed=5, length=0.4)
    (first,), (second,) = faults(states, [True]), faults(300 + 1e-6 * states, [True])
    assert second.steps == pytest.approx(first.steps, rel=1e-6)
    assert second.jump == pytest.approx(1e-6 * first.jump)


def test_every_way_in_refuses_a_window(tmp_path):
    states = noisy(waves(48, count=4, frames=9, slope=1, highest=4, seed=5, length=0.4), 1e-3)
    grid = Grid(48, 0.4)
    path = write_arrays(tmp_path / "window.h5", states, grid, 0.1)
    said = {"grid": grid, "dt": 0.1, "boundary": "periodic"}
    ways = [
        lambda: refine(None, states, **said),
        lambda: refine(None, states, **{**said, "grid": Problem(None, grid, periodic(1), ("u",))}),
        lambda: refine(None, path),
        lambda: refine("u_t = u_x", path),
        lambda: discover(states, **said, output=tmp_path / "run"),
        lambda: discover(path, output=tmp_path / "run"),
        lambda: train(path, tmp_path / "run"),
    ]
    for way in ways:
        with pytest.raises(DataError, match=r"not periodic along x.*u jumps.*window") as caught:
            way()
        assert "boundary='x:open')" in str(caught.value) and "--" not in str(caught.value)
        assert "--boundary x:open'" in caught.value.shell
        assert "boundary='" not in caught.value.shell
    assert list(tmp_path.iterdir()) == [path]


def test_walls_are_not_looked_at(tmp_path):
    x, t = np.linspace(0, 1, 33), np.linspace(0, 1, 8)[:, None]
    states = (x + np.sin(np.pi * x) * np.exp(-t))[None, :, None]
    walls = ((Dirichlet(0.0), Dirichlet(1.0)),)
    problem = Problem(None, Grid(33, 1.0, endpoint=True), walls, ("u",))
    with open_data(write_arrays(tmp_path / "a.h5", states, problem, 0.1)) as data:
        require_periodic(data)
