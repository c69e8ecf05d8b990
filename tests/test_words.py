"""What messages say to whom: read from the strings in the sources, none of them is run.

Python is never told a flag or a command, the command line never a keyword, and a number never has
the wrong form of its noun.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pdenet.words import counted

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*(ROOT / "pdenet").rglob("*.py"), *(ROOT / "simulators").rglob("*.py")])

FLAG = re.compile(r"(?<![\w-])--[a-z]|(?<![\w-])-o\b|['`]pdenet [a-z]+")
# missing=True, substeps={needed}, data=; not nu=0.05, dirichlet=0 or '{name}_t = ...'
KEYWORD = re.compile(r"\b[a-z_]{2,}=(?=[A-Z\[(]|\{|$| )|\bpass [a-z]+=")
# How data that pdenet does not read are brought is said in Python to everybody.
BRINGING = re.compile(r"write_arrays\(|pdenet\.discover\(array")
NOUNS = (
    "trajectories|frames|points|axes|fields|values|terms|stages|blocks|steps|substeps|windows|"
    "iterations|dimensions|trainings|repeats|runs|numbers|unknowns|parameters|characters|files"
)
PLURAL = re.compile(rf"\0 ((?:space |other |more )?(?:{NOUNS}))\b")


def docstrings(tree: ast.AST) -> set[int]:
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def strings(source: str) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether it is for the command line) of every string that is no docstring; \\0
    stands for what is put in, and braces around it."""
    tree = ast.parse(source)
    inner = docstrings(tree)
    shell: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "shell":
            shell |= {id(part) for part in ast.walk(node.value)}
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "shell":
                    shell |= {id(part) for part in ast.walk(value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in ast.walk(node) if part is not node}
            parts = [p.value if isinstance(p, ast.Constant) else "\0" for p in node.values]
            yield node.lineno, "".join(map(str, parts)), id(node) in shell
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.lineno, node.value, id(node) in shell


# These numbers are never one, or count what they are taken from: 3 of 40 values.
MANY = re.compile(
    r"(?:at most|more than|most of|of|over|even with|even) \0 (?:of \0 )?"
    rf"(?:space |other |more )?(?:{NOUNS})\b|\0 of \0 (?:{NOUNS})\b|more than \0"
)


def misdirected(source: str, path: str) -> list[str]:
    """Strings of one file that tell somebody what only others can type."""
    found = []
    for line, text, shell in strings(source):
        where = f"{path}:{line}: {text!r:.120}"
        surface = shell or path.startswith("pdenet/cli/")
        if " " not in text or path == "pdenet/storage/page.py":
            continue
        if not surface and FLAG.search(text):
            found.append(f"{where} tells Python a flag or a command")
        if surface and KEYWORD.search(text) and not BRINGING.search(text):
            found.append(f"{where} tells the command line a keyword")
    return found


def without_words_for_the_shell(source: str, path: str) -> list[str]:
    """Errors that name a keyword and have no other words for the command line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error")):
            continue
        told = " ".join(text for _, text, _ in strings(ast.unparse(node)))
        named = KEYWORD.search(told) and not BRINGING.search(told)
        if named and not any(keyword.arg == "shell" for keyword in node.keywords):
            found.append(f"{path}:{node.lineno}: {told!r:.120}")
    return found


def plurals(source: str, path: str) -> list[str]:
    """Numbers that are put before a plural; `pdenet.words.counted` knows when there is one."""
    return [
        f"{path}:{line}: {text!r:.120}"
        for line, text, _ in strings(source)
        if " " in text and PLURAL.search(MANY.sub("", without(LARGE, text)))
    ]


# A sentence about a number that is never one: a whole grid, a total, a limit.
LARGE = (
    "states on \0 points",
    "\0 numbers of initial states",
    "\0 terms of the network have",
    "substeps=\0 or more",
    "\0 substeps=",
    "\0 steps of states",
)


def everywhere(rule) -> list[str]:
    paths = {str(path.relative_to(ROOT)): path for path in SOURCES}
    return [
        hit for name, path in paths.items() for hit in rule(path.read_text(encoding="utf-8"), name)
    ]


def without(phrases: tuple[str, ...], text: str) -> str:
    for phrase in phrases:
        text = text.replace(phrase, "")
    return text


def test_python_is_told_no_flag_and_the_command_line_no_keyword():
    assert everywhere(misdirected) == []


def test_numbers_agree_with_their_nouns():
    assert everywhere(plurals) == []


# What only a program can bring about, and no command.
ONLY_PYTHON = {
    "pdenet/arrays.py",
    "pdenet/estimator.py",
    "pdenet/sharpen.py",
    "pdenet/grid.py",
    "pdenet/problem.py",
    "pdenet/storage/arrays.py",
    "pdenet/pde/compile.py",
}


def test_errors_that_a_command_can_meet_have_words_for_it():
    found = everywhere(without_words_for_the_shell)
    assert [hit for hit in found if hit.split(":")[0] not in ONLY_PYTHON] == []


@pytest.mark.parametrize(
    ("source", "path", "rule"),
    [
        ('raise DataError("it exists: add --overwrite")', "pdenet/a.py", misdirected),
        ("raise DataError(f\"{a}: type 'pdenet train' first\")", "pdenet/a.py", misdirected),
        ('raise DataError("no", shell="write with missing=True")', "pdenet/a.py", misdirected),
        ('note("pass coordinates=(1,)")', "pdenet/cli/a.py", misdirected),
        ('raise DataError("read with missing=True")', "pdenet/a.py", without_words_for_the_shell),
        ('raise GridError(f"there are {n} trajectories")', "pdenet/a.py", plurals),
        ('raise GridError(f"{n} " f"space dimensions")', "pdenet/a.py", plurals),
    ],
)
def test_words_that_mislead_are_found(source, path, rule):
    assert len(rule(source, path)) == 1


@pytest.mark.parametrize(
    "source",
    [
        'raise DataError("pass missing=True", shell="it is missing")',
        "raise DataError(f\"{counted(n, 'frame')} of {m}\")",
        'raise DataError(f"{n} of {m} values are lost")',
        '"""Doc: pdenet discover --seed 3, and {n} frames."""',
    ],
)
def test_words_that_are_right_are_left_alone(source):
    rules = (misdirected, without_words_for_the_shell, plurals)
    assert [rule(source, "pdenet/a.py") for rule in rules] == [[], [], []]


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, ("frame",), "1 frame"),
        (0, ("frame",), "0 frames"),
        (2, ("trajectory",), "2 trajectories"),
        (1, ("trajectory",), "1 trajectory"),
        (3, ("axis", "axes"), "3 axes"),
        (1, ("axis", "axes"), "1 axis"),
    ],
)
def test_counted(number, noun, said):
    assert counted(number, *noun) == said
