"""A found equation in every form that the command line prints."""

import json

import pytest

from pdenet.cli.results import FORMATS, Result
from pdenet.pde import PDE

TRUTH = PDE("u_t = -u*u_x + nu*u_xx", nu=0.1)
FOUND = PDE("u_t = -1.001*u*u_x + 0.099*u_xx + 0.003*u")
SECONDS = {"train": 1.5, "extract": 0.25}


def result(found=FOUND, truth=TRUTH):
    u_xx = next(term for term in FOUND.numeric_terms()["u"] if str(term) == "u_xx")
    return Result(found, {"u": {u_xx: 0.0004}}, truth, SECONDS)


def test_json_is_the_documented_object():
    document = result().to_json()
    assert list(document) == ["equations", "terms", "scores", "seconds", "maps", "sources"]
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
