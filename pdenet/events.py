"""What a run says while it works: plain values, handed to a listener.

The library prints nothing. The trainer and the read-out call a `Listener` with one of these frozen
values; the command line turns them into a progress bar, and the run folder keeps them as one JSON
object a line. `to_record` is that object.
"""

import math
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, TypeAlias

__all__ = [
    "CheckpointSaved",
    "Event",
    "Iteration",
    "Listener",
    "OrderChosen",
    "Phase",
    "Refining",
    "StageFinished",
    "StageStarted",
    "StepUndone",
    "TermDropped",
    "TermJudged",
    "from_record",
    "to_record",
]


@dataclass(frozen=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True)
class OrderChosen(Event):
    """Before training: the highest order of derivatives in the network, the points of its filters
    along each axis, and why it is this order."""

    order: int
    filter_size: int
    reason: str


@dataclass(frozen=True)
class StageStarted(Event):
    """Training begins a stage of `blocks` δt-blocks: stage `index` (from 0) of `stages`."""

    stage: str
    blocks: int
    iterations: int
    index: int
    stages: int


@dataclass(frozen=True)
class Iteration(Event):
    """One iteration of the optimiser is done; `leading` is the equation so far, mostly empty."""

    stage: str
    iteration: int
    iterations: int
    loss: float
    seconds: float
    leading: str = ""


@dataclass(frozen=True)
class StepUndone(Event):
    """A step led to NaN or blew up, was taken back, and is tried again with length `step`."""

    stage: str
    iteration: int
    reason: str
    step: float


@dataclass(frozen=True)
class StageFinished(Event):
    """A stage is over: its training loss and the loss on the validation trajectories."""

    stage: str
    iterations: int
    loss: float
    validation: float
    seconds: float


@dataclass(frozen=True)
class CheckpointSaved(Event):
    """A checkpoint is complete under `path`."""

    path: str


@dataclass(frozen=True)
class Phase(Event):
    """Progress of a named piece of work (read-out, refit): `fraction` in [0, 1]."""

    name: str
    fraction: float
    detail: str = ""


@dataclass(frozen=True)
class Refining(Event):
    """One iteration of a maximum-likelihood fit is done: chi² per degree of freedom, the largest
    step of a coefficient in standard errors (before that step), and the equation."""

    iteration: int
    iterations: int
    chi2: float
    step: float
    leading: str


@dataclass(frozen=True)
class TermJudged(Event):
    """A term was judged by chi² through rollouts: by how much chi² is lower with it, and by how
    much it would have to be. field, monomial_text: whose equation, and the term."""

    field: str
    monomial_text: str
    kept: bool
    gain: float
    needed: float
    reason: str


@dataclass(frozen=True)
class TermDropped(Event):
    """A term left the equation: its coefficient, also scaled by its r.m.s., and why."""

    field: str
    monomial_text: str
    coefficient: float
    scaled: float
    reason: str


Listener: TypeAlias = Callable[[Event], None]


def to_record(event: Event) -> dict[str, str | int | float]:
    """The event as one flat JSON object, `{"event": "Iteration", "stage": ..., ...}`."""
    return {"event": type(event).__name__, **asdict(event)}


def from_record(record: Any) -> Event:
    """The event that `to_record` described; null stands for a number that is not finite.

    Raises ValueError for anything else.
    """
    named = {kind.__name__: kind for kind in Event.__subclasses__()}
    kind = named.get(str(record.get("event"))) if isinstance(record, dict) else None
    if kind is None:
        raise ValueError("it is no event")
    own = {entry.name: entry for entry in fields(kind)}
    needed = {name for name, entry in own.items() if entry.default is MISSING}
    given = {name: value for name, value in record.items() if name != "event"}
    if not needed <= given.keys() <= own.keys():
        raise ValueError(f"the entries of the event {kind.__name__} are {', '.join(own)}")
    return kind(**{name: _value(own[name].type, value, name) for name, value in given.items()})


def _value(kind: Any, value: Any, name: str) -> str | int | float:
    """A value of an event, if it is of the kind that belongs there."""
    if kind is float and value is None:
        return math.nan
    found: str | int | float = float(value) if kind is float and type(value) is int else value
    if type(found) is not kind or (type(found) is int and not 0 <= found < 2**53):
        raise ValueError(f"{name} is {str(value)[:40]!r}, which is no {kind.__name__} there")
    return found
