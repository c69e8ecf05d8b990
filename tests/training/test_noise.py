"""Training on noisy data: what is noise in a first frame starts no prediction."""

import math

import pytest
import torch

from pdenet import discover
from pdenet.events import StageFinished
from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet
from pdenet.pde.compare import compare
from pdenet.storage import open_data
from pdenet.training.config import StageConfig, TrainingConfig
from pdenet.training.trainer import DROWNED, Trainer
from simulators import simulate

STAGE = StageConfig(blocks=2, iterations=1)


def trainer_of(states: torch.Tensor) -> Trainer:
    shape = NetworkShape(("u",), Grid((64,), (2 * math.pi,)))
    generator = torch.Generator().manual_seed(0)
    model = PDENet(shape, 0.05, generator).double()
    return Trainer(model, TrainingConfig(), states, states, generator, print, print)


def waves(n: int, frames: int) -> torch.Tensor:
    """Decaying waves, (n, frames, 1, 64)."""
    x = torch.arange(64, dtype=torch.float64) * 2 * math.pi / 64
    t = 0.05 * torch.arange(frames, dtype=torch.float64)[:, None, None]
    phase = torch.arange(n, dtype=torch.float64)[:, None, None, None]
    return torch.exp(-0.1 * t) * torch.sin(x + phase) + torch.exp(-0.4 * t) * torch.cos(2 * x)


def test_windows_start_without_noise_and_predict_what_was_seen():
    clean = waves(3, 9)
    generator = torch.Generator().manual_seed(1)
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    chosen = torch.tensor([0, 6, 7, 20])  # of seven windows in each trajectory
    rows, firsts = [0, 0, 1, 2], [0, 6, 0, 6]
    trainer = trainer_of(noisy)
    found = trainer._gathered(STAGE, noisy, chosen)
    raw = torch.stack([noisy[n, k : k + 3] for n, k in zip(rows, firsts, strict=True)])
    truth = torch.stack([clean[n, k] for n, k in zip(rows, firsts, strict=True)])
    assert torch.equal(found[:, 1:], raw[:, 1:])
    assert float((found[:, 0] - truth).square().mean().sqrt()) < 0.08
    same = trainer_of(clean)._gathered(STAGE, clean, chosen)
    assert torch.allclose(same[:, 0], truth, atol=1e-4)


@pytest.mark.slow
def test_where_noise_is_most_of_a_change_only_the_warm_up_learns(tmp_path, caplog):
    """What filters and longer windows would have learned the refinement takes from the data."""
    path = tmp_path / "data.h5"
    simulate("burgers-1d", path, shape=(64,), trajectories=12, frames=21, noise=0.1, seed=0)
    with open_data(path) as data:
        truth = data.problem.pde
    events = []
    found = discover(path, network={"units": 2}, on_event=events.append)
    assert [e.stage for e in events if isinstance(e, StageFinished)] == ["warm-up"]
    assert "left out are 1 block, 2 blocks, 4 blocks" in caplog.text
    scores = compare(found.equation, truth)
    assert scores.tpr == 1 and not scores.extra and scores.einf < 0.05


def test_little_noise_leaves_no_stage_out():
    clean = waves(3, 9)
    generator = torch.Generator().manual_seed(1)
    draw = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    assert trainer_of(clean)._drowned() < 1e-4
    assert trainer_of(clean + 1e-3 * draw)._drowned() < DROWNED < trainer_of(draw)._drowned() < 0.7
    assert trainer_of(torch.ones_like(clean))._drowned() == 0


def test_a_fast_wave_without_noise_is_not_drowned():
    """5.7 frames a period: its differences in time are not small, and no noise."""
    x = torch.arange(64, dtype=torch.float64) * 2 * math.pi / 64
    time = torch.arange(21, dtype=torch.float64)[:, None, None]
    phase = torch.arange(3, dtype=torch.float64)[:, None, None, None]
    clean = torch.sin(2 * x + phase - 2 * math.pi / 5.7 * time)
    generator = torch.Generator().manual_seed(1)
    draw = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    assert trainer_of(clean)._drowned() < 1e-12
    assert 0.5e-4 < trainer_of(clean + 0.01 * draw)._drowned() < 2e-4
