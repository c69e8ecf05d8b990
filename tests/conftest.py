"""What holds for every test: nothing depends on the clock, and nothing is left behind.

A shell starts what runs in its background with SIGINT ignored, and children inherit that: Python
then installs no handler and Ctrl-C does nothing. A handler of our own is reset to the default in
every process that tests start, so that tests that send Ctrl-C to a process mean it.
"""

import signal
import time

import pytest
from hypothesis import HealthCheck, settings

# The same examples everywhere and every time, however slow the machine is that runs them.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

HANGS = 600
"""Seconds after which a process that a test waits for is taken to hang: no result is that late."""


@pytest.fixture(autouse=True, scope="session")
def _processes_hear_ctrl_c():
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def until():
    """A function that waits until a condition holds, for as long as that takes."""

    def wait(condition):
        given_up = time.monotonic() + HANGS
        while not condition():
            assert time.monotonic() < given_up, "what was waited for did not happen"
            time.sleep(0.01)

    return wait
