"""A folder that a command writes to: claimed, and what was there before kept until it is replaced.

What makes way lies in hidden folders within it, and their names say how far that is:

    .previous.moving   members of the earlier one are on their way, aside or back
    .previous          all of them are aside, and a new one is made
    .previous.gone     the new one has learned something: they are to be removed

Each step is one renaming, so that whoever comes after a command that was killed, at any moment,
knows what to put back and what to remove (`settle`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pdenet.errors import OutputError
from pdenet.storage.atomic import remove_orphans
from pdenet.storage.claim import Claim, claimed_folder, is_claimed

__all__ = ["Kind", "claimed", "new_folder", "settle"]

ASIDE, MOVING, GONE = ".previous", ".previous.moving", ".previous.gone"


@dataclass(frozen=True)
class Kind:
    """What a folder is for. name: "run", "study", ... members: patterns of the names of what
    belongs to it. proof: pattern of what shows that something was learned. runs: pattern of the
    runs in it, which processes of their own write to; "" for a folder that is itself a run. also:
    another pattern like proof, or ""."""

    name: str
    members: tuple[str, ...]
    proof: str
    runs: str = ""
    also: str = ""

    def present(self, folder: Path) -> list[str]:
        """The members that are in a folder."""
        found = {path.name for pattern in self.members for path in folder.glob(pattern)}
        return sorted(found)

    def begun(self, folder: Path) -> bool:
        """Whether something was learned in a folder."""
        return any(any(folder.glob(pattern)) for pattern in (self.proof, self.also) if pattern)


@contextmanager
def claimed(folder: Path, kind: Kind, *, resume: bool) -> Iterator[Claim]:
    """The folder for as long as one command writes to it, without the rests of one that was killed.

    A command that goes on with many runs does so beside others that do.
    Raises OutputError where another command is writing to it.
    """
    together = bool(resume and kind.runs)
    with claimed_folder(folder, shared=together) as claim:
        if not together or claim.alone():
            settle(folder, kind, resume=resume)
        if together:
            claim.share()
        yield claim


@contextmanager
def new_folder(folder: Path, kind: Kind, *, overwrite: bool, resume: bool) -> Iterator[None]:
    """The folder for as long as something of this kind is written to it.

    With `overwrite` the members of an earlier one make way, and everything else in the folder
    stays. If the new one ends before anything was learned, the folder is as it was.

    Raises OutputError if something is there that must not be replaced, or if another command is
    writing to it.
    """
    with claimed(folder, kind, resume=resume) as claim:
        present = _present(folder, kind, overwrite=overwrite, resume=resume)
        if resume:
            yield
            return
        _refuse_busy(folder, kind)
        try:
            _set_aside(folder, present)
            if kind.runs:
                claim.share()
            yield
        finally:
            if claim.alone():
                settle(folder, kind)


def settle(folder: Path, kind: Kind, *, resume: bool = False) -> None:
    """Put back what was aside for a new one that came to nothing, remove what was replaced, and
    what else a command that was killed has left.

    Raises OutputError where runs of the new one are still at work; with `resume` they are left so.
    """
    aside, moving, gone = (folder / name for name in (ASIDE, MOVING, GONE))
    ours = any(folder.glob(f"{ASIDE}*")) or bool(kind.present(folder))
    if moving.exists():
        _put_back(folder)
    elif kind.begun(folder):
        if aside.exists():
            os.replace(aside, gone)
    elif aside.exists() and not (resume and _busy(folder, kind)):
        _refuse_busy(folder, kind)
        for name in kind.present(folder):
            _remove(folder / name)
        os.replace(aside, moving)
        _put_back(folder)
    if gone.exists():
        shutil.rmtree(gone)
    for place in (folder, folder / "checkpoint"):
        if ours and place.is_dir():
            remove_orphans(place)


def _set_aside(folder: Path, names: list[str]) -> None:
    moving = folder / MOVING
    moving.mkdir()
    for name in names:
        os.replace(folder / name, moving / name)
    os.replace(moving, folder / ASIDE)


def _put_back(folder: Path) -> None:
    moving = folder / MOVING
    for path in moving.iterdir():
        os.replace(path, folder / path.name)
    moving.rmdir()


def _busy(folder: Path, kind: Kind) -> list[Path]:
    """The runs in a folder that processes write to, whoever started these."""
    runs = folder.glob(kind.runs) if kind.runs else ()
    return [run for run in runs if is_claimed(run) or is_claimed(run / "output.log")]


def _refuse_busy(folder: Path, kind: Kind) -> None:
    for run in _busy(folder, kind):
        raise OutputError(
            f"another command is writing to '{run}': wait until it has ended, or choose another "
            "folder with -o"
        )


def _present(folder: Path, kind: Kind, *, overwrite: bool, resume: bool) -> list[str]:
    """The members of an earlier one that will be replaced."""
    if all(path.name.startswith(".") for path in folder.iterdir()):
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


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
