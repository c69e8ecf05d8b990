"""What a report says of a refinement, and that it says it in every form."""

from __future__ import annotations

import json
import math
import re
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pdenet.pde.render import format_monomial
from pdenet.report import build
from pdenet.report.refined import (
    agreement,
    alternatives,
    decisions,
    noise,
    noise_law,
    odds,
    refined_rows,
    setting,
    warnings,
)
from pdenet.results.record import refinement_record
from pdenet.results.refinement import Alternative, Decision, Refinement

SYNTHETIC = runpy.run_path(str(Path(__file__).with_name("synthetic.py")))
SURE, UNSURE = SYNTHETIC["refined"](), SYNTHETIC["refined_in_doubt"]()


def refinement(**changes) -> Refinement:
    return replace(SURE.refinement, **changes)


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html.split("</style>")[1]))


def test_a_row_holds_what_is_known_of_a_coefficient():
    rows = refined_rows(SURE)
    assert len(rows) == 8
    for row in rows:
        assert row.stderr == SURE.stderr[row.field][row.monomial]
        assert row.ratio == pytest.approx(1 / 0.93)
        assert row.bootstrap == pytest.approx(1.08 * row.stderr)
        assert row.bias == pytest.approx(-0.02 * row.stderr)
    assert refined_rows(SYNTHETIC["burgers"]()) == ()


def test_a_row_without_an_error_or_a_bound_has_no_ratio():
    row = refined_rows(SURE)[0]
    assert replace(row, stderr=None).ratio is None
    assert replace(row, bound=None).ratio is None and replace(row, bound=0.0).ratio is None


def test_close_calls_come_first():
    entries = [("a", True, 900.0), ("b", False, 1.0), ("c", True, 12.0), ("d", False, 9.0),
               ("e", True, math.inf), ("f", False, math.nan)]  # fmt: skip
    judged = tuple(Decision("u", t, k, 1.0, gain, 10.0, None, "") for t, k, gain in entries)
    shown = [each.term for each in decisions(refinement(decisions=judged))]
    assert shown == ["c", "a", "e", "d", "b", "f"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.0, "1 : 1"), (0.25, "1 : 4"), (0.001, "1 : 1·10³"), (3.0, "3 : 1"), (math.inf, "∞ : 1"),
     (0.0, "0"), (math.nan, "0")],
)  # fmt: skip
def test_odds(value, shown):
    assert odds(Alternative(("u_t ~ u",), value, 0.0, 1, "")) == shown


def test_the_likeliest_alternative_comes_first():
    assert [each.odds for each in alternatives(UNSURE.refinement)] == [1.7, 0.31, 0.004]


def test_what_is_sure_needs_no_warning():
    assert warnings(SURE.refinement) == ()
    assert (agreement(SURE.refinement), SURE.refinement.judgement) == ("1.002(4)", "identified")
    assert noise(SURE.refinement) == "σ of u 0.0101, of v 0.0202"


@pytest.mark.parametrize(
    ("law", "text"),
    [
        ((1e-4, 0.0, 0.0), "additive, 0.01"),
        ((0.0, 9e-4, 0.0), "3 % of the field: multiplicative"),
        ((0.0, 0.0, 0.8), "counts: variance 0.8 |u|"),
        ((1e-4, 9e-4, 0.8), "variance 0.01² + (3 % of u)² + 0.8 |u|"),
    ],
)
def test_the_law_of_the_noise_in_words(law, text):
    found = replace(SURE.refinement, laws={"u": law})
    assert noise_law(found, "u") == text and noise_law(found, "v") == ""
    shown = "" if text.startswith("additive") else f" ({text})"
    assert noise(found) == f"σ of u 0.0101{shown}, of v 0.0202"
    assert "64×64 points, 2 steps" in setting(SURE.refinement)


@pytest.mark.parametrize("verdict", ["not identifiable", "not explained", "not converged"])
def test_every_verdict_is_called_by_its_name(verdict):
    changed = replace(SURE.refinement, verdict=verdict, reason="some reason")
    assert changed.judgement == f"{verdict}: some reason"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"chi2": 1.04, "chi2_error": 0.001, "noise_given": True}, False),
        ({"chi2": 1.2, "chi2_error": 0.06, "noise_given": True}, False),
        ({"chi2": 1.2, "chi2_error": 0.04, "noise_given": True}, True),
        ({"chi2": 0.8, "chi2_error": 0.04, "noise_given": True}, True),
        ({"chi2": 0.5, "chi2_error": 0.04}, False),
        ({"chi2": 1.2, "chi2_error": 0.01}, False),
        ({"chi2": 1.3, "chi2_error": 0.01}, True),
        ({"chi2": 1.2, "chi2_error": math.inf}, False),
        ({"chi2": math.nan}, False),
    ],
)
def test_chi2_contradicts_where_it_is_far_and_surely_from_one(changes, said):
    assert bool(warnings(refinement(**changes))) == said


def test_a_wrong_noise_level_is_told_what_the_data_show():
    wrong = refinement(chi2=4.0, chi2_error=0.01, noise_given=True, sigma={"u": 0.02})
    (line,) = warnings(wrong)
    assert "contradicts the data" in line and "4.000(10)" in line
    assert "σ of u 0.02, not 0.01" in line and "equation lacks something" in line
    (line,) = warnings(wrong, 0.05)
    assert "the noise level 0.1, not 0.05" in line and "σ" not in line
    (line,) = warnings(replace(wrong, chi2=0.25), 0.05)
    assert "0.025, not 0.05" in line and "lacks" not in line


def test_a_grid_that_limits_the_fit_is_not_the_equation():
    """Of data without noise a solution's own error is what is left."""
    poor = replace(SURE.refinement, chi2=30.0, chi2_error=0.1)
    assert "explains the data less well" in warnings(poor)[0]
    bias = {
        field: {monomial: 3 * bound for monomial, bound in bounds.items()}
        for field, bounds in poor.bound.items()
    }
    (line,) = warnings(replace(poor, bias=bias))
    assert "error of the grid" in line and "less well" not in line


def test_what_did_not_converge_is_marked():
    (line,) = warnings(refinement(converged=False, iterations=1))
    assert line.startswith("not converged: after 1 iteration ")


def test_every_form_shows_bound_ratio_and_verdict():
    report = build(SURE)
    page = text_of(report.html())
    for text in (page, report.markdown(), report.latex()):
        assert "Refinement" in text and "1.002(4)" in text and "dentified" in text
        assert text.count("1.08") >= 8, "the ratio to the bound of each term"
        assert "bootstrap" in text and "bias" in text
        assert "not identifiable" not in text.lower() and "not converged" not in text.lower()
    assert page.count("left out") == 14 and page.count("stays") == 8


def test_every_form_shows_doubts():
    report = build(UNSURE)
    page = text_of(report.html())
    for text in (page, report.markdown(), report.latex()):
        assert "Not converged" in text and "contradicts the data" in text
        assert "Not identifiable: another equation has odds of 0.31 : 1" in text
        assert "1.7 : 1" in text and "1 : 3.23" in text and "1 : 250" in text
        assert "bootstrap" not in text
    assert "u_t: u_xx instead of u²·u_x" in page


def test_every_form_says_what_would_decide():
    told = "About 2 times as many values of this kind would be needed"
    report = build(replace(UNSURE, refinement=replace(UNSURE.refinement, decides=told)))
    for text in (text_of(report.html()), report.markdown(), report.latex()):
        assert f". {told}" in text
    assert report.json()["refinement"]["decides"] == told


def test_the_json_holds_all_of_it():
    record = json.loads(json.dumps(build(UNSURE).json(), allow_nan=False))["refinement"]
    assert record == json.loads(json.dumps(refinement_record(UNSURE.refinement)))
    assert not record["converged"] and record["verdict"] == "not identifiable"
    assert [other["odds"] for other in record["alternatives"]] == [0.004, 1.7, 0.31]
    (monomial,) = UNSURE.stderr["u"]
    assert record["bound"]["u"][format_monomial(monomial)] == 0.93 * UNSURE.stderr["u"][monomial]
    assert build(SYNTHETIC["burgers"]()).json()["refinement"] is None
    endless = replace(UNSURE, refinement=replace(UNSURE.refinement, chi2_error=math.inf))
    assert build(endless).json()["refinement"]["chi2_error"] is None


def test_where_nothing_can_be_predicted_the_rest_is_shown():
    none = np.zeros((0, 1, 128))
    evidence = replace(
        UNSURE, observed=none, predicted=none, times=np.zeros(0), errors={},
        error_times=np.zeros(0), filters={}, loss=(), dropped=(),
    )  # fmt: skip
    report = build(evidence)
    page = report.html()
    assert "<img" not in page and "Fields" not in text_of(page)
    assert "Refinement" in report.markdown() and "Refinement" in report.latex()
