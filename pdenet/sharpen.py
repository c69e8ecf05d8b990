"""An equation sharpened by maximum likelihood, or found in the data without a network."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pdenet.arrays import Source, as_file, is_array, told_apart
from pdenet.boundary import chosen, endpoints, to_json
from pdenet.device import device_named
from pdenet.errors import ConfigError
from pdenet.events import Listener
from pdenet.likelihood.config import RefineConfig
from pdenet.pde import PDE
from pdenet.pde.unknown import OpenPDE
from pdenet.problem import Problem
from pdenet.progress import listening
from pdenet.results import DiscoveredEquation, load_equation
from pdenet.storage import Data, open_data, require_periodic
from pdenet.storage.claim import claimed_file
from pdenet.training.refined import RefinementState
from pdenet.training.refining import Fitted, refined

__all__ = ["ABOUT", "assume", "refine"]

ABOUT = ("grid", "dt", "fields", "boundary", "outside", "sigma")
"""What is said about data beside them: of arrays all of it, of a file the last three."""


def assume(opened: Data, source: Source, about: Mapping[str, Any]) -> None:
    """Take what was said of a file, in place of what it says itself; what was said of an array is
    in the file that was made of it. Raises GridError and DataError for what does not fit."""
    if not is_array(source):
        ends = chosen(about["boundary"], opened.problem.grid.axes)
        opened.assume(ends, about["outside"], about["sigma"])


def refine(
    equation: PDE | OpenPDE | Source | None,
    data: Source | None = None,
    *,
    config: RefineConfig | None = None,
    state: Path | str | None = None,
    resume: bool = False,
    device: str = "auto",
    on_event: Listener | Literal[False] | None = None,
    **settings: Any,
) -> DiscoveredEquation:
    """Fit an equation by maximum likelihood through its rollouts, and choose its terms.

    equation: a PDE or its text, the file of an equation as `extract` writes it, or None to find the
    terms in the data alone, as `refine(data)` does too. Names without a value are unknown: numbers,
    and functions of coordinates, of time or of a field, as in "u_t = a(x)*u_x + b*u_xx + f(u)".
    data: a file or an array as for `discover`, which may lack values (NaN, or masked). Its training
    and validation trajectories are fitted; terms are judged on trajectories that are left out in
    turn.
    state: a file in which the refinement is kept while it goes on; it stays until it is removed.
    resume: go on from what is kept there.
    on_event: called with every event. By default progress is shown on stderr, where that is a
    terminal or a notebook; on_event=False shows nothing.
    settings: grid=, dt= and fields= of an array, boundary=, outside= and sigma= of an array or in
    place of what a file says, as for `discover`; noise= goes before standard deviations of a file;
    and entries of `RefineConfig` instead of those of `config`,
    such as order=3, or given=("v",) for a field that was measured, acts on the others and has no
    equation of its own.
    Returns what `print` shows whole; `.pde` is the equation, `.refinement.verdict` the verdict.
    Raises DataError, EquationError, ConfigError, CheckpointError, OutputError, DeviceError, and
    DiscoveryError for what cannot be refined: fewer data than unknowns, too little memory.
    """
    equation, data = told_apart(equation, data)
    if resume and state is None:
        raise ConfigError("resume goes on from the state of a refinement: say where it is (state=)")
    about = {name: settings.pop(name, None) for name in ABOUT if name != "sigma"}
    config = _changed(config or RefineConfig(), settings)
    # Standard deviations are of the trajectories of the data, and not of those that are fitted.
    about["sigma"], config = config.sigma, replace(config, sigma=None)
    with tempfile.TemporaryDirectory() as scratch:
        path = as_file(data, Path(scratch), **about, gaps=True)
        with open_data(path) as opened:
            assume(opened, data, about)
            require_periodic(opened)
            begun = _begun(equation, opened.problem, config.given)
            fitted = Fitted.read(opened, device_named(device))
            digest = _identity(opened) if state is not None else ""
    if begun is not None:
        config = replace(config, given=config.given or begun.pde.given)
        fitted.check(begun.pde)
    with listening(on_event) as listener:
        if state is None:
            return refined(begun, fitted, config, listener)
        origin = begun.pde if isinstance(begun, DiscoveredEquation) else begun
        kept = RefinementState(Path(state), digest, origin, config)
        with claimed_file(kept.path):
            return refined(begun, fitted, config, listener, kept, resume=resume)


def _changed(config: RefineConfig, settings: Mapping[str, Any]) -> RefineConfig:
    """The configuration with some entries changed. Raises ConfigError for one that is unknown."""
    known = [entry.name for entry in fields_of(config)]
    unknown = sorted(settings.keys() - set(known))
    if unknown:
        raise ConfigError(
            f"there is no {unknown[0]}=: a refinement has {', '.join(known)}, and data "
            f"{', '.join(ABOUT)}"
        )
    return replace(config, **settings)


def _begun(
    equation: PDE | OpenPDE | Path | str | None, problem: Problem, given: tuple[str, ...]
) -> DiscoveredEquation | OpenPDE | None:
    """The equation that a refinement begins with; text has an equals sign, which no file needs."""
    if isinstance(equation, str) and "=" in equation:
        equation = OpenPDE.from_text(equation, problem.grid.axes, given=given)
    if isinstance(equation, OpenPDE):
        equation = equation if equation.unknown else equation.pde
    if isinstance(equation, OpenPDE):
        return equation
    if isinstance(equation, PDE):
        return DiscoveredEquation(equation, {})
    return None if equation is None else load_equation(Path(equation))


def _identity(data: Data) -> str:
    """What a state has to be of: the fields, and what holds at ends that are not periodic."""
    boundaries = data.problem.boundaries
    if not any(endpoints(boundaries)):
        return data.digest()
    told = json.dumps([[to_json(end) for end in ends] for ends in boundaries], sort_keys=True)
    return hashlib.sha256(f"{data.digest()} {told}".encode()).hexdigest()
