"""Whatever ends a command is one line on stderr and an exit code."""

import errno
import logging
import os
import signal
import subprocess
import sys
import textwrap

import click
import pytest

from pdenet.cli.failure import describe, run
from pdenet.cli.group import Commands
from pdenet.errors import EquationError, OutputError, PDENetError


def ends_with(error, *, resume=""):
    """A command group of which every command ends with `error`."""
    group = Commands("pdenet", params=[click.Option(["--debug"], is_flag=True)])

    @click.command()
    @click.pass_context
    def command(context):
        context.meta["pdenet.resume"] = resume
        raise error

    group.get_command = lambda ctx, name: command
    return group


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (EquationError("unknown name 'nv'\n  did you mean nu?"), 2, "did you mean nu?"),
        (OutputError("data.h5 exists: add --overwrite"), 2, "--overwrite"),
        (PDENetError("anything"), 2, "anything"),
        (OSError(errno.ENOSPC, "No space left on device", "data.h5"), 2, "no space left"),
        (OSError(errno.EFBIG, "File too large"), 2, "no space left"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), 2, "'/root/x'"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.toml"), 2, "'a.toml'"),
        (MemoryError(), 2, "--grid"),
        (TypeError("a fault"), 1, "internal error: TypeError: a fault; --debug"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error, code, said, capsys):
    assert run(ends_with(error), ["any"]) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("pdenet: error: ") and streams.err.count("\n") == 1
    assert said in streams.err


def test_a_warning_is_told_once_by_a_command(capsys):
    group = Commands("pdenet", params=[click.Option(["--debug"], is_flag=True)])

    @click.command()
    def command():
        for trajectories in (1, 2, 1, 2, 1):
            logging.getLogger("pdenet.storage").warning("with %s trajectories", trajectories)

    group.get_command = lambda ctx, name: command
    for _ in range(2):
        assert run(group, ["any"]) == 0
        told = capsys.readouterr().err.splitlines()
        assert told == [f"pdenet: warning: with {count} trajectories" for count in (1, 2)]


def test_debug_shows_the_error_itself(monkeypatch):
    with pytest.raises(EquationError):
        run(ends_with(EquationError("wrong")), ["--debug", "any"])
    monkeypatch.setenv("PDENET_DEBUG", "1")
    with pytest.raises(EquationError):
        run(ends_with(EquationError("wrong")), ["any"])


def test_ctrl_c_says_how_to_go_on(capsys):
    group = ends_with(KeyboardInterrupt(), resume="go on with 'pdenet train --resume'")
    assert run(group, ["any"]) == 130
    assert capsys.readouterr().err == "pdenet: interrupted; go on with 'pdenet train --resume'\n"


def test_an_early_ctrl_c_is_an_interrupt_too():
    assert describe(click.Abort()) == ("interrupted", 130)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_sigterm_cleans_up_and_ends_with_143(tmp_path, until):
    program = """
        import sys, time
        from pathlib import Path
        import click
        from pdenet.cli.group import Commands
        from pdenet.cli.failure import run

        group = Commands("pdenet")

        @click.command()
        def command():
            try:
                Path("started").touch()
                while True:
                    time.sleep(0.01)
            finally:
                Path("cleaned").touch()

        group.get_command = lambda ctx, name: command
        sys.exit(run(group, ["any"]))
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    until((tmp_path / "started").exists)
    os.kill(process.pid, signal.SIGTERM)
    _, told = process.communicate(timeout=600)
    assert process.returncode == 143
    assert (tmp_path / "cleaned").exists()
    assert told == "pdenet: interrupted\n"


def test_sigterm_is_as_before_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    run(ends_with(EquationError("wrong")), ["any"])
    assert signal.getsignal(signal.SIGTERM) is before


LOSES_AN_INTERRUPT = """
import signal, sys, time, weakref
import click
from pdenet.cli.group import Commands
from pdenet.cli.failure import run

class Thing: pass

@click.command()
def work():
    thing = Thing()
    # In the callback of a weak reference Python cannot raise: it prints, and goes on.
    watch = weakref.ref(thing, lambda gone: signal.raise_signal(signal.{name}))
    del thing
    while True:
        time.sleep(0.01)

group = Commands("pdenet", params=[])
group.get_command = lambda context, name: work
sys.exit(run(group, ["work"]))
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupt_that_python_loses_is_raised_again(name, code):
    done = subprocess.run(
        [sys.executable, "-c", LOSES_AN_INTERRUPT.replace("{name}", name)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1
