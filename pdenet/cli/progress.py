"""The progress of a command, as `--quiet` and `--verbose` ask for it."""

from __future__ import annotations

from pdenet.cli.options import quiet, verbose
from pdenet.progress import Monitor

__all__ = ["monitored"]


def monitored(*parts: str) -> Monitor:
    """What listens to a command that has these parts, see `pdenet.progress.Course`."""
    return Monitor(silent=quiet(), talkative=verbose(), parts=parts)
