"""How a training went, from events."""

import json

import pytest

from pdenet.errors import CheckpointError
from pdenet.evaluation.stages import seconds_of_training, stage_curves


def test_stages_that_are_resumed_are_one_curve():
    def iteration(n, loss):
        return {"event": "Iteration", "stage": "a", "iteration": n, "loss": loss}

    begun = {"event": "StageStarted", "stage": "a", "blocks": 2}
    lost = [begun, iteration(1, 3.0), iteration(2, 2.0), iteration(3, 9.0)]
    (curve,) = stage_curves([*lost, begun, iteration(3, 1.0), iteration(4, 0.5)])
    assert list(curve.iterations) == [1, 2, 3, 4]
    assert list(curve.loss) == [3, 2, 1, 0.5]


def test_the_seconds_of_stages_are_added_and_the_last_word_on_a_stage_counts(tmp_path):
    def ended(stage, seconds):
        return {
            "event": "StageFinished", "stage": stage, "iterations": 3, "loss": 0.1,
            "validation": 0.2, "seconds": seconds,
        }  # fmt: skip

    log = tmp_path / "log.jsonl"
    events = [ended("1 block", 1.5), ended("2 blocks", 99.0), ended("2 blocks", 2.0)]
    log.write_text("".join(json.dumps(event) + "\n" for event in events) + '{"event": "Stage')
    assert seconds_of_training(tmp_path) == pytest.approx(3.5)
    log.write_text("what is this\n" + json.dumps(events[0]) + "\n")
    with pytest.raises(CheckpointError, match=r"line 1 of .* is damaged"):
        seconds_of_training(tmp_path)
