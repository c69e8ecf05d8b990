"""The progress bar: what the library says in `pdenet.events`, on stderr.

In a terminal one bar shows the stage, the loss, the time left in the stage and, below it, the
equation so far. Elsewhere each finished stage is one line. `--verbose` adds a line for each term
that is dropped or judged, `--quiet` shows nothing.
"""

from __future__ import annotations

import math
import time
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
from pdenet.cli.options import quiet, verbose
from pdenet.events import (
    Event,
    Iteration,
    Phase,
    Refining,
    StageFinished,
    StageStarted,
    StepUndone,
    TermDropped,
    TermJudged,
)
from pdenet.words import counted

__all__ = ["Monitor"]

REFINEMENT = "refinement"


class Monitor:
    """A context manager that is also a listener: call it with every event.

    with Monitor() as monitor: train(..., on_event=monitor)
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        silent: bool | None = None,
        talkative: bool | None = None,
    ) -> None:
        self.console = console or error_console()
        self.silent = quiet() if silent is None else silent
        self.talkative = verbose() if talkative is None else talkative
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
        self.name, self.finished = "", False
        self.refined = ""
        self.judged: dict[tuple[str, str], bool] = {}
        self.began = time.perf_counter()

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
        if error is None:
            self._end_refinement()

    def __call__(self, event: Event) -> None:
        if isinstance(event, StageStarted):
            self._start(f"stage {event.index + 1}/{event.stages}: {event.stage}", event.iterations)
        elif isinstance(event, Iteration):
            self._advance(event.iteration, event.iterations, f"loss {event.loss:.4g}")
            self._equation(event.leading)
        elif isinstance(event, StageFinished):
            self._say(
                f"{self.name}: {counted(event.iterations, 'iteration')}, loss {event.loss:.4g}, "
                f"validation {event.validation:.4g}, {event.seconds:.1f} s"
            )
        elif isinstance(event, StepUndone):
            self._say(
                f"iteration {event.iteration}: step undone ({event.reason}), now {event.step:.3g}"
            )
        elif isinstance(event, Phase):
            self._phase(event)
        elif isinstance(event, Refining):
            self._refining(event)
        elif isinstance(event, TermJudged) and self.talkative:
            self._judged(event)
        elif isinstance(event, TermDropped) and self.talkative:
            self._say(
                f"dropped {event.monomial_text} from {event.field}: coefficient "
                f"{event.coefficient:.3g}, scaled {event.scaled:.3g}; {event.reason}"
            )

    def _judged(self, event: TermJudged) -> None:
        """What was decided of a term, once: rounds of judgements repeat what they do not change."""
        term = (event.field, event.monomial_text)
        if self.judged.get(term) != event.kept:
            self.judged[term] = event.kept
            stays = "stays" if event.kept else "is left out"
            self._say(f"{event.monomial_text} in {event.field}_t {stays}: {event.reason}")

    def _phase(self, event: Phase) -> None:
        if event.name != self.name:
            self._start(event.name, 1)
        # The refit says its equation, the other phases what they are about.
        is_equation = " = " in event.detail
        self._equation(event.detail if is_equation else "")
        self._advance(event.fraction, 1, "" if is_equation else event.detail)
        if event.fraction >= 1 and not self.finished:
            self.finished = True
            said = "" if is_equation else f"{event.detail}, "
            self._say(f"{event.name}: {said}{time.perf_counter() - self.began:.1f} s")

    def _refining(self, event: Refining) -> None:
        """An iteration; there may be any number of fits, one after the other."""
        if self.name != REFINEMENT:
            self._start(REFINEMENT, event.iterations)
        self.refined = f"chi² {event.chi2:.4g}"
        step = f", step {event.step:.2g} of an error" * math.isfinite(event.step)
        self._advance(min(event.iteration, event.iterations), event.iterations, self.refined + step)
        self._equation(event.leading)

    def _end_refinement(self) -> None:
        """A line for a refinement, which no event ends."""
        if self.name == REFINEMENT and not self.finished:
            self.finished = True
            self._say(f"{self.name}: {self.refined}, {time.perf_counter() - self.began:.1f} s")

    def _equation(self, text: str) -> None:
        """Show an equation below the bar, one line for each field; "" leaves what is there."""
        if text:
            self.leading.plain = "\n".join(f"  {line}" for line in text.split("; "))

    def simulated(self, done: int, total: int) -> None:
        """Progress of a simulation: `done` of `total` steps."""
        if self.name != "simulate":
            self._start("simulate", total)
        self._advance(done, total, f"{done}/{total}")

    def _start(self, name: str, total: float) -> None:
        self._end_refinement()
        self.name, self.finished = name, False
        self.began = time.perf_counter()
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
