"""The command line: `pdenet discover`, and the commands that do its parts.

Nothing but what heeds signals is imported before `main` is called, and everything else after that:
whoever presses Ctrl-C at once gets one line and no traceback.
"""

from __future__ import annotations

import importlib
import sys

from pdenet.cli.signals import Signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on `arguments`; the exit code.

    Without arguments it takes those of the process, which is its own then: an interrupt ends it
    without waiting for threads that still compute.
    """
    with Signals(alone=arguments is None) as signals:
        group = importlib.import_module("pdenet.cli.group").commands
        typed = list(sys.argv[1:] if arguments is None else arguments)
        code: int = importlib.import_module("pdenet.cli.failure").run(group, typed, signals)
    if code in (130, 143):
        signals.leave(code)
    return code
