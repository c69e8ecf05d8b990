"""How long a run may take: after that every step of it says what it has.

A run that does all three steps gives the training at most `SHARE` of its budget, the read-out at
most that share of the rest, and the refinement all that is left, a quarter of the whole at least:
it needs no more of a network than terms to start from, and alone comes to the statistical limit of
the data. A step alone has the whole budget.

Nothing is cut in the middle: training ends after an iteration, with a checkpoint from which it goes
on, and a read-out after a block of windows, with the last equation that it had.
"""

from __future__ import annotations

import time

from pdenet.errors import ConfigError

__all__ = ["Budget"]

SHARE = 0.5
"""Of what is left, for a step that others follow."""


class Budget:
    """So many seconds from now on.

    Raises ConfigError for a number of seconds that is not above 0.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise ConfigError(f"the budget is {seconds} s: give a number above 0")
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, never less than a second: what begins gets to do something."""
        return max(1.0, self._end - time.monotonic())

    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end

    def part(self) -> Budget:
        """The share of a step that others follow."""
        return Budget(SHARE * self.left())
