"""The examples run as a reader runs them, on less data, and find their equation."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
# Example -> arguments that make it small; {folder} is a folder of the test.
SMALL = {
    "own_equation.py": ["{folder}", "--trajectories", "8", "--frames", "21", "--points", "64"],
    "own_arrays.py": ["--trajectories", "8", "--frames", "21", "--points", "64"],
}


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SMALL)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_example_is_short(name):
    assert 60 <= len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("name", sorted(SMALL))
def test_example_finds_its_equation(name, tmp_path):
    arguments = [argument.format(folder=tmp_path) for argument in SMALL[name]]
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "found:" in ran.stdout and "u_xx" in ran.stdout
