"""The run folder, as the command line sees it: what may be replaced, and what is in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pdenet.errors import CheckpointError, OutputError

__all__ = ["MEMBERS", "prepare", "read_log", "read_record", "recorded_data"]

MEMBERS = ("config.json", "data.h5", "checkpoint", "log.jsonl", "equation.json", "report.html")


def prepare(run: Path, *, overwrite: bool, resume: bool) -> None:
    """Make sure that a run may be written to `run`; nothing is removed without `overwrite`.

    With it, the members of an earlier run go and everything else in the folder stays.

    Raises OutputError if something is there that must not be replaced.
    """
    if run.is_file():
        raise OutputError(f"'{run}' is a file, not a folder: choose another folder with -o")
    if resume or not run.exists() or not any(run.iterdir()):
        return
    present = [name for name in MEMBERS if (run / name).exists()]
    if not present:
        raise OutputError(f"'{run}' holds other files and no run: choose another folder with -o")
    if not overwrite:
        raise OutputError(
            f"'{run}' exists: add --overwrite to replace it, --resume to go on, or choose another "
            "folder with -o"
        )
    for name in present:
        member = run / name
        if member.is_dir():
            shutil.rmtree(member)
        else:
            member.unlink()


def read_record(run: Path, name: str) -> dict[str, Any]:
    """A JSON record of a run.

    Raises CheckpointError if it is not there or cannot be read.
    """
    if not run.exists():
        raise CheckpointError(f"'{run}' does not exist: make it with 'pdenet train DATA -o {run}'")
    try:
        record = json.loads((run / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"'{run}' is not the folder of a run: it has no {name}; make one with "
            f"'pdenet train DATA -o {run}'"
        ) from None
    except (ValueError, NotADirectoryError) as error:
        raise CheckpointError(f"'{run / name}' is damaged ({error}): train again") from None
    if not isinstance(record, dict):
        raise CheckpointError(f"'{run / name}' is damaged (not a JSON object): train again")
    return record


def read_log(run: Path) -> list[dict[str, Any]]:
    """The events in the log of a run; the half line at the end of a killed run is left out."""
    log = run / "log.jsonl"
    found = []
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            found.append(record)
    return found


def recorded_data(run: Path) -> Path | None:
    """The data file that a run was trained on, where its record says, if it is still there."""
    own = run / "data.h5"
    if own.exists():
        return own
    recorded = read_record(run, "config.json").get("data")
    path = recorded.get("path") if isinstance(recorded, dict) else recorded
    return Path(path) if isinstance(path, str) and Path(path).exists() else None
