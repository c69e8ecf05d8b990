"""Commands of pdenet as processes of their own, side by side over the cores.

Each writes to a log file that is locked for as long as it lives, whoever started it: a command that
goes on with the work of one that was killed waits for what that one left running, and two commands
on one folder share the work instead of doing it twice.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pdenet.cli.board import Board
from pdenet.errors import OutputError

if sys.platform != "win32":
    import fcntl

__all__ = ["Child", "Ended", "cores", "jobs_for", "side_by_side"]

MOMENT = 0.1
"""Seconds between two looks at the processes."""

GRACE = 120.0
"""Seconds that an interrupted process gets to write its checkpoint."""


@dataclass(frozen=True)
class Child:
    """A command that can be begun, and begun again, in a process of its own.

    arguments: what follows `python -m pdenet.cli`. log: file of its output. finished: whether
    nothing is left to do. events: the log of the run that it trains, to show how far it is.
    """

    name: str
    arguments: tuple[str, ...]
    log: Path
    finished: Callable[[], bool]
    events: Path | None = None


@dataclass(frozen=True)
class Ended:
    """A child that is over. code: of its process, 0 also where nothing was left to do.
    said: why it failed, in one line."""

    child: Child
    code: int
    seconds: float
    said: str = ""


@dataclass(frozen=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes]
    log: int
    offset: int
    started: float


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def jobs_for(asked: int | None, children: int, device: str) -> int:
    """How many processes at once: as many as asked for or as there are cores, one on a GPU, which
    they would share; never more than there are children. device: "cpu" or "cuda"."""
    usual = cores() if device == "cpu" else 1
    return max(1, min(asked or usual, children))


def side_by_side(children: Sequence[Child], jobs: int, board: Board) -> list[Ended]:
    """Run what is not finished yet, `jobs` at once, in the order given; what ended, alike.

    The threads of the cores are divided among the processes. A child that fails stops no other.
    Ctrl-C and SIGTERM end all of them, each with its checkpoint, before they go on from here.
    """
    waiting, running, ended = list(children), list[_Running](), dict[str, Ended]()
    threads = max(1, cores() // jobs)
    try:
        while waiting or running:
            for child in list(waiting):
                if len(running) >= jobs:
                    break
                with _uninterrupted():
                    log = _claim(child.log)
                    if log is None:
                        board.held(child.name)
                        continue
                    waiting.remove(child)
                    if child.finished():
                        os.close(log)
                        ended[child.name] = Ended(child, 0, 0.0)
                        board.ended(child.name, "done before")
                        continue
                    running.append(_start(child, log, threads))
                    board.started(child.name, child.events)
            if running or waiting:
                time.sleep(MOMENT)
            board.look()
            for each in [each for each in running if each.process.poll() is not None]:
                running.remove(each)
                ended[each.child.name] = found = _end(each)
                words = f"failed: {found.said}" if found.code else f"{found.seconds:.0f} s"
                board.ended(each.child.name, words, failed=bool(found.code))
    finally:
        _stop(running)
    return [ended[child.name] for child in children]


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait: a child that is begun and not known yet could not be ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = list[int]()
    before = {
        number: signal.signal(number, lambda number, frame: heard.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if heard:
            signal.raise_signal(heard[0])


def _claim(log: Path) -> int | None:
    """The log, open and locked; None where another process holds it.

    The lock belongs to the open file, which the child inherits: it lasts until the last process
    that holds the file has ended.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        raise OutputError(
            f"'{log}' cannot be written ({error.strerror}): choose another folder with -o"
        ) from error
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(descriptor)
                return None
    return descriptor


def _start(child: Child, log: int, threads: int) -> _Running:
    own = os.environ.get("OMP_NUM_THREADS", "")
    if own.isdecimal():
        threads = max(1, min(threads, int(own)))
    process = subprocess.Popen(
        [sys.executable, "-m", "pdenet.cli", *child.arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        # Ctrl-C in a terminal goes to all of a session; a child must hear of it once, from here.
        start_new_session=True,
    )
    return _Running(child, process, log, os.fstat(log).st_size, time.perf_counter())


def _end(each: _Running) -> Ended:
    os.close(each.log)
    code, seconds = each.process.returncode, time.perf_counter() - each.started
    return Ended(each.child, code, seconds, _said(each, code) if code else "")


def _said(each: _Running, code: int) -> str:
    """The last line that a child wrote in this go, or the signal that ended it."""
    if code < 0:
        with suppress(ValueError):
            name = signal.Signals(-code).name
            return f"ended by {name}" + ", perhaps short of memory" * (name == "SIGKILL")
    with each.child.log.open("rb") as file:
        file.seek(max(each.offset, os.fstat(file.fileno()).st_size - 4096))
        lines = file.read().decode(errors="replace").strip().splitlines()
    said = lines[-1] if lines else f"exit code {code}"
    return said.removeprefix("pdenet: ").removeprefix("error: ")


def _stop(running: Sequence[_Running]) -> None:
    """End what still runs and wait until each has written its checkpoint."""
    for each in running:
        each.process.terminate()
    deadline = time.monotonic() + GRACE
    for each in running:
        try:
            each.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            each.process.kill()
            each.process.wait()
        os.close(each.log)
