"""The progress bar: what the library says in `pdenet.events`, on stderr.

In a terminal one bar shows the stage, the loss, the time left in the stage and the current leading
terms. Elsewhere each finished stage is one line. `--quiet` shows neither.
"""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pdenet.cli.console import error_console
from pdenet.cli.options import quiet
from pdenet.events import (
    Event,
    Iteration,
    Phase,
    StageFinished,
    StageStarted,
    StepUndone,
    TermDropped,
)

__all__ = ["Monitor"]


class Monitor:
    """A context manager that is also a listener: call it with every event.

    with Monitor() as monitor: train(..., on_event=monitor)
    """

    def __init__(self, console: Console | None = None, *, silent: bool | None = None) -> None:
        self.console = console or error_console()
        self.silent = quiet() if silent is None else silent
        self.drawn = self.console.is_terminal and not self.silent
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=self.console,
        )
        self.leading = Text("", style="dim", no_wrap=True, overflow="ellipsis")
        self.live = Live(
            Group(self.bars, self.leading),
            console=self.console,
            refresh_per_second=5,
            transient=True,
        )
        self.task: TaskID | None = None
        self.name = ""

    def __enter__(self) -> Monitor:
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

    def __call__(self, event: Event) -> None:
        if isinstance(event, StageStarted):
            blocks = f"{event.blocks} block{'s' if event.blocks != 1 else ''}"
            name = f"stage {event.index + 1}/{event.stages} {event.stage}, {blocks}"
            self._start(name, event.iterations)
        elif isinstance(event, Iteration):
            self._advance(event.iteration, event.iterations, f"loss {event.loss:.4g}")
            if event.leading:
                self.leading.plain = f"  {event.leading}"
        elif isinstance(event, StageFinished):
            self._say(
                f"{self.name}: {event.iterations} iterations, loss {event.loss:.4g}, "
                f"validation {event.validation:.4g}, {event.seconds:.1f} s"
            )
        elif isinstance(event, StepUndone):
            self._say(
                f"iteration {event.iteration}: step undone ({event.reason}), now {event.step:.3g}"
            )
        elif isinstance(event, Phase):
            if event.name != self.name:
                self._start(event.name, 1)
            self._advance(event.fraction, 1, event.detail)
        elif isinstance(event, TermDropped):
            self._say(
                f"dropped {event.monomial_text} from {event.field}: coefficient "
                f"{event.coefficient:.3g}, scaled {event.scaled:.3g}; {event.reason}"
            )

    def simulated(self, done: int, total: int) -> None:
        """Progress of a simulation: `done` of `total` steps."""
        if self.name != "simulate":
            self._start("simulate", total)
        self._advance(done, total, f"{done}/{total}")

    def _start(self, name: str, total: float) -> None:
        self.name = name
        if not self.drawn:
            return
        if self.task is not None:
            self.bars.remove_task(self.task)
        self.task = self.bars.add_task(name, total=total, detail="")

    def _advance(self, done: float, total: float, detail: str) -> None:
        if self.drawn and self.task is not None:
            self.bars.update(self.task, completed=done, total=total, detail=detail)

    def _say(self, line: str) -> None:
        if not self.silent:
            self.console.print(line, soft_wrap=True)
