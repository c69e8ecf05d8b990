"""The progress of a command, as `--quiet` and `--verbose` ask for it."""

from __future__ import annotations

from pdenet import progress
from pdenet.cli.options import quiet, verbose

__all__ = ["Monitor"]


class Monitor(progress.Monitor):
    """A context manager that is also a listener; parts: of the command, see `progress.Course`."""

    def __init__(self, *parts: str) -> None:
        super().__init__(silent=quiet(), talkative=verbose(), parts=parts)
