"""Refining an equation on the data of a file: what is fitted, and what is made of the result."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pdenet.dataset import load
from pdenet.errors import DataError, DiscoveryError, EquationError
from pdenet.events import Event, Listener
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.refine import refine
from pdenet.likelihood.saving import Kept
from pdenet.pde import PDE
from pdenet.pde.render import format_monomial
from pdenet.pde.unknown import OpenPDE
from pdenet.problem import Problem
from pdenet.results import DiscoveredEquation
from pdenet.storage import Data
from pdenet.training.config import TrainingConfig
from pdenet.training.refined import RefinementState
from pdenet.types import Trajectory
from pdenet.words import counted

__all__ = ["QUICK", "Fitted", "refined", "why_not"]

_log = logging.getLogger(__name__)

QUICK = 2**24
"""Numbers in the data up to which a refinement follows a read-out unasked: its time grows with
them, and is some minutes on two cores for so many."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What an equation is refined on.

    states: (n, frames, field, *space), NaN where missing. problem: without the equation that made
    the data. outside: true where the equation does not hold, bool (*space); None where it holds
    everywhere. sigma: standard deviations of the states; None where they are not known.
    """

    states: Trajectory
    problem: Problem
    dt: float
    outside: Tensor | None = None
    sigma: Tensor | None = None

    @classmethod
    def of(cls, data: Data, train: Trajectory, validation: Trajectory) -> Fitted:
        """From the two sets of a file, without trajectories that hold no value at all."""
        same = set(map(int, data.split["train"])) & set(map(int, data.split["validation"]))
        rows = [*data.split["train"], *(() if same else data.split["validation"])]
        states = train if same else torch.cat([train, validation])
        holds = _measured(states)
        if not bool(holds.any()):
            raise DataError("the data hold no value at all: all of them are missing")
        mask, sigma = data.outside, None
        outside = None if mask is None else torch.from_numpy(mask.copy()).to(train.device)
        if data.weighed:
            sigma = torch.from_numpy(data.sigma(rows)).to(states)
            sigma = sigma if bool(holds.all()) else sigma[holds]
        states = states if bool(holds.all()) else states[holds]
        return cls(states, replace(data.problem, pde=None), data.dt, outside, sigma)

    @classmethod
    def read(cls, data: Data, device: torch.device) -> Fitted:
        """From a file, which may lack values, in float64.

        Raises DataError where values are damaged or memory does not suffice.
        """
        train, validation = (
            load(data, split, device=device, missing=True) for split in ("train", "validation")
        )
        return cls.of(data, train, validation)

    def check(self, pde: PDE) -> None:
        """Raise EquationError for an equation of other fields or axes."""
        axes = self.problem.grid.axes
        same = set(pde.names) == set(self.problem.fields)
        if (
            not same
            or (not pde.given and pde.fields != self.problem.fields)
            or (pde.coordinates != axes)
        ):
            raise EquationError(
                f"the equation is for {', '.join(pde.names)} in ({', '.join(pde.coordinates)}), "
                f"but the data hold {', '.join(self.problem.fields)} in ({', '.join(axes)}): give "
                "the equation of these data"
            )


def _measured(states: Trajectory) -> Tensor:
    """Which trajectories hold a value."""
    holds = states.isfinite().flatten(1).any(1)
    empty = int((~holds).sum())
    if empty:
        _log.warning("%s without a single value: left out", counted(empty, "trajectory"))
    return holds


def refined(
    found: DiscoveredEquation | OpenPDE | None,
    fitted: Fitted,
    config: RefineConfig,
    on_event: Listener | None = None,
    state: RefinementState | None = None,
    *,
    resume: bool = False,
) -> DiscoveredEquation:
    """An equation by maximum likelihood; what was found besides its coefficients stays.

    found: where the refinement begins, an equation that was found or one that holds unknowns; None
    to find terms in the data alone. state: where it is
    kept while it goes on. resume: go on from what is kept there.
    Raises the errors of `pdenet.likelihood` and of `RefinementState`, and DiscoveryError for
    an equation that holds a function without a formula.
    """
    if isinstance(found, DiscoveredEquation) and found.unknown:
        names = [each.text() for every in found.unknown.values() for each in every]
        raise DiscoveryError(
            f"this equation holds {', '.join(names)}, of which only values are known: give the "
            "equation as text, where such a function may stand as it does here"
        )
    started = time.perf_counter()
    if fitted.sigma is not None and config.noise is None and config.sigma is None:
        config = replace(config, sigma=fitted.sigma)
    device = fitted.states.device
    kept = None
    if state is not None:
        saved = state.load() if resume else None
        here = None if saved is None else {name: part.to(device) for name, part in saved.items()}
        kept = Kept(here, state.save, str(state.path))
    result = refine(
        found.pde.numeric() if isinstance(found, DiscoveredEquation) else found,
        fitted.states,
        fitted.problem,
        fitted.dt,
        config,
        on_event or _silent,
        kept,
        outside=fitted.outside,
    )
    spent = time.perf_counter() - started
    if not isinstance(found, DiscoveredEquation):
        return replace(result, seconds={"refine": spent, "total": spent})
    terms = {
        (name, format_monomial(monomial))
        for name, table in result.pde.terms().items()
        for monomial in table
    }
    return replace(
        found,
        pde=result.pde,
        stderr=result.stderr,
        # What the read-out dropped may have come back.
        dropped=tuple(e for e in found.dropped if (e.field, e.monomial_text) not in terms),
        refinement=result.refinement,
        cautions=(),
        seconds={
            **found.seconds,
            "refine": spent,
            "total": found.seconds.get("total", 0.0) + spent,
        },
    )


def why_not(problem: Problem, config: TrainingConfig) -> str:
    """Why the equation of a run cannot be refined, in words; "" where it can."""
    if config.network.coefficients is not None:
        return "its coefficients may vary in space, and are read from the network"
    if config.network.source is not None:
        return "it may have a source of any shape, which is read from the network"
    return ""


def _silent(event: Event) -> None:
    """Nobody listens."""
