"""One thread where more would only wait for each other.

Operations on small states take tens of microseconds. Two threads gain a tenth there on an idle
machine, and on one whose cores others use they lose a factor of ten. One thread also gives the same
result to the bit whatever the number of cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["threads_for"]

THREADED_VALUES = 2**20
"""Numbers in one operation from which sharing it pays."""


@contextmanager
def threads_for(values: int, device: torch.device) -> Iterator[None]:
    """One thread on a CPU where an operation has fewer than `THREADED_VALUES` numbers.

    As many as before afterwards.
    """
    before = torch.get_num_threads()
    if device.type != "cpu" or values >= THREADED_VALUES or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
