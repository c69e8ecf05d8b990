"""What the README tells people to type can be typed."""

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

from pdenet.cli.group import commands

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
TYPED = [
    line
    for language, block in BLOCKS
    if language == "sh"
    for line in block.splitlines()
    if line.startswith("pdenet ")
]


def test_the_readme_shows_every_command():
    assert {line.split()[1] for line in TYPED} == set(commands.list_commands(None))


@pytest.mark.parametrize("line", TYPED)
def test_command_line_parses(line):
    _, name, *arguments = shlex.split(line, comments=True)
    command = commands.get_command(None, name)
    assert command is not None
    assert isinstance(command.make_context(name, arguments), click.Context)


def test_the_python_is_ten_lines_of_python():
    (program,) = (block for language, block in BLOCKS if language == "python")
    tree = ast.parse(program)
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    assert {"pdenet", "simulators"} == {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
