"""Trajectories on several cores at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

import torch

from pdenet.errors import StoppedError
from pdenet.threads import own_number, own_threads, set_own_threads

__all__ = ["Workers"]

T = TypeVar("T")


class Workers:
    """Trajectories on several cores at once: PyTorch lets other threads run while it computes.

    count: how many workers there are. stop: asked before every piece of work whether to end.
    """

    def __init__(self, pool: ThreadPoolExecutor, count: int, stop: Callable[[], bool]) -> None:
        self._pool, self.count, self._stop = pool, count, stop

    @classmethod
    @contextmanager
    def of(
        cls, device: torch.device, number: int | None, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Workers]:
        """As many as asked for, or as there are threads; one on a GPU.

        stop: a deadline, the `is_set` of a `threading.Event`, or whatever else tells any thread
        that no more work shall begin.
        """
        before, ended = own_number(), Event()
        count = 1 if device.type != "cpu" else number or before
        alone = 1 if device.type == "cpu" else before
        pool = ThreadPoolExecutor(count, initializer=set_own_threads, initargs=(alone,))
        try:
            with own_threads(alone):
                yield cls(pool, count, lambda: ended.is_set() or stop())
        except BaseException as error:
            ended.set()
            # Whoever interrupts does not wait for the pieces at work: they end by themselves.
            pool.shutdown(wait=isinstance(error, Exception), cancel_futures=True)
            raise
        pool.shutdown()

    def map(self, work: Callable[[slice], T], pieces: Iterable[slice]) -> list[T]:
        """The results in the order of the pieces.

        Raises StoppedError where `stop` says so before all of them have begun.
        """

        def unless_stopped(piece: slice) -> T:
            if self._stop():
                raise StoppedError("the refinement was stopped before it was done")
            return work(piece)

        return list(self._pool.map(unless_stopped, pieces))
