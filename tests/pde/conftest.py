"""How much work a function does, counted: the same on every machine, however busy it is."""

import sys
from collections.abc import Callable

import pytest


class TooMuchWork(AssertionError):
    """A function has called more than it may."""


@pytest.fixture(scope="session")
def calls() -> Callable[..., int]:
    """A function that runs another one and counts what it calls, C functions included.

    It raises TooMuchWork beyond `most` calls; a million take about a third of a second.
    """

    def count(work: Callable[[], object], most: float = float("inf")) -> int:
        made = 0

        def see(frame: object, event: str, argument: object) -> None:
            nonlocal made
            made += event in ("call", "c_call")
            if made > most:
                sys.setprofile(None)
                raise TooMuchWork(f"more than {most:g} calls")

        before = sys.getprofile()
        sys.setprofile(see)
        try:
            work()
        finally:
            sys.setprofile(before)
        return made

    return count
