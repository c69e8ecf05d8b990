"""Commands that are killed at any moment: every folder goes on, and nothing is lost or left.

    python benchmarks/kills.py               # 60 kills; goes on where it stopped
    python benchmarks/kills.py --kills 12    # fewer

Each kill is a SIGKILL to a process of its own, at a time that is spread evenly: for a third of them
over the first half second after its start, for the rest over all of its work, in a process that
has everything loaded when it starts. Then the same command goes on in the same folder, in turn with
--resume and with --overwrite (`extract`, which has neither, as it is), and has to end with what a
command gives that nobody killed: the same weights, bit by bit, and the same equation within a tenth
of its standard errors, where a fit ends. Where an earlier run was to be replaced, it has to be
whole until the new one has a checkpoint. Hidden files must not stay. Results: results/kills.json.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _record import previous, record
from _short_run import DATA, SETTINGS

from pdenet.cli import main
from pdenet.likelihood.fit.gauss_newton import CONVERGED
from pdenet.results import DiscoveredEquation, load_equation

EARLY = 0.5
"""Seconds within which a third of the kills come."""

SEED = {"old": "1", "new": "0"}


# Loads everything once; each line on stdin forks a process that runs a command.
LOADED = """
import importlib, json, os, sys
from pdenet.cli import main
for name in ("train", "discover", "extract", "refine"):
    importlib.import_module(f"pdenet.cli.{name}")
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        sys.stdout = open(os.devnull, "w")
        os._exit(main(json.loads(line)))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Victims:
    """Processes that run a command and are killed, if they live so long."""

    def __init__(self) -> None:
        self._loaded = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", LOADED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def killed(self, arguments: list[str], after: float, *, early: bool) -> bool:
        """Kill a command so many seconds after its start; whether it had ended before."""
        return (self._unloaded if early else self._at_work)(arguments, after)

    def _unloaded(self, arguments: list[str], after: float) -> bool:
        process = subprocess.Popen(
            [sys.executable, "-m", "pdenet.cli", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after)
        process.kill()
        return process.wait() == 0

    def _at_work(self, arguments: list[str], after: float) -> bool:
        pipe, told = self._loaded.stdin, self._loaded.stdout
        assert pipe is not None and told is not None
        pipe.write(json.dumps(arguments) + "\n")
        pipe.flush()
        child = int(told.readline())
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        return int(told.readline()) == 0

    def close(self) -> None:
        """End what waits for commands."""
        assert self._loaded.stdin is not None
        self._loaded.stdin.close()
        self._loaded.wait()


@dataclass(frozen=True)
class Place:
    """Where everything is. seconds: that each command takes when nobody kills it."""

    root: Path
    seconds: dict[str, float]

    @property
    def data(self) -> Path:
        """The data that everything is trained on."""
        return self.root / "data.h5"

    def command(self, name: str, folder: Path, words: str = "new") -> list[str]:
        """The words of a command that writes to a folder."""
        made = ["-o", str(folder), "--config", str(self.root / "s.toml"), "--seed", SEED[words]]
        return {
            "train": ["train", str(self.data), *made],
            "replace": ["train", str(self.data), *made],
            "discover": ["discover", *DATA, *made],
            "extract": ["extract", str(folder), "--anew"],
            "refine": ["refine", str(self.data), "-o", str(folder / "refined.json"), "--seed", "0"],
        }[name]

    def prepare(self, name: str, folder: Path) -> None:
        """What is in the folder before the command begins."""
        before = {"replace": "train-old", "extract": "train-new"}.get(name)
        if before is not None:
            shutil.copytree(self.root / before, folder)
        else:
            folder.mkdir(parents=True)


def quietly(arguments: list[str]) -> tuple[int, str]:
    """The exit code of a command in this process, and what it said on stderr."""
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        code = main([*arguments, "--quiet"])
    if code in (130, 143):  # this benchmark was interrupted, and not the command
        raise KeyboardInterrupt
    return code, said.getvalue().strip()


def outcome(folder: Path) -> tuple[list[str], list[DiscoveredEquation]]:
    """What a command has made: names of weights, which are digests, and equations."""
    weights = sorted(path.name for path in (folder / "checkpoint").glob("weights-*"))
    records = [folder / "equation.json", folder / "refined.json"]
    return weights, [load_equation(path) for path in records if path.exists()]


def differs(folder: Path, whole: Path) -> str:
    """How what a folder holds differs from what it should, in words; "" where it does not."""
    (weights, equations), (wanted, right) = outcome(folder), outcome(whole)
    if weights != wanted or len(equations) != len(right):
        return f"weights {weights}, not {wanted}; {len(equations)} equations, not {len(right)}"
    for one, other in zip(equations, right, strict=True):
        found, true = one.pde.terms(), other.pde.terms()
        for name, errors in other.stderr.items():
            if found[name].keys() != true[name].keys():
                return f"{one.pde.equations()}, not {other.pde.equations()}"
            for term, error in errors.items():
                if abs(found[name][term] - true[name][term]) > CONVERGED * error:
                    return f"{one.pde.equations()}, not {other.pde.equations()}"
    return ""


def prepared(root: Path) -> Place:
    """Everything that kills need: data, runs, how long each command takes and what it makes."""
    (root / "s.toml").write_text(SETTINGS)
    place = Place(root, {})
    assert quietly(["simulate", *DATA, "-o", str(place.data)])[0] == 0
    for words in SEED:
        assert quietly(place.command("train", root / f"train-{words}", words))[0] == 0
    for name in ("train", "replace", "discover", "extract", "refine"):
        folder = root / f"whole-{name}"
        place.prepare(name, folder)
        arguments = [*place.command(name, folder), *["--overwrite"] * (name == "replace")]
        started = time.perf_counter()
        assert quietly(arguments)[0] == 0
        place.seconds[name] = time.perf_counter() - started
    return place


def one(
    place: Place, victims: Victims, name: str, after: float, *, early: bool, resume: bool
) -> dict[str, Any]:
    """Kill a command and go on; what came of it."""
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(dir=place.root) as parent:
        folder = Path(parent) / "run"
        place.prepare(name, folder)
        arguments = [*place.command(name, folder), *["--overwrite"] * (name == "replace")]
        ended = victims.killed([*arguments, "-q"], after, early=early)
        if name == "replace":
            wrong += old_or_new(place, folder)
        for flag in ["--resume", "--overwrite"] if resume else ["--overwrite"]:
            typed = place.command(name, folder)
            code, said = quietly([*typed, *[flag] * (name != "extract")])
            if code == 0:
                break
        if code:
            wrong.append(f"it does not go on: {said}")
        elif different := differs(folder, place.root / f"whole-{name}"):
            wrong.append(f"the outcome is another one: {different}")
        left = [str(path.relative_to(folder)) for path in folder.rglob(".*")]
        wrong += [f"left behind: {', '.join(left)}"] if left else []
    print(f"{name:9s} {'ended before' if ended else f'{after:.2f} s'} {wrong or 'ok'}", flush=True)
    return {"command": name, "after": round(after, 3), "ended_before": ended, "wrong": wrong}


def old_or_new(place: Place, folder: Path) -> list[str]:
    """What is wrong with a folder in which one run was to replace another: going on with whichever
    is there has to give that one whole."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    code, said = quietly(["train", str(place.data), "-o", str(copy), "--resume"])
    if code:
        return [f"neither the old run nor the new one: {said}"]
    ends = [differs(copy, place.root / f"train-{words}") for words in SEED]
    return [] if "" in ends else [f"it is of neither run: {ends}"]


def run(kills: int) -> None:
    """All kills that are not recorded yet, and the record of them."""
    rows = previous("kills") or []
    rows = rows if 0 < len(rows) < kills else []
    with tempfile.TemporaryDirectory() as name, contextlib.closing(Victims()) as victims:
        place = prepared(Path(name))
        for k in range(len(rows), kills):
            command = list(place.seconds)[k % len(place.seconds)]
            early, first = kills // 3, k < kills // 3
            share = (k + 0.5) / early if first else (k - early + 0.5) / (kills - early)
            after = share * (EARLY if first else place.seconds[command])
            resume = (k // len(place.seconds)) % 2 == 0
            rows.append(one(place, victims, command, after, early=first, resume=resume))
            record("kills", {**summary(rows, kills), "results": rows})
    print(json.dumps(summary(rows, kills)))


def summary(rows: list[dict[str, Any]], kills: int) -> dict[str, Any]:
    """How many came when, and how many went on."""
    return {
        "kills": len(rows),
        "in_the_first_half_second": min(len(rows), kills // 3),
        "ended_before": sum(row["ended_before"] for row in rows),
        "went_on": sum(not row["wrong"] for row in rows),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    run(parser.parse_args().kills)
