"""Data in, equation out: the three steps of a discovery, and all of them in one call.

`train` makes a run folder from a data file, `extract` reads the equation of a run and refines it
where that pays, `discover` does both, from a file or from arrays. `refine`, from `pdenet.sharpen`,
sharpens an equation that is known already, or finds one in the data without a network.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from pdenet.alone import can_be_learned, same_data, without_network
from pdenet.arrays import Source, as_file, is_array, removed_if_refused
from pdenet.device import device_named
from pdenet.errors import CheckpointError, ConfigError, DataError, DiscoveryError
from pdenet.events import Listener
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.compare import Comparison, compare
from pdenet.pde.expression import Monomial
from pdenet.problem import Problem
from pdenet.progress import listening
from pdenet.readout import read_out
from pdenet.results import DiscoveredEquation
from pdenet.sharpen import refine
from pdenet.storage import open_data
from pdenet.storage.claim import claimed_folder
from pdenet.threads import threads_for
from pdenet.training import refining
from pdenet.training.answer import asked, keep_answer
from pdenet.training.begin import begin, sets
from pdenet.training.budget import Budget
from pdenet.training.compiling import compile_where_it_pays
from pdenet.training.config import TrainingConfig, validated
from pdenet.training.progress import Progress
from pdenet.training.refined import RefinementState
from pdenet.training.refining import Fitted, refined, why_not
from pdenet.training.run import Run, network_for, read_run
from pdenet.training.trainer import Trainer

__all__ = ["Discovery", "discover", "extract", "refine", "same_data", "train"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Discovery:
    """What `discover` found; `print` shows equations, errors and verdict.

    equation: in physical units, without the maps and curves that have no formula. stderr: {field:
    {monomial: standard error}}. comparison: with the truth, where one is known. seconds: by step.
    details: the whole result of the read-out.
    """

    equation: PDE
    stderr: Mapping[str, Mapping[Monomial, float]]
    comparison: Comparison | None
    seconds: Mapping[str, float]
    details: DiscoveredEquation

    def __str__(self) -> str:
        return str(self.details)


def train(
    data: Path | str,
    run: Path | str,
    config: TrainingConfig | None = None,
    *,
    resume: bool = False,
    budget: float | None = None,
    on_event: Listener | None = None,
) -> Run:
    """Train a PDE-Net on the file `data` in the folder `run`.

    resume: go on from the last checkpoint of the folder, bitwise on the same device; the
    configuration is then the one of the run. budget: seconds after which training ends, with a
    checkpoint of what was learned by then; that of the configuration where None.
    Raises DataError, ConfigError, GridError, DeviceError, CheckpointError, OutputError.
    """
    with claimed_folder(Path(run)):
        return _train(data, Path(run), config, budget, on_event, resume=resume)


def _train(
    data: Path | str,
    run: Path,
    config: TrainingConfig | None,
    budget: float | None,
    on_event: Listener | None,
    *,
    resume: bool,
) -> Run:
    """`train`, in a folder that is claimed."""
    time_left = None if budget is None else Budget(budget)
    with open_data(data) as opened:
        opened.require_complete()
        chosen = None
        if resume:
            current = read_run(run)
            same_data(current, opened)
            states = sets(opened, current.config, getattr(torch, current.config.dtype))
        else:
            current, states, chosen = begin(run, config or TrainingConfig(), opened)
        config = current.config
        generator = torch.Generator().manual_seed(config.seed)
        model = network_for(opened, config, generator)
    compile_where_it_pays(model, config, device_named(config.device))
    listen = current.listener(on_event)
    if chosen is not None:
        listen(chosen)
    save = current.save(model, generator, listen)
    trainer = Trainer(model, config, *states, generator, listen, save)
    with threads_for(states[0][0, 0].numel(), states[0].device):
        if resume:
            progress = current.restore(model, generator)
            trainer.check(progress)
        else:
            trainer.set_scales()
            progress = Progress()
        trainer.run(progress, (time_left or Budget(config.budget)).late)
    return current


def extract(
    run: Path | str,
    *,
    data: Path | str | None = None,
    refine: bool | None = None,
    budget: float | None = None,
    on_event: Listener | None = None,
) -> DiscoveredEquation:
    """Read the equation of a trained run, refit it, and keep it in the folder as equation.json.

    data: the file of the data, if it has moved since the training.
    refine: whether the equation is then refined, as by `refine`. None leaves it to the settings of
    the run, which do it where it pays: on periodic axes, without maps and sources. A refinement
    that was interrupted goes on where it was. Where noise drowned the network and no equation can
    be read, the refinement takes its terms from the data alone.
    budget: seconds after which the equation is what it is by then; that of the run where None. The
    read-out has half of it where a refinement follows.
    The fits are done in float64, whatever the network was trained in.
    Raises CheckpointError where the folder holds no trained network, DataError where the data are
    gone or others, DiscoveryError where the network holds no equation, or none that can be refined
    as was asked for.
    """
    current = read_run(Path(run))
    with claimed_folder(current.folder):
        time_left = Budget(current.config.budget if budget is None else budget)
        return _extract(current, data, time_left, on_event, when=asked(current, refine))


def _extract(
    current: Run,
    data: Path | str | None,
    budget: Budget,
    on_event: Listener | None,
    *,
    when: str,
) -> DiscoveredEquation:
    """`extract`, in a folder that is claimed. when: whether to refine, as in the settings."""
    source = Path(data) if data is not None else Path(current.data["path"])
    if data is None and not source.exists():
        told = f"the data of the run are no longer at '{source}': say where they are with"
        raise DataError(f"{told} data=", shell=f"{told} --data")
    with open_data(source) as opened:
        opened.require_complete()
        same_data(current, opened)
        obstacle = why_not(opened.problem, current.config)
        if when == "always" and obstacle:
            raise DiscoveryError(
                f"the equation of '{current.folder}' cannot be refined: {obstacle}"
            )
        # The read-out draws from a generator of its own: reading twice gives the same equation.
        generator = torch.Generator().manual_seed(current.config.seed)
        model = network_for(opened, current.config, generator)
        current.restore(model, generator)
        states = sets(opened, current.config, torch.float64)
        fitted = Fitted.of(opened, *states)
    model.double()
    generator.manual_seed(current.config.seed)
    readout, listen = current.config.readout.value(), current.listener(on_event)
    quick = sum(part.numel() for part in states) <= refining.QUICK
    refines = not obstacle and (when == "always" or (when == "auto" and quick))
    found: DiscoveredEquation | None
    try:
        with threads_for(states[0][0, 0].numel(), states[0].device):
            late = (budget.part() if refines else budget).late
            found = read_out(model, *states, generator, readout, listen, late)
    except DiscoveryError as error:
        if not refines:
            raise
        told = "the network holds no equation (%s): terms come from the data alone"
        _log.warning(told, error, extra={"shell": told % error.shell})
        found = None
    if found is None or refines:
        required = when == "always"
        found = _refined_run(current, found, fitted, budget.left(), listen, required=required)
    elif when == "auto" and not obstacle:
        told = "the equation is that of the read-out: refining it on so many data takes minutes;"
        _log.warning(
            "%s extract(%r, refine=True) does it",
            told,
            str(current.folder),
            extra={"shell": f"{told} 'pdenet extract {current.folder} --refine' does it"},
        )
    keep_answer(current, found, when)
    return found


def _refined_run(
    run: Run,
    found: DiscoveredEquation | None,
    fitted: Fitted,
    left: float,
    listen: Listener,
    *,
    required: bool,
) -> DiscoveredEquation:
    """The equation of a run, refined in the seconds that are left; as it was where that fails and
    is not required."""
    config = run.config.refine.value(run.config.seed, left)
    pde = None if found is None else found.pde
    state = RefinementState(run.refinement, run.data["digest"], pde, config)
    try:
        state.load()
        resume = True
    except CheckpointError:  # nothing, or the rest of another read-out
        resume = False
    try:
        return refined(found, fitted, config, listen, state, resume=resume)
    except DiscoveryError as error:
        if required or found is None:
            raise
        told = "the equation is not refined: %s"
        _log.warning(told, error, extra={"shell": told % error.shell})
        return found


def discover(
    source: Source,
    *,
    grid: Grid | Problem | None = None,
    dt: float | Sequence[float] | np.ndarray | None = None,
    fields: Sequence[str] | None = None,
    output: Path | str | None = None,
    config: TrainingConfig | None = None,
    truth: PDE | str | None = None,
    on_event: Listener | Literal[False] | None = None,
    **settings: Any,
) -> Discovery:
    """Discover the PDE behind a data file or an array.

    source: a file in the format of `pdenet.storage`, or states of shape
      (trajectory, frame, field, *space), for which grid and dt are needed: an array, lists, a
      torch tensor.
    grid: the points, or a `pdenet.problem.Problem`, which also says what holds at the ends of the
      axes. dt: the time between frames, or the times of all frames.
    fields: names of the fields of an array, ("u", "v", "w", ..) by default.
    output: folder of the run; without it nothing is kept.
    truth: to compare with, a PDE or its text; that of the file by default.
    on_event: called with every event. By default progress is shown on stderr, where that is a
      terminal or a notebook; on_event=False shows nothing.
    settings: entries of `TrainingConfig` instead of those of `config`, such as seed=1, budget=600
      (seconds for all of it, of which training has half at most), or refine=False for the equation
      as it is read from the network; and what is known of the data beside their values:
      boundary=: what holds at the ends of axes, as text ("open", "x:open", "y:dirichlet=0,open", or
      a list of such), a condition of `pdenet.boundary` for all sides, or {axis: text, condition or
      (lower, upper)}. By default an axis of an array is periodic where it closes and open where it
      does not, and a file says it itself.
      outside=: true at the points where the equation does not hold, of the grid's shape.
      sigma=: standard deviations of the values, in the units of the fields: one, one for each
      field, or an array that broadcasts to them; a refinement weighs values by them.
    Where an end is open, or points are outside, no network is trained, and the equation is that of
    `refine(None, data, ..)`; the folder of the run is the same but for checkpoint/.
    Raises the errors of `train` and `extract`.
    """
    config = config or TrainingConfig()
    about = {name: settings.pop(name, None) for name in ("boundary", "outside", "sigma")}
    if "given" in settings:
        raise ConfigError(
            "a network learns an equation for every field, and what is given has none: "
            "refine(None, data, given=..) finds those of the others without a network"
        )
    if settings:
        config = validated({**dict(config), **settings})
    scratch = tempfile.TemporaryDirectory() if output is None else nullcontext(str(output))
    with scratch as folder, claimed_folder(Path(folder)), listening(on_event) as listener:
        run = Path(folder)
        with removed_if_refused(source, run):
            path = as_file(source, run, grid, dt, fields, **about)
            known = _truth(path, truth)
            started, budget = time.perf_counter(), Budget(config.budget)
            if not can_be_learned(path, source, about, config):
                said = dict.fromkeys(about) if is_array(source) else about
                kept = None if output is None else run
                found = without_network(path, said, config, listener, kept)
                seconds = {"refine": time.perf_counter() - started}
                return _discovery(found, known, seconds)
            train(path, run, config, budget=budget.part().left(), on_event=listener)
        trained = time.perf_counter()
        found = extract(run, data=path, budget=budget.left(), on_event=listener)
        seconds = {"train": trained - started, "extract": time.perf_counter() - trained}
    return _discovery(found, known, seconds)


def _discovery(
    found: DiscoveredEquation, known: PDE | None, seconds: Mapping[str, float]
) -> Discovery:
    comparison = compare(found.pde, known) if known is not None else None
    return Discovery(found.pde, found.stderr, comparison, seconds, found)


def _truth(path: Path, truth: PDE | str | None) -> PDE | None:
    """The PDE to compare with. Raises EquationError for one of other fields before any work."""
    with open_data(path) as opened:
        problem = opened.problem
    if truth is None:
        return problem.pde
    known = PDE.from_text(truth, problem.grid.axes) if isinstance(truth, str) else truth
    rest = PDE.from_terms({name: {} for name in problem.fields}, problem.grid.axes)
    compare(rest, known)
    return known
