"""A found equation in every form that the command line prints."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pdenet.cli.options import FORMATS
from pdenet.cli.reporting import result_of, write_report
from pdenet.cli.results import Result
from pdenet.errors import DataError
from pdenet.pde import PDE
from pdenet.pde.render import format_value
from pdenet.results import DiscoveredEquation, FittedCurve, FittedMap
from pdenet.results.refinement import Alternative, Refinement

TRUTH = PDE("u_t = -u*u_x + nu*u_xx", nu=0.1)
FOUND = PDE("u_t = -1.001*u*u_x + 0.099*u_xx + 0.003*u")
SECONDS = {"train": 1.5, "extract": 0.25}


def result(found=FOUND, truth=TRUTH):
    u_xx = next(term for term in FOUND.numeric_terms()["u"] if str(term) == "u_xx")
    return Result(found, {"u": {u_xx: 0.0004}}, truth, SECONDS)


def test_json_is_the_documented_object():
    document = result().to_json()
    assert list(document) == [
        *("equations", "given", "terms", "scores", "seconds", "maps", "sources", "refinement"),
        "caution",
    ]
    assert document["refinement"] is None
    assert document["equations"] == list(FOUND.equations())
    assert PDE(*document["equations"]) == FOUND
    by_term = {term["term"]: term for term in document["terms"]}
    assert by_term["u_xx"]["coefficient"] == 0.099
    assert by_term["u_xx"]["stderr"] == 0.0004
    assert by_term["u_xx"]["truth"] == 0.1
    assert by_term["u_xx"]["relative_error"] == pytest.approx(0.01)
    assert by_term["u"]["truth"] is None
    assert set(by_term["u"]) == {
        *("field", "term", "coefficient", "stderr", "truth", "relative_error"),
    }
    scores = document["scores"]
    assert list(scores) == ["tpr", "recall", "precision", "e2", "einf", "extra", "missing"]
    assert scores["tpr"] == pytest.approx(2 / 3)
    assert scores["extra"] == [{"field": "u", "term": "u"}] and scores["missing"] == []
    assert document["seconds"] == SECONDS


def test_json_of_a_missing_term():
    document = result(PDE("u_t = -u*u_x")).to_json()
    assert document["scores"]["missing"] == [{"field": "u", "term": "u_xx"}]
    assert document["terms"][-1]["coefficient"] is None
    assert document["terms"][-1]["relative_error"] == 1


def test_json_without_a_truth():
    document = result(truth=None).to_json()
    assert [term["coefficient"] for term in document["terms"]] == [0.003, -1.001, 0.099]
    assert {term["truth"] for term in document["terms"]} == {None}
    assert set(document["scores"].values()) == {None}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("truth", [TRUTH, None])
def test_every_form_goes_alone_to_stdout(form, truth, capsys):
    result(truth=truth).print(form)
    streams = capsys.readouterr()
    assert streams.err == ""
    assert "u_xx" in streams.out or "u_{xx}" in streams.out
    if form == "json":
        assert json.loads(streams.out) == json.loads(json.dumps(result(truth=truth).to_json()))
    if form == "text":
        assert PDE(*streams.out.splitlines()) == FOUND


def test_summary_sets_found_beside_true(capsys):
    result().print_summary()
    lines = capsys.readouterr().out.splitlines()
    diffusion = next(line.split() for line in lines if "0.0990(4)" in line)
    assert diffusion == ["u_t", "u_xx", "0.0990(4)", "0.1", "1", "%"]
    extra = next(line.split() for line in lines if "extra" in line)
    assert extra[-2:] == ["absent", "extra"]
    assert any("TPR 0.667" in line for line in lines)
    assert lines[-1] == "train 1.5 s, extract 0.2 s"


def test_long_equations_are_not_wrapped_in_a_pipe(capsys):
    long = PDE("u_t = " + " + ".join(f"0.123456789*u^{n}*u_x" for n in range(1, 17)))
    result(long, None).print("text")
    assert PDE(*capsys.readouterr().out.splitlines()) == long


def test_markdown_table_has_as_many_cells_in_every_row():
    lines = [line for line in result().to_markdown().splitlines() if line.startswith("|")]
    assert len(lines) == 5
    assert {line.count("|") for line in lines} == {6}


def read_out():
    """What might be read from a network with a map and a source, on the data of the fixture."""
    x = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    u = np.linspace(-1.0, 1.5, 20)
    return DiscoveredEquation(
        PDE("u_t = 0.1*u_xx - (0.5 + 0.01*sin(x))*u_x + 0.02*u"),
        {},
        maps=(
            FittedMap("u", "u_x", "varying", -0.5 - 0.01 * np.sin(x), "-0.5 - 0.01*sin(x)"),
            FittedMap("u", "u_xx", "constant", np.full(64, 0.1)),
        ),
        curves=(FittedCurve("u", u, 0.02 * u, np.full(20, 0.05), "0.02*u"),),
    )


def test_maps_and_sources_stand_beside_the_truth_of_the_data(data, capsys):
    found = result_of(read_out(), data, SECONDS)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    varying, constant = document["maps"]
    assert set(varying) == {
        *("field", "term", "kind", "l2_error", "rms", "rms_error"),
        *("formula", "reason", "values", "errors"),
    }
    assert varying["l2_error"] == pytest.approx(0.01 / np.sqrt(2) / 0.5)
    assert varying["rms_error"] == pytest.approx(0.01 / np.sqrt(2))
    assert (constant["kind"], constant["l2_error"]) == ("constant", pytest.approx(0.0, abs=1e-12))
    (source,) = document["sources"]
    assert source == {
        **{"field": "u", "low": -1.0, "high": 1.5},
        **{"l2_error": None, "formula": "0.02*u"},
        **dict.fromkeys(("reason", "points", "values", "errors")),
    }
    found.print_summary()
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("coefficient of ")]
    assert line.startswith("coefficient of u_x: varies, −0.5 − 0.01·sin(x), L2 error 1.4")
    assert any(
        line.startswith("source f(u): 0.02·u")
        and line.endswith("beyond u in [−1, 1.5] the formula is an extrapolation")
        for line in lines
    )


def test_a_curve_without_a_formula_is_the_answer_in_every_form(data, capsys):
    whole = read_out()
    curve = replace(
        whole.curves[0], formula=None, errors=np.full(20, 0.003), reason="its terms cancel"
    )
    alone = replace(whole, pde=PDE("u_t = 0.1*u_xx"), maps=(), curves=(curve,))
    for found in (result_of(alone, data, SECONDS), result_of(alone, None, SECONDS)):
        for form in ("text", "unicode", "latex", "markdown"):
            found.print(form)
            assert "f(u)" in capsys.readouterr().out
        assert found.to_json()["equations"] == ["u_t = 0.1*u_xx + f(u)"]
    document = result_of(alone, data, SECONDS).to_json()["sources"][0]
    assert document["formula"] is None and document["values"] == curve.values.tolist()
    assert document["errors"] == [0.003] * 20 and document["points"] == curve.points.tolist()
    result_of(alone, data, SECONDS).print_summary()
    shown = capsys.readouterr().out
    assert "u_t = 0.1·u_xx + f(u)" in shown
    assert "standard error 0.003 (r.m.s.), no formula (its terms cancel)" in shown


def test_a_read_out_of_other_data_is_refused(data):
    other = read_out()
    (first, *_) = other.maps
    other = DiscoveredEquation(
        other.pde, {}, maps=(FittedMap("u", "u_x", "varying", first.values[::2]),)
    )
    with pytest.raises(DataError, match=r"shape \(32,\), but the grid has \(64,\)"):
        result_of(other, data, SECONDS)


def test_a_read_out_whose_data_are_gone_has_no_truth():
    found = result_of(read_out(), None, SECONDS)
    assert found.truth is None and found.to_json()["maps"] == []


def test_the_report_of_a_run_shows_its_maps_and_sources(trained, data, tmp_path):
    found = read_out()
    path = write_report(trained, found, tmp_path / "report.html", data=data, seconds=SECONDS)
    text = path.read_text(encoding="utf-8")
    assert "<h2>Coefficients</h2>" in text and "<h2>Source</h2>" in text
    assert "Beyond u in [−1, 1.5] the formula is an extrapolation" in text


def refined(**changes):
    """What might be refined, in doubt in every way."""
    stderr = {"u": dict.fromkeys(FOUND.terms()["u"], 0.0004)}
    entries = {
        "converged": False, "iterations": 36, "chi2": 4.0, "chi2_error": 0.01,
        "sigma": {"u": 0.02}, "noise_given": True, "values": 1000, "unknowns": 64.0,
        "shape": (64,), "substeps": 1, "bound": stderr, "verdict": "not identifiable",
        "reason": "another equation has odds of 0.31 : 1 (u_t: u**2*u_x instead of u)",
        "alternatives": (
            Alternative(("u_t ~ u_xx",), 0.01, 0.0, 1, "u_t: without u"),
            Alternative(("u_t ~ u**2*u_x + u_xx",), 0.31, 0.0, 2, "u_t: u**2*u_x instead of u"),
        ),
    }  # fmt: skip
    return Result(FOUND, stderr, None, refinement=Refinement(**{**entries, **changes}), noise=0.01)


def test_doubts_of_a_refinement_are_told_beside_the_result(capsys):
    refined().tell()
    streams = capsys.readouterr()
    assert streams.out == ""
    first, second = streams.err.splitlines()
    assert first.startswith("note: not converged: after 36 iterations")
    assert second.startswith("note: the noise level given contradicts the data")
    assert "the noise level 0.02, not 0.01" in second
    refined(converged=True, chi2=1.0).tell()
    result().tell()
    assert capsys.readouterr().err == ""


def test_a_refinement_is_summed_up_after_the_table(capsys):
    refined().print_summary()
    lines = capsys.readouterr().out.splitlines()
    place = lines.index(
        "χ² = 4.000(10) per degree of freedom, σ of u 0.02 in the residuals, not converged"
    )
    assert lines[place + 1].startswith("not identifiable: another equation has odds of 0.31 : 1")
    assert lines[place + 2 : place + 4] == [
        "  odds 1 : 3.23: u_t: u²·u_x instead of u",
        "  odds 1 : 100: u_t: without u",
    ]
    refined(verdict="identified", reason="").print_summary()
    lines = capsys.readouterr().out.splitlines()
    assert "identified" in lines and not [line for line in lines if "odds" in line]


def test_the_printed_equation_has_the_digits_that_its_errors_leave(capsys):
    shown = refined()
    shown.print_summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "u_t = 0.0030(4) u − 1.0010(4) u·u_x + 0.0990(4) u_xx"
    for row in shown.rows():
        cell = format_value(row.found, 0.0004, "unicode")
        assert cell.lstrip("−") in lines[0]
        assert any(line.split()[-1] == cell for line in lines[2:6]), cell


def test_json_of_a_refinement():
    document = json.loads(json.dumps(refined().to_json(), allow_nan=False))["refinement"]
    assert document["converged"] is False and document["verdict"] == "not identifiable"
    assert document["bound"]["u"] == {"u": 0.0004, "u*u_x": 0.0004, "u_xx": 0.0004}
    assert [other["odds"] for other in document["alternatives"]] == [0.01, 0.31]
