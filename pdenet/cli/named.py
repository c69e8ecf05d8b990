"""The named equation behind a name or a data file, and the settings that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pdenet.pde.catalogue import Entry, catalogue
from pdenet.storage import Data, open_data

__all__ = ["named_equation", "with_preset"]


def named_equation(data: Data) -> Entry | None:
    """The entry of the catalogue that the data were made from, with any values of parameters."""
    name, pde = data.metadata.get("name"), data.problem.pde
    if isinstance(name, str) and name in catalogue:
        return catalogue[name]
    for entry in catalogue.values():
        same = pde is not None and set(pde.parameters) == set(entry.pde.parameters)
        if same and pde is not None and entry.pde.substitute(**pde.parameters) == pde:
            return entry
    return None


def with_preset(options: Mapping[str, Any], source: str | Path | None) -> dict[str, Any]:
    """The options, with the preset of the named equation where no settings were asked for.

    source: a name, or the path of a data file.
    """
    chosen = dict(options)
    if options.get("config") or options.get("preset") or source is None:
        return chosen
    if isinstance(source, Path):
        with open_data(source) as data:
            entry = named_equation(data)
    else:
        entry = catalogue.get(source)
    if entry is not None and entry.preset is not None:
        chosen["preset"] = entry.preset
    return chosen
