"""One writer at a time for a folder, or for a file.

A claim is a lock of the system (flock), which ends with the process however that ends. That of a
folder is on the folder itself. A file may not be there yet, and is replaced when it is written: its
claim is on a hidden file beside it, which goes when the claim ends. Systems without such locks
grant every claim.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from pdenet.errors import OutputError
from pdenet.storage.atomic import writing

if sys.platform != "win32":
    import fcntl

__all__ = ["Claim", "claimed_file", "claimed_folder", "is_claimed"]

_held: ContextVar[frozenset[tuple[int, int]]] = ContextVar("_held", default=frozenset())
"""What this flow of control has claimed: a step within it claims the same again for nothing."""


class Claim:
    """A lock that is held. place: what is claimed."""

    def __init__(self, place: Path, descriptor: int | None) -> None:
        self.place, self._descriptor = place, descriptor

    def share(self) -> None:
        """Let others in who share as well."""
        if self._descriptor is not None:
            _flock(self._descriptor, exclusive=False)

    def alone(self) -> bool:
        """Whether nobody shares it, and now nobody can."""
        return self._descriptor is None or _flock(self._descriptor, exclusive=True)


@contextmanager
def claimed_folder(folder: Path, *, shared: bool = False) -> Iterator[Claim]:
    """The folder `folder`, made if need be, for as long as this lasts; what was made and is still
    empty then goes.

    shared: beside others who share it too.
    Raises OutputError where another command has claimed it, or where it cannot be made.
    """
    with writing(folder):
        if folder.exists() and not folder.is_dir():
            told = f"'{folder}' is a file, not a folder: choose another folder"
            raise OutputError(told, shell=f"{told} with -o")
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        descriptor = _locked(folder, os.O_RDONLY, exclusive=not shared)
    try:
        with _holding(folder, descriptor) as claim:
            yield claim
    finally:
        for each in made:
            with suppress(OSError):  # something was put there
                each.rmdir()


@contextmanager
def claimed_file(path: Path) -> Iterator[Claim]:
    """The file `path`, which need not exist, for as long as this lasts; its folder is shared, so
    that nobody who claims all of that can be at work there.

    Raises OutputError where another command has claimed it, or where it cannot be written.
    """
    with writing(path):
        if path.is_dir():
            raise OutputError(f"'{path}' is a folder: name a file")
        if not path.absolute().parent.is_dir():
            raise OutputError(f"there is no folder '{path.parent}': make it, or choose another")
    with claimed_folder(path.absolute().parent, shared=True):
        with writing(path):
            hidden = path.with_name(f".{path.name}.lock")
            descriptor = _locked(hidden, os.O_RDWR | os.O_CREAT, exclusive=True, what=path)
        with _holding(path, descriptor, hidden) as claim:
            yield claim


def is_claimed(path: Path) -> bool:
    """Whether somebody has locked a file or a folder, in any way; False where none is there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    try:
        return not _flock(descriptor, exclusive=True)
    finally:
        os.close(descriptor)


def _locked(path: Path, flags: int, *, exclusive: bool, what: Path | None = None) -> int:
    """A descriptor of what is now at `path`, locked unless this flow of control has it already."""
    while True:
        if flags & os.O_CREAT == 0:
            path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o666)
        try:
            if _identity(descriptor) in _held.get():
                return descriptor
            if not _flock(descriptor, exclusive=exclusive):
                told = f"another command is writing to '{what or path}': wait until it has ended,"
                told = f"{told} or choose another place"
                raise OutputError(told, shell=f"{told} with -o")
            # Whoever had it may have removed it just before this lock was granted.
            with suppress(FileNotFoundError):
                now = os.stat(path)
                if (now.st_dev, now.st_ino) == _identity(descriptor):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextmanager
def _holding(place: Path, descriptor: int, hidden: Path | None = None) -> Iterator[Claim]:
    """The claim on a locked descriptor, which is closed in the end, and its hidden file gone."""
    identity = _identity(descriptor)
    nested = identity in _held.get()
    token = _held.set(_held.get() | {identity})
    try:
        yield Claim(place, None if nested else descriptor)
    finally:
        _held.reset(token)
        if hidden is not None and not nested:
            hidden.unlink(missing_ok=True)
        os.close(descriptor)


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _flock(descriptor: int, *, exclusive: bool) -> bool:
    """Whether the lock is granted; also where the system knows no such locks."""
    if sys.platform == "win32":
        return True
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True
