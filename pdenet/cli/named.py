"""The settings that a named equation asks for, or the one behind a data file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pdenet.pde.catalogue import catalogue, entry_of
from pdenet.storage import open_data

__all__ = ["with_preset"]


def with_preset(options: Mapping[str, Any], source: str | Path | None) -> dict[str, Any]:
    """The options, with the preset of the named equation where no settings were asked for.

    source: a name, or the path of a data file.
    """
    chosen = dict(options)
    if options.get("config") or options.get("preset") or source is None:
        return chosen
    if isinstance(source, Path):
        with open_data(source) as data:
            entry = entry_of(data.problem.pde, data.metadata.get("name"))
    else:
        entry = catalogue.get(source)
    if entry is not None and entry.preset is not None:
        chosen["preset"] = entry.preset
    return chosen
