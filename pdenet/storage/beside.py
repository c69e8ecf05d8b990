"""Arrays that a command is given beside the data: .npy files, of numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pdenet.errors import DataError

__all__ = ["array_in", "known_beside"]

_HOW = "write it with numpy.save"


def array_in(path: Path, option: str) -> np.ndarray:
    """The array in a .npy file; nothing in it is unpickled.

    Raises DataError where it is missing, no such file, damaged, or holds objects.
    """
    if not path.is_file():  # nor a device or a pipe
        raise DataError(f"there is no file '{path}' for --{option}: {_HOW}")
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, OverflowError, SyntaxError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(
            f"'{path}' is no .npy file of numbers or of true and false ({reason}): {_HOW}"
        ) from error
    if not isinstance(found, np.ndarray):
        found.close()
        raise DataError(f"'{path}' holds several arrays (.npz): {_HOW}, one array alone")
    return found


def known_beside(options: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What --outside and --sigma hold, by the name of the option; of those that were typed.

    Raises DataError for what is no array.
    """
    typed = {name: options.get(name) for name in ("outside", "sigma")}
    return {name: array_in(path, name) for name, path in typed.items() if path is not None}
