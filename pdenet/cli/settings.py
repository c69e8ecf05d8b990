"""The configuration of a run, from a file, a preset and what was typed, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdenet.cli.options import given
from pdenet.errors import ConfigError
from pdenet.training.config import TrainingConfig, load, preset, validated

__all__ = ["training_config"]


def training_config(options: Mapping[str, Any]) -> TrainingConfig:
    """The configuration that the options of a command describe.

    Raises ConfigError if the file is missing or says something unknown, or if a file and a preset
    are both given.
    """
    if options.get("config") and options.get("preset"):
        raise ConfigError("--config and --preset both choose the settings: give one of the two")
    config = TrainingConfig()
    if options.get("config"):
        config = load(options["config"])
    elif options.get("preset"):
        config = preset(options["preset"])
    typed = given(options, "seed", "device", "dtype")
    return validated({**config.model_dump(), **typed}) if typed else config
