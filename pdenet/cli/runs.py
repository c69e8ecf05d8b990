"""The run folder, as the command line sees it: what may be replaced, and what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pdenet.cli.folders import Kind, new_folder

__all__ = [
    "MEMBERS",
    "REFINING",
    "RUN",
    "how_to_go_on",
    "new_run",
]

REFINING = "refinement.safetensors"
"""What is in a run folder while its equation is refined."""

MEMBERS = (
    *("config.json", "data.h5", "checkpoint", "log.jsonl", "equation.json", "report.html"),
    *("output.log", "prediction", REFINING),
)

RUN = Kind("run", MEMBERS, "checkpoint/state.json")


@contextmanager
def new_run(run: Path, *, overwrite: bool, resume: bool) -> Iterator[None]:
    """The folder `run` for as long as a run is written to it; see `pdenet.cli.folders`."""
    with new_folder(run, RUN, overwrite=overwrite, resume=resume):
        yield


def how_to_go_on(
    run: Path, words: str, proof: str = RUN.proof, otherwise: str = ""
) -> Callable[[], str]:
    """What an interrupted command says: `words` once there is a checkpoint to go on from.

    proof: pattern of what shows that something was learned. otherwise: what is said before that.
    """

    def say() -> str:
        if any(run.glob(proof)):
            return words
        return f"{otherwise or 'nothing was learned'} yet and '{run}' is as it was"

    return say
