"""Statistics over repeats, the equation that most of them found, and the figures."""

import json
import math

import pytest

from pdenet.pde import PDE
from pdenet.pde.compare import compare
from pdenet.report.distributions import MOST_REMAINDERS, coefficient_figure, remainder_figure
from pdenet.report.factors import Curve, Panel, factor_figure
from pdenet.report.files import write_png
from pdenet.report.repeats import Repeat, Weight, consensus, remainders, spreads, summary

TRUTH = PDE("u_t = -u*u_x + nu*u_xx", nu=0.1)


def weights(pde, share=0.5):
    return tuple(
        Weight(name, monomial, value, share)
        for name, terms in pde.numeric_terms().items()
        for monomial, value in terms.items()
    )


def repeat(seed, text, left="", truth=TRUTH):
    found = PDE(f"u_t = {text}", coordinates=("x",))
    return Repeat(
        seed=seed,
        found=found,
        stderr={"u": dict.fromkeys(found.numeric_terms()["u"], 0.01)},
        comparison=None if truth is None else compare(found, truth),
        seconds={"train": 1.0},
        kept=weights(found),
        remainder=weights(PDE(f"u_t = {left}", coordinates=("x",)), 1e-3) if left else (),
    )


THREE = [
    repeat(0, "-1.02*u*u_x + 0.1*u_xx", "0.01*u"),
    repeat(1, "-1*u*u_x + 0.3*u_xx + 0.3*u^2", "0.03*u + 0.01*u_x"),
    repeat(2, "-0.98*u*u_x + 0.3*u_x"),
]


def test_spreads_have_the_true_terms_first():
    found = {spread.term: spread for spread in spreads(THREE)}
    assert list(found)[:2] == ["u*u_x", "u_xx"] and set(found) == {"u*u_x", "u_xx", "u_x", "u**2"}
    convection, diffusion = found["u*u_x"], found["u_xx"]
    assert (convection.count, convection.of, convection.truth) == (3, 3, -1)
    assert convection.mean == pytest.approx(-1) and convection.median == -1
    assert convection.std == pytest.approx(0.02)
    assert diffusion.count == 2 and diffusion.mean == pytest.approx(0.2)
    assert diffusion.values == {0: 0.1, 1: 0.3}
    assert found["u_x"].truth is None and math.isnan(found["u_x"].std)


def test_a_true_term_that_no_repeat_found_is_there():
    (convection, diffusion) = spreads([repeat(0, "-u*u_x")])
    assert (convection.count, diffusion.count) == (1, 0)
    assert diffusion.to_json()["mean"] is None and diffusion.to_json()["truth"] == 0.1


def test_remainders_are_what_was_dropped():
    found = {spread.term: spread for spread in remainders(THREE)}
    assert {term: spread.count for term, spread in found.items()} == {"u": 2, "u_x": 1}
    assert found["u"].mean == pytest.approx(0.02)
    assert found["u"].to_json()["share"] == 1e-3


def test_the_consensus_is_what_most_found():
    assert consensus(THREE) == PDE("u_t = -u*u_x + 0.2*u_xx", coordinates=("x",))
    # A half is no majority.
    assert consensus(THREE[1:]) == PDE("u_t = -0.99*u*u_x", coordinates=("x",))
    nothing = [repeat(0, "u"), repeat(1, "u_x"), repeat(2, "u_xx")]
    assert consensus(nothing).terms() == {"u": {}}


def test_coefficients_that_vary_in_space():
    truth = PDE("u_t = (1 + cos(x))*u_x", coordinates=("x",))
    pair = [PDE(f"u_t = ({a} + {b}*cos(x))*u_x") for a, b in ((1.1, 0.9), (0.9, 1.3))]
    flat = [
        tuple(
            Weight("u", m * b, value, 0.1)
            for m, bases in pde.expansions()["u"].items()
            for b, value in bases.items()
        )
        for pde in pair
    ]
    repeats = [Repeat(k, pde, {}, compare(pde, truth), {}, flat[k]) for k, pde in enumerate(pair)]
    assert {s.term: (s.count, s.truth) for s in spreads(repeats)} == {
        "u_x": (2, 1.0),
        "cos(x)*u_x": (2, 1.0),
    }
    agreed = compare(consensus(repeats), truth)
    assert agreed.exact and agreed.einf == pytest.approx(0.1)


def test_the_summary_is_plain_and_finite():
    document = summary(THREE, TRUTH)
    assert document == json.loads(json.dumps(document, allow_nan=False))
    assert document["exact"] == 1 and document["count"] == 3
    assert document["consensus"]["scores"]["einf"] == pytest.approx(1)
    assert document["repeats"][1]["remainder"][0]["share"] == 1e-3
    unknown = [repeat(0, "u_x", truth=None)]
    assert summary(unknown, None)["exact"] is None


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
