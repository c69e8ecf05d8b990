"""What a run folder says of itself, and what is said of one that is damaged."""

import json

import pytest

from pdenet.errors import CheckpointError
from pdenet.training.records import read_log, read_record, recorded_data

LOST = {"event": "StepUndone", "stage": "a", "iteration": 3, "reason": "why", "step": 0.5}


def test_a_record_is_an_object_of_a_run(tmp_path):
    (tmp_path / "config.json").write_text('{"seed": 3}')
    assert read_record(tmp_path, "config.json") == {"seed": 3}
    (tmp_path / "config.json").write_text("[3]")
    with pytest.raises(CheckpointError, match="damaged"):
        read_record(tmp_path, "config.json")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_record(tmp_path, "config.json")


@pytest.mark.parametrize("folder", ["nothing", "."])
def test_python_is_told_of_train_and_the_command_line_of_its_command(folder, tmp_path):
    with pytest.raises(CheckpointError, match=r"train\(data, '.*'\)$") as caught:
        read_record(tmp_path / folder, "config.json")
    assert "'pdenet train DATA -o" in caught.value.shell and "train(data" not in caught.value.shell


def test_a_log_ends_where_its_last_whole_line_does(tmp_path):
    assert read_log(tmp_path) == []
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LOST) + "\n\n" + json.dumps(LOST)[:20])
    (event,) = read_log(tmp_path)
    assert event["event"] == "StepUndone" and event["step"] == 0.5
    log.write_text(json.dumps(LOST)[:20] + "\n" + json.dumps(LOST) + "\n")
    with pytest.raises(CheckpointError, match=r"line 1 of .* is damaged"):
        read_log(tmp_path)


def test_the_data_of_a_run_are_its_own_or_where_its_record_says(tmp_path):
    run, data = tmp_path / "run", tmp_path / "data.h5"
    run.mkdir()
    (run / "config.json").write_text(json.dumps({"data": {"path": str(data)}}))
    assert recorded_data(run) is None
    data.touch()
    assert recorded_data(run) == data
    (run / "data.h5").touch()
    assert recorded_data(run) == run / "data.h5"
