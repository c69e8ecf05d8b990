"""What nobody should type, and files that are damaged: every command ends soon, in words.

    python benchmarks/hostile.py                # 2000 texts, 500 files, 200 run folders
    python benchmarks/hostile.py --share 0.05   # a twentieth of each
    python benchmarks/hostile.py --only texts --first 17 --share 0.0005

Each command runs in a process of its own that is forked from this one. Counted as faults: exit code
1 or a crash, more than 5 CPU seconds or 120 s in all, a raw control character on the terminal, data
that `simulate` wrote and `info` refuses. Results: benchmarks/results/hostile.json.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import click
from _hostile_files import damage_data, damage_run
from _hostile_texts import GOOD, command_line
from _record import record

from pdenet.cli import main

CPU_SECONDS, SECONDS, MEMORY = 5, 120, 6 << 30
TEXTS, FILES, FOLDERS = 2000, 500, 200
DATA = (
    *("simulate", "--pde", "u_t = 0.1*u_xx - 0.5*u_x", "--grid", "32", "--trajectories", "6"),
    *("--frames", "11", "--refine", "1", "--noise", "0.001"),
)
SETTINGS = """
values = 1024
[network]
units = 1
[[stages]]
blocks = 1
iterations = 3
filters = false
penalties = false
[[stages]]
blocks = 2
iterations = 3
[readout]
steps = 3
select_values = 1024
fit_values = 1024
select_iterations = 2
iterations = 2
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended. code: of its exit; the signal that ended it, negative. raw: control
    characters that it wrote to the terminal."""

    code: int
    seconds: float
    said: str
    raw: str

    @property
    def fault(self) -> str:
        """What was wrong with that; "" where nothing was."""
        if self.code in (-signal.SIGXCPU, -signal.SIGKILL):
            return "no end"
        if self.code not in (0, 2):
            return f"exit {self.code}"
        return f"raw {self.raw!a}" if self.raw else ""


def called(words: list[str]) -> Ended:
    """Run a command line in a forked process."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            _be_called(words, output.fileno())
        code = _waited(child, started + SECONDS)
        output.seek(0)
        said = output.read().decode(errors="surrogateescape")
    raw = "".join(sorted({c for c in said if c != "\n" and _control(c)}))
    return Ended(code, time.perf_counter() - started, said, raw)


def _control(character: str) -> bool:
    return ord(character) < 32 or 127 <= ord(character) < 160 or "\u202a" <= character <= "\u202e"


def _be_called(words: list[str], output: int) -> None:
    """What the forked process does; it does not come back."""
    code = 70
    try:
        for stream in (1, 2):
            os.dup2(output, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = main(words)
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}".encode(errors="replace"))
    finally:
        os._exit(code)


def _waited(child: int, deadline: float) -> int:
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.perf_counter() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def texts(numbers: range, good: Path, scratch: Path) -> Iterator[tuple[int, list[str], Ended]]:
    """Hostile command lines, and what `info` says of data that they made."""
    for number in numbers:
        folder = scratch / "texts"
        folder.mkdir()
        words = command_line(Random(number), str(folder), str(good / "data.h5"), str(good / "run"))
        # No command line can hold NUL, or text that is not UTF-8 of any bytes.
        words = [word.replace("\0", "\\0").encode(errors="replace").decode() for word in words]
        ended = called(words)
        yield number, words, ended
        if words[0] == "simulate" and ended.code == 0:
            for path in folder.iterdir():
                again = called(["info", str(path)])
                if again.code:
                    yield number, words, Ended(1, again.seconds, f"unread: {again.said}", "")
        shutil.rmtree(folder)


def files(numbers: range, good: Path, scratch: Path) -> Iterator[tuple[int, list[str], Ended]]:
    """Commands on damaged data."""
    for number in numbers:
        random, path = Random(number), scratch / "data.h5"
        shutil.copy(good / "data.h5", path)
        damage_data(path, random)
        settings = str(good / "settings.toml")
        for words in (
            ["info", "--json", str(path)],
            random.choice(
                (
                    ["info", str(path)],
                    ["train", str(path), "-o", str(scratch / "out"), "--config", settings],
                    ["refine", str(path), "--pde", GOOD[0], "--keep-terms"],
                    ["predict", str(good / "run"), str(path), "-o", str(scratch / "out")],
                    ["extract", str(good / "run"), "--data", str(path), "--no-refine"],
                    ["train", str(good / "data.h5"), "--config", str(path), "-o", str(path)],
                )
            ),
        ):
            yield number, words, called(words)
        _remove(scratch / "out")
        _remove(path)


def folders(numbers: range, good: Path, scratch: Path) -> Iterator[tuple[int, list[str], Ended]]:
    """Commands on damaged run folders."""
    for number in numbers:
        random, run = Random(number), scratch / "run"
        shutil.copytree(good / "run", run)
        damage_run(run, random)
        data, settings = str(good / "data.h5"), str(good / "settings.toml")
        for words in (
            ["info", str(run)],
            random.choice(
                (
                    ["info", "--json", str(run)],
                    ["extract", str(run), "--no-refine"],
                    ["predict", str(run), "--trajectories", "1", "--times", "1"],
                    ["train", data, "-o", str(run), "--config", settings, "--resume"],
                    ["refine", str(run), data, "--keep-terms"],
                    ["discover", data, "-o", str(run), "--resume", "--no-refine"],
                )
            ),
        ):
            yield number, words, called(words)
        _remove(run)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def prepared(folder: Path) -> Path:
    """A folder with a small data file, settings and a finished run."""
    (folder / "settings.toml").write_text(SETTINGS)
    data, run = str(folder / "data.h5"), str(folder / "run")
    assert main([*DATA, "-o", data, "-q"]) == 0
    train = ["train", data, "-o", run, "--config", str(folder / "settings.toml"), "-q"]
    assert main(train) == 0
    assert main(["extract", run, "--no-refine", "-q", "--format", "text"]) == 0
    return folder


def measured(kind: Any, numbers: range, good: Path, scratch: Path) -> dict[str, Any]:
    """The counts of one kind, and every fault."""
    codes, faults, longest = Counter[int](), [], 0.0
    for number, words, ended in kind(numbers, good, scratch):
        codes[ended.code] += 1
        longest = max(longest, ended.seconds)
        if ended.fault:
            said = ended.said.strip().splitlines()[-1:] or [""]
            shown = [word if len(word) < 200 else word[:197] + "..." for word in words]
            faults.append({"number": number, "fault": ended.fault, "words": shown, "said": said[0]})
            print(json.dumps(faults[-1])[:600], flush=True)
    return {
        "inputs": len(numbers),
        "commands": codes.total(),
        "exit_codes": {str(code): count for code, count in sorted(codes.items())},
        "longest_seconds": round(longest, 2),
        "faults": faults,
    }


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--share", default=1.0, help="Of the inputs.")
@click.option("--first", default=0, help="Number of the first one of each kind.")
@click.option("--only", type=click.Choice(["texts", "files", "folders"]), multiple=True)
def command(share: float, first: int, only: tuple[str, ...]) -> None:
    """Measure, and record where everything was measured."""
    kinds = {"texts": (texts, TEXTS), "files": (files, FILES), "folders": (folders, FOLDERS)}
    results = {}
    with tempfile.TemporaryDirectory() as name:
        good, scratch = Path(name) / "good", Path(name) / "scratch"
        good.mkdir()
        scratch.mkdir()
        prepared(good)
        for kind, (function, count) in kinds.items():
            if not only or kind in only:
                numbers = range(first, first + max(1, round(share * count)))
                results[kind] = measured(function, numbers, good, scratch)
                counts = {k: v for k, v in results[kind].items() if k != "faults"}
                print(kind, counts, "faults:", len(results[kind]["faults"]), flush=True)
    if share == 1.0 and not first and not only:
        print(record("hostile", {"results": results}))


if __name__ == "__main__":
    command()
