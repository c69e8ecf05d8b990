"""The benchmark of kinds: its solver against exact solutions, and how it tells right from wrong."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """Import a file of benchmarks/, which is no package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_a_soliton_keeps_its_shape_to_fourth_order(benchmark):
    box = benchmark("_spectral").Box((128,), (24.0,))
    (k,), (x,) = box.k, box.x
    times = np.array([0.0, 0.5])

    def soliton(t):
        return 12 / np.cosh(x - 12 - 4 * t) ** 2

    def error(steps):
        found = benchmark("_spectral").evolve(
            box, soliton(0)[None], times, 1j * k[None] ** 3, lambda u, t: -u * box.d(u, 1), steps
        )
        return np.abs(found[-1, 0] - soliton(0.5)).max()

    coarse, fine = error(100), error(200)
    assert coarse < 1e-2
    assert coarse / fine > 12


def test_time_in_the_right_hand_side_is_that_of_the_stages(benchmark):
    box = benchmark("_spectral").Box((8,), (1.0,))
    times = np.linspace(0, 1, 3)
    found = benchmark("_spectral").evolve(
        box, np.zeros((1, 8)), times, np.full((1, 8), -2.0), lambda u, t: u * 0 + np.cos(3 * t), 20
    )
    exact = (2 * np.cos(3 * times) + 3 * np.sin(3 * times) - 2 * np.exp(-2 * times)) / 13
    np.testing.assert_allclose(found[:, 0, 0], exact, atol=1e-6)


def test_random_fields_hold_the_waves_that_were_asked_for(benchmark):
    box = benchmark("_spectral").Box((24, 24), (1.0, 3.0))
    field = box.random(np.random.default_rng(0), 3, 5)
    modes = np.abs(box.modes(field))
    count = np.hypot(*np.meshgrid(*[np.fft.fftfreq(24, 1 / 24)] * 2, indexing="ij"))
    inside = (count >= 3) & (count <= 5)
    assert modes[~inside].max() < 1e-10 * modes.max()
    assert np.abs(field).max() == pytest.approx(1)


FOUND = {"ended": True, "verdict": "identified", "exact": True, "far": False, "reason": ""}
REFUSED = {"ended": True, "verdict": "refused", "reason": "no equation of the library"}
LATE = {**REFUSED, "reason": "the time budget ended before an equation was fitted"}
FALSE = {**REFUSED, "reason": "the data show no change beyond their noise"}


@pytest.mark.parametrize(
    ("found", "answer", "still", "later", "expected"),
    [
        (FOUND, "exact", False, False, "RIGHT"),
        (FOUND, "none", False, False, "RIGHT"),  # more was found than was asked for
        (FOUND, "family", False, False, "WRONG"),
        ({**FOUND, "far": True}, "exact", False, False, "WRONG"),
        ({**FOUND, "exact": False}, "exact", False, False, "WRONG"),
        ({**FOUND, "exact": False}, "none", False, False, "WRONG"),
        ({**FOUND, "verdict": "not identifiable"}, "family", False, False, "RIGHT"),
        ({**FOUND, "verdict": "not identifiable"}, "exact", False, False, "MISSED"),
        (REFUSED, "none", False, False, "RIGHT"),
        (REFUSED, "exact", False, False, "MISSED"),
        (REFUSED, "exact", False, True, "RIGHT"),
        (LATE, "none", False, False, "NO END"),
        (FALSE, "none", False, False, "WRONG"),
        (FALSE, "none", True, False, "RIGHT"),
        ({"ended": True, "failed": "KeyError: 1"}, "none", False, False, "FAULT"),
        ({"ended": False, "failed": "no end"}, "none", False, False, "NO END"),
    ],
)
def test_outcomes(benchmark, found, answer, still, later, expected):
    assert benchmark("kinds").judged(found, answer, still, later) == expected


def test_a_run_without_end_is_ended(benchmark):
    record = benchmark("_record")
    numbers, text = record.measured([sys.executable, "-c", "while True: pass"], 1)
    assert text is None
    assert not numbers["ended"]
    numbers, text = record.measured([sys.executable, "-c", "print(2)"], 5)
    assert text == "2\n"
    assert numbers["ended"]


def test_every_threshold_that_is_varied_is_where_the_benchmark_looks_for_it(benchmark):
    for home, names in benchmark("thresholds").HOMES.items():
        module = importlib.import_module(f"pdenet.{home}")
        assert all(isinstance(getattr(module, name), int | float) for name in names), home
