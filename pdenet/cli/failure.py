"""What the user sees when something goes wrong: one line on stderr, and an exit code.

0 done · 1 a fault of pdenet itself · 2 wrong input or a full disk · 130 Ctrl-C · 143 SIGTERM ·
141 whoever read the output has left, as in `pdenet info run | head -1`; nothing is said then.
`--debug`, or PDENET_DEBUG=1, shows the traceback instead.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import click

from pdenet.cli.signals import Signals, Terminated
from pdenet.errors import PDENetError
from pdenet.foreign import one_line, printable

__all__ = ["Interrupted", "describe", "run"]

FAULT, WRONG_INPUT, CTRL_C, UNREAD, TERMINATED = 1, 2, 130, 141, 143


class Interrupted(Exception):
    """An interrupted command, and what to type to go on."""

    def __init__(self, interrupt: KeyboardInterrupt, resume: str | Callable[[], str] = "") -> None:
        self.exit_code = TERMINATED if isinstance(interrupt, Terminated) else CTRL_C
        how = resume if isinstance(resume, str) else resume()
        super().__init__("; ".join(filter(None, ["interrupted", how])))


class _Log(logging.Handler):
    """Warnings and notes of the library, one line each, once each, on whatever stderr is at the
    time."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        # Like an error, a record may have other words for the command line.
        message = getattr(record, "shell", "") or record.getMessage()
        line = f"pdenet: {level}: {one_line(message)}"
        if line not in self._told:
            self._told.add(line)
            print(line, file=sys.stderr)


def describe(error: BaseException) -> tuple[str, int]:
    """The message and the exit code for an error that ended a command."""
    if isinstance(error, Interrupted):
        return str(error), error.exit_code
    if isinstance(error, click.Abort):
        return "interrupted", TERMINATED if isinstance(error.__cause__, Terminated) else CTRL_C
    if isinstance(error, click.UsageError):
        hint = f"; see '{error.ctx.command_path} --help'" if error.ctx else ""
        return error.format_message().rstrip(".") + hint, WRONG_INPUT
    if isinstance(error, click.ClickException):
        return error.format_message(), WRONG_INPUT
    if isinstance(error, PDENetError):
        return error.shell, WRONG_INPUT
    if isinstance(error, OSError):
        return _describe_os_error(error), WRONG_INPUT
    # torch has its own error for a full GPU; it is known by name, so that torch is not loaded here.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "not enough memory; use a smaller --grid or fewer --trajectories", WRONG_INPUT
    kind = type(error).__name__
    return f"internal error: {kind}: {error}; --debug shows where", FAULT


def _describe_os_error(error: OSError) -> str:
    where = f" '{error.filename}'" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"no space left to write{where}; free some, or choose another place with -o"
    if error.errno == errno.EROFS:
        return f"the file system{' of' if where else ''}{where} is read-only; choose another place"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission for{where or ' this file'}; choose another place"
    return f"{error.strerror or error}{':' if where else ''}{where}"


def run(group: click.Group, arguments: list[str], signals: Signals | None = None) -> int:
    """Run a command group and turn whatever ends it into a line and an exit code.

    signals: what is told when the work begins; without it signals raise from the beginning.
    """
    debug = "--debug" in arguments or os.environ.get("PDENET_DEBUG", "0") not in ("", "0")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without ∂ or ν still gets its answer
            stream.reconfigure(errors="replace")
    # Those that are given are heeded already, and would be put in the place of those before.
    heeded: AbstractContextManager[Signals] = Signals() if signals is None else nullcontext(signals)
    with _logging(debug), heeded as signals:
        try:
            code = group.main(arguments, prog_name="pdenet", standalone_mode=False, obj=signals)
            sys.stdout.flush()
        except (BrokenPipeError, SystemExit):
            # click, which exits for nothing else here, makes exit code 1 of a reader that has left.
            return _unread()
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            return WRONG_INPUT
        except Exception as error:
            if debug and not isinstance(error, click.ClickException):
                if not signals.alone:
                    raise
                print(printable(traceback.format_exc()), end="", file=sys.stderr)
                return FAULT
            message, code = describe(error)
            label = "" if code in (CTRL_C, TERMINATED) else "error: "
            try:
                print(f"pdenet: {label}{one_line(message)}", file=sys.stderr)
            except BrokenPipeError:
                return _unread()
    return code if isinstance(code, int) else 0


def _unread() -> int:
    """Write what is left to nowhere, or Python would complain at its end that nobody reads it."""
    for stream in filter(None, (sys.__stdout__, sys.__stderr__)):
        try:
            stream.flush()
        except BrokenPipeError:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
    return UNREAD


@contextmanager
def _logging(debug: bool) -> Iterator[None]:
    handler = _Log()
    loggers = [logging.getLogger(name) for name in ("pdenet", "simulators")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG if debug else logging.WARNING)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
