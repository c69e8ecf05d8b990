"""Tests that send Ctrl-C to a process mean it, also where the tests themselves cannot get one.

A shell starts what runs in its background with SIGINT ignored, and children inherit that: Python
then installs no handler and Ctrl-C does nothing. A handler of our own is reset to the default in
every process that tests start.
"""

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def _processes_hear_ctrl_c():
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
