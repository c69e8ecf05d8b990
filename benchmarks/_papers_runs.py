"""The commands behind `papers.py`: which there are, and how they are run and kept.

Every command is a process of its own, timed from outside, one thread each, side by side over the
cores. FOLDER/results/<name>.json keeps what a finished one printed; it is not run again. One that
was interrupted goes on from its checkpoint.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _record import commit

from pdenet.evaluation.variants import to_toml
from pdenet.training.config import ReadoutSection, StageConfig, TrainingConfig, preset

__all__ = ["EXPERIMENTS", "ROOT", "Experiment", "Job", "jobs", "load", "reduced", "run_all"]

ROOT = Path(__file__).resolve().parent.parent
FULL = ("--trajectories", "28", "--frames", "41", "--late-start", "1")
PAPER_DATA = ("--grid", "32x32", "--refine", "4", "--dt", "0.01", "--noise", "0.001", *FULL)
STUDY = ("--constraint", "frozen,1,2,free", "--size", "5,7,9", "--blocks", "1,3,6")
QUICK_STUDY = ("--constraint", "frozen,2", "--size", "5", "--blocks", "1", "--central")
QUICK_STUDY += ("--integrator", "midpoint")
FRESH = ("--seed", "1000")
MANY = 3
MOMENT = 0.05


@dataclass(frozen=True)
class Experiment:
    """A discovery from several seeds.

    source: a name of the catalogue. options: of `pdenet discover`. settings: the name of a file
    that `_settings` writes, None for the preset. quick: the options of the reduced run, whose data
    are small; it has one seed.
    """

    name: str
    source: str
    seeds: range
    options: tuple[str, ...] = ()
    settings: str | None = None
    quick: tuple[str, ...] = ()


_SMALL = ("--trajectories", "8", "--frames", "16")
_SMALL_PAPER = (*PAPER_DATA, "--refine", "2", *_SMALL)

EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment("burgers", "burgers", range(10), ("--preset", "paper", *FULL), quick=_SMALL_PAPER),
    Experiment("burgers-frozen", "burgers", range(3), PAPER_DATA, "frozen", _SMALL_PAPER),
    Experiment("reactive-source-32", "reactive-source", range(3), ("--preset", "paper")),
    Experiment(
        "reactive-source", "reactive-source", range(3),
        quick=(*_SMALL_PAPER, "--grid", "24x24", "--trajectories", "10"),
    ),
    Experiment("diffusion", "diffusion", range(3), quick=_SMALL_PAPER),
    Experiment("diffusion-32", "diffusion", range(1), ("--preset", "paper")),
    Experiment("burgers-64", "burgers", range(1), ("--refine", "2", *FULL)),
    Experiment(
        "variable-coefficients", "variable-coefficients", range(3),
        quick=("--grid", "24x24", "--noise", "0.002", *_SMALL),
    ),
    Experiment(
        "nonlinear-source", "nonlinear-source", range(3),
        quick=("--grid", "32x32", "--refine", "1", "--trajectories", "6", "--frames", "16"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A command of pdenet. after: jobs that it needs. cores: that it fills."""

    name: str
    arguments: tuple[str, ...]
    after: tuple[str, ...] = ()
    cores: int = 1


def jobs(folder: Path, cores: int, *, quick: bool) -> list[Job]:
    """Every command, in the order in which they are begun: seed after seed, and the study last."""
    settings = _settings(folder / "settings", quick=quick)
    chosen = [each for each in EXPERIMENTS if each.quick or not quick]
    made = {each: _discoveries(folder, each, settings, quick=quick) for each in chosen}
    most = max(len(runs) for runs, _ in made.values())
    found = [runs[k] for k in range(most) for runs, _ in made.values() if k < len(runs)]
    found[len(chosen) : len(chosen)] = _predictions(folder, quick=quick)
    found += [summary for each, (_, summary) in made.items() if len(each.seeds) > MANY]
    return [*found, _study(folder, settings["study"], cores, quick=quick)]


def _predictions(folder: Path, *, quick: bool) -> Iterator[Job]:
    # The name by which the figure calls that network.
    frozen = folder / "frozen"
    if not frozen.is_symlink():
        frozen.symlink_to(Path("burgers-frozen", "seed-0"))
    against = ("--against", str(frozen))
    short = ("--trajectories", "3") if quick else ()
    for name, run, more in (
        ("predict-paper", "burgers", against),
        *([] if quick else [("predict-64", "burgers-64", ())]),
    ):
        arguments = ("predict", str(folder / run / "seed-0"), *FRESH, *more, *short)
        needs = (f"{run}/seed-0", *(["burgers-frozen/seed-0"] if more else []))
        yield Job(name, (*arguments, "--overwrite", "--json", "--quiet"), needs)


def _study(folder: Path, settings: Path, cores: int, *, quick: bool) -> Job:
    data = _SMALL_PAPER if quick else PAPER_DATA
    study = ("study", "burgers", "-o", str(folder / "study"), "--seeds", "0", *data)
    study += (*(QUICK_STUDY if quick else STUDY), "--config", str(settings))
    study += ("--jobs", str(cores), "--resume", "--json", "--quiet")
    return Job("study", study, cores=cores)


def _discoveries(
    folder: Path, each: Experiment, settings: dict[str, Path], *, quick: bool
) -> tuple[list[Job], Job]:
    """The runs of an experiment, and the command that summarises and draws them."""
    options, seeds = each.options, each.seeds
    file = each.settings
    if quick:
        options, seeds = each.quick, range(1)
        file = file or ("quick-" + each.source if "quick-" + each.source in settings else "quick")
    if file is not None:
        options = (*options, "--config", str(settings[file]))
    # The papers' method is a network; a fit by maximum likelihood would hide what its filters do.
    options = (*options, "--no-refine")
    home, runs = folder / each.name, []
    for seed in seeds:
        arguments = ("discover", each.source, "-o", str(home / f"seed-{seed}"), *options)
        end = ("--seed", str(seed), "--resume", "--json", "--quiet")
        runs.append(Job(f"{each.name}/seed-{seed}", (*arguments, *end)))
    arguments = ("discover", each.source, "-o", str(home), *options)
    end = ("--repeats", str(len(seeds)), "--jobs", "1", "--resume", "--json", "--quiet")
    needs = tuple(run.name for run in runs)
    return runs, Job(f"{each.name}/summary", (*arguments, *end), needs)


def _settings(folder: Path, *, quick: bool) -> dict[str, Path]:
    """Configurations as files: the papers' one with frozen filters, that of the study, and those
    of the reduced runs."""
    paper = preset("paper")
    base = reduced(paper) if quick else paper
    rest, last = paper.stages[0], paper.stages[-1]
    stages = tuple(
        stage.model_copy(update={"iterations": count})
        for stage, count in ((rest, 60), (last.model_copy(update={"blocks": 1}), 20))
    )
    configs = {
        "frozen": _frozen(base),
        "study": reduced(paper, iterations=20, values=2000)
        if quick
        else paper.model_copy(update={"stages": stages, "values": paper.values // 2}),
    }
    if quick:
        configs["quick"] = base
        for name in ("variable-coefficients", "nonlinear-source"):
            configs[f"quick-{name}"] = reduced(preset(name))
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, config in configs.items():
        paths[name] = folder / f"{name}.toml"
        paths[name].write_text(to_toml(config), encoding="utf-8")
    return paths


def _frozen(config: TrainingConfig) -> TrainingConfig:
    """Classical differences, in the network and in the refit."""
    update = {
        "network": config.network.model_copy(update={"constraint": "frozen"}),
        "readout": config.readout.model_copy(update={"size": 5, "order": "frozen"}),
    }
    return config.model_copy(update=update)


def reduced(config: TrainingConfig, *, iterations: int = 60, values: int = 8000) -> TrainingConfig:
    """Few windows, few stages, small fits."""
    stages = (
        StageConfig(blocks=1, iterations=iterations, filters=False, penalties=False),
        StageConfig(blocks=1, iterations=iterations // 4),
        StageConfig(blocks=3, iterations=iterations // 6),
    )
    readout = ReadoutSection(
        steps=8, select_values=values // 2, fit_values=values, structure_values=values
    )
    return config.model_copy(
        update={"stages": stages, "values": values, "compile": "off", "readout": readout}
    )


def load(folder: Path, name: str) -> dict[str, Any] | None:
    """What a finished job left: seconds, cpu_seconds, memory_gib, commit, document."""
    path = _kept(folder, name)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _kept(folder: Path, name: str) -> Path:
    return folder / "results" / f"{name.replace('/', '.')}.json"


@dataclass
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    started: float


def run_all(folder: Path, every: Sequence[Job], cores: int) -> list[str]:
    """Run what has no result yet, as many at once as there are cores; the names of what failed."""
    (folder / "results").mkdir(parents=True, exist_ok=True)
    done = {job.name for job in every if load(folder, job.name) is not None}
    waiting = [job for job in every if job.name not in done]
    print(f"{len(done)} of {len(every)} commands are done, {len(waiting)} to go", flush=True)
    running, failed = list[_Running](), list[str]()
    try:
        while waiting or running:
            for job in list(waiting):
                if any(name in failed for name in job.after):
                    waiting.remove(job)
                    failed.append(job.name)
                    continue
                free = cores - sum(each.job.cores for each in running)
                if free < job.cores:
                    break  # in order: what fills all cores is not overtaken for ever
                if all(name in done for name in job.after):
                    waiting.remove(job)
                    running.append(_start(folder, job))
            time.sleep(MOMENT)
            for each in list(running):
                found = _ended(folder, each)
                if found is not None:
                    running.remove(each)
                    if "failed" in found:
                        failed.append(each.job.name)
                    else:
                        done.add(each.job.name)
    finally:
        for each in running:
            each.process.terminate()
        for each in running:
            each.process.wait()
    return failed


def _start(folder: Path, job: Job) -> _Running:
    log = _kept(folder, job.name)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    with log.with_suffix(".out").open("wb") as out, log.with_suffix(".log").open("wb") as error:
        process = subprocess.Popen(
            [sys.executable, "-m", "pdenet.cli", *job.arguments],
            cwd=ROOT,  # the code beside this script, whatever is installed
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=error,
            env=environment,
            # Ctrl-C in a terminal goes to a whole session; a child must hear of it once, from here.
            start_new_session=True,
        )
    return _Running(job, process, time.perf_counter())


def _ended(folder: Path, each: _Running) -> dict[str, Any] | None:
    """What a process left, kept where it succeeded; None while it runs."""
    pid, status, usage = os.wait4(each.process.pid, os.WNOHANG)
    if not pid:
        return None
    each.process.returncode = os.waitstatus_to_exitcode(status)
    path = _kept(folder, each.job.name)
    found: dict[str, Any] = {
        "command": ["pdenet", *each.job.arguments],
        "commit": commit(),
        "seconds": round(time.perf_counter() - each.started, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "memory_gib": round(usage.ru_maxrss / 2**20, 2),
    }
    if each.process.returncode:
        said = path.with_suffix(".log").read_text(errors="replace").strip().splitlines()
        found["failed"] = said[-1] if said else f"exit code {each.process.returncode}"
        words = f"failed: {found['failed']}"
    else:
        found["document"] = json.loads(path.with_suffix(".out").read_text(encoding="utf-8"))
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(found), encoding="utf-8")
        os.replace(partial, path)
        path.with_suffix(".out").unlink()
        words = f"{found['seconds']:.0f} s, {found['cpu_seconds']:.0f} s of a core"
    print(f"{each.job.name}: {words}", flush=True)
    return found
