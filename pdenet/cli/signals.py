"""Ctrl-C and SIGTERM, from the first moment of a command to its last.

While modules are loaded nothing is begun, and an exception in the middle of an import is told as a
fault of that module: the process ends at once, in one line. From then on a signal raises an
exception, so that whatever cleans up or saves does so. Another one, a second later or more, ends
the process at once: a run folder survives that at any moment.

Nothing else is imported here, because no signal is heeded before this module is loaded.
"""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType

__all__ = ["Signals", "Terminated"]

AGAIN = 1.0
"""Seconds for which a signal counts as the same: some senders reach a process twice with one."""

MOMENT = 0.05
"""Seconds after which an interrupt that was lost is raised again."""

SHOW_CURSOR = b"\x1b[?25h"


class Terminated(KeyboardInterrupt):
    """SIGTERM: code that cleans up after Ctrl-C cleans up after it too."""


class Signals:
    """A context manager: SIGINT and SIGTERM raise for as long as it lasts.

    alone: whether the process is this command's own, so that it may be ended at once.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self.alone = self.starting = alone
        self._first: float | None = None
        self._before: dict[int, object] = {}
        self._hook = sys.unraisablehook
        self._lost: list[type[BaseException]] = []

    def begin(self) -> None:
        """Everything is loaded, and the work begins: from here on signals raise."""
        self.starting = False

    def leave(self, code: int) -> None:
        """End the process, if it is this command's own, without waiting for threads that still
        compute: nothing that they do is kept, and Python cannot stop them."""
        if self.alone:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except (OSError, ValueError):  # nobody reads it any more
                    continue
            os._exit(code)

    def __enter__(self) -> Signals:
        names = {signal.SIGINT: self._heed, signal.SIGTERM: self._heed}
        if hasattr(signal, "setitimer"):
            names[signal.SIGALRM] = self._again
        try:
            for number, handler in names.items():
                self._before[number] = signal.signal(number, handler)
        except ValueError:  # not the main thread: signals are for others to heed
            return self
        self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before:
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
            sys.unraisablehook = self._hook
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _heed(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._first is not None and now - self._first < AGAIN:
            return
        if self.alone and (self.starting or self._first is not None):
            shown = SHOW_CURSOR if os.isatty(2) else b""
            os.write(2, shown + b"pdenet: interrupted\n")
            os._exit(128 + number)
        self._first = now
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def _unraisable(self, found: sys.UnraisableHookArgs) -> None:
        """An exception that is raised while Python runs a weak reference's callback or a destructor
        is printed and forgotten; h5py makes many of these. An interrupt is raised again."""
        if issubclass(found.exc_type, KeyboardInterrupt) and hasattr(signal, "setitimer"):
            self._lost[:] = [found.exc_type]
            signal.setitimer(signal.ITIMER_REAL, MOMENT)
        else:
            self._hook(found)

    def _again(self, number: int, frame: FrameType | None) -> None:
        if self._lost:
            raise self._lost.pop()
