"""How many threads PyTorch takes for one operation, for the thread that asks and for no other.

Operations on small states take tens of microseconds. Two threads gain a tenth there on an idle
machine, and on one whose cores others use they lose a factor of ten. One thread also gives the same
result to the bit whatever the number of cores.

`torch.set_num_threads` does two things: it sets the number for the thread that calls it, which is
OpenMP's, and a number that every new thread begins with, which is the process's. The second is not
ours to change: whoever calls this library from one of several threads would find the others slow,
and two calls at once would put back each other's number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock, Thread
from typing import TypeVar

import torch

__all__ = ["own_number", "own_threads", "set_own_threads", "threads_for"]

THREADED_VALUES = 2**20
"""Numbers in one operation from which sharing it pays."""

T = TypeVar("T")

_changing = Lock()


def own_number() -> int:
    """The number of the calling thread. A thread takes it from the process when it first asks, and
    must not do so while another one has changed that."""
    with _changing:
        return torch.get_num_threads()


def set_own_threads(count: int) -> None:
    """Let operations of the calling thread, and of no other, take so many threads."""
    own_number()  # or a thread that has not asked yet would take the usual number later
    with _changing:
        usual = _in_a_new_thread(torch.get_num_threads)
        try:
            torch.set_num_threads(count)
        finally:
            _in_a_new_thread(partial(torch.set_num_threads, usual))


@contextmanager
def own_threads(count: int) -> Iterator[None]:
    """So many threads for operations of the calling thread; as many as before afterwards."""
    before = own_number()
    if before == count:
        yield
        return
    set_own_threads(count)
    try:
        yield
    finally:
        set_own_threads(before)


@contextmanager
def threads_for(values: int, device: torch.device) -> Iterator[None]:
    """One thread on a CPU where an operation has fewer than `THREADED_VALUES` numbers.

    As many as before afterwards.
    """
    small = device.type == "cpu" and values < THREADED_VALUES
    with own_threads(1 if small else own_number()):
        yield


def _in_a_new_thread(work: Callable[[], T]) -> T:
    """What it returns there: a new thread begins with the number of the process."""
    found: list[T] = []
    thread = Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]
