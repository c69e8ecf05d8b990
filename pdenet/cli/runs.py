"""The run folder, as the command line sees it: what may be replaced, and what is in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pdenet.errors import CheckpointError, OutputError
from pdenet.events import from_record, to_record
from pdenet.storage.records import as_json, read_json, read_text

__all__ = [
    "MEMBERS",
    "REFINING",
    "Kind",
    "how_to_go_on",
    "new_folder",
    "new_run",
    "read_log",
    "read_record",
    "recorded_data",
]

REFINING = "refinement.safetensors"
"""What is in a run folder while its equation is refined."""

MEMBERS = (
    *("config.json", "data.h5", "checkpoint", "log.jsonl", "equation.json", "report.html"),
    *("output.log", "prediction", REFINING),
)


@contextmanager
def new_run(run: Path, *, overwrite: bool, resume: bool) -> Iterator[None]:
    """The folder `run` for as long as a run is written to it; see `new_folder`."""
    with new_folder(run, Kind("run", MEMBERS, "checkpoint"), overwrite=overwrite, resume=resume):
        yield


@dataclass(frozen=True)
class Kind:
    """What a folder is for. name: "run", "study", ... members: patterns of the names of what
    belongs to it. proof: pattern of what shows that something was learned."""

    name: str
    members: tuple[str, ...]
    proof: str

    def present(self, folder: Path) -> list[str]:
        """The members that are in a folder."""
        found = {path.name for pattern in self.members for path in folder.glob(pattern)}
        return sorted(found)

    def begun(self, folder: Path) -> bool:
        """Whether something was learned in a folder."""
        return any(folder.glob(self.proof))


@contextmanager
def new_folder(folder: Path, kind: Kind, *, overwrite: bool, resume: bool) -> Iterator[None]:
    """The folder for as long as something of this kind is written to it.

    With `overwrite` the members of an earlier one make way, and everything else in the folder
    stays. If the new one ends before anything was learned, the folder is as it was.

    Raises OutputError if something is there that must not be replaced.
    """
    present = _present(folder, kind, overwrite=overwrite, resume=resume)
    created = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if resume:
            yield
            return
        with TemporaryDirectory(prefix=".previous-", dir=folder) as aside:
            _move(present, folder, Path(aside))
            try:
                yield
            except BaseException:
                if not kind.begun(folder):
                    for name in kind.present(folder):
                        _remove(folder / name)
                    _move(present, Path(aside), folder)
                raise
    finally:
        if created and not any(folder.iterdir()):
            folder.rmdir()


def _present(folder: Path, kind: Kind, *, overwrite: bool, resume: bool) -> list[str]:
    """The members of an earlier run that will be replaced."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"'{folder}' is a file, not a folder: choose another folder with -o")
    # A process that was killed leaves hidden files, which are no reason not to go on.
    here = [path for path in folder.glob("*") if not (resume and path.name.startswith("."))]
    if not here:
        return []
    present = kind.present(folder)
    if not present:
        raise OutputError(
            f"'{folder}' holds other files and no {kind.name}: choose another folder with -o"
        )
    if resume:
        return []
    if not overwrite:
        raise OutputError(
            f"'{folder}' exists: add --overwrite to replace it, --resume to go on, or choose "
            "another folder with -o"
        )
    return present


def _move(names: list[str], source: Path, target: Path) -> None:
    for name in names:
        os.replace(source / name, target / name)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def read_record(run: Path, name: str) -> dict[str, Any]:
    """A JSON record of a run.

    Raises CheckpointError if it is not there or cannot be read.
    """
    if not run.exists():
        raise CheckpointError(f"'{run}' does not exist: make it with 'pdenet train DATA -o {run}'")
    try:
        record = read_json(run / name)
    except FileNotFoundError:
        raise CheckpointError(
            f"'{run}' is not the folder of a run: it has no {name}; make one with "
            f"'pdenet train DATA -o {run}'"
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


def how_to_go_on(
    run: Path, words: str, proof: str = "checkpoint", otherwise: str = ""
) -> Callable[[], str]:
    """What an interrupted command says: `words` once there is a checkpoint to go on from.

    proof: pattern of what shows that something was learned. otherwise: what is said before that.
    """

    def say() -> str:
        if any(run.glob(proof)):
            return words
        return f"{otherwise or 'nothing was learned'} yet and '{run}' is as it was"

    return say
