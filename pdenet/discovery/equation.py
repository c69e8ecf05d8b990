"""The equation that was found, with its standard errors, as a value and as a record."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pdenet.errors import CheckpointError, OutputError
from pdenet.events import TermDropped
from pdenet.pde import PDE
from pdenet.pde.expression import Monomial
from pdenet.pde.render import format_monomial

__all__ = ["DiscoveredEquation", "FittedFilter", "load_equation", "save_equation"]

FORMAT = "pdenet-equation"
FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class FittedFilter:
    """A fitted kernel beside the classical difference of its size, both in units of the grid."""

    name: str
    learned: np.ndarray
    frozen: np.ndarray


@dataclass(frozen=True, eq=False)
class DiscoveredEquation:
    """What the read-out found.

    pde: the equation in physical units. stderr: standard error of each coefficient,
    {field: {monomial: number}}. dropped: the terms that left, in order, with reasons.
    filters: the kernels that were fitted with the coefficients. steps: length of the fitted
    windows. misfit: held-out r.m.s. error of prediction over these windows, as a fraction of the
    r.m.s. change of the fields over them.
    """

    pde: PDE
    stderr: Mapping[str, Mapping[Monomial, float]]
    dropped: tuple[TermDropped, ...] = ()
    filters: tuple[FittedFilter, ...] = ()
    steps: int = 0
    misfit: float = float("nan")
    seconds: Mapping[str, float] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As JSON: exact numbers, from which `load_equation` makes the same value."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "equations": list(self.pde.equations()),
            "coordinates": list(self.pde.coordinates),
            "stderr": {
                name: {format_monomial(m): value for m, value in table.items()}
                for name, table in self.stderr.items()
            },
            "dropped": [vars(event) for event in self.dropped],
            "filters": [
                {"name": f.name, "learned": f.learned.tolist(), "frozen": f.frozen.tolist()}
                for f in self.filters
            ],
            "steps": self.steps,
            "misfit": self.misfit if np.isfinite(self.misfit) else None,
            "seconds": dict(self.seconds),
        }


def save_equation(found: DiscoveredEquation, path: Path) -> None:
    """Write the record of an equation; the file is whole or as it was.

    Raises OutputError where it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        text = json.dumps(found.record(), indent=1, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(
            f"'{path}' cannot be written ({error.strerror or error}): free some space or choose "
            "another folder"
        ) from error


def load_equation(path: Path) -> DiscoveredEquation:
    """The equation in a record.

    Raises CheckpointError where it is missing or damaged.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT or record["format_version"] != FORMAT_VERSION:
            raise ValueError(f"it is no {FORMAT} of version {FORMAT_VERSION}")
        pde = PDE(*record["equations"], coordinates=tuple(record["coordinates"]))
        named = {
            name: {format_monomial(m): m for m in table} for name, table in pde.terms().items()
        }
        return DiscoveredEquation(
            pde=pde,
            stderr={
                name: {named[name][text]: float(value) for text, value in table.items()}
                for name, table in record["stderr"].items()
            },
            dropped=tuple(TermDropped(**event) for event in record["dropped"]),
            filters=tuple(
                FittedFilter(f["name"], np.array(f["learned"]), np.array(f["frozen"]))
                for f in record["filters"]
            ),
            steps=int(record["steps"]),
            misfit=float("nan") if record["misfit"] is None else float(record["misfit"]),
            seconds=dict(record["seconds"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"'{path}' holds no equation that can be read ({str(error).splitlines()[0]}): run "
            "'pdenet extract' again"
        ) from error
