"""How far a command is: what the library says in `pdenet.events`, on stderr.

In a terminal one bar shows how much of the whole is done, and below it the equation so far.
Elsewhere each finished stage is one line.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from pdenet.events import (
    Event,
    Iteration,
    Listener,
    OrderChosen,
    Phase,
    Refining,
    StageFinished,
    StageStarted,
    StepUndone,
    TermDropped,
    TermJudged,
    to_record,
)
from pdenet.foreign import printable
from pdenet.words import counted

__all__ = ["Course", "Monitor", "console", "listening"]

REFINEMENT = "refinement"

SHARES = {"simulate": 0.05, "train": 0.45, "read": 0.2, "refine": 0.3}
"""Parts of a discovery, and what share of the whole each is taken to be."""

PLAIN_WIDTH = 10_000
"""Columns of what is no terminal: a file has no right margin."""


def console(*, stderr: bool) -> Console:
    """Where text goes: drawn in a terminal, plain lines that no width cuts elsewhere."""
    found = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not found.is_terminal:
        found.width = PLAIN_WIDTH
    return found


class Course:
    """How much of the whole is done: a share that never falls, and is less than 1 until the end.

    How many phases a read-out has, and how many iterations a refinement takes, nobody knows
    before: their parts fill ever more slowly. parts: of `SHARES`, those that the command has.
    """

    def __init__(self, parts: Sequence[str] = tuple(SHARES)) -> None:
        total, begins = sum(SHARES[part] for part in parts), 0.0
        self._parts: dict[str, tuple[float, float]] = {}
        for part in parts:
            self._parts[part] = begins, SHARES[part] / total
            begins += SHARES[part] / total
        self.done, self.doing = 0.0, "starting"
        self._stage, self._stages = 0, 1
        self._phases, self._iterations = 0, 0

    def take(self, record: Mapping[str, Any]) -> None:
        """Go on to an event, as `pdenet.events.to_record` writes it."""
        kind = record.get("event")
        if kind == "StageStarted":
            self._stage, self._stages = record["index"], record["stages"]
            self.doing = f"stage {self._stage + 1}/{self._stages}: {record['stage']}"
            self.reach("train", self._stage / self._stages)
        elif kind == "Iteration":
            part = record["iteration"] / record["iterations"]
            self.reach("train", (self._stage + min(1.0, part)) / self._stages)
        elif kind == "Phase":
            if record["name"] != self.doing:
                self.doing, self._phases = record["name"], self._phases + 1
            self.reach("read", 1 - 0.5 ** (self._phases - 1 + record["fraction"]))
        elif kind == "Refining":
            self.doing, self._iterations = REFINEMENT, self._iterations + 1
            self.reach("refine", self._iterations / (self._iterations + record["iterations"]))

    def reach(self, part: str, share: float) -> None:
        """So much of a part is done, and all that comes before it; a command without that part
        takes it for its last one."""
        begins, size = self._parts.get(part) or list(self._parts.values())[-1]
        self.done = max(self.done, min(begins + size * share, 0.99))


@contextmanager
def listening(on_event: Listener | Literal[False] | None) -> Iterator[Listener | None]:
    """Who listens: `on_event`, nobody for False, and for None a bar or lines on stderr, where that
    is a terminal or a notebook."""
    where = console(stderr=True)
    if on_event is None and (where.is_terminal or where.is_jupyter):
        with Monitor(where, parts=("train", "read", "refine")) as monitor:
            yield monitor
    else:
        yield on_event or None


class Monitor:
    """A context manager that is also a listener: call it with every event.

    with Monitor() as monitor: train(..., on_event=monitor)
    """

    def __init__(
        self,
        where: Console | None = None,
        *,
        silent: bool = False,
        talkative: bool = False,
        parts: Sequence[str] = tuple(SHARES),
    ) -> None:
        """silent: show nothing. talkative: a line for each term that is dropped or judged, too.
        parts: of the command, see `Course`."""
        self.console = where or console(stderr=True)
        self.silent, self.talkative = silent, talkative
        self.drawn = self.console.is_terminal and not self.console.is_jupyter and not silent
        self.course = Course(parts)
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
        )
        self.task = self.bars.add_task(self.course.doing, total=1.0, detail="")
        self.leading = Text("", style="dim", no_wrap=True, overflow="ellipsis")
        self.live = Live(
            Group(self.bars, self.leading),
            console=self.console,
            refresh_per_second=5,
            transient=True,
        )
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
        self.course.take(to_record(event))
        if isinstance(event, OrderChosen):
            self._say(f"derivatives up to order {event.order}: {event.reason}")
        elif isinstance(event, StageStarted):
            self._start(self.course.doing)
        elif isinstance(event, Iteration):
            self._advance(f"iteration {event.iteration}/{event.iterations}, loss {event.loss:.4g}")
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
            self._start(event.name)
        # The refit says its equation, the other phases what they are about.
        is_equation = " = " in event.detail
        self._equation(event.detail if is_equation else "")
        self._advance("" if is_equation else event.detail)
        if event.fraction >= 1 and not self.finished:
            self.finished = True
            said = "" if is_equation else f"{event.detail}, "
            self._say(f"{event.name}: {said}{time.perf_counter() - self.began:.1f} s")

    def _refining(self, event: Refining) -> None:
        """An iteration; there may be any number of fits, one after the other."""
        if self.name != REFINEMENT:
            self._start(REFINEMENT)
        self.refined = f"chi² {event.chi2:.4g}"
        step = f", step {event.step:.2g} of an error" * math.isfinite(event.step)
        self._advance(f"iteration {event.iteration}, {self.refined}{step}")
        self._equation(event.leading)

    def _end_refinement(self) -> None:
        """A line for a refinement, which no event ends."""
        if self.name == REFINEMENT and not self.finished:
            self.finished = True
            self._say(f"{self.name}: {self.refined}, {time.perf_counter() - self.began:.1f} s")

    def _equation(self, text: str) -> None:
        """Show an equation below the bar, one line for each field; "" leaves what is there."""
        if text:
            self.leading.plain = "\n".join(f"  {printable(line)}" for line in text.split("; "))

    def simulated(self, done: int, total: int) -> None:
        """Progress of a simulation: `done` of `total` steps."""
        self.course.reach("simulate", done / total)
        if self.name != "simulate":
            self._start("simulate")
        self._advance(f"{done}/{total}")

    def _start(self, name: str) -> None:
        self._end_refinement()
        self.name, self.finished = name, False
        self.began = time.perf_counter()
        self._advance("")

    def _advance(self, detail: str) -> None:
        if self.drawn:
            self.bars.update(
                self.task,
                completed=self.course.done,
                description=printable(self.name),
                detail=printable(detail),
            )

    def _say(self, line: str) -> None:
        if not self.silent:
            self.console.print(printable(line), soft_wrap=True)
