"""Text files that are either complete or not there."""

import contextlib
import os
from pathlib import Path

from pdenet.errors import OutputError

__all__ = ["write_text"]


def write_text(path: Path, text: str, *, overwrite: bool = False) -> Path:
    """Write `text` as UTF-8 through a temporary file beside `path`, and return `path`.

    A missing folder is made. Raises OutputError when the file exists (unless `overwrite`) or
    cannot be written; what was there before stays.
    """
    if not overwrite and path.exists():
        raise OutputError(f"{path} exists already: allow overwriting or give another name")
    # Beside the target, since os.replace is atomic within one file system only.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return path
