"""Staged training: what it does to the loss, and what ends it and what does not."""

import math
import runpy
from pathlib import Path

import pytest
import torch

from pdenet.dataset import load
from pdenet.errors import ConfigError, TrainingError
from pdenet.estimator import train
from pdenet.events import CheckpointSaved, Event, Iteration, StageFinished, StageStarted, StepUndone
from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet
from pdenet.storage import open_data
from pdenet.training.config import StageConfig
from pdenet.training.progress import Progress
from pdenet.training.trainer import Trainer, stage_names

RUNS = runpy.run_path(str(Path(__file__).with_name("runs.py")))
STAGES, config, tensors = RUNS["STAGES"], RUNS["config"], RUNS["tensors"]
assert_same_bits, of_kind = RUNS["assert_same_bits"], RUNS["of_kind"]


def test_the_names_of_stages_differ():
    same = tuple(StageConfig(blocks=n, iterations=1) for n in (1, 1, 2, 1, 2))
    assert stage_names((STAGES[0], *same)) == (
        "warm-up",
        "1 block",
        "1 block (2)",
        "2 blocks",
        "1 block (3)",
        "2 blocks (2)",
    )
    assert stage_names((STAGES[0], STAGES[0])) == ("warm-up", "warm-up (2)")


def test_every_stage_is_told_from_start_to_end(straight):
    folder, events = straight
    started, finished = of_kind(events, StageStarted), of_kind(events, StageFinished)
    assert [(e.stage, e.blocks, e.index, e.stages) for e in started] == [
        ("warm-up", 1, 0, 3),
        ("1 block", 1, 1, 3),
        ("3 blocks", 3, 2, 3),
    ]
    assert [e.stage for e in finished] == [e.stage for e in started]
    assert all(math.isfinite(e.validation) and e.seconds > 0 for e in finished)
    iterations = of_kind(events, Iteration)
    assert [e.iteration for e in iterations] == [*range(1, 7), *range(1, 6), *range(1, 6)]
    saved = of_kind(events, CheckpointSaved)
    assert saved and saved[0].path == str(folder / "checkpoint")
    lines = (folder / "log.jsonl").read_text().splitlines()
    assert len(lines) == len(events)


def test_the_loss_falls_within_each_stage(straight):
    _, events = straight
    for name in stage_names(STAGES):
        losses = [e.loss for e in of_kind(events, Iteration) if e.stage == name]
        assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]
    warm_up, *_, last = of_kind(events, StageFinished)
    assert warm_up.loss < 0.5  # a prediction of no change costs one
    assert last.loss < warm_up.loss


def test_the_warm_up_leaves_the_filters(small_data, tmp_path, straight):
    train(small_data, tmp_path / "run", config(stages=STAGES[:1]))
    assert not bool(tensors(tmp_path / "run")["model.rhs.filters.free"].any())
    assert bool(tensors(straight[0])["model.rhs.filters.free"].any())


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(small_data, tmp_path, straight):
    state = torch.get_rng_state()
    train(small_data, tmp_path / "same", config())
    assert torch.equal(torch.get_rng_state(), state)
    assert_same_bits(tensors(tmp_path / "same"), tensors(straight[0]))
    train(small_data, tmp_path / "other", config(seed=1, stages=STAGES[:1]))
    train(small_data, tmp_path / "first", config(stages=STAGES[:1]))
    name = "model.rhs.symnet.linear"
    assert not torch.equal(tensors(tmp_path / "other")[name], tensors(tmp_path / "first")[name])


def test_stages_with_more_blocks_than_frames_are_left_out(small_data, tmp_path, caplog):
    stages = (STAGES[0], StageConfig(blocks=8, iterations=2), StageConfig(blocks=7, iterations=2))
    events: list[Event] = []
    train(small_data, tmp_path / "run", config(stages=stages), on_event=events.append)
    assert [e.stage for e in of_kind(events, StageFinished)] == ["warm-up", "7 blocks"]
    assert "8 blocks is left out: trajectories have 8 frames" in caplog.text


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_precisions_learn(small_data, tmp_path, dtype):
    events: list[Event] = []
    train(small_data, tmp_path / "run", config(dtype=dtype), on_event=events.append)
    saved = tensors(tmp_path / "run")
    assert saved["model.rhs.symnet.linear"].dtype == getattr(torch, dtype)
    assert of_kind(events, StageFinished)[-1].loss < 0.2


@pytest.mark.parametrize(
    "network",
    [
        {"pseudo_upwind": True},
        {"constraint": "free"},
        {"constraint": "frozen"},
        {"integrator": "rk4", "units": 0},
        {"order": 3, "filter_size": 7},
        {"units": 0, "coefficients": {"pieces": 6}},
        {"units": 0, "source": {"pieces": 8}},
        {"functions": ["sin", "divide", "exp", "cos"]},
        {"coefficients": {}, "source": {}, "functions": ["sin"]},
    ],
    ids=str,
)
def test_every_kind_of_network_learns(small_data, tmp_path, network):
    events: list[Event] = []
    short = tuple(stage.model_copy(update={"iterations": 3}) for stage in STAGES)
    train(
        small_data,
        tmp_path / "run",
        config(stages=short, network={"units": 2, **network}),
        on_event=events.append,
    )
    for name in stage_names(short):
        losses = [e.loss for e in of_kind(events, Iteration) if e.stage == name]
        assert losses == sorted(losses, reverse=True) and math.isfinite(losses[0])
    assert len(of_kind(events, StageFinished)) == 3


def test_a_source_gets_the_range_of_the_data_in_its_checkpoint(walled_data, tmp_path):
    train(walled_data, tmp_path / "run", config(stages=STAGES[:1], network={"source": {}}))
    saved = tensors(tmp_path / "run")
    with open_data(walled_data) as data:
        states = load(data, "train")
    assert float(saved["model.rhs.source.low"]) == float(states.amin())
    assert float(saved["model.rhs.source.high"]) == float(states.amax())


@pytest.mark.slow
def test_a_nonlinear_source_is_learned_between_walls(walled_data, tmp_path):
    """With a source the data are explained far better than by what is linear in the jets."""
    losses = []
    for network in ({"units": 0}, {"units": 0, "source": {"pieces": 6}}):
        events: list[Event] = []
        run = tmp_path / str(len(losses))
        more = tuple(stage.model_copy(update={"iterations": 40}) for stage in STAGES)
        train(walled_data, run, config(stages=more, network=network), on_event=events.append)
        losses.append(of_kind(events, StageFinished)[-1].loss)
    assert losses[1] < 0.2 * losses[0]


def bare_trainer(
    stages: tuple[StageConfig, ...], states: torch.Tensor, dt: float = 0.01
) -> tuple[Trainer, list[Event]]:
    grid = Grid((states.shape[-1],), (2 * math.pi,))
    generator = torch.Generator().manual_seed(0)
    model = PDENet(NetworkShape(("u",), grid, units=2), dt, generator)
    events: list[Event] = []
    trainer = Trainer(
        model, config(stages=stages), states, states, generator, events.append, lambda p: None
    )
    return trainer, events


def rough(size: float, frames: int = 6) -> torch.Tensor:
    """Rough fields that change smoothly: noise would not be trained on."""
    draw = torch.randn(
        (4, 2, 1, 16), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    time = torch.arange(frames, dtype=torch.float64)[:, None, None]
    return size * (torch.cos(time / 4) * draw[:, :1] + torch.sin(time / 4) * draw[:, 1:])


def test_a_step_to_nan_is_undone_told_and_no_end(monkeypatch):
    """Every third evaluation of the loss is NaN: training says so and goes on downhill."""
    trainer, events = bare_trainer((StageConfig(blocks=1, iterations=12),), rough(1.0))
    trainer.set_scales()
    calls = 0
    original = trainer._closure

    def sometimes(stage, windows):
        closure = original(stage, windows)

        def broken(position):
            nonlocal calls
            calls += 1
            loss, gradient = closure(position)
            return (loss * math.nan if calls % 3 == 0 else loss), gradient

        return broken

    monkeypatch.setattr(trainer, "_closure", sometimes)
    trainer.run(Progress())
    undone = of_kind(events, StepUndone)
    assert undone and all("not finite" in event.reason for event in undone)
    losses = [event.loss for event in of_kind(events, Iteration)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]
    assert all(map(math.isfinite, losses))


@pytest.mark.parametrize("size", [1e-150, 1e-20, 1.0, 1e20, 1e100])
@pytest.mark.parametrize("dt", [1e-6, 1.0])
def test_no_scale_of_the_data_ends_a_run(size, dt):
    stages = (STAGES[0], StageConfig(blocks=4, iterations=4))
    trainer, events = bare_trainer(stages, rough(size), dt)
    trainer.set_scales()
    trainer.run(Progress())
    finished = of_kind(events, StageFinished)
    assert len(finished) == 2 and all(math.isfinite(event.loss) for event in finished)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_data_at_rest_do_not_end_a_run(value):
    trainer, events = bare_trainer(STAGES, torch.full((4, 6, 1, 16), value).double())
    trainer.set_scales()
    trainer.run(Progress())
    assert all(math.isfinite(event.loss) for event in of_kind(events, StageFinished))


def test_a_network_that_blows_up_gets_substeps_or_says_why():
    """u_t = -c u by Euler blows up for c dt > 2: more substeps are taken until it does not."""
    trainer, _ = bare_trainer((StageConfig(blocks=5, iterations=1),), rough(1.0), dt=1.0)
    symnet = trainer.model.symnet
    with torch.no_grad():
        for weight in symnet.weights():
            weight.zero_()
        symnet.linear[0, -1, 0] = -12.0
    progress = trainer.run(Progress())
    assert 8 <= progress.substeps <= 16
    with torch.no_grad():
        for weight in symnet.weights():
            weight.zero_()
        symnet.linear[0, -1, 0] = 1e200
    with pytest.raises(TrainingError, match="blows up within 5 δt-blocks"):
        trainer.run(Progress())


def test_a_stage_that_cannot_begin_is_left_out(monkeypatch, caplog):
    """The second of three stages is never finite: the first and the third are trained."""
    stages = (STAGES[0], StageConfig(blocks=2, iterations=2), StageConfig(blocks=3, iterations=2))
    trainer, events = bare_trainer(stages, rough(1.0))
    trainer.set_scales()
    original = trainer._closure

    def closure_of(stage, windows):
        closure = original(stage, windows)
        if stage.blocks != 2:
            return closure
        return lambda position: (closure(position)[0] * math.nan, closure(position)[1])

    monkeypatch.setattr(trainer, "_closure", closure_of)
    progress = trainer.run(Progress())
    assert progress.stage == 3
    assert [event.stage for event in of_kind(events, StageFinished)] == ["warm-up", "3 blocks"]
    assert "2 blocks is left out" in caplog.text


def test_stages_that_never_fit_are_refused_before_anything_is_written(small_data, tmp_path):
    never = config(stages=(StageConfig(blocks=8, iterations=2),))
    with pytest.raises(ConfigError, match="8 frames"):
        train(small_data, tmp_path / "run", never)
    assert not (tmp_path / "run").exists()


def test_a_stage_that_learns_its_windows_by_heart_is_repeated_with_more(caplog):
    """Held-out trajectories move, those of the training do not: no number of windows helps."""
    still = torch.ones(16, 4, 1, 16, dtype=torch.float64)
    still = still * torch.linspace(1, 2, 16, dtype=torch.float64)[:, None, None, None]
    x = torch.arange(16, dtype=torch.float64) * 2 * math.pi / 16
    moving = torch.stack([torch.sin(x + 0.3 * k) for k in range(4)])[None, :, None]
    stages = (StageConfig(blocks=1, iterations=8),)
    trainer, events = bare_trainer(stages, still)
    trainer.config = config(stages=stages, values=64)
    trainer.validation = moving
    trainer.set_scales()
    caplog.set_level("INFO")
    progress = trainer.run(Progress())
    assert progress.stage == 1 and progress.doublings == 3
    names = [event.stage for event in of_kind(events, StageFinished)]
    assert names == ["1 block", *(f"1 block, {n} × windows" for n in (2, 4, 8))]
    assert caplog.text.count("repeated with twice as many") == 3
