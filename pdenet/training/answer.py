"""The equation that a run folder holds already, and whether it still is what reading would give.

equation.json says under `origin` of which checkpoint and settings it was read, and how a refinement
was asked for. Where these are the same, reading again would give the same equation.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pdenet.errors import CheckpointError
from pdenet.results import DiscoveredEquation, load_equation, save_equation
from pdenet.training import checkpoint
from pdenet.training.run import Run, versions

__all__ = ["asked", "keep_answer", "kept_answer"]


def asked(run: Run, refine: bool | None) -> str:
    """Whether an equation is to be refined: "auto", "always" or "never"; None leaves it to the
    settings of the run."""
    return run.config.refine.when if refine is None else "always" if refine else "never"


def keep_answer(run: Run, found: DiscoveredEquation, when: str) -> None:
    """Write equation.json, and end the refinement that led to it. Raises OutputError."""
    save_equation(found, run.equation, {"digest": _digest(run), "refine": when})
    run.refinement.unlink(missing_ok=True)


def kept_answer(run: Run, refine: bool | None) -> DiscoveredEquation | None:
    """The equation in the folder, if it answers what is asked and is up to date.

    Raises CheckpointError where the run has no checkpoint.
    """
    digest, when = _digest(run), asked(run, refine)
    try:
        found = load_equation(run.equation)
    except CheckpointError:  # there is none, or it is damaged
        return None
    if run.refinement.exists() or found.origin.get("digest") != digest:
        return None
    if found.origin.get("refine") == when:
        return found
    wanted = {"auto": True, "always": True, "never": False}[when]
    return found if (found.refinement is not None) == wanted else None


def _digest(run: Run) -> str:
    """Of everything that a read-out depends on: checkpoint, settings, versions."""
    parts: dict[str, Any] = {
        "checkpoint": checkpoint.digest(run.checkpoint),
        "config": run.config.model_dump(mode="json"),
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
