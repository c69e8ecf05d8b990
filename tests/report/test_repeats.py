"""The figures of repeats and of studies."""

import math
import runpy
from pathlib import Path

import pytest

from pdenet.report.distributions import MOST_REMAINDERS, coefficient_figure, remainder_figure
from pdenet.report.factors import Curve, Panel, factor_figure
from pdenet.report.files import write_png

REPEATS = runpy.run_path(str(Path(__file__).parents[1] / "evaluation" / "made_repeats.py"))
TRUTH, THREE, repeat = REPEATS["TRUTH"], REPEATS["THREE"], REPEATS["repeat"]


weights = REPEATS["weights"]


def texts(figure):
    return [
        text.get_text()
        for axes in figure.axes
        for text in (*axes.texts, *axes.get_yticklabels(), axes.title, axes._left_title)
    ]


def test_the_figures_name_terms_and_counts(tmp_path):
    figure = coefficient_figure(THREE)
    assert len(figure.axes) == 2
    assert {"u_t: u·u_x", "true −1, 3 of 3", "true 0.1, 2 of 3"} <= set(texts(figure))
    first = figure.axes[0].lines[-1]
    assert sorted(first.get_xdata()) == pytest.approx([-2, 0, 2])  # 100 (c - c*)/|c*|
    shares = remainder_figure(THREE)
    assert {"u·u_x", "u_xx", "u", "3 of 3", "2 of 3", "0"} <= set(texts(shares))
    for k, drawn in enumerate((figure, shares)):
        path = write_png(tmp_path / f"{k}.png", drawn)
        assert path.read_bytes() == write_png(path, drawn, overwrite=True).read_bytes()


def test_figures_of_many_few_and_no_numbers():
    many = [repeat(k, f"-{1 + 0.01 * k}*u*u_x + 0.1*u_xx", "0.01*u") for k in range(12)]
    assert len(coefficient_figure(many).axes[0].patches) == 2  # a box, and the standard error
    powers = " + ".join(f"0.01*u^{n}*u_xx" for n in range(1, MOST_REMAINDERS + 5))
    crowded = remainder_figure([repeat(0, "-u*u_x", powers)])
    assert "4 other terms" in texts(crowded)
    nothing = [repeat(0, "0", truth=None)]
    assert coefficient_figure(nothing).axes == [] and len(remainder_figure(nothing).axes) == 1
    unknown = coefficient_figure([repeat(k, "0.3*u_x", truth=None) for k in range(2)])
    assert "median 0.3, 2 of 2" in texts(unknown)


def test_a_figure_of_factors_has_a_panel_for_each():
    curve = Curve("a", ((1.0, 2.0), (math.nan, 3.0)))
    panel = Panel("size", ("5", "7"), 0, (curve, Curve("b", ((1.0,), ()), 1, open=True)))
    figure = factor_figure({"error": [panel, panel], "loss": [panel, panel]})
    assert len(figure.axes) == 4
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["5", "7"]
    medians = figure.axes[0].lines[2].get_ydata()
    assert list(medians) == [1.5, 3.0]
