"""Short runs of training, and what they left."""

import torch

from pdenet.events import Event
from pdenet.training import checkpoint
from pdenet.training.config import StageConfig, TrainingConfig

STAGES = (
    StageConfig(blocks=1, iterations=6, filters=False, penalties=False),
    StageConfig(blocks=1, iterations=5),
    StageConfig(blocks=3, iterations=5),
)


def config(**entries: object) -> TrainingConfig:
    return TrainingConfig.model_validate(
        {
            "stages": STAGES,
            "network": {"units": 2},
            "values": 1200,
            "compile": "off",
            **entries,
        }
    )


def tensors(run) -> dict[str, torch.Tensor]:
    found, _ = checkpoint.load(run / "checkpoint")
    return found


def assert_same_bits(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def of_kind(events: list[Event], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]
