"""The group of commands: help, names, and the way a command is found."""

import importlib
import subprocess
import sys

import pytest

from pdenet import __version__
from pdenet.cli import main
from pdenet.cli.group import COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_summary_of_the_group_is_that_of_the_command(name):
    command = importlib.import_module(f"pdenet.cli.commands.{name}").command
    assert command.name == name
    assert command.short_help == COMMANDS[name]
    assert command.help.splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name, capsys):
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--quiet" in shown and "--debug" in shown and COMMANDS[name] in shown


def test_version(capsys):
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


def test_no_command_shows_the_help(capsys):
    assert main([]) == 2
    assert "discover" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["simulat"], "simulat"),
        (["simulate"], "--output"),
        (["simulate", "burgers", "-o", "x.h5", "--grid", "64by64"], "64x64"),
        (["simulate", "burgers", "-o", "x.h5", "--param", "nu"], "nu=0.05"),
        (["simulate", "burgers", "-o", "x.h5", "--frames", "many"], "many"),
        (["train", "-o", "run"], "DATA"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_help(arguments, said, capsys):
    assert main(arguments) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("pdenet: error: ") and streams.err.count("\n") == 1
    assert said in streams.err and "--help" in streams.err


@pytest.mark.parametrize("module", ["pdenet", "pdenet.cli"])
def test_module_runs_as_the_script_does(module):
    ran = subprocess.run(
        [sys.executable, "-m", module, "bake"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert "bake" in ran.stderr and ran.stderr.count("\n") == 1
