"""From a trained network to an equation: expand, rank, fit, select, fit again.

1. The weights are multiplied out (`expand`), exactly.
2. Terms are ranked by their share of u_t (`candidates`).
3. All candidates and the filters are fitted to windows of the training trajectories, and terms
   leave for as long as held-out trajectories are predicted as well (`select`).
4. The terms that stay, and the filters, are fitted to more windows (`fit`); the standard errors are
   those of this fit.

Networks with coefficients that vary in space, or with sources, are read by way of their maps and
curves (`varying`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from pdenet.errors import Advice, DiscoveryError, StoppedError
from pdenet.events import Event, Listener
from pdenet.library.terms import Library
from pdenet.model import PDENet
from pdenet.noise.first_frames import periodic_axes
from pdenet.noise.level import noise_of
from pdenet.readout.inner_numbers import has_arguments, read_functions
from pdenet.readout.steps import Reading, ReadoutConfig
from pdenet.readout.varying import read_structure
from pdenet.results.caution import cautions, level
from pdenet.results.equation import DiscoveredEquation
from pdenet.types import Trajectory

__all__ = ["ReadoutConfig", "read_out"]

TRAJECTORIES = 8
"""In which the noise is looked at, to say whether standard errors hold its bias."""

_log = logging.getLogger(__name__)

_ENDED = (
    "the time of the read-out was over before there was an equation; the network is kept: read it"
)
TOO_LATE = Advice(f"{_ENDED} with more time (budget=)", shell=f"{_ENDED} with more (--budget)")


def _silent(event: Event) -> None:
    """Nobody listens."""


def read_out(
    model: PDENet,
    train: Trajectory,
    held_out: Trajectory,
    generator: torch.Generator,
    config: ReadoutConfig | None = None,
    on_event: Listener = _silent,
    late: Callable[[], bool] = lambda: False,
) -> DiscoveredEquation:
    """The equation that a trained model holds, refitted to the data.

    train, held_out: trajectories (n, frames, field, *space) in physical units. late: whether the
    time is over, so that the last equation is the result, without standard errors.
    Raises DiscoveryError where the network holds no terms, an equation that blows up, or where the
    time was over before there was any.
    """
    started = time.perf_counter()
    reading = Reading(model, train, held_out, generator, config or ReadoutConfig(), on_event, late)
    try:
        found = _read(reading)
    except StoppedError:
        if reading.best is None:
            raise DiscoveryError(TOO_LATE.python, shell=TOO_LATE.shell) from None
        _log.warning(
            "the time of the read-out is over: these are coefficients on their way, without "
            "standard errors, and terms that a whole read-out might leave out"
        )
        found = reading.best
    boundaries, some = model.filters.boundaries, train[:TRAJECTORIES]
    noise = level(some, noise_of(some, periodic_axes(boundaries)).sigma)
    seconds = {**found.seconds, "total": time.perf_counter() - started}
    return replace(
        found,
        dropped=tuple(reading.dropped),
        seconds=seconds,
        cautions=cautions(boundaries, noise, reading.structure) if found.stderr else (),
    )


def _read(reading: Reading) -> DiscoveredEquation:
    """The equation, and the time that expanding the network took."""
    if reading.model.maps is not None or reading.model.source is not None:
        return replace(read_structure(reading), seconds={"expand": 0.0})
    started = time.perf_counter()
    pde = reading.candidates()
    if not any(pde.terms().values()):
        raise DiscoveryError("the network holds no terms: train it longer or on other data")
    seconds = {"expand": time.perf_counter() - started}
    if has_arguments(pde):
        found = read_functions(reading, pde)
    else:
        found = reading.fit(*reading.select(*Library.of(pde)))
    return replace(found, seconds=seconds)
