"""The zoo of equations: its solvers and data, its scores and tables, and a run that goes on."""

import importlib
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pdenet.seam import faults

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch):
    """Import a file of benchmarks/, which is no package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def zoo(benchmark):
    """benchmarks/zoo.py, with all cases entered."""
    return benchmark("zoo")


def test_every_window_has_a_box_to_be_compared_with(zoo):
    windows = {name: entry.partner for name, entry in zoo.ZOO.items() if "window_" in name}
    assert len(windows) == 7
    assert all(box == name.replace("window_", "box_") for name, box in windows.items())
    assert set(windows.values()) <= set(zoo.ZOO)
    assert len(zoo.ZOO) >= 25


def test_a_window_is_open_and_has_the_steps_and_values_of_its_box(zoo):
    window, box = (
        zoo.ZOO[name].make(0) for name in ("window_advection_diffusion", "box_advection_diffusion")
    )
    assert window.states.shape == box.states.shape
    assert window.lengths[0] / 63 == pytest.approx(box.lengths[0] / 64)
    assert (window.boundary, box.boundary) == (("open",), ("periodic",))
    assert [fault.axis for fault in faults(window.states, [True])] == [0]
    assert faults(box.states, [True]) == []


def test_draws_differ_and_repeat_and_a_finer_solver_agrees(zoo):
    one_wave = zoo.ZOO["one_wave"]
    states = one_wave.make(0).states
    np.testing.assert_array_equal(states, one_wave.make(0).states)
    np.testing.assert_allclose(states, one_wave.make(0, fine=2).states, atol=1e-6)
    assert np.abs(states - one_wave.make(1).states).max() > 0.1


@pytest.mark.slow
def test_nothing_is_known_in_a_hole_and_all_around_it(zoo):
    case = zoo.ZOO["window_hole_2d"].make(0)
    assert 0.03 < case.outside.mean() < 0.1
    assert (np.isnan(case.states) == case.outside).all()


@pytest.mark.parametrize(
    ("ends", "k", "shape"),
    [
        (("dirichlet=0", "dirichlet=0"), 3.0, np.sin),
        (("neumann=0", "neumann=0"), 3.0, np.cos),
        (("robin=2.75/0", "dirichlet=0"), 2.75, lambda angle: np.cos(angle) + np.sin(angle)),
    ],
)
def test_heat_between_walls_decays_as_it_must(benchmark, ends, k, shape):
    walls = benchmark("_walled").Walls(24, np.pi, ends)
    first = shape(k * walls.x)[None]
    found = walls.evolve(first, lambda u: 0.1 * walls.dx(u, 2), np.array([0.0, 0.5]))[-1]
    left = np.exp(-0.05 * k**2)
    np.testing.assert_allclose(found, first * left, atol=1e-7)
    even = walls.evenly(found, 9)[0]
    np.testing.assert_allclose(even, shape(k * np.linspace(0, np.pi, 9)) * left, atol=1e-7)


def test_fields_are_lifted_to_what_holds_at_the_walls(benchmark):
    walls = benchmark("_walled").Walls(24, 2.0, ("robin=2/1", "neumann=0.5"))
    u = walls.lifted(np.random.default_rng(0).standard_normal((3, 24)))
    slope = walls.dx(u, 1)
    np.testing.assert_allclose(-slope[:, 0] + 2 * u[:, 0], 1, atol=1e-9)
    np.testing.assert_allclose(slope[:, -1], 0.5, atol=1e-9)


def test_noises_are_what_their_names_say(zoo, benchmark):
    data = benchmark("_zoo_data")
    case = data.Zoo(2 + np.zeros((2, 50, 1, 50)), (1.0,), 0.1, ("u",), None, ("periodic",))
    case.states[:, ::2] = 4
    assert (data.noisy(case, "0.5", 0) - case.states).std() == pytest.approx(0.5, rel=0.05)
    assert (data.noisy(case, "x0.1", 0) / case.states).std() == pytest.approx(0.1, rel=0.05)
    counts = data.COUNTS * data.noisy(case, "counts", 0)
    np.testing.assert_allclose(counts, counts.round())
    assert counts[:, ::2].var() == pytest.approx(4 * data.COUNTS, rel=0.1)
    np.testing.assert_array_equal(data.noisy(case, "0", 0), case.states)


FOUND = {
    "verdict": "identified",
    "exact": True,
    "einf": 0.02,
    "equations": ["u_t = u_xx"],
    "terms": {"u_t: u_xx": [0.02, 0.01, 1.0], "u_t: u_x": [-0.001, 0.002, 0.5]},
}
TRUTH = ("u_t = u_xx",)


@pytest.mark.parametrize(
    ("found", "truth", "exact", "wrong", "missed"),
    [
        (FOUND, TRUTH, True, False, False),
        ({**FOUND, "verdict": "not explained"}, TRUTH, True, False, True),
        ({**FOUND, "exact": False}, TRUTH, False, True, False),
        ({**FOUND, "exact": False, "verdict": "not explained"}, TRUTH, False, False, False),
        ({**FOUND, "exact": False}, None, False, True, False),
        ({**FOUND, "exact": False}, "family", False, True, False),
        ({**FOUND, "verdict": "not identifiable"}, "family", False, False, False),
        ({"verdict": "refused", "reason": "no"}, TRUTH, False, False, False),
        ({"exact": False, "equations": ["u_t = u"]}, None, False, True, False),  # PySINDy
        ({}, TRUTH, False, False, False),  # no end
    ],
)
def test_scores(benchmark, found, truth, exact, wrong, missed):
    row = benchmark("_zoo_scores").scored(found, truth)
    assert (row["exact"], row["wrong"], row["missed"]) == (exact, wrong, missed)
    assert row["einf"] == (0.02 if exact else None)
    assert row["z"] == ([2.0, -0.5] if exact else [])
    assert row["held"]["90"] == ([False, True] if exact else [])
    assert row["held"]["99"] == ([True, True] if exact else [])


def test_tables_compare_windows_with_their_boxes(zoo, benchmark):
    scores = benchmark("_zoo_scores")
    about = {"noise": "0.1", "method": "refine", "cpu_seconds": 3.0, "memory_gib": 0.3}
    rows = [
        {"case": name, **about, **scores.scored({**FOUND, "einf": einf}, TRUTH)}
        for name, einf in (("window_kdv", 0.03), ("window_kdv", 0.05), ("box_kdv", 0.01))
    ]
    text = scores.tables(rows)
    assert "| window_kdv | 0.1 | 2 of 2 | 0.04 (0.05) | 1 of 1 | 0.01 | 4.00 ! |" in text
    assert "| refine | 3 | 0 | 3 | 3 (100 %) | 0 (0 %) | 0 (0 %) | 50/50/100 |" in text


def test_a_run_goes_on_where_it_stopped(zoo, benchmark, monkeypatch, tmp_path, capsys):
    """A tiny case with a method that is none."""
    data, record = benchmark("_zoo_data"), benchmark("_record")
    case = data.Zoo(np.ones((1, 4, 1, 8)), (1.0,), 0.1, ("u",), TRUTH, ("periodic",))
    monkeypatch.setitem(zoo.ZOO, "tiny", data.Entry(lambda rng, fine: case))
    monkeypatch.setattr(data.Entry, "make", lambda self, draw, fine=1: case)
    started = []

    def fake(case, states, folder):
        started.append(states.shape)
        return [sys.executable, "-c", f"print({json.dumps(json.dumps(FOUND))})"]

    monkeypatch.setitem(zoo.METHODS, "fake", fake)
    monkeypatch.setattr(record, "record", partial(record.record, folder=tmp_path))
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    asked = ["--cases", "tiny", "--noises", "0", "0.1", "--draws", "2", "--methods", "fake"]
    monkeypatch.setattr(sys, "argv", ["zoo.py", *asked])
    zoo.main()
    assert len(started) == 4
    zoo.main()
    assert len(started) == 4
    assert capsys.readouterr().out.count("4 (100 %)") == 2
    kept = json.loads((tmp_path / "zoo.json").read_text(encoding="utf-8"))["results"]
    assert [row["exact"] for row in kept] == [True] * 4


@pytest.mark.parametrize(
    ("truth", "reason"),
    [
        (("u_t = sin(x)*u_x",), "function"),
        (("u_t = u*u_xx + u_x**2",), "two derivatives"),
    ],
)
def test_what_pysindy_cannot_do_is_skipped_with_the_reason(zoo, benchmark, truth, reason):
    states = np.ones((1, 4, 1, 8))
    case = benchmark("_zoo_data").Zoo(states, (1.0,), 0.1, ("u",), truth, ("periodic",))
    row = zoo.run(case, "0", 0, "sindy", 5)
    assert reason in row["skipped"]
    assert not row["wrong"]
