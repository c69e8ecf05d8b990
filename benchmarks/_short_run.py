"""A real run that takes seconds: a transport equation in one dimension, on little data.

The tests of the command line use it as well (tests/cli/conftest.py).
"""

__all__ = ["DATA", "EQUATION", "SETTINGS"]

EQUATION = "u_t = 0.1*u_xx - 0.5*u_x"
DATA = [
    *("--pde", EQUATION, "--grid", "64", "--trajectories", "6", "--frames", "11"),
    *("--refine", "1", "--noise", "0.001"),
]
"""The options of `pdenet simulate` that make the data."""

SETTINGS = """
values = 4096
[network]
units = 2
[[stages]]
blocks = 1
iterations = 30
filters = false
penalties = false
[[stages]]
blocks = 2
iterations = 20
[readout]
steps = 6
select_values = 4096
fit_values = 8192
"""
"""The configuration of the training and the read-out."""
