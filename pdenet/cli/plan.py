"""Folders of many runs: what was asked for, kept so that --resume goes on with the same.

plan.json      the source, the options that make data, and the configuration
seed-0/ ..     ordinary runs
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pdenet.cli.children import Ended
from pdenet.cli.extract import stages_left
from pdenet.cli.group import TYPED
from pdenet.errors import CheckpointError, ConfigError, DataError, DiscoveryError
from pdenet.report.files import write_text
from pdenet.storage.values import as_kind
from pdenet.training.config import TrainingConfig, validated
from pdenet.training.order import settled_as
from pdenet.training.records import read_record, recorded_data
from pdenet.training.run import read_run

__all__ = ["PLAN", "Plan", "finished", "refuse_failures", "typed"]

PLAN = "plan.json"


def typed(names: Sequence[str]) -> dict[str, list[str]]:
    """The options among `names` that the current command was given, as they were typed:
    {"parameters": ["--param=nu=0.1"]}."""
    context = click.get_current_context()
    values: Mapping[str, Any] = context.meta[TYPED]
    found: dict[str, list[str]] = {}
    for parameter in context.command.params:
        value = values.get(parameter.name or "")
        if parameter.name not in names or not isinstance(parameter, click.Option):
            continue
        option = max(parameter.opts, key=len)
        if value is True:
            found[parameter.name] = [option]
        elif isinstance(value, str):
            found[parameter.name] = [f"{option}={value}"]
        elif isinstance(value, list | tuple) and value:
            found[parameter.name] = [f"{option}={part}" for part in value]
    return found


@dataclass(frozen=True)
class Plan:
    """What the runs of a folder have in common.

    source: name or file, None where the equation was typed. made: the options that make data, as
    they were typed. config: of the training.
    """

    source: str | None
    made: Mapping[str, list[str]]
    config: TrainingConfig

    def options(self) -> list[str]:
        """The options that make data."""
        return [text for texts in self.made.values() for text in texts]

    def keep(self, folder: Path, *, resume: bool) -> None:
        """Write the plan to a folder; with `resume`, refuse to go on with another one.

        Raises ConfigError that names what differs.
        """
        if resume and (folder / PLAN).exists():
            differing = self._differing(folder)
            if differing:
                raise ConfigError(
                    f"'{folder}' was begun with {differing}: type the same command as then with "
                    "--resume, or begin anew with --overwrite"
                )
            return
        record = {
            "source": self.source,
            "made": dict(self.made),
            "config": self.config.model_dump(mode="json"),
        }
        write_text(folder / PLAN, json.dumps(record, indent=1) + "\n", overwrite=True)

    def _differing(self, folder: Path) -> str:
        record = read_record(folder, PLAN)
        if record.get("source") != self.source:
            return f"{_shown(record.get('source'))}, not {_shown(self.source)}"
        try:
            typed_then = as_kind(dict, record.get("made"))
            made = {
                name: [as_kind(str, text) for text in as_kind(list, texts)]
                for name, texts in typed_then.items()
            }
        except ValueError as error:
            raise CheckpointError(
                f"'{folder / PLAN}' does not say what was typed ({error}): begin anew"
            ) from None
        for name in (*made, *self.made):
            if made.get(name) != self.made.get(name):
                before, now = (" ".join(table.get(name) or ()) for table in (made, self.made))
                return f"{before or 'no ' + now.partition('=')[0]}, not {now or 'without it'}"
        own = validated(record.get("config"), f"the configuration in '{folder / PLAN}'")
        asked = settled_as(own, self.config)
        for name in type(own).model_fields:
            before, now = getattr(own, name), getattr(asked, name)
            if before != now:
                plain = isinstance(before, str | int | float)
                return f"another {name}" + f" ({before}, not {now})" * plain
        return ""


def _shown(source: Any) -> str:
    return "--pde" if source is None else f"'{source}'"


def finished(run: Path, config: TrainingConfig) -> bool:
    """Whether a run of `pdenet discover` with this configuration has nothing left to do."""
    if not all((run / name).exists() for name in ("equation.json", "report.html")):
        return False
    try:
        own = read_run(run).config
        return own == settled_as(own, config) and not stages_left(run, recorded_data(run))
    except (CheckpointError, ConfigError, DataError):
        return False  # whatever is wrong, the command itself will say


def refuse_failures(ended: Sequence[Ended], what: str) -> None:
    """Raise DiscoveryError that tells of every process that failed, if one did."""
    failed = [each for each in ended if each.code]
    if failed:
        told = "; ".join(f"{each.child.name}: {each.said}" for each in failed)
        raise DiscoveryError(
            f"{len(failed)} of {len(ended)} {what} failed ({told}); the same command with "
            "--resume tries them again"
        )
