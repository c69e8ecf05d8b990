"""`pdenet discover --repeats N`: one discovery from N seeds, side by side, and what they share.

FOLDER/seed-0 ..        ordinary runs, each with the log of its process in output.log
FOLDER/plan.json        what was asked for
FOLDER/summary.json     every repeat, and each term over the repeats
FOLDER/coefficients.png, remainder.png
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pdenet.cli.board import Board
from pdenet.cli.children import Child, Ended, jobs_for, side_by_side
from pdenet.cli.console import note, print_json, print_rows, print_text
from pdenet.cli.extract import truth_in
from pdenet.cli.folders import Kind, new_folder
from pdenet.cli.origin import MAKES_DATA
from pdenet.cli.plan import PLAN, Plan, finished, refuse_failures, typed
from pdenet.cli.runs import how_to_go_on
from pdenet.device import device_named
from pdenet.evaluation.repeats import (
    Repeat,
    Spread,
    agreed_unknown,
    consensus,
    load_repeat,
    spreads,
    summary,
)
from pdenet.pde import PDE
from pdenet.pde.render import format_monomial, format_number
from pdenet.report.distributions import coefficient_figure, remainder_figure
from pdenet.report.files import write_png, write_text
from pdenet.report.tables import measured
from pdenet.results import complete_lines
from pdenet.training.config import TrainingConfig
from pdenet.training.records import recorded_data

__all__ = ["Repeated", "repeat"]

KIND = Kind(
    "repeats",
    ("seed-*", PLAN, "summary.json", "coefficients.png", "remainder.png"),
    "seed-*/checkpoint/state.json",
    "seed-*",
)


@dataclass(frozen=True)
class Repeated:
    """What `repeat` is asked for. config: of the first repeat; the others have the next seeds.
    jobs: processes at once, as many as there are cores where None."""

    folder: Path
    source: str | None
    config: TrainingConfig
    repeats: int
    jobs: int | None = None
    overwrite: bool = False
    resume: bool = False
    as_json: bool = False

    @property
    def seeds(self) -> range:
        """The seeds of the repeats."""
        return range(self.config.seed, self.config.seed + self.repeats)


def repeat(asked: Repeated) -> None:
    """Run what is missing, then summarise, print and draw all of it.

    Raises ConfigError where --resume would go on with something else, DiscoveryError that names
    the repeats that failed, once the others are summarised.
    """
    settings = ("config", "preset", "device", "dtype", "no_refine", "max_order", "budget")
    chosen = typed((*MAKES_DATA, *settings))
    # The configuration is compared as a whole; the preset of the papers makes data as well.
    made = {name: texts for name, texts in chosen.items() if name in MAKES_DATA}
    if "--preset=paper" in chosen.get("preset", ()):
        made["preset"] = chosen["preset"]
    folder, context = asked.folder, click.get_current_context()
    with new_folder(folder, KIND, overwrite=asked.overwrite, resume=asked.resume):
        context.meta["pdenet.resume"] = how_to_go_on(
            folder, "go on with the same command and --resume", KIND.proof
        )
        Plan(asked.source, made, asked.config).keep(folder, resume=asked.resume)
        options = [text for texts in chosen.values() for text in texts]
        children = [_child(asked, seed, options) for seed in asked.seeds]
        jobs = jobs_for(asked.jobs, len(children), device_named(asked.config.device).type)
        with Board("repeat", len(children)) as board:
            ended = side_by_side(children, jobs, board)
        done = [
            load_repeat(folder / f"seed-{seed}", seed)
            for seed, each in zip(asked.seeds, ended, strict=True)
            if each.code == 0
        ]
        if done:
            _tell(asked, done, ended)
        refuse_failures(ended, "repeats")


def _child(asked: Repeated, seed: int, options: Sequence[str]) -> Child:
    run = asked.folder / f"seed-{seed}"
    config = asked.config.model_copy(update={"seed": seed})
    arguments = ["discover", f"--output={run}", f"--seed={seed}", "--resume", "--quiet", *options]
    if asked.source is not None:
        arguments += ["--", asked.source]
    return Child(
        name=f"seed-{seed}",
        arguments=tuple(arguments),
        log=run / "output.log",
        finished=lambda: finished(run, config),
        events=run / "log.jsonl",
    )


def _tell(asked: Repeated, done: Sequence[Repeat], ended: Sequence[Ended]) -> None:
    """Write the summary and the figures, and print one of them."""
    folder = asked.folder
    truth = truth_in(recorded_data(folder / f"seed-{done[0].seed}"))
    document: dict[str, Any] = {
        "source": asked.source,
        "seeds": list(asked.seeds),
        "failed": [
            {"seed": seed, "reason": each.said}
            for seed, each in zip(asked.seeds, ended, strict=True)
            if each.code
        ],
        **summary(done, truth),
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / "summary.json", text + "\n", overwrite=True)
    write_png(folder / "coefficients.png", coefficient_figure(done), overwrite=True)
    write_png(folder / "remainder.png", remainder_figure(done), overwrite=True)
    if asked.as_json:
        print_json(document)
    else:
        _print(done, document, truth)
    note(f"summary: {folder / 'summary.json'}, with coefficients.png and remainder.png beside it")


def _print(done: Sequence[Repeat], document: Mapping[str, Any], truth: PDE | None) -> None:
    print_text("\n".join(complete_lines(consensus(done), agreed_unknown(done), "unicode")))
    most = f"medians of the terms that most of {len(done)} repeats found"
    exact = document["exact"]
    print_text(most if exact is None else f"{most}; exactly the true terms in {exact}")
    print_text("")
    header = ["equation", "term", *(["true"] if truth is not None else []), "mean ± std", "found"]
    rows = [_cells(spread, truth is not None) for spread in spreads(done)]
    print_rows("", header, rows, numeric=header[2:])


def _cells(spread: Spread, known: bool) -> list[str]:
    value, scatter = measured(spread.mean, spread.std)
    cells = [f"{spread.field}_t", format_monomial(spread.monomial, "unicode")]
    if known:
        true = spread.truth
        cells.append("absent" if true is None else format_number(true, 5, "unicode"))
    cells.append(value if scatter == "–" else f"{value} ± {scatter}")
    return [*cells, f"{spread.count} of {spread.of}"]
