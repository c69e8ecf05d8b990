"""Training that was stopped goes on bitwise, whenever and however it was stopped."""

import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pdenet.estimator import train
from pdenet.events import CheckpointSaved, Event, Iteration, StageFinished, StageStarted
from pdenet.training import checkpoint
from pdenet.training.config import StageConfig, TrainingConfig

RUNS = runpy.run_path(str(Path(__file__).with_name("runs.py")))
STAGES, config, tensors = RUNS["STAGES"], RUNS["config"], RUNS["tensors"]
assert_same_bits, of_kind = RUNS["assert_same_bits"], RUNS["of_kind"]


def stop_at(kind: type, count: int):
    """A listener that presses Ctrl-C at the count-th event of a kind."""
    seen = []

    def listen(event: Event) -> None:
        seen.extend([event] * isinstance(event, kind))
        if len(seen) == count and isinstance(event, kind):
            raise KeyboardInterrupt

    return listen


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        (Iteration, 1),
        (Iteration, 4),
        (Iteration, 6),
        (Iteration, 9),
        (Iteration, 13),
        (Iteration, 16),
        (CheckpointSaved, 1),
        (CheckpointSaved, 2),
        (StageStarted, 1),
        (StageStarted, 2),
        (StageFinished, 1),
        (StageFinished, 3),
    ],
)
def test_a_run_that_was_stopped_goes_on_bitwise(small_data, tmp_path, straight, kind, count):
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(small_data, run, config(), on_event=stop_at(kind, count))
    train(small_data, run, resume=True)
    assert_same_bits(tensors(run), tensors(straight[0]))


def test_a_run_that_is_stopped_again_and_again(small_data, tmp_path, straight):
    run, stops = tmp_path / "run", 0
    for resume in [False] + [True] * 30:
        try:
            train(small_data, run, config(), resume=resume, on_event=stop_at(Iteration, 1))
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops == sum(stage.iterations for stage in STAGES)
    assert_same_bits(tensors(run), tensors(straight[0]))


def test_a_finished_run_stays_as_it_is(small_data, tmp_path, straight):
    before = tensors(straight[0])
    events: list[Event] = []
    train(small_data, straight[0], resume=True, on_event=events.append)
    assert of_kind(events, Iteration) == []
    assert_same_bits(tensors(straight[0]), before)


def test_frequent_checkpoints_change_no_bit(small_data, tmp_path, straight):
    events: list[Event] = []
    often = config(checkpoint_minutes=1e-9)
    train(small_data, tmp_path / "often", often, on_event=events.append)
    assert len(of_kind(events, CheckpointSaved)) >= len(of_kind(events, Iteration))
    assert_same_bits(tensors(tmp_path / "often"), tensors(straight[0]))


# However late a signal comes, it finds the training at work: after LAST iterations it waits.
LAST = 100
SCRIPT = """
import sys, time
from pathlib import Path
from pdenet.estimator import train
from pdenet.training.config import TrainingConfig
data, run, resume, last, settings = sys.argv[1:]
config = TrainingConfig.model_validate_json(settings)
told = []
def tell(event):
    print(type(event).__name__, flush=True)
    told.append(type(event).__name__)
    while told.count("Iteration") == int(last):
        time.sleep(0.01)
train(Path(data), Path(run), config, resume=resume == "resume", on_event=tell)
"""


def start(data, run, resume: str, settings: TrainingConfig) -> subprocess.Popen:
    command = [sys.executable, "-c", SCRIPT, str(data), str(run), resume, str(LAST)]
    return subprocess.Popen(
        [*command, settings.model_dump_json()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_a_process_that_is_stopped_goes_on_bitwise(small_data, tmp_path, name):
    """A checkpoint after each iteration; the process is stopped some iterations into training."""
    stages = (STAGES[0], STAGES[1], StageConfig(blocks=3, iterations=400))
    settings = config(stages=stages, checkpoint_minutes=1e-9)
    run = tmp_path / "run"
    process = start(small_data, run, "new", settings)
    assert process.stdout is not None
    iterations = 0
    for line in process.stdout:
        iterations += line == "Iteration\n"
        if iterations == 15:
            break
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=600)
    assert process.returncode not in (0, None)
    _, state = checkpoint.load(run / "checkpoint")
    assert state["stage"] == 2
    position = int(tensors(run)["optimiser.iteration"])
    assert 15 - 11 - 1 <= position <= LAST - 11
    with pytest.raises(KeyboardInterrupt):
        train(small_data, run, resume=True, on_event=stop_at(Iteration, 3))
    reached = int(tensors(run)["optimiser.iteration"])
    assert reached == position + 3
    other = tmp_path / "other"
    with pytest.raises(KeyboardInterrupt):
        train(small_data, other, settings, on_event=stop_at(Iteration, 11 + reached))
    assert_same_bits(tensors(run), tensors(other))


PARTS = {"units": 1, "coefficients": {"pieces": 5}, "source": {}, "functions": ["sin", "divide"]}


@pytest.mark.parametrize("count", [1, 9, 16])
def test_a_run_with_maps_sources_functions_and_walls_goes_on_bitwise(walled_data, tmp_path, count):
    settings = config(network=PARTS, margin=1)
    train(walled_data, tmp_path / "straight", settings)
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(walled_data, run, settings, on_event=stop_at(Iteration, count))
    train(walled_data, run, resume=True)
    saved = tensors(run)
    assert_same_bits(saved, tensors(tmp_path / "straight"))
    names = ("maps.weights", "source.weights", "symnet.arguments", "symnet.shares", "filters.free")
    for name in names:
        assert bool(saved[f"model.rhs.{name}"].any()), name
