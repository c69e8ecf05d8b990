"""`pdenet discover` where no network can be trained: the run folder of a refinement alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pdenet.alone import without_network
from pdenet.cli.console import note
from pdenet.cli.folders import Kind, new_folder
from pdenet.cli.progress import monitored
from pdenet.cli.reporting import result_of, write_report
from pdenet.cli.runs import MEMBERS, REFINING, RUN, how_to_go_on
from pdenet.errors import ConfigError
from pdenet.storage.beside import known_beside
from pdenet.training.config import TrainingConfig
from pdenet.training.records import read_log

__all__ = ["discover_alone", "said_of"]

ALONE = Kind("run", MEMBERS, "equation.json", also=REFINING)


def said_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed of data beside their file: boundary, outside and sigma, None where not."""
    empty = {"boundary": options["boundary"] or None, "outside": None, "sigma": None}
    return {**empty, **known_beside(options)}


def discover_alone(
    data: Path,
    output: Path,
    config: TrainingConfig,
    about: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    as_json: bool,
) -> None:
    """One run, from whatever there is of it to its report.

    Raises ConfigError where --resume would go on with a network.
    """
    resume, started = options["resume"], time.perf_counter()
    context = click.get_current_context()
    with (
        new_folder(output, ALONE, overwrite=options["overwrite"], resume=resume),
        monitored("read", "refine") as monitor,
    ):
        if resume and RUN.begun(output):
            raise ConfigError(
                f"'{output}' holds a network, and none can be trained on these data: begin anew "
                "with --overwrite, or choose another folder with -o"
            )
        context.meta["pdenet.resume"] = how_to_go_on(
            output, "go on with the same command and --resume", REFINING
        )
        read_log(output)  # damaged, it would end the run when all is done
        found = without_network(data, about, config, monitor, output, resume=resume)
    spent = time.perf_counter() - started
    seconds = {"refine": found.seconds.get("refine", spent), "total": spent}
    result = result_of(found, data, seconds, config.refine.noise)
    result.tell()
    report = output / "report.html"
    write_report(output, found, report, data=data, seconds=seconds, about=about)
    if as_json:
        result.print("json")
    else:
        result.print_summary()
    note(f"report: {report}")
