"""Statistics over repeats, and the equation that most of them found."""

import json
import math
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from pdenet.evaluation.remainder import Weight
from pdenet.evaluation.repeats import (
    Repeat,
    agreed_unknown,
    consensus,
    remainders,
    spreads,
    summary,
)
from pdenet.pde import PDE
from pdenet.pde.compare import compare
from pdenet.results import Unknown

REPEATS = runpy.run_path(str(Path(__file__).with_name("made_repeats.py")))
TRUTH, THREE, repeat = REPEATS["TRUTH"], REPEATS["THREE"], REPEATS["repeat"]


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


def test_what_most_hold_without_a_formula_is_agreed():
    source, other = Unknown("f(u)"), Unknown("c_1(x)", "u_x")
    three = [replace(each, unknown={"u": (source,)}) for each in THREE]
    three[2] = replace(three[2], unknown={"u": (other,)})
    assert agreed_unknown(three) == {"u": (source,)}
    assert agreed_unknown(three[1:]) == {}  # a half is no majority
