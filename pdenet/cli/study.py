"""`pdenet study`: frozen filters against learned ones, short training against long.

FOLDER/data-seed-0.h5 ..            the data, made once for each seed
FOLDER/<variant>/settings.toml      its configuration
FOLDER/<variant>/seed-0 ..          ordinary runs
FOLDER/study.json, study.png        what they achieve
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
from pdenet.cli.console import note, print_json, print_rows
from pdenet.cli.folders import Kind, new_folder
from pdenet.cli.named import with_preset
from pdenet.cli.options import given
from pdenet.cli.origin import MAKES_DATA, check_origin, data_file
from pdenet.cli.plan import PLAN, Plan, finished, refuse_failures, typed
from pdenet.cli.runs import how_to_go_on
from pdenet.cli.settings import training_config
from pdenet.device import device_named
from pdenet.errors import ConfigError
from pdenet.evaluation.study import Measured, measure
from pdenet.evaluation.variants import Values, Variant, centre_of, to_toml, unique, variants
from pdenet.report.factors import factor_figure
from pdenet.report.files import write_png, write_text
from pdenet.report.study import panels, study_table
from pdenet.storage import open_data
from pdenet.training.config import TrainingConfig
from pdenet.words import counted

__all__ = ["work"]

KIND = Kind(
    "study",
    ("data-seed-*", "constraint-*", PLAN, "study.json", "study.png"),
    "constraint-*/seed-*/checkpoint/state.json",
    "constraint-*/seed-*",
)


@dataclass(frozen=True)
class _Study:
    """What was asked for. base: the settings that no factor changes, with seed 0."""

    folder: Path
    source: str | None
    base: TrainingConfig
    values: Values
    seeds: tuple[int, ...]
    variants: tuple[Variant, ...]
    jobs: int | None

    def data(self, seed: int) -> Path:
        """The data of a seed: its own, or the file that all of them share."""
        return data_file(self.source) or self.folder / f"data-seed-{seed}.h5"

    def run(self, variant: Variant, seed: int) -> Path:
        """The folder of a run."""
        return self.folder / variant.name / f"seed-{seed}"


def work(source: str | None, output: Path, as_json: bool, **options: Any) -> None:
    """Compare ways to set up a PDE-Net: filters, blocks, steps."""
    check_origin(source, options)
    study, made = _planned(source, output, options)
    context = click.get_current_context()
    with new_folder(output, KIND, overwrite=options["overwrite"], resume=options["resume"]):
        context.meta["pdenet.resume"] = how_to_go_on(
            output, "go on with the same command and --resume", KIND.proof
        )
        Plan(source, made, study.base).keep(output, resume=options["resume"])
        _simulate(study, [text for texts in made.values() for text in texts])
        ended = _run(study)
        measured = []
        for (variant, seed), each in ended.items():
            if each.code == 0:
                with open_data(study.data(seed)) as data:
                    measured.append(measure(study.run(variant, seed), variant, seed, data))
        if measured:
            _tell(study, measured, ended, as_json=as_json)
        refuse_failures(list(ended.values()), "runs")


def _planned(
    source: str | None, output: Path, options: Mapping[str, Any]
) -> tuple[_Study, dict[str, list[str]]]:
    """The study that the options describe, and those of them that make data.

    Raises ConfigError where a variant is not possible.
    """
    values: Values = {
        name: unique(value for many in options[name] for value in many) or usual
        for name, usual in {
            "constraint": ("frozen", 1, 2, "free"),
            "size": (5, 7, 9),
            "blocks": (1, 3, 6, 9),
        }.items()
    }
    both = options["central"] == options["upwind"]
    values["upwind"] = (False, True) if both else (options["upwind"],)
    steps = unique(value for many in options["integrator"] for value in many)
    values["integrator"] = steps or ("euler", "midpoint", "rk4")
    seeds = unique(value for many in options["seeds"] for value in many) or (0, 1, 2)
    chosen = with_preset(options, data_file(source) or source)
    if not given(chosen, "config", "preset"):
        chosen["preset"] = "paper"
    base = training_config(chosen).model_copy(update={"seed": 0})
    made = typed(MAKES_DATA)
    if chosen.get("preset") == "paper" and data_file(source) is None:
        made["preset"] = ["--preset=paper"]
    every = variants(values, full=options["full"])
    for variant in every:
        variant.config(base)  # refuse before anything is made
    return _Study(output, source, base, values, seeds, every, options["jobs"]), made


def _simulate(study: _Study, options: Sequence[str]) -> None:
    """Make the data that are not there yet; refuse those that are too short.

    Raises DiscoveryError where a simulation fails, ConfigError for more blocks than frames.
    """
    children = []
    for seed in study.seeds if data_file(study.source) is None else ():
        path = study.data(seed)
        arguments = ["simulate", f"--output={path}", f"--seed={seed}", "--quiet", *options]
        if study.source is not None:
            arguments += ["--", study.source]
        log = path.with_suffix(".log")
        children.append(Child(path.stem, tuple(arguments), log, path.exists))
    if children:
        with Board("simulation", len(children)) as board:
            jobs = jobs_for(study.jobs, len(children), device_named(study.base.device).type)
            refuse_failures(side_by_side(children, jobs, board), "simulations")
    with open_data(study.data(study.seeds[0])) as data:
        longest = max(study.values["blocks"])
        if longest >= data.frames:
            raise ConfigError(
                f"a window of {counted(longest, 'block')} looks as many frames ahead, but "
                f"trajectories have {counted(data.frames, 'frame')}: give --blocks up to "
                f"{data.frames - 1}, or more --frames"
            )


def _run(study: _Study) -> dict[tuple[Variant, int], Ended]:
    """Train and read every variant from every seed; the variants of one seed together."""
    children = {}
    for seed in study.seeds:
        for variant in study.variants:
            config, run = variant.config(study.base), study.run(variant, seed)
            settings = run.parent / "settings.toml"
            write_text(settings, to_toml(config), overwrite=True)
            children[variant, seed] = _child(
                study, run, settings, config.model_copy(update={"seed": seed})
            )
    jobs = jobs_for(study.jobs, len(children), device_named(study.base.device).type)
    with Board("run", len(children)) as board:
        ended = side_by_side(list(children.values()), jobs, board)
    return dict(zip(children, ended, strict=True))


def _child(study: _Study, run: Path, settings: Path, config: TrainingConfig) -> Child:
    arguments = (
        *("discover", f"--output={run}", f"--seed={config.seed}", f"--config={settings}"),
        *("--resume", "--quiet", "--", str(study.data(config.seed))),
    )
    return Child(
        name=f"{run.parent.name}/{run.name}",
        arguments=arguments,
        log=run / "output.log",
        finished=lambda: finished(run, config),
        events=run / "log.jsonl",
    )


def _tell(
    study: _Study,
    measured: Sequence[Measured],
    ended: Mapping[tuple[Variant, int], Ended],
    *,
    as_json: bool,
) -> None:
    """Write the numbers and the figure, and print the numbers."""
    document = {
        "source": study.source,
        "seeds": list(study.seeds),
        "factors": {name: list(many) for name, many in study.values.items()},
        "centre": centre_of(study.values).name,
        "failed": [
            {"variant": variant.name, "seed": seed, "reason": each.said}
            for (variant, seed), each in ended.items()
            if each.code
        ],
        "runs": [each.to_json() for each in measured],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(study.folder / "study.json", text + "\n", overwrite=True)
    rows = panels(measured, study.values)
    if rows:
        write_png(study.folder / "study.png", factor_figure(rows), overwrite=True)
    if as_json:
        print_json(document)
    else:
        header, cells = study_table(measured, study.values)
        print_rows("", header, cells, numeric=header[5:])
    note(f"study: {study.folder / 'study.json'}" + ", with study.png" * bool(rows))
