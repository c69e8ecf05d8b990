"""The state of a refinement: whole, of one refinement only, and refused where it is damaged."""

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from pdenet.errors import CheckpointError, OutputError
from pdenet.likelihood.config import RefineConfig
from pdenet.pde import PDE
from pdenet.training.refined import RefinementState

TENSORS = {
    "coefficients": torch.tensor([-1.0, 0.1], dtype=torch.float64),
    "states": torch.randn(2, 3, 5, dtype=torch.complex128, generator=torch.Generator()),
    "rows": torch.arange(6).reshape(2, 3).T,
    "kept": torch.tensor([True, False]),
    "iteration": torch.tensor(7),
    "none": torch.zeros(0, 4),
}


def state(folder: Path, **changes) -> RefinementState:
    return replace(
        RefinementState(
            folder / "refined.json.state",
            "ab" * 32,
            PDE("u_t = -u*u_x + nu*u_xx", nu=0.1),
            RefineConfig(noise=0.01),
        ),
        **changes,
    )


def test_what_was_kept_comes_back_bit_by_bit(tmp_path):
    state(tmp_path).save(TENSORS)
    back = state(tmp_path).load()
    assert back.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert back[name].dtype == tensor.dtype and torch.equal(back[name], tensor)
    assert [path.name for path in tmp_path.iterdir()] == ["refined.json.state"]


def test_tensors_may_share_memory(tmp_path):
    whole = torch.arange(10.0)
    state(tmp_path).save({"whole": whole, "half": whole[:5], "again": whole})
    assert torch.equal(state(tmp_path).load()["half"], whole[:5])


def test_a_later_state_replaces_an_earlier_one(tmp_path):
    state(tmp_path).save(TENSORS)
    state(tmp_path).save({"iteration": torch.tensor(8)})
    assert state(tmp_path).load() == {"iteration": torch.tensor(8)}
    state(tmp_path).remove()
    state(tmp_path).remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "cd" * 32}, "begun with other data"),
        ({"pde": None}, r"begun with 'u_t = -u\*u_x \+ 0.1\*u_xx', not no equation"),
        ({"pde": PDE("u_t = u_xx")}, "not 'u_t = u_xx'"),
        ({"config": RefineConfig(noise=0.02)}, r"begun with noise 0.01, not 0.02"),
        ({"config": RefineConfig(noise=0.01, choose=False)}, "choose True, not False"),
    ],
)
def test_it_goes_on_with_nothing_else(tmp_path, changes, message):
    state(tmp_path).save(TENSORS)
    with pytest.raises(CheckpointError, match=message) as caught:
        state(tmp_path, **changes).load()
    assert "\n" not in str(caught.value)


def test_other_workers_and_the_same_equation_in_other_words_go_on(tmp_path):
    state(tmp_path).save(TENSORS)
    same = PDE("u_t = 0.1*u_xx - u_x*u")
    assert state(tmp_path, pde=same, config=RefineConfig(noise=0.01, workers=3)).load()


def test_damage_is_noticed_wherever_it_is(tmp_path):
    state(tmp_path).save(TENSORS)
    path = state(tmp_path).path
    whole = path.read_bytes()
    spots = [*range(0, len(whole), max(1, len(whole) // 150)), len(whole) - 1]
    for spot in spots:
        path.write_bytes(whole[:spot] + bytes([whole[spot] ^ 1]) + whole[spot + 1 :])
        with pytest.raises(CheckpointError) as caught:
            state(tmp_path).load()
        assert "\n" not in str(caught.value), spot
        path.write_bytes(whole[:spot])
        with pytest.raises(CheckpointError, match="damaged"):
            state(tmp_path).load()


def test_what_is_no_state_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no state of a refinement"):
        state(tmp_path).load()
    path = state(tmp_path).path
    safetensors.torch.save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"refined\.json\.state"):
        state(tmp_path).load()
    path.unlink()
    path.mkdir()
    with pytest.raises(CheckpointError, match="no state of a refinement"):
        state(tmp_path).load()


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        state(tmp_path / "none").save(TENSORS)


def test_given_fields_are_part_of_what_a_state_is_of(tmp_path):
    given = {"config": RefineConfig(noise=0.01, given=("v",))}
    state(tmp_path, **given).save(TENSORS)
    assert state(tmp_path, **given).load().keys() == TENSORS.keys()
    with pytest.raises(CheckpointError, match="begun with given v, not nothing"):
        state(tmp_path).load()
