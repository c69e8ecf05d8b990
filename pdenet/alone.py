"""The equation of data on which no network can be trained: by maximum likelihood alone.

Networks know periodic axes and walls with one fixed condition, and need every point. Where an end
is anything else, or points are outside, the refinement finds terms and coefficients from the data,
and its run folder is that of a run without checkpoint/.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pdenet.arrays import Source, is_array
from pdenet.errors import CheckpointError, ConfigError
from pdenet.events import Listener
from pdenet.results import DiscoveredEquation, load_equation, save_equation
from pdenet.sharpen import assume, refine
from pdenet.storage import Data, open_data
from pdenet.training.config import TrainingConfig
from pdenet.training.run import Run, read_run, start_run

__all__ = ["can_be_learned", "same_data", "without_network"]

_log = logging.getLogger(__name__)


def can_be_learned(
    path: Path, source: Source, about: Mapping[str, Any], config: TrainingConfig
) -> bool:
    """Whether a network can be trained on the data; where it cannot, that is said.

    about: boundary, outside and sigma, None where the file says it.
    Raises ConfigError where something was asked for that only a network can do, or that only the
    file can say.
    """
    with open_data(path) as opened:
        assume(opened, source, about)
        obstacle = opened.obstacle()
    if not obstacle:
        if not is_array(source) and any(value is not None for value in about.values()):
            raise ConfigError(
                "a network is trained on what the file says: write its data anew, with "
                "write_arrays(path, states, Problem(None, grid, boundaries, fields), dt)"
            )
        return True
    network = config.network
    asked = [("refine=False", "--no-refine")] * (config.refine.when == "never")
    asked += [("coefficients that vary",) * 2] * (network.coefficients is not None)
    asked += [("a source of unknown shape",) * 2] * (network.source is not None)
    if asked:
        told = f"{obstacle}, and no network can be trained there, which"
        raise ConfigError(
            f"{told} {asked[0][0]} needs: leave it out, or call refine(None, data, ..), which "
            "needs none",
            shell=f"{told} {asked[0][1]} needs: leave it out, or use 'pdenet refine {path}', which "
            "needs none",
        )
    told = f"{obstacle}, and no network can be trained there: the equation is found in the data "
    _log.warning(
        "%salone, as refine(None, data, ..) does it",
        told,
        extra={"shell": f"{told}alone, as 'pdenet refine {path}' does it"},
    )
    return False


def without_network(
    path: Path,
    about: Mapping[str, Any],
    config: TrainingConfig,
    listener: Listener | None,
    folder: Path | None = None,
    *,
    resume: bool = False,
) -> DiscoveredEquation:
    """The equation of the data in a file, kept in a run folder where one is given.

    about: what was said in place of the file. resume: go on with what the folder holds of it.
    Raises the errors of `refine`, and CheckpointError where the folder is of other data.
    """
    settings = config.refine.value(config.seed, config.budget)
    if folder is None:
        return refine(
            None, path, config=settings, device=config.device, on_event=listener or False, **about
        )
    run = _run(folder, path, about, config, resume=resume)
    goes_on = resume and run.refinement.exists()
    if resume and not goes_on and run.equation.exists():
        return load_equation(run.equation)
    found = refine(
        None,
        path,
        config=settings,
        state=run.refinement,
        resume=goes_on,
        device=config.device,
        on_event=run.listener(listener),
        **about,
    )
    save_equation(found, run.equation)
    run.refinement.unlink(missing_ok=True)
    return found


def _run(
    folder: Path, path: Path, about: Mapping[str, Any], config: TrainingConfig, *, resume: bool
) -> Run:
    """The run folder, as it is or begun. Raises CheckpointError for one of other data."""
    with open_data(path) as opened:
        assume(opened, path, about)
        if not (resume and (folder / "config.json").exists()):
            return start_run(folder, config, opened)
        run = read_run(folder)
        same_data(run, opened)
    return run


def same_data(run: Run, data: Data) -> None:
    """Raise CheckpointError for other data than those that a run was trained on."""
    if data.digest() != run.data["digest"]:
        raise CheckpointError(
            f"'{data.path}' does not hold the data that '{run.folder}' was trained on: give the "
            "file that it was trained on, or train again"
        )
