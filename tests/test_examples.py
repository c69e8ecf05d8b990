"""The examples run as a reader runs them, and find exactly their equation."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
# Options that make the data of an example smaller, which then takes half as long.
SMALLER = {
    name: ["--trajectories", "8", "--frames", "21", "--points", "48"]
    for name in ("own_equation.py", "own_arrays.py")
}
# Example -> the terms of its equation.
TERMS = {
    "own_equation.py": ["u", "u**2", "u_x", "u_xx"],
    "own_arrays.py": ["u_x", "u_xx"],
    "pdenet_1.py": ["u_x", "u_x*cos(x)", "u_xx"],
    "pdenet_2.py": ["u*u_x", "u_y*v", "u_xx", "u_yy", "u*v_x", "v*v_y", "v_xx", "v_yy"],
}


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(TERMS)


@pytest.mark.parametrize("name", sorted(TERMS))
def test_example_is_short(name):
    assert 60 <= len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TERMS))
def test_example_finds_its_equation(name, tmp_path):
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *SMALLER.get(name, [])],
        capture_output=True,
        text=True,
        timeout=1800,
        cwd=tmp_path,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "found:" in ran.stdout
    rows = [line.split() for line in ran.stdout.splitlines() if line.startswith("  ")]
    assert [next(word for word in row if word not in ("u_t", "v_t")) for row in rows] == TERMS[name]
    error = float(ran.stdout.split("largest error of a true term:")[1].split("%")[0])
    assert error < 1
