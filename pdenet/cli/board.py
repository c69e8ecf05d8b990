"""How far many runs are, on stderr: one line each while they run, and one bar for all of them.

In a terminal the lines are drawn; elsewhere each run that ends is a line. `--quiet` shows nothing.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pdenet.cli.console import error_console
from pdenet.cli.options import quiet
from pdenet.foreign import printable
from pdenet.progress import Course

__all__ = ["Board", "Follower"]


class Follower:
    """Reads the log of a run as it grows: what the run does, and how much of that is done."""

    def __init__(self, log: Path) -> None:
        self.log, self.offset = log, log.stat().st_size if log.exists() else 0
        self.course = Course(("train", "read", "refine"))

    def look(self) -> None:
        """Take in what was written since the last look."""
        if not self.log.exists():
            return
        with self.log.open("rb") as file:
            if file.seek(0, 2) < self.offset:  # a new run begins a new log
                self.offset = 0
            file.seek(self.offset)
            whole, _, _ = file.read().rpartition(b"\n")
        self.offset += len(whole) + bool(whole)
        for line in whole.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                with suppress(KeyError, TypeError, ZeroDivisionError):  # a damaged line
                    self.course.take(event)


class Board:
    """A context manager that is told of the runs as they begin and end.

    what: the word for one of them, such as "repeat".
    """

    def __init__(self, what: str, total: int, console: Console | None = None) -> None:
        self.console = console or error_console()
        self.silent = quiet()
        self.drawn = self.console.is_terminal and not self.silent
        self.what, self.total = what, total
        self.done = self.failed = 0
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
        )
        self.all = self.bars.add_task(f"{what}s", total=total, detail="")
        self.tasks: dict[str, tuple[TaskID, Follower | None]] = {}
        self.elsewhere: set[str] = set()
        self.live = Live(
            Group(self.bars), console=self.console, refresh_per_second=5, transient=True
        )

    def __enter__(self) -> Board:
        if self.drawn:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.drawn:
            self.live.stop()

    def started(self, name: str, events: Path | None) -> None:
        """A run begins; events: where its log will be."""
        task = self.bars.add_task(name, total=1.0, detail="starting")
        self.tasks[name] = task, Follower(events) if events else None
        self._count()

    def held(self, name: str) -> None:
        """Another process works on a run; said once."""
        if name not in self.elsewhere:
            self.elsewhere.add(name)
            self._say(f"{self.what} {name}: another process works on it, waiting for that one")

    def look(self) -> None:
        """See how far the running ones are."""
        if not self.drawn:
            return
        for task, follower in self.tasks.values():
            if follower is not None:
                follower.look()
                course = follower.course
                self.bars.update(task, completed=course.done, detail=printable(course.doing))
        self._count()

    def ended(self, name: str, words: str, *, failed: bool = False) -> None:
        """A run is over; words: how."""
        if name in self.tasks:
            self.bars.remove_task(self.tasks.pop(name)[0])
        self.failed += failed
        self.done += not failed
        self._count()
        self._say(f"{self.what} {name}: {words}")

    def _say(self, line: str) -> None:
        if not self.silent:
            self.console.print(printable(line), soft_wrap=True)

    def _count(self) -> None:
        words = f"{self.done} of {self.total} done, {len(self.tasks)} running"
        words += f", {self.failed} failed" * bool(self.failed)
        parts = sum(each.course.done for _, each in self.tasks.values() if each is not None)
        self.bars.update(self.all, completed=self.done + self.failed + parts, detail=words)
