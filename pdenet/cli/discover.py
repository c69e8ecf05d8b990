"""`pdenet discover`: from a name, a text or a data file to an equation and a report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pdenet.alone import can_be_learned
from pdenet.cli.console import note
from pdenet.cli.folders import claimed
from pdenet.cli.named import with_preset
from pdenet.cli.origin import check_origin, check_resumed_data, check_useless, data_file
from pdenet.cli.progress import monitored
from pdenet.cli.repeats import Repeated, repeat
from pdenet.cli.reporting import apart, result_of, write_report
from pdenet.cli.runs import RUN, how_to_go_on, new_run
from pdenet.cli.settings import check_resumed, training_config
from pdenet.cli.simulate import generate
from pdenet.cli.window import discover_alone, said_of
from pdenet.errors import ConfigError
from pdenet.estimator import extract, train
from pdenet.storage.beside import known_beside
from pdenet.training.budget import Budget
from pdenet.training.config import TrainingConfig
from pdenet.training.records import read_log

__all__ = ["work"]


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the time of a block to `seconds`."""
    started = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - started


def work(
    source: str | None,
    output: Path,
    as_json: bool,
    repeats: int | None,
    jobs: int | None,
    **options: Any,
) -> None:
    """Do all of it: simulate if need be, train, extract, report."""
    if jobs is not None and repeats is None:
        raise ConfigError(
            "--jobs says how many repeats run at once: add --repeats, or leave it out"
        )
    if options["given"]:
        names = " ".join(f"--given {name}" for name in options["given"])
        raise ConfigError(
            "a network learns an equation for every field, and what is given has none: "
            f"'pdenet refine {source or 'DATA.h5'} {names}' finds those of the others without one"
        )
    data, about = data_file(source), said_of(options)
    config = training_config(with_preset(options, data or source))
    if data is None and known_beside(options):
        raise ConfigError(
            "--outside and --sigma are of data, and a simulation has every point and its own "
            "noise: leave them out, or give a data file"
        )
    if data is not None:
        check_useless(data, options, but=("boundary",))
        if not can_be_learned(data, data, about, config):
            if repeats is not None:
                raise ConfigError(
                    "repeats differ by their training, and no network can be trained on these "
                    "data: leave --repeats out"
                )
            discover_alone(data, output, config, about, options, as_json=as_json)
            return
    check_origin(source, options)
    overwrite, resume = options["overwrite"], options["resume"]
    if repeats is not None:
        repeat(Repeated(output, source, config, repeats, jobs, overwrite, resume, as_json))
        return
    with claimed(output, RUN, resume=resume):
        _discover(source, output, config, as_json=as_json, options=options)


def _discover(
    source: str | None,
    output: Path,
    config: TrainingConfig,
    *,
    as_json: bool,
    options: dict[str, Any],
) -> None:
    """One run, from whatever there is of it to its report."""
    context = click.get_current_context()
    seconds: dict[str, float] = {}
    resume = options["resume"]
    with (
        timed(seconds, "total"),
        new_run(output, overwrite=options["overwrite"], resume=resume),
        monitored("simulate", "train", "read", "refine") as monitor,
    ):
        check_resumed(output, options, config)
        check_resumed_data(output, source, options)
        data = data_file(source) or output / "data.h5"
        if data_file(source) is None and not (resume and data.exists()):
            context.meta["pdenet.resume"] = f"'{output}' is as it was"
            with timed(seconds, "simulate"):
                generate(source, data, {**options, "overwrite": True}, monitor)
        context.meta["pdenet.resume"] = how_to_go_on(
            output, "go on with the same command and --resume"
        )
        read_log(output)  # damaged, it would end the run when all is done
        budget = Budget(config.budget)
        with timed(seconds, "train"):
            resume, share = resume and RUN.begun(output), budget.part().left()
            train(data, output, config, resume=resume, budget=share, on_event=monitor)
        refine = False if options["no_refine"] else None
        started = time.perf_counter()
        left = budget.left()
        found = extract(output, data=data, refine=refine, budget=left, on_event=monitor)
        seconds |= apart(found, time.perf_counter() - started)
    result = result_of(found, data, seconds, config.refine.noise)
    result.tell()
    report = output / "report.html"
    write_report(output, found, report, data=data, seconds=seconds)
    if as_json:
        result.print("json")
    else:
        result.print_summary()
    note(f"report: {report}")
