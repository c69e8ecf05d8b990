"""`pdenet extract`: read the equation from a trained PDE-Net."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from pdenet.cli.console import note
from pdenet.cli.folders import claimed
from pdenet.cli.progress import monitored
from pdenet.cli.reporting import apart, check_report, result_of, write_report
from pdenet.cli.results import Result
from pdenet.cli.runs import REFINING, RUN, how_to_go_on
from pdenet.errors import ConfigError
from pdenet.estimator import extract, same_data
from pdenet.evaluation.stages import seconds_of_training
from pdenet.pde import PDE
from pdenet.results import DiscoveredEquation, load_equation
from pdenet.storage import open_data
from pdenet.training import checkpoint, read_run
from pdenet.training.answer import kept_answer
from pdenet.training.records import recorded_data
from pdenet.training.run import Run

__all__ = ["stages_left", "truth_in", "work"]


def truth_in(data: Path | None) -> PDE | None:
    """The equation that a data file says it was made from."""
    if data is None:
        return None
    with open_data(data) as opened:
        return opened.problem.pde


def stages_left(run: Path, data: Path | None) -> str:
    """The stages that a run has still to train, as words; "" if its training is finished.

    Raises CheckpointError where there is no checkpoint.
    """
    current = read_run(run)
    done = int(checkpoint.load(current.checkpoint)[1].get("stage", 0))
    left = current.config.stages[done:]
    if left and data is not None:
        with open_data(data) as opened:  # stages longer than the trajectories are left out
            left = tuple(stage for stage in left if stage.blocks < opened.frames)
    return f"{len(left)} of {len(current.config.stages)} stages" if left else ""


def work(run: Path, form: str | None, as_json: bool, **options: Any) -> None:
    """Read the equation from a trained PDE-Net."""
    check_report(options["report"], overwrite=options["overwrite"])
    if not run.is_dir():
        read_run(run)  # which says why not
    with claimed(run, RUN, resume=True):
        result = _read(run, options)
    if as_json or form:
        result.print("json" if as_json else form or "text")
    else:
        result.print_summary()


def _read(run: Path, options: dict[str, Any]) -> Result:
    """The equation of a run, as it is kept or read anew, and its report where one is asked for."""
    report: Path | None = options["report"]
    source = options["data"] or recorded_data(run)
    current = read_run(run)
    if not current.begun and current.equation.exists():
        return _alone(current, source, options)
    _say_if_unfinished(run, source)
    context = click.get_current_context()
    context.meta["pdenet.resume"] = how_to_go_on(
        run, "the same command goes on with the refinement", REFINING, otherwise="nothing was read"
    )
    trained = seconds_of_training(run)  # a damaged log is refused before the work
    started = time.perf_counter()
    found = None if options["anew"] else _kept(run, source, options["refine"])
    if found is not None:
        spent = found.seconds.get("total", 0.0)
    else:
        budget = None if options["budget"] is None else 60 * options["budget"]
        with monitored("read", "refine") as monitor:
            found = extract(
                run, data=source, refine=options["refine"], budget=budget, on_event=monitor
            )
        spent = time.perf_counter() - started
    seconds = {"train": trained, **apart(found, spent)}
    result = result_of(found, source, seconds, read_run(run).config.refine.noise)
    result.tell()
    if report is not None:
        write_report(run, found, report, data=source, seconds=seconds)
        note(f"report: {report}")
    return result


def _alone(run: Run, source: Path | None, options: dict[str, Any]) -> Result:
    """The equation of a run that has no network, because none can be trained on its data.

    Raises ConfigError where more is asked for than to print it.
    """
    if options["anew"] or options["refine"] is not None or options["report"] is not None:
        raise ConfigError(
            f"'{run.folder}' holds an equation that was found in the data alone, and its report: "
            f"'pdenet discover {source or 'DATA.h5'} -o {run.folder} --overwrite' finds it anew"
        )
    found = load_equation(run.equation)
    return result_of(found, source, dict(found.seconds), run.config.refine.noise)


def _kept(run: Path, source: Path | None, refine: bool | None) -> DiscoveredEquation | None:
    """The equation that the folder holds, if reading it again would give the same.

    Raises CheckpointError for other data than those of the run, DataError for incomplete ones.
    """
    if source is None:
        return None
    current = read_run(run)
    with open_data(source) as opened:
        opened.require_complete()
        same_data(current, opened)
    found = kept_answer(current, refine)
    if found is not None:
        note(f"as '{current.equation}' holds it; --anew reads the network again")
    return found


def _say_if_unfinished(run: Path, source: Path | None) -> None:
    left = stages_left(run, source)
    if left:
        note(
            f"the training of '{run}' is not finished ({left} left): this reads its last "
            f"checkpoint; finish it with 'pdenet train {source} -o {run} --resume'"
        )
