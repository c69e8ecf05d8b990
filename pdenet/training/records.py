"""What a run folder says of itself: its JSON records, its log of events, and where its data are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pdenet.errors import CheckpointError
from pdenet.events import from_record, to_record
from pdenet.storage.records import as_json, read_json, read_text

__all__ = ["read_log", "read_record", "recorded_data"]


def read_record(run: Path, name: str) -> dict[str, Any]:
    """A JSON record of a run.

    Raises CheckpointError if it is not there or cannot be read.
    """
    if not run.exists():
        told = f"'{run}' does not exist: make it with"
        raise CheckpointError(
            f"{told} train(data, {str(run)!r})", shell=f"{told} 'pdenet train DATA -o {run}'"
        )
    try:
        record = read_json(run / name)
    except FileNotFoundError:
        told = f"'{run}' is not the folder of a run: it has no {name}; make one with"
        raise CheckpointError(
            f"{told} train(data, {str(run)!r})", shell=f"{told} 'pdenet train DATA -o {run}'"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"'{run / name}' cannot be read ({reason}): train again") from None
    if not isinstance(record, dict):
        raise CheckpointError(f"'{run / name}' is damaged (not a JSON object): train again")
    return record


def read_log(run: Path) -> list[dict[str, Any]]:
    """The events in the log of a run; the half line at the end of a killed run is left out.

    Raises CheckpointError where another line is no event, or the log cannot be read.
    """
    log = run / "log.jsonl"
    try:
        whole, _, half = read_text(log).rpartition("\n") if log.exists() else ("", "", "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"'{log}' cannot be read ({reason}): train again") from None
    lines, found = [*whole.split("\n"), half], []
    for number, line in enumerate(lines, start=1):
        try:
            found += [to_record(from_record(as_json(line)))] if line.strip() else []
        except ValueError as error:
            if number < len(lines):
                raise CheckpointError(
                    f"line {number} of '{log}' is damaged ({error}): remove it, or train again"
                ) from None
    return found


def recorded_data(run: Path) -> Path | None:
    """The data file that a run was trained on, where its record says, if it is still there."""
    own = run / "data.h5"
    if own.exists():
        return own
    recorded = read_record(run, "config.json").get("data")
    path = recorded.get("path") if isinstance(recorded, dict) else recorded
    return Path(path) if isinstance(path, str) and Path(path).exists() else None
