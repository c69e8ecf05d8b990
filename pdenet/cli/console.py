"""Where the command line writes: results on stdout, everything else on stderr.

In a terminal rich draws tables and bars. Anywhere else the same tables are plain aligned text that
no width cuts, so that a pipe or a log file gets every digit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from pdenet.foreign import json_text, printable
from pdenet.progress import console

__all__ = ["error_console", "note", "print_json", "print_rows", "print_text"]


def error_console() -> Console:
    """The console of progress bars, notes and warnings."""
    return console(stderr=True)


def note(text: str) -> None:
    """One line on stderr that says what was written where."""
    error_console().print(printable(text), soft_wrap=True)


def print_text(text: str) -> None:
    """Lines on stdout, never wrapped."""
    console(stderr=False).print(printable(text), soft_wrap=True)


def print_rows(
    title: str, header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[str] = ()
) -> None:
    """A table on stdout; the columns named in `numeric` are aligned to the right."""
    where = console(stderr=False)
    style = box.SIMPLE_HEAD if where.is_terminal else None
    table = Table(
        title=printable(title) or None,
        title_justify="left",
        box=style,
        pad_edge=False,
        show_header=any(header),
    )
    right = set(numeric)
    for name in header:
        table.add_column(
            printable(name), justify="right" if name in right else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*map(printable, row))
    where.print(table)


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it: numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON document on stdout."""
    print(json_text(_plain(value)))
