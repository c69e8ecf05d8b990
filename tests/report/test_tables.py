"""Sentences, numbers and mathematics of a report."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.events import TermDropped
from pdenet.pde import PDE
from pdenet.report import build, escape
from pdenet.report.tables import (
    dropped_terms,
    measured,
    percent,
    prediction,
    setting_groups,
    term_rows,
    verdict,
)
from pdenet.report.typeset import equations, latex_lines, tokens

SYNTHETIC = runpy.run_path(str(Path(__file__).with_name("synthetic.py")))
burgers, long_equations = SYNTHETIC["burgers"], SYNTHETIC["long_equations"]
one_dimension, without_truth = SYNTHETIC["one_dimension"], SYNTHETIC["without_truth"]


def test_the_verdict_counts_terms():
    assert verdict(burgers()).startswith("All 8 true terms, no extra; largest coefficient error 0.")
    assert verdict(one_dimension()) == (
        "1 of 2 true terms, missing u_xx in u_t, 1 extra (u²·u_x in u_t); "
        "largest error of a term found 0.13\u202f%."
    )
    assert verdict(without_truth()) == "8 terms in 2 equations; the truth is not known."


def test_the_prediction_names_horizon_and_end():
    sentence = prediction(burgers())
    assert "at the training horizon (t = 0.15)" in sentence
    assert "at t = 4" in sentence
    assert "median of 8 trajectories" in sentence


@pytest.mark.parametrize(("trajectories", "held_out"), [(1, False), (2, False), (3, True)])
def test_what_was_fitted_is_not_called_held_out(trajectories, held_out):
    evidence = burgers()
    shape = (trajectories, *evidence.data.shape[1:])
    evidence = replace(evidence, data=replace(evidence.data, shape=shape))
    assert evidence.held_out is held_out
    assert ("from held-out starts" in prediction(evidence)) is held_out
    shown = build(evidence).html()
    assert ("One held-out trajectory" in shown) is held_out
    assert ("1 trajectory ×" in shown) is (trajectories == 1)


def test_rows_follow_the_fields():
    evidence = long_equations()
    names = list(dict.fromkeys(row.field for row in term_rows(evidence)))
    assert names == list(evidence.found.fields)


@pytest.mark.parametrize(
    ("value", "stderr", "shown"),
    [
        (-1.00031, 0.00042, ("−1.00031", "0.00042")),
        (-1.0000025, 0.002, ("−1.0000", "0.0020")),
        (0.05, None, ("0.050000", "–")),
        (None, 0.1, ("–", "–")),
        (0.0003, 0.01, ("0.00030", "0.010")),
        (1.2345e-7, 2e-9, ("1.235·10⁻⁷", "2.0·10⁻⁹")),
    ],
)
def test_coefficients_are_shown_as_far_as_their_errors_reach(value, stderr, shown):
    assert measured(value, stderr) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.00213, "0.21"), (1.0, "100"), (0.0, "0"), (12.345, "1234"), (np.inf, "∞"), (None, "–")],
)
def test_percentages(value, shown):
    assert percent(value).removesuffix("\u202f%") == shown


def test_the_closest_calls_come_first():
    def event(scaled):
        return TermDropped("u", "u", 1.0, scaled, "small")

    evidence = one_dimension()
    object.__setattr__(evidence, "dropped", tuple(map(event, (0.1, -3.0, 0.5))))
    assert [dropped.scaled for dropped in dropped_terms(evidence)] == [-3.0, 0.5, 0.1]


def test_settings_are_flattened_by_group():
    groups = setting_groups({"a": 1, "m": {"k": {"deep": [1, 2]}, "e": {}, "on": True}})
    assert [(group.name, group.values) for group in groups] == [
        ("general", (("a", "1"),)),
        ("m", (("k.deep", "1, 2"), ("e", "–"), ("on", "true"))),
    ]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("u**2*u_xx", "name:u sup:2 plain:\u2009 name:u sub:xx"),
        ("u_x²·v", "name:u sub:x sup:2 plain:\u2009 name:v"),
        ("c2²", "name:c2 sup:2"),
        ("θ·sin(x)", "name:θ plain:\u2009 plain:sin plain:( name:x plain:)"),
        ("1", "plain:1"),
    ],
)
def test_mathematics_is_cut_into_tokens(text, cut):
    assert " ".join(f"{token.kind}:{token.text}" for token in tokens(text)) == cut


@settings(max_examples=50)
@given(st.text())
def test_tokens_lose_nothing_that_could_be_dangerous(text):
    joined = "".join(token.text for token in tokens(text))
    assert joined.count("<") == text.count("<")


def test_unit_coefficients_of_a_true_equation_are_not_written():
    (equation,) = equations(PDE("u_t = -u*u_x + 0.1*u_xx + 1"))
    assert equation.line() == "u_t = 1 − u·u_x + 0.1 u_xx"
    assert latex_lines(equation) == (r"u_t ={}& 1 - u\,u_x + 0.1\,u_{xx}",)


def test_an_equation_without_terms_is_zero():
    (equation,) = equations(PDE.from_terms({"u": {}}, ("x",)))
    assert equation.line() == "u_t = 0"
    assert latex_lines(equation) == ("u_t ={}& 0",)


@settings(max_examples=50)
@given(st.text())
def test_escaped_latex_is_ascii_or_latin_and_balanced(text):
    escaped = escape.latex(text)
    bare = escaped.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert all(ord(letter) < 0x180 for letter in escaped)


@settings(max_examples=50)
@given(st.text(alphabet="`*_[]()<>#|~&$\\\n\r ab"))
def test_escaped_markdown_is_one_line_without_markup(text):
    escaped = escape.markdown(text)
    assert len(escaped.splitlines()) <= 1
    unescaped = escaped.replace("\\\\", "")
    assert "<" not in unescaped.replace("\\<", "")
    assert "`" not in unescaped.replace("\\`", "")
