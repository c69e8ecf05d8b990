"""What is needed for "identified", each by itself, and what measurement would decide otherwise."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from pdenet.library.product import Product
from pdenet.library.terms import Library
from pdenet.likelihood import RefineConfig, summary
from pdenet.likelihood.refine import refine
from pdenet.likelihood.selection.relations import Relation
from pdenet.likelihood.verdict import verdict as verdict_module
from pdenet.likelihood.verdict.contradiction import Contradiction
from pdenet.likelihood.verdict.decide import (
    finer_data,
    more_values,
    other_fields,
    summed,
    surer,
    to_exclude,
)
from pdenet.likelihood.verdict.directions import directions
from pdenet.likelihood.verdict.misfit import Final
from pdenet.likelihood.verdict.verdict import (
    Doubts,
    direction_text,
    family_text,
    verdict_of,
    what_would_decide,
)
from pdenet.pde import PDE
from pdenet.results.refinement import Alternative

ADVECTION = PDE("u_t = -u_x + 0.02*u_xx")


@pytest.fixture
def fitted(small, monkeypatch) -> tuple[Final, Doubts]:
    """A fit that is identified, and what its verdict is made of."""
    seen = []
    real = summary.verdict_of
    monkeypatch.setattr(
        summary, "verdict_of", lambda *given: seen.append(given) or real(*given), raising=True
    )
    found = small("u_t = -u_x + 0.02*u_xx", shape=(24,), n=3)
    config = RefineConfig(workers=1, choose=False)
    refine(ADVECTION, found.data(10, 0.02), replace(found.problem, pde=None), 0.05, config)
    ((final, doubts),) = seen
    assert verdict_of(final, doubts) == ("identified", "")
    assert what_would_decide("identified", final, doubts) == ""
    return final, doubts


def products(*equations: str) -> list[Product]:
    library, _ = Library.of(PDE(*equations))
    return [term.product for term in library.terms]


def test_a_fit_that_did_not_converge_is_not_identified(fitted):
    final, doubts = fitted
    moving = replace(final, estimate=replace(final.estimate, step=math.inf))
    verdict, reason = verdict_of(moving, doubts)
    assert verdict == "not converged" and "still moved" in reason


def test_residuals_above_the_noise_are_not_identified(fitted, monkeypatch):
    final, doubts = fitted
    setup = replace(final.setup, shown=final.setup.shown / 1.2, given=True)
    monkeypatch.setattr(verdict_module, "_spikes", lambda *given: "")  # its workers have gone home
    verdict, reason = verdict_of(replace(final, setup=setup), doubts)
    assert verdict == "not explained" and "the equation does not explain the data" in reason


def test_a_wall_that_contradicts_is_not_identified(fitted):
    final, doubts = fitted
    wall = Contradiction("x", "upper", "u", "neumann=0", 5.0, 9.0, 3, 0.02, "x:dirichlet=1,open")
    verdict, reason = verdict_of(final, replace(doubts, walls=(wall,)))
    assert verdict == "not explained"
    assert "neumann=0 is said of u at the upper end of x, and is 5 standard deviations" in reason
    assert "9 in frame 3" in reason and "x:dirichlet=1,open" in reason
    assert what_would_decide(verdict, final, replace(doubts, walls=(wall,))) == ""


def test_a_relation_is_not_identified(fitted):
    final, doubts = fitted
    wave = Relation("u", tuple(products("u_t = u_xx + u")[::-1]), (1.0, 4.0))
    verdict, reason = verdict_of(final, replace(doubts, related=(wave,)))
    assert verdict == "not identifiable" and "for any a" in reason
    assert family_text(wave, doubts.library, doubts.coefficients.tolist()) in reason
    told = what_would_decide(verdict, final, replace(doubts, related=(wave,)))
    assert told.endswith(
        "is not near zero would decide: waves of other lengths, or of several at once"
    )


def test_a_coefficient_that_may_be_zero_is_not_identified(fitted):
    final, doubts = fitted
    unsure = replace(doubts, stderr=doubts.coefficients.abs() * torch.tensor([0.01, 0.6]))
    (weak,) = unsure.weak
    verdict, reason = verdict_of(final, unsure)
    assert verdict == "not identifiable" and "within 2 errors of zero" in reason
    assert str(weak[1]) in reason
    told = what_would_decide(verdict, final, unsure)
    assert "About 3.2 times as many values of this kind, or noise 1.8 times lower" in told


def test_another_equation_within_the_odds_is_not_identified(fitted):
    final, doubts = fitted
    other = Alternative(("u_t ~ u",), 0.4, -20.0, 2, "u_t: u instead of u_xx")
    known = replace(doubts, alternatives=(other,))
    verdict, reason = verdict_of(final, known)
    assert verdict == "not identifiable" and "odds of 0.4 : 1 (u_t: u instead of u_xx)" in reason
    told = what_would_decide(verdict, final, known)
    times = math.log(0.05) / math.log(0.4)
    assert f"About {times:.2g} times as many values" in told
    better = replace(doubts, alternatives=(replace(other, odds=1.0),))
    assert what_would_decide(verdict, final, better) == "", "more of the same may not help"


@pytest.mark.parametrize(("terms", "odds"), [(1, 0.3), (3, 0.9), (3, 0.4), (2, 0.1)])
def test_with_so_many_values_the_odds_are_those_that_exclude(terms, odds):
    """The criterion of `choose` at N times the values: its price has grown by log N."""
    price, own = 12.0, 2
    times = to_exclude(Alternative((), odds, 0.0, terms, ""), own, price)
    gain = 2 * math.log(odds) + (terms - own) * price
    there = times * gain - (terms - own) * (price + math.log(times))
    there = -there if terms > own else there
    assert there / 2 == pytest.approx(math.log(0.05), rel=1e-6)


def test_the_number_of_values_that_is_said_gives_three_errors(small):
    """Where noise is less by the square root of it a weak coefficient is three errors from zero."""
    found = small("u_t = -u_x + 0.001*u_xx", shape=(24,), n=3)
    problem = replace(found.problem, pde=None)
    config = RefineConfig(workers=1, choose=False)

    def error(noise: float) -> tuple[float, float]:
        result = refine(found.pde, found.data(10, noise), problem, 0.05, config)
        ((_, e),) = [(m, e) for m, e in result.stderr["u"].items() if str(m) == "u_xx"]
        return 0.001, e

    c, e = error(0.1)
    times = surer([c], [e])
    assert times > 4
    c, e = error(0.1 / math.sqrt(times))
    assert c / e == pytest.approx(3.0, rel=0.25)
    assert surer([0.0], [1.0]) == math.inf
    assert more_values(math.inf, "to see it").startswith("More than 1000 times")
    assert more_values(0.5, "to see it") == ""


def test_fields_that_would_decide_are_named():
    assert other_fields(products("u_t = u_yy"), [1.0]) == (
        "Initial fields that change along y would decide"
    )
    pair = products("u_t = u*u_x + u_x")
    pair.sort(key=lambda each: -len(each.jets))
    told = other_fields(pair, [1.0, -3.0])
    assert "u*u_x - 3*u_x is not near zero" in told and "more around the mean of u" in told
    soliton = products("u_t = u_xx + u + u**2")
    assert "another amplitude or speed" in other_fields(soliton, [1.0, -4.0, 6.0])
    assert (
        summed([soliton[0].monomial], [-2.5]) in ("-2.5*u", "-2.5*u_xx") and summed([], []) == "0"
    )


def test_what_the_information_hardly_sees_is_a_direction():
    library, values = Library.of(PDE("u_t = -u*u_x - 0.2*u_x + 0.1*u_xx"))
    names = [term.text for term in library.terms]
    plain, product, other = (names.index(name) for name in ("u_x", "u*u_x", "u_xx"))
    jacobian = torch.zeros(3, 40, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    slope, vary = torch.randn(2, 40, generator=generator, dtype=torch.float64)
    jacobian[plain], jacobian[product] = slope, (3 + 0.05 * vary) * slope
    jacobian[other] = vary
    information = jacobian @ jacobian.T
    (found,) = directions(library, information)
    assert {term.text for term in found.terms} == {"u_x", "u*u_x"}
    ratio = dict(zip((t.text for t in found.terms), found.coefficients, strict=True))
    assert ratio["u_x"] / ratio["u*u_x"] == pytest.approx(-3, rel=0.05)
    covariance = torch.linalg.inv(information)
    lead = names.index(found.terms[0].text)
    assert found.error == pytest.approx(float(covariance[lead, lead].sqrt()), rel=0.05)
    text = direction_text(found, library, values.tolist())
    assert "+ a*(" in text and f"for a from {-found.error:.2g} to {found.error:.2g}" in text
    assert directions(library, torch.eye(3, dtype=torch.float64)) == ()
    assert directions(library, torch.full((3, 3), math.nan)) == ()


def test_terms_that_are_alike_on_the_data_are_a_family(small):
    """u varies by a tenth around 3: u u_x is 3 u_x within that."""
    found = small("u_t = -u*u_x + 0.1*u_xx", shape=(32,), n=3)
    modes = 0.1 * found.starts
    modes[..., 0] += 3 * 32
    data = replace(found, starts=modes).data(16, 0.03)
    given = PDE("u_t = -u*u_x + 0.01*u_x + 0.1*u_xx")
    problem = replace(found.problem, pde=None)
    result = refine(given, data, problem, 0.05, RefineConfig(workers=1, choose=False))
    told = result.refinement
    assert told.verdict == "not identifiable" and len(told.families) == 1
    assert "u*u_x" in told.families[0] and "for a from" in told.families[0]
    assert "hardly tell" in told.reason and told.families[0] in told.reason
    assert "vary more around the mean of u" in told.decides
    assert told.decides in told.judgement and told.judgement in str(result)


def test_grids_and_frames_that_lose_the_waves_are_named(fitted):
    final, _ = fitted
    assert finer_data(final) == ""
    data = final.setup.data
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randn(data.shape, generator=generator, dtype=torch.float64)
    setup = replace(final.setup, data=coarse, sigma=0.1 * final.setup.sigma)
    told = finer_data(replace(final, setup=setup))
    assert told.startswith("It may take points at most") and "correlation of only" in told
    assert f"{math.pi / 24:.3g} along x" in told
    still = Doubts(final.library, final.estimate.coefficients, final.estimate.coefficients)
    assert what_would_decide("not explained", replace(final, setup=setup), still) == told
