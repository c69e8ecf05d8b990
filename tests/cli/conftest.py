"""A real run that takes seconds: a transport equation in one dimension, on little data."""

import os
import runpy
from pathlib import Path

import pytest

from pdenet.cli import main

SHORT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "_short_run.py"))
EQUATION, DATA, SETTINGS = SHORT["EQUATION"], SHORT["DATA"], SHORT["SETTINGS"]


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    """A configuration file for a short run."""
    path = tmp_path_factory.mktemp("settings") / "short.toml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The data, not to be written to."""
    path = tmp_path_factory.mktemp("data") / "data.h5"
    assert main(["simulate", *DATA, "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory, data, settings):
    """The folder of a finished training, not to be written to."""
    run = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", str(data), "-o", str(run), "--config", str(settings)]) == 0
    return run


# Every Python of a test imports this when it starts.
WAITS = """
import os, time
from pathlib import Path
from pdenet.cli.progress import Monitor

hear, (kind, last, file) = Monitor.__call__, os.environ["WAITS"].split(":", 2)

def wait(self, event):
    hear(self, event)
    if type(event).__name__ == kind and getattr(event, "iteration", 1) >= int(last):
        while Path(file).exists():
            time.sleep(0.01)

Monitor.__call__ = wait
"""


@pytest.fixture
def waits(tmp_path_factory, monkeypatch):
    """A function of an event and an iteration at which processes that are begun from now on wait.

    However late an interrupt comes, it finds them at work. It returns a file: they go on when that
    is gone.
    """

    def begin(kind, iteration=1):
        folder = tmp_path_factory.mktemp("waits")
        (folder / "sitecustomize.py").write_text(WAITS)
        (folder / "file").touch()
        path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
        monkeypatch.setenv("PYTHONPATH", path)
        monkeypatch.setenv("WAITS", f"{kind}:{iteration}:{folder / 'file'}")
        return folder / "file"

    return begin


@pytest.fixture
def refused(capsys):
    """A function of the words of a command, which must end with one line on stderr and exit code 2.

    It returns that line.
    """

    def run(arguments):
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == 2
        streams = capsys.readouterr()
        assert streams.out == ""
        assert streams.err.startswith("pdenet: error: ") and streams.err.count("\n") == 1
        return streams.err

    return run
