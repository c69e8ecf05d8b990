"""The files of a long prediction: record, figures and, where asked for, a moving picture.

They are made in a folder beside their place and moved there when all of them are complete.
"""

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matplotlib.figure import Figure

from pdenet.errors import OutputError
from pdenet.evaluation.prediction import Prediction, to_text
from pdenet.report.animation import animate, require_writer
from pdenet.report.forecast import error_figure
from pdenet.report.gallery import gallery_figure
from pdenet.report.style import styled
from pdenet.storage.atomic import reason

__all__ = ["FILES", "check_places", "write_prediction"]

FILES = ("prediction.json", "error.png", "gallery.png")
_DPI = 200


def check_places(folder: Path, animation: Path | None, *, overwrite: bool) -> None:
    """Raise OutputError unless a prediction can be written to these places."""
    if animation is not None:
        require_writer(animation)
        if animation.exists() and (animation.is_dir() or not overwrite):
            raise OutputError(
                f"'{animation}' exists: pass overwrite=True, or choose another name",
                shell=f"'{animation}' exists: add --overwrite, or choose another name",
            )
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"'{folder}' is a file, not a folder: choose another folder")
    if not any(folder.iterdir()):
        return
    if not any((folder / name).exists() for name in FILES):
        raise OutputError(f"'{folder}' holds other files and no prediction: choose another folder")
    if not overwrite:
        raise OutputError(
            f"'{folder}' exists: pass overwrite=True to replace it, or choose another folder",
            shell=f"'{folder}' exists: add --overwrite to replace it, or choose another folder "
            "with -o",
        )


def write_prediction(
    prediction: Prediction,
    document: Mapping[str, Any],
    folder: Path,
    *,
    animation: Path | None = None,
    overwrite: bool = False,
    progress: Callable[[float], None] | None = None,
) -> tuple[Path, ...]:
    """Write record and figures to `folder`, and the moving picture to `animation`.

    Whatever ends it early, what was there before stays. Returns the files.
    Raises OutputError where something exists (unless `overwrite`) or cannot be written.
    """
    check_places(folder, animation, overwrite=overwrite)
    moves: list[tuple[Path, Path]] = []
    with _writing(folder), contextlib.ExitStack() as stack:
        aside = _beside(folder, stack)
        with styled():
            contents = {
                "prediction.json": to_text(document).encode(errors="replace"),
                "error.png": _png(error_figure(prediction)),
                "gallery.png": _png(gallery_figure(prediction)),
            }
            for name, content in contents.items():
                (aside / name).write_bytes(content)
                moves.append((aside / name, folder / name))
            if animation is not None:
                moving = _beside(animation, stack) / animation.name
                animate(prediction, moving, progress)
                moves.append((moving, animation))
        folder.mkdir(parents=True, exist_ok=True)
        for source, target in moves:
            os.replace(source, target)
    return tuple(target for _, target in moves)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename or folder
        raise OutputError(f"'{place}' cannot be written: {reason(error)}") from error


def _beside(place: Path, stack: contextlib.ExitStack) -> Path:
    """A folder in the same file system as `place`, gone when `stack` is left.

    Folders above that had to be made go with it, unless something was put there.
    """
    for parent in reversed([place.parent, *place.parent.parents]):
        if not parent.exists():
            parent.mkdir()
            stack.callback(_remove_empty, parent)
    return Path(stack.enter_context(TemporaryDirectory(prefix=".prediction-", dir=place.parent)))


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
