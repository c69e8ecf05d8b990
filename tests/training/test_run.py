"""Run folders: what they hold, and what is refused about them in one line."""

import json
import math

import pytest
import torch

from pdenet.errors import CheckpointError, ConfigError, OutputError
from pdenet.estimator import train
from pdenet.events import Iteration
from pdenet.storage import open_data
from pdenet.training.config import StageConfig, TrainingConfig, validated
from pdenet.training.order import with_order
from pdenet.training.run import network_for, read_run, start_run

CONFIG = TrainingConfig(
    seed=5,
    network={"units": 1},
    stages=(StageConfig(blocks=1, iterations=2),),
    values=200,
    compile="off",
)


@pytest.fixture(scope="module")
def trained(small_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    train(small_data, folder, CONFIG)
    return folder


def copied(trained, tmp_path):
    """A copy of a trained run, to damage."""
    target = tmp_path / "copy"
    for path in sorted(trained.rglob("*")):
        to = target / path.relative_to(trained)
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            to.write_bytes(path.read_bytes())
    return target


def one_line(caught) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_run_says_what_it_was_given(trained, small_data):
    record = json.loads((trained / "config.json").read_text())
    assert record["seed"] == 5
    assert record["data"]["path"] == str(small_data.resolve())
    with open_data(small_data) as data:
        assert record["data"]["digest"] == data.digest()
    assert set(record["versions"]) >= {"python", "pdenet", "torch", "numpy"}
    run = read_run(trained)
    assert run.config == with_order(CONFIG, 2) and run.folder == trained


def test_the_log_is_one_object_a_line_without_nan(tmp_path, small_data):
    with open_data(small_data) as data:
        run = start_run(tmp_path / "run", CONFIG, data)
    listen = run.listener(None)
    listen(Iteration("a", 1, 2, math.nan, math.inf, "u_t = u_x"))
    listen(Iteration("a", 2, 2, 0.5, 1.0))
    lines = (run.folder / "log.jsonl").read_text().splitlines()
    first, second = (json.loads(line, parse_constant=pytest.fail) for line in lines)
    assert (first["loss"], first["seconds"], first["leading"]) == (None, None, "u_t = u_x")
    assert (second["event"], second["loss"]) == ("Iteration", 0.5)


def test_a_trained_run_is_not_overwritten(trained, small_data):
    before = (trained / "config.json").read_bytes()
    with pytest.raises(OutputError, match="holds a trained run"):
        train(small_data, trained, CONFIG)
    assert (trained / "config.json").read_bytes() == before


def test_a_folder_without_a_run_is_refused(tmp_path, small_data):
    with pytest.raises(CheckpointError, match=r"no config\.json") as caught:
        train(small_data, tmp_path / "none", resume=True)
    one_line(caught)
    assert not (tmp_path / "none").exists()


def test_a_run_without_a_checkpoint_is_refused(trained, tmp_path, small_data):
    copy = copied(trained, tmp_path)
    for path in (copy / "checkpoint").iterdir():
        path.unlink()
    (copy / "checkpoint").rmdir()
    with pytest.raises(CheckpointError) as caught:
        train(small_data, copy, resume=True)
    one_line(caught)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100000,
        b'{"config": {}, "data": 5}',
        b'{"config": {}, "data": {"path": "x"}}',
    ],
    ids=lambda content: content[:20].decode("latin1"),
)
def test_a_damaged_config_is_refused(trained, tmp_path, content):
    copy = copied(trained, tmp_path)
    (copy / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged") as caught:
        read_run(copy)
    one_line(caught)


def test_a_config_of_another_version_is_refused(trained, tmp_path):
    copy = copied(trained, tmp_path)
    record = json.loads((copy / "config.json").read_text())
    record["config"]["kitchen"] = 1
    (copy / "config.json").write_text(json.dumps(record))
    with pytest.raises((CheckpointError, ConfigError)) as caught:
        read_run(copy)
    assert "kitchen" in one_line(caught)


@pytest.mark.parametrize(
    "network", [{"units": 2}, {"units": 1, "order": 3}, {"units": 1, "constraint": "free"}]
)
def test_a_checkpoint_of_another_network_is_refused(trained, tmp_path, small_data, network):
    copy = copied(trained, tmp_path)
    record = json.loads((copy / "config.json").read_text())
    record["config"]["network"] |= network
    (copy / "config.json").write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match="another network or damaged") as caught:
        train(small_data, copy, resume=True)
    one_line(caught)


def test_other_data_are_refused(trained, tmp_path, small_data):
    other = tmp_path / "other.h5"
    from simulators import simulate

    simulate("burgers-1d", other, shape=(24,), trajectories=6, frames=8, dt=0.02, seed=1)
    with pytest.raises(CheckpointError, match="does not hold the data") as caught:
        train(other, trained, resume=True)
    one_line(caught)


def test_what_is_restored_is_what_was_saved(trained, small_data):
    with open_data(small_data) as data:
        generator = torch.Generator()
        model = network_for(data, CONFIG, generator)
    before = model.symnet.linear.clone()
    progress = read_run(trained).restore(model, generator)
    assert progress.stage == 1 and progress.optimiser is None
    assert not torch.equal(model.symnet.linear, before)


def test_a_grid_smaller_than_the_filters_leaves_no_folder(tmp_path, small_data):
    config = CONFIG.model_copy(
        update={"network": CONFIG.network.model_copy(update={"filter_size": 25})}
    )
    with pytest.raises(ConfigError, match="at most 23 points"):
        train(small_data, tmp_path / "run", config)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"network": {"pseudo_upwind": True}}, "pseudo-upwind is for periodic axes"),
        ({"network": {"coefficients": {"pieces": 24}}}, "25 points: use at most 23 pieces"),
        ({"margin": 13}, "none of the 25 points along x to the loss: use at most 12"),
    ],
)
def test_what_does_not_fit_walls_leaves_no_folder(tmp_path, walled_data, entries, message):
    with pytest.raises(ConfigError, match=message) as caught:
        train(walled_data, tmp_path / "run", validated({**CONFIG.model_dump(), **entries}))
    one_line(caught)
    assert not (tmp_path / "run").exists()


def test_a_network_gets_the_boundaries_of_the_file(walled_data):
    with open_data(walled_data) as data:
        model = network_for(data, CONFIG, torch.Generator())
        assert model.filters.boundaries == data.problem.boundaries
    assert model.filters.walled


def test_a_folder_that_cannot_be_made_is_told(tmp_path, small_data):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*Not a directory") as caught:
        train(small_data, tmp_path / "file" / "run", CONFIG)
    one_line(caught)
