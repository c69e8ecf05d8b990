"""The configuration of a run, from a file, a preset and what was typed, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pdenet.cli.options import given
from pdenet.cli.runs import RUN
from pdenet.errors import ConfigError
from pdenet.training.config import TrainingConfig, load, preset, validated
from pdenet.training.order import settled_as
from pdenet.training.run import read_run

__all__ = ["check_resumed", "training_config"]

CHOOSE = ("config", "preset", "seed", "device", "dtype", "max_order")


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
    refine: dict[str, Any] = {"when": "never"} if options.get("no_refine") else {}
    if options.get("budget") is not None:
        typed["budget"] = 60 * options["budget"]
    if options.get("max_order") is not None:
        limited = {"max_order": options["max_order"]}
        typed["network"] = {**config.network.model_dump(), **limited}
        refine["order"] = options["max_order"]
    if refine:
        typed["refine"] = {**config.refine.model_dump(), **refine}
    return validated({**config.model_dump(), **typed}) if typed else config


def check_resumed(run: Path, options: Mapping[str, Any], config: TrainingConfig) -> None:
    """Refuse to resume a run with other settings than its own: they would have no effect.

    Raises ConfigError that names the first setting that differs.
    """
    if not (options["resume"] and given(options, *CHOOSE) and RUN.begun(run)):
        return
    settled = read_run(run).config
    own, asked = settled.model_dump(), settled_as(settled, config).model_dump()
    differing = [name for name in own if own[name] != asked[name]]
    if differing:
        name = differing[0]
        values = f" ({own[name]}, not {asked[name]})" if isinstance(own[name], str | int) else ""
        raise ConfigError(
            f"'{run}' was begun with another {name}{values}: --resume goes on with the settings of "
            "the run, so leave them out, or begin anew with --overwrite"
        )
