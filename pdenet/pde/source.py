"""The text of one equation, split into two syntax trees, and errors that mark a place in it.

Python's own parser makes the trees and nothing more is asked of it: only letters, digits, blanks
and _ . + - * / ^ ( ) = , reach it, so there are no strings, brackets, comments or statements.
"""

import ast
import itertools
import keyword
import re
import warnings
from dataclasses import dataclass

from pdenet.errors import EquationError
from pdenet.pde.expression import FUNCTIONS
from pdenet.pde.unicode import typed
from pdenet.words import counted

__all__ = ["MAX_LENGTH", "Source", "marked_error"]

MAX_LENGTH = 40_000

_FOREIGN = re.compile(r"[^A-Za-z0-9_ .+\-*/^()=,]")
_HIGHER = re.compile(r"\b([A-Za-z][A-Za-z0-9]*)_tt+\b")
_RATES = ("v", "w", "p", "q", "rate")
_TOKEN = re.compile(r"\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+|[A-Za-z_]\w*|\S")
_TIME = re.compile(r"([A-Za-z][A-Za-z0-9]*)_t")


@dataclass(frozen=True)
class Source:
    """One equation: its text, the syntax trees of both sides and the field that it is for."""

    text: str
    left: ast.expr
    right: ast.expr
    field: str

    @classmethod
    def read(cls, text: str) -> "Source":
        """Split a text and name its field. Raises EquationError with the place marked."""
        if not isinstance(text, str):
            raise EquationError(f"an equation is text like 'u_t = 0.1*u_xx', not {text!r:.60}")
        if len(text) > MAX_LENGTH:
            raise EquationError(
                f"the equation has {counted(len(text), 'character')}: at most {MAX_LENGTH}"
            )
        text = typed(re.sub(r"\s", " ", text).strip()).replace("^", "**")
        foreign = _FOREIGN.search(text)
        if foreign:
            message = f"the character {foreign.group()!a} cannot stand in an equation"
            message += "; use + - * / ** ( )"
            raise marked_error(text, foreign.start(), foreign.end(), message)
        sides = text.split("=")
        if len(sides) != 2:
            message = f"an equation has one '=', not {len(sides) - 1}: write 'u_t = ...'"
            raise marked_error(text, 0, len(text), message)
        left = _tree(text, 0, len(sides[0]))
        right = _tree(text, len(sides[0]) + 1, len(text))
        found = {
            match.group(1)
            for node in (*ast.walk(left), *ast.walk(right))
            if isinstance(node, ast.Name) and (match := _TIME.fullmatch(node.id))
        }
        _refuse_higher(text, found)
        if len(found) != 1:
            count = "no time derivative" if not found else "more than one time derivative"
            message = f"the equation has {count}: write one equation 'u_t = ...' for each field"
            raise marked_error(text, 0, len(text), message)
        return cls(text, left, right, found.pop())

    def names(self) -> list[str]:
        """Every name that the equation mentions."""
        nodes = (*ast.walk(self.left), *ast.walk(self.right))
        return [node.id for node in nodes if isinstance(node, ast.Name)]


def _tree(text: str, start: int, stop: int) -> ast.expr:
    """The syntax tree of text[start:stop], with columns that count from the start of the text."""
    side = text[start:stop].strip()
    if not side:
        raise marked_error(text, start, stop, "one side of the '=' is empty: write 'u_t = ...'")
    shift = text.index(side, start)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(side, mode="eval").body
    except SyntaxError as error:
        _explain(text, shift, shift + len(side))
        place = min(shift + max((error.offset or 1) - 1, 0), len(text) - 1)
        message = f"this is no formula ({error.msg})"
        raise marked_error(text, place, place + 1, message) from None
    except (RecursionError, MemoryError, ValueError, OverflowError):
        message = "the formula is nested too deeply or too long"
        raise marked_error(text, shift, stop, message) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            node.col_offset += shift
            node.end_col_offset = (node.end_col_offset or node.col_offset) + shift
    return tree


def _refuse_higher(text: str, found: set[str]) -> None:
    """Raise an error for u_tt, which says how to write it; other names may end in _tt too."""
    higher = _HIGHER.search(text)
    if higher is None or (found and higher.group(1) not in found):
        return
    field, rate = higher.group(1), next(name for name in _RATES if f"{name}_t" not in text)
    message = (
        f"{higher.group()} is a higher derivative in time: write equations of first order, with "
    )
    message += f"one more field, '{field}_t = {rate}' and '{rate}_t = ...'"
    raise marked_error(text, higher.start(), higher.end(), message)


def _explain(text: str, start: int, stop: int) -> None:
    """Raise an error that marks a name which Python keeps to itself, or else the first two factors
    which nothing joins: u u_x, 2u, (u) v."""
    for token in _TOKEN.finditer(text, start, stop):
        if keyword.iskeyword(token.group()):
            message = f"'{token.group()}' is a word of Python and no name: choose another"
            raise marked_error(text, token.start(), token.end(), message) from None
    for left, right in itertools.pairwise(_TOKEN.finditer(text, start, stop)):
        if re.match(r"[\w.)]", left.group()) and re.match(r"[\w.]", right.group()):
            a, b = left.group().replace(")", "(...)"), right.group()
            product = f"is a '*' missing? write {a}*{b}"
            message = f"write {a}({b})" if a in FUNCTIONS else product
            raise marked_error(text, left.start(), right.end(), message) from None


def marked_error(text: str, start: int, stop: int, message: str, shell: str = "") -> EquationError:
    """An error with text[start:stop] marked, and no more than a line of text around it.

    shell: the message for the command line, where it is another.
    """
    before, inside, after = text[:start], text[start:stop], text[stop:]
    before = before if len(before) <= 60 else "..." + before[-60:]
    inside = inside if len(inside) <= 60 else inside[:30] + " ... " + inside[-25:]
    after = after if len(after) <= 60 else after[:60] + "..."
    shown = f"{before}<<{inside}>>{after}".encode("unicode_escape").decode("ascii")
    said, told = (
        words if len(words) <= 250 else words[:230] + " ..."
        for words in (message, shell or message)
    )
    return EquationError(f"{said}, in: {shown}", shell=f"{told}, in: {shown}")
