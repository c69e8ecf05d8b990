"""Text and JSON from files that anybody may have written: regular files, of bounded size, whole."""

import json
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["MAX_DEPTH", "MAX_TEXT", "as_json", "read_bytes", "read_json", "read_text"]

MAX_TEXT = 1 << 26
"""Bytes of a text that is read: 64 MiB, some hundred times the longest record that is written."""

MAX_DIGITS = 300
"""Of a whole number, which then is a finite one in double precision too."""

MAX_DEPTH = 60
"""Brackets inside each other: those of a record that is written are at most ten deep."""


def read_bytes(path: Path, most: int) -> bytes:
    """What a regular file of at most `most` bytes holds; a device or a pipe might never end.

    Raises OSError where it cannot be opened, ValueError where it is no such file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no regular file")
        if found.st_size > most:
            raise ValueError(f"it has {found.st_size} bytes, and at most {most} are read")
        return stream.read(most)


def read_text(path: Path) -> str:
    """The text of a file in UTF-8; raises as `read_bytes`."""
    try:
        return read_bytes(path, MAX_TEXT).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not text in UTF-8 (at byte {error.start})") from None


def read_json(path: Path) -> Any:
    """The JSON value in a file. Raises OSError or ValueError as `read_bytes` and `as_json`."""
    return as_json(read_text(path))


def as_json(text: str) -> Any:
    """The value that a text is the JSON of.

    Raises ValueError for anything else: numbers that are not finite or have thousands of digits,
    a name twice, brackets more than `MAX_DEPTH` deep.
    """
    try:
        value = json.loads(
            text,
            parse_constant=_refuse,
            parse_float=_number,
            parse_int=_whole,
            object_pairs_hook=_without_duplicates,
        )
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None
    _check(value, 0)
    return value


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"brackets are nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check(part, depth + 1)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number: numbers must be finite")


def _number(digits: str) -> float:
    value = float(digits)
    return value if abs(value) < float("inf") else _refuse(digits[:40])


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"{digits[:20]}... has {len(digits)} digits: at most {MAX_DIGITS}")
    return int(digits)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("an entry occurs twice")
    return entries
