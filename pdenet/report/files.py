"""Files that are either complete or not there: text, and figures as PNG."""

import io
from pathlib import Path

from matplotlib.figure import Figure

from pdenet.errors import OutputError
from pdenet.storage.atomic import reason, replace_file

__all__ = ["write_png", "write_text"]

_DPI = 160


def write_text(path: Path, text: str, *, overwrite: bool = False) -> Path:
    """Write `text` as UTF-8 through a temporary file beside `path`, and return `path`.

    A missing folder is made. Raises OutputError when the file exists (unless `overwrite`) or
    cannot be written; what was there before stays.
    """
    return _write(path, text.encode(errors="replace"), overwrite=overwrite)


def write_png(path: Path, figure: Figure, *, overwrite: bool = False) -> Path:
    """Write a figure on white as `write_text` does; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return _write(path, buffer.getvalue(), overwrite=overwrite)


def _write(path: Path, content: bytes, *, overwrite: bool) -> Path:
    if not overwrite and path.exists():
        raise OutputError(f"{path} exists already: allow overwriting or give another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}") from error
    return path
