"""The noise that data show, of signals and gaps of all kinds."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pdenet.noise.level import chi2_error, noise_of


def white(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def waves(
    shape: tuple[int, ...], frames: int, n: int, seed: int, numbers: tuple[int, ...] = (0, 1, 2, 3)
) -> Tensor:
    """(n, frames, 1, *shape): five waves with these numbers along each axis, about 1 in size, that
    turn by up to half a radian a frame."""
    generator = torch.Generator().manual_seed(seed)
    places = [torch.arange(m, dtype=torch.float64) * 2 * math.pi / m for m in shape]
    mesh = torch.meshgrid(*places, indexing="ij")
    time = torch.arange(frames, dtype=torch.float64).reshape(-1, 1, *[1] * len(shape))
    u = torch.zeros(n, frames, 1, *shape, dtype=torch.float64)
    for row in range(n):
        for _ in range(5):
            draw = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
            chosen = torch.randint(len(numbers), (len(shape),), generator=generator).tolist()
            phase = sum(numbers[k] * x for k, x in zip(chosen, mesh, strict=True))
            u[row] += draw[0] * torch.cos(phase + 7 * draw[1] - draw[2] / 2 * time)
    return u


def away(data: Tensor, sigma: float | Tensor, periodic: tuple[bool, ...]) -> tuple[float, float]:
    """How far the mean variance is from the true one, and its quoted error."""
    found = noise_of(data, periodic)
    ratio = (found.sigma / sigma).square()
    return float(ratio.mean() - 1), float(found.doubt.square().sum().sqrt()) / found.doubt.numel()


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from([(48,), (64,), (15, 24), (32, 12), (8, 9, 10)]),
    frames=st.integers(2, 40),
    level=st.floats(-4, 1).map(lambda x: 10**x),
    numbers=st.sampled_from([(0, 1, 2), (2, 3), (0, 1, 3), (1,)]),
    offset=st.sampled_from([0.0, -1e3, 1e6]),
    seed=st.integers(0, 2**31),
)
def test_the_noise_of_any_resolved_signal(
    shape: tuple[int, ...],
    frames: int,
    level: float,
    numbers: tuple[int, ...],
    offset: float,
    seed: int,
) -> None:
    clean = offset + waves(shape, frames, 3, seed, numbers)
    data = clean + level * white(tuple(clean.shape), seed + 1)
    off, error = away(data, level, (True,) * len(shape))
    assert abs(off) < 5 * error < 1.5


@pytest.mark.parametrize("gaps", [0.001, 0.3, 0.5, 0.8, 0.9])
@pytest.mark.parametrize(("shape", "frames"), [((64,), 31), ((20, 24), 9)])
def test_gaps_do_not_matter(gaps: float, shape: tuple[int, ...], frames: int) -> None:
    clean = waves(shape, frames, 4, 0, (0, 1, 2))
    data = clean + 0.02 * white(tuple(clean.shape), 1)
    data[white(tuple(data.shape), 2) > math.sqrt(2) * torch.erfinv(torch.tensor(1 - 2 * gaps))] = (
        torch.nan
    )
    off, error = away(data, 0.02, (True,) * len(shape))
    assert abs(off) < 4 * error < 0.6


@pytest.mark.parametrize("missing", ["frames", "points", "a field", "a trajectory"])
def test_whatever_is_missing(missing: str) -> None:
    clean = waves((64,), 25, 4, 0).expand(4, 25, 2, 64)
    data = clean + 0.02 * white((4, 25, 2, 64), 1)
    gone = {
        "frames": (slice(None), [3, 4, 11]),
        "points": (..., slice(0, None, 3)),
        "a field": (slice(None), slice(None), 1),
        "a trajectory": (2,),
    }[missing]
    data[gone] = torch.nan
    found = noise_of(data, (True,))
    unseen = ~data.isfinite().movedim(2, 1).flatten(2).any(2)
    assert bool((found.sigma[unseen] == 1).all() and (found.doubt[unseen] == 0).all())
    seen, doubt = found.sigma[~unseen], found.doubt[~unseen]
    assert bool(((seen / 0.02).square() - 1 < 4 * doubt).all())
    assert float((seen / 0.02).square().mean()) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("frames", [2, 3])
def test_few_frames(frames: int) -> None:
    clean = waves((64,), frames, 8, 3)
    off, error = away(clean + 0.01 * white(tuple(clean.shape), 4), 0.01, (True,))
    assert abs(off) < 4 * error < 0.4


def test_a_fast_wave_is_no_noise() -> None:
    """5.7 frames a period: differences in time took 4.6 % of it for noise."""
    x = torch.arange(64, dtype=torch.float64) * 2 * math.pi / 64
    time = torch.arange(21, dtype=torch.float64)[:, None]
    clean = torch.sin(3 * x - 2 * math.pi / 5.7 * time)[None, :, None]
    assert float(noise_of(clean, (True,)).sigma) < 1e-8
    assert float(noise_of(clean).sigma) < 1e-4


@pytest.mark.parametrize("turned", [1.0, 2.4, 4.7])
@pytest.mark.parametrize("rows", [1, 4])
def test_waves_that_turn_by_any_angle_are_no_noise(turned: float, rows: int) -> None:
    """Frames so far apart that waves look white in time: most of the field was taken for noise."""
    x = torch.arange(64, dtype=torch.float64) * 2 * math.pi / 64
    places = x - turned * torch.arange(16, dtype=torch.float64)[:, None]
    draw = white((rows, 6, 2), 2)
    clean = torch.stack(
        [
            sum(a * torch.cos(k * places) + b * torch.sin(k * places) for k, (a, b) in each)
            for each in (list(enumerate(row.tolist(), 1)) for row in draw)
        ]
    )[:, :, None]
    sigma = 0.01 * float(clean.std())
    found = noise_of(clean + sigma * white(tuple(clean.shape), 3), (True,)).sigma
    assert 1 / 1.5 < float(found.square().mean().sqrt() / sigma) < 1.5


def test_fronts_and_what_is_no_period() -> None:
    """Fields that are not smooth in space, or that only look periodic, are seen in time."""
    x = torch.linspace(-1, 1, 64, dtype=torch.float64)
    time = torch.arange(21, dtype=torch.float64)[:, None] / 50
    step = torch.tanh((x + 0.3 * torch.sin(time)) / 0.02)[None, :, None].repeat(4, 1, 1, 1)
    for seed, periodic in enumerate(((True,), (False,))):
        off, error = away(step + 0.05 * white(tuple(step.shape), seed), 0.05, periodic)
        assert abs(off) < 4 * error < 0.6


@pytest.mark.parametrize("kind", ["smoothed", "interpolated"])
def test_noise_that_is_correlated_in_space(kind: str) -> None:
    """Within a factor of 1.5, where the floor alone is ten and a million times too low."""
    clean = waves((64,), 21, 4, 0, (1, 2))
    noise = 0.05 * white(tuple(clean.shape), 1)
    if kind == "smoothed":
        noise = (noise + noise.roll(1, -1) + noise.roll(-1, -1)) / 3
    else:
        modes = torch.fft.rfft(noise)
        modes[..., 16:] = 0
        noise = torch.fft.irfft(modes, 64)
    found = noise_of(clean + noise, (True,)).sigma
    assert 1 / 1.5 < float(found.square().mean().sqrt() / noise.std()) < 1.5


def test_each_trajectory_and_field_has_its_own() -> None:
    sigma = torch.tensor([[1e-3, 0.1], [0.1, 1e-3], [0.01, 0.01]], dtype=torch.float64)
    clean = waves((32, 32), 9, 3, 0).expand(3, 9, 2, 32, 32)
    data = clean + sigma[:, None, :, None, None] * white(tuple(clean.shape), 1)
    found = noise_of(data, (True, True))
    assert bool((((found.sigma / sigma).square() - 1).abs() < 4 * found.doubt).all())
    assert float(found.doubt.amax()) < 0.05


def test_rounding_is_noise() -> None:
    """Grey levels of a field that hardly moves: most differences in time are zero."""
    slow = torch.round(128 + 40 * waves((64,), 3, 2, 0, (1, 2))[:, :1].expand(2, 20, 1, 64))
    found = noise_of(slow, (True,))
    assert float((found.sigma * math.sqrt(12) - 1).abs().amax()) < 0.05
    assert bool((noise_of(slow / 255, (True,)).sigma < 0.3 / 255).all())


@pytest.mark.parametrize("value", [0.0, 300.0, 1e30])
def test_a_field_at_rest(value: float) -> None:
    still = torch.full((2, 5, 1, 16), value, dtype=torch.float64)
    found = noise_of(still, (True,))
    assert bool((found.sigma > 0).all()) and float(found.sigma.amax()) <= 1e-13 * max(value, 1)
    assert bool((1 / found.sigma.square()).isfinite().all())


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_units_do_not_matter(scale: float) -> None:
    data = waves((64,), 9, 3, 0) + 0.05 * white((3, 9, 1, 64), 1)
    one, other = noise_of(data, (True,)), noise_of(scale * data, (True,))
    torch.testing.assert_close(other.sigma / scale, one.sigma)
    torch.testing.assert_close(other.doubt, one.doubt)


def test_chi2_is_as_certain_as_is_said() -> None:
    clean = waves((64,), 15, 4, 0)
    found, quoted = [], []
    for seed in range(60):
        noise = 0.1 * white(tuple(clean.shape), seed)
        shown = noise_of(clean + noise, (True,))
        square, count = noise.square().flatten(2).sum((1, 2))[:, None], torch.full((4, 1), 960.0)
        found.append(float((square / shown.sigma.square()).sum() / count.sum()))
        quoted.append(chi2_error(shown.doubt, count, 0))
    chi2 = torch.tensor(found)
    assert abs(float(chi2.mean()) - 1) < 4 * float(chi2.std()) / math.sqrt(60)
    assert 0.6 < float(chi2.std()) / (sum(quoted) / 60) < 1.5
