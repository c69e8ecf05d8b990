"""What messages say to whom: read from the strings in the sources, none of them is run.

Python is never told a flag or a command, the command line never a keyword, and a number never has
the wrong form of its noun.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

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
