"""Text that came from outside, made fit to be shown: names, paths, metadata, messages about them.

A terminal obeys what is hidden in text: sequences that begin with ESC or its 8-bit twins clear the
screen, set titles or answer for the user, a carriage return hides what stands before it, and marks
of direction let a path read as another one. Whatever is shown goes through `printable` once, where
it leaves: on a terminal, in a table, on the page of a report.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

__all__ = ["json_text", "one_line", "printable"]

_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what is not drawn but obeyed: control characters, marks of format and
direction, halves of pairs (bytes of a path that are no text), line and paragraph separators."""

_HARMLESS = frozenset("\n\u200c\u200d")
"""Of these: line breaks, and what joins letters of some scripts."""


def printable(text: str) -> str:
    """`text` with every character that is obeyed instead of drawn written as Python writes it:
    "\\x1b[2J". Line breaks stay."""
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def one_line(text: str) -> str:
    """The same without line breaks and repeated spaces."""
    return printable(" ".join(text.split()))


def json_text(value: Any) -> str:
    """`value` as JSON to be shown: every character that is obeyed is escaped as JSON escapes it.

    Raises ValueError for numbers that are not finite.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return "".join(json.dumps(c)[1:-1] if _obeyed(c) else c for c in text)


def _obeyed(character: str) -> bool:
    return character not in _HARMLESS and unicodedata.category(character) in _OBEYED


def _shown(character: str) -> str:
    if not _obeyed(character):
        return character
    number = ord(character)
    width = 2 if number < 0x100 else 4 if number < 0x10000 else 8
    return f"\\{ {2: 'x', 4: 'u', 8: 'U'}[width] }{number:0{width}x}"
