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

THREADED_VALUES = 2**18
"""Numbers in one frame from which operations are long enough to share: two fields of 362 points
squared."""


@contextmanager
def threads_for(frame: torch.Tensor) -> Iterator[None]:
    """One thread for work on small frames (field, *space) on a CPU, then as many as before."""
    before = torch.get_num_threads()
    if frame.device.type != "cpu" or frame.numel() >= THREADED_VALUES or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
