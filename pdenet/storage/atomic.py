"""Files that exist complete or not at all.

The file grows under a hidden name in the same folder and takes its final name when it is complete
and on the disk. A writer that is killed leaves the hidden file, which is locked as long as its
writer lives; the next writer of the same target removes what nobody holds.
"""

import errno
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pdenet.errors import OutputError, PDENetError

if sys.platform != "win32":
    import fcntl

__all__ = ["PartialFile", "check_target", "reason", "remove_orphans", "replace_file", "writing"]

_SUFFIX = ".partial"
_HIDDEN = re.compile(r"\..+\.[0-9a-f]{8}\.partial")

_REASONS = {
    errno.ENOSPC: "the disk is full: free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up: free some space or choose another folder",
    errno.EFBIG: "the file grows beyond the size allowed here: raise the limit (ulimit -f)",
    errno.EACCES: "no permission to write there: choose another folder",
    errno.EPERM: "no permission to write there: choose another folder",
    errno.ELOOP: "it is a link that leads to itself: remove it or choose another name",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


def reason(error: BaseException) -> str:
    """Why something could not be written, and what to do about it."""
    number = getattr(error, "errno", None)
    told = re.search(r"errno = (\d+)", str(error))
    if number is None and told is not None:
        number = int(told.group(1))
    plain = getattr(error, "strerror", None) or " ".join(str(error).split())
    return _REASONS.get(number or 0) or f"{plain}: choose another place"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system, or h5py, says while `path` is written into one OutputError."""
    try:
        yield
    except PDENetError:
        raise
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write {path}: {reason(error)}") from error


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError unless a file can be made at `path`; an existing one needs `overwrite`."""
    folder = path.parent
    with writing(path):
        if not folder.is_dir():
            raise OutputError(f"cannot write {path}: there is no folder {folder}, make it first")
        if not path.exists():
            _end_of(path)
            return
        if not path.is_file():
            raise OutputError(f"cannot write {path}: it is no regular file, choose another name")
    if not overwrite:
        told = f"{path} exists: choose another name, or replace it with"
        raise OutputError(f"{told} overwrite=True", shell=f"{told} --overwrite")


class PartialFile:
    """The hidden file beside `target` while it grows; end with `commit` or `discard`.

    Its methods raise OSError when the disk has no room; the caller says so with `writing`.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        self.target = target
        self.overwrite = overwrite
        check_target(target, overwrite=overwrite)
        with writing(target):
            self._final = _end_of(target)
            self.path, self._descriptor = _begin(self._final)

    def reserve(self, size: int) -> None:
        """Make sure that the file can grow to `size` bytes.

        HDF5 cannot recover from a write that fails half-way, so room is claimed before it writes.
        """
        if sys.platform != "linux":
            return
        try:
            os.posix_fallocate(self._descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise

    def commit(self, size: int) -> None:
        """Give the file its final name, cut to `size` bytes, once it is safely on the disk."""
        os.ftruncate(self._descriptor, min(size, os.fstat(self._descriptor).st_size))
        os.fsync(self._descriptor)
        check_target(self.target, overwrite=self.overwrite)
        os.replace(self.path, self._final)
        _sync_folder(self._final.parent)
        os.close(self._descriptor)

    def discard(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _end_of(path: Path) -> Path:
    """The file that a path leads to, through links: they may lead to what is made now, but not to
    themselves.

    Raises OSError.
    """
    with suppress(FileNotFoundError):
        path.stat()
    return path.resolve()


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that the disk holds all of it or what was there before.

    Raises OSError.
    """
    final = _end_of(path)
    hidden, descriptor = _begin(final)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
            os.replace(hidden, final)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise
    _sync_folder(final.parent)


def remove_orphans(folder: Path, target: str = "") -> None:
    """Remove the hidden files that killed writers left in a folder: those of one target, or all."""
    for path in folder.iterdir():
        ours = _HIDDEN.fullmatch(path.name) and path.name.startswith(f".{target}")
        if not ours or path.is_symlink() or not path.is_file():
            continue
        descriptor = os.open(path, os.O_RDWR)
        try:
            if _lock(descriptor):
                path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _begin(final: Path) -> tuple[Path, int]:
    """A new hidden file beside `final`, open and locked, and what killed writers left gone."""
    remove_orphans(final.parent, f"{final.name}.")
    hidden = final.with_name(f".{final.name}.{secrets.token_hex(4)}{_SUFFIX}")
    descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    _lock(descriptor)
    return hidden, descriptor


def _lock(descriptor: int) -> bool:
    """Mark a file as somebody's; False when it is somebody else's."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _sync_folder(folder: Path) -> None:
    # Some file systems cannot do this; the file itself is on the disk already.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
