"""Signals end a command at once, in one line, at any moment of it."""

import subprocess
import sys

import pytest

CODES = [("SIGINT", 130), ("SIGTERM", 143)]

# The signal comes while a module of the command line is loaded.
WHILE_LOADING = """
import importlib, signal, sys
from pdenet.cli import main
load = importlib.import_module
def loading(name):
    if name == "MODULE":
        signal.raise_signal(signal.SIGNAL)
    return load(name)
importlib.import_module = loading
sys.argv = ["pdenet", "equations"]
sys.exit(main())
"""

# A worker computes something that has no end, and another piece waits behind it.
WHILE_WORKING = """
import os, signal, sys, threading
import torch
import pdenet.cli.equations as equations
from pdenet.cli import main
from pdenet.likelihood.fit.workers import Workers
def work(**options):
    def piece(rows):
        os.kill(os.getpid(), signal.SIGNAL)
        threading.Event().wait()
    with Workers.of(torch.device("cpu"), 1) as workers:
        workers.map(piece, [slice(0), slice(1)])
equations.work = work
sys.argv = ["pdenet", "equations"]
sys.exit(main())
"""

# Clean-up hangs after the first signal; the second comes more than a second later.
WHILE_ENDING = """
import signal, sys, time
import pdenet.cli.equations as equations
import pdenet.cli.signals as signals
from pdenet.cli import main
now = [0.0]
signals.time.monotonic = lambda: now[0]
def work(**options):
    try:
        signal.raise_signal(signal.SIGNAL)
    finally:
        signal.raise_signal(signal.SIGNAL)  # the same one, of which some senders send two
        now[0] += 2
        signal.raise_signal(signal.SIGNAL)
        print("not reached")
equations.work = work
sys.argv = ["pdenet", "equations"]
sys.exit(main())
"""


def ended(program, name):
    """Exit code and stderr of a program that gets a signal."""
    ran = subprocess.run(
        [sys.executable, "-c", program.replace("SIGNAL", name)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.stdout == ""
    return ran.returncode, ran.stderr


@pytest.mark.parametrize(("name", "code"), CODES)
@pytest.mark.parametrize(
    "module", ["pdenet.cli.group", "pdenet.cli.commands.equations", "pdenet.cli.equations"]
)
def test_while_modules_are_loaded(module, name, code):
    program = WHILE_LOADING.replace("MODULE", module)
    assert ended(program, name) == (code, "pdenet: interrupted\n")


@pytest.mark.parametrize(("name", "code"), CODES)
@pytest.mark.parametrize("program", [WHILE_WORKING, WHILE_ENDING], ids=["working", "ending"])
def test_while_others_still_compute(program, name, code):
    assert ended(program, name) == (code, "pdenet: interrupted\n")
