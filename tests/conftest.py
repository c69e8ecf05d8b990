"""What holds for every test: nothing depends on the clock, and nothing is left behind.

A shell starts what runs in its background with SIGINT ignored, and children inherit that: Python
then installs no handler and Ctrl-C does nothing. A handler of our own is reset to the default in
every process that tests start, so that tests that send Ctrl-C to a process mean it.
"""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
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

OTHERS = ("PYTEST_", "TORCHINDUCTOR_")
"""Beginnings of variables that pytest and torch set by themselves."""


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


def _shared():
    """What tests of one process share, and what a test could leave changed for the next ones."""
    return {
        "threads of torch": torch.get_num_threads(),
        "default dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "folder": Path.cwd(),
        "environment": {k: v for k, v in os.environ.items() if not k.startswith(OTHERS)},
        "handlers": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)],
    }


@pytest.fixture(autouse=True)
def _tests_do_not_depend_on_each_other(_processes_hear_ctrl_c):
    """Random numbers are the same in any order of tests, and what tests share is put back."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    before = _shared()
    yield
    after = _shared()
    assert [name for name in before if before[name] != after[name]] == []


@pytest.fixture(autouse=True, scope="session")
def _no_file_is_left_behind():
    """Tests write below tmp_path; caches, which git ignores, have names that begin with a dot."""
    root = Path(__file__).resolve().parent.parent
    before = {path.name for path in root.iterdir()}
    yield
    new = {path.name for path in root.iterdir()} - before
    assert not {name for name in new if not name.startswith(".")}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """Reports travel between processes as UTF-8: what a test logs of hostile names, which may be no
    text at all, is escaped."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report
