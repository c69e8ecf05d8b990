"""`pdenet refine`: what it takes, prints, writes and refuses, and how it goes on."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from pdenet.cli import main
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.render import format_value
from pdenet.results import load_equation
from pdenet.storage import open_data, write_arrays

pytestmark = pytest.mark.slow

BURGERS = [
    *("burgers-1d", "--grid", "64", "--trajectories", "6", "--frames", "21", "--dt", "0.02"),
    *("--noise", "0.01"),
]
FAR = "u_t = -0.7*u*u_x + 0.2*u_xx + 0.1*u"


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """1-D Burgers with 1 % noise, not to be written to."""
    path = tmp_path_factory.mktemp("data") / "noisy.h5"
    assert main(["simulate", *BURGERS, "-o", str(path)]) == 0
    return path


def test_the_printed_the_stored_and_the_json_are_one(noisy, tmp_path, capsys):
    output = tmp_path / "refined.json"
    arguments = ["refine", str(noisy), "--pde", "u_t = -0.9*u*u_x + c*u_xx", "--param", "c=0.08"]
    assert main([*arguments, "-o", str(output), "--json"]) == 0
    streams = capsys.readouterr()
    document, kept = json.loads(streams.out), load_equation(output)
    assert "refinement: chi² " in streams.err and f"equation: {output}" in streams.err
    assert [path.name for path in tmp_path.iterdir()] == ["refined.json"]
    assert PDE(*document["equations"]) == kept.pde
    for term in document["terms"]:
        monomial = next(m for m in kept.pde.terms()["u"] if str(m) == term["term"])
        assert term["coefficient"] == kept.pde.numeric_terms()["u"][monomial]
        assert term["stderr"] == kept.stderr["u"][monomial]
        assert document["refinement"]["bound"]["u"][term["term"]] > 0
    assert document["scores"]["recall"] == 1 and document["scores"]["einf"] < 0.01
    assert set(document["seconds"]) == {"refine"}
    assert kept.refinement.decisions
    # Fitting it again with the same terms finds the same, and prints it in table and equation.
    again = tmp_path / "again.json"
    assert main(["refine", str(output), str(noisy), "--keep-terms", "-q", "-o", str(again)]) == 0
    out, other = capsys.readouterr().out, load_equation(again)
    for monomial, value in other.pde.numeric_terms()["u"].items():
        error = kept.stderr["u"][monomial]
        assert abs(value - kept.pde.numeric_terms()["u"][monomial]) < 0.2 * error
        shown = format_value(abs(value), other.stderr["u"][monomial], "unicode")
        assert out.count(shown) == 2, (shown, out)


def test_terms_from_the_data_alone_and_a_report_without_a_run(noisy, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["refine", str(noisy), "--report", str(page), "-v", "--seed", "3"]) == 0
    streams = capsys.readouterr()
    assert "recall 1" in streams.out and "χ² = " in streams.out and "odds" not in streams.out
    assert "u*u_x in u_t stays: " in streams.err and "is left out: it lowers χ²" in streams.err
    text = page.read_text(encoding="utf-8")
    for heading in (
        "Refinement",
        "Decisions",
        "Fields, observed and predicted",
        "Prediction error",
    ):
        assert f">{heading}</h" in text
    assert "Filters" not in text and "Training" not in text
    assert "<dt>choose</dt><dd>true</dd>" in text and "<dt>seed</dt><dd>3</dd>" in text
    # What a prediction of noisy data is off by is their noise.
    off, noise = re.search(r"is off by ([\d.]+)\W*% at .* data alone makes ([\d.]+)", text).groups()
    assert float(off) == pytest.approx(float(noise), rel=0.3)


def test_data_without_noise_are_reported_without_a_word_of_it(tmp_path):
    data, page = tmp_path / "clean.h5", tmp_path / "page.html"
    assert main(["simulate", *BURGERS[:-1], "0", "-o", str(data)]) == 0
    arguments = ["refine", str(data), "--pde", "u_t = -u*u_x + 0.1*u_xx", "--keep-terms"]
    assert main([*arguments, "--report", str(page), "-q"]) == 0
    assert "of the data alone" not in page.read_text(encoding="utf-8")


def test_data_with_gaps_are_refined_and_reported(noisy, tmp_path, capsys):
    gaps, page = tmp_path / "gaps.h5", tmp_path / "page.html"
    with open_data(noisy) as opened:
        states = opened.read()
        states[np.random.default_rng(0).random(states.shape) < 0.3] = np.nan
        write_arrays(gaps, states, opened.problem, opened.dt, missing=True)
    begun = ["--pde", "u_t = -0.9*u*u_x + 0.12*u_xx", "--keep-terms"]
    arguments = ["refine", str(gaps), *begun, "--report", str(page), "--json"]
    assert main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["scores"]["einf"] < 0.02 and document["refinement"]["decisions"] == []
    text = page.read_text(encoding="utf-8")
    assert "<h2>Refinement</h2>" in text and "Fields, observed" not in text and "<img" not in text


def test_a_run_stands_for_its_equation(trained, data, tmp_path, capsys):
    assert main(["extract", str(trained), "--no-refine", "-q"]) == 0
    kept = load_equation(trained / "equation.json")
    output = tmp_path / "refined.json"
    assert main(["refine", str(trained), str(data), "--keep-terms", "-o", str(output)]) == 0
    refined = load_equation(output)
    assert refined.pde.terms().keys() == kept.pde.terms().keys() and refined.pde != kept.pde
    assert [each.name for each in refined.filters] == [each.name for each in kept.filters]
    assert load_equation(trained / "equation.json").pde == kept.pde


def test_a_wrong_noise_level_is_told_what_the_data_show(noisy, capsys):
    assert main(["refine", str(noisy), "--noise", "0.003", "--pde", FAR, "--json"]) == 0
    streams = capsys.readouterr()
    (line,) = (line for line in streams.err.splitlines() if line.startswith("note: the noise"))
    assert "not 0.003" in line
    shown = float(line.split("the noise level ")[2].split(",")[0])
    assert shown == pytest.approx(0.01, rel=0.05)
    document = json.loads(streams.out)["refinement"]
    assert document["noise_given"] and document["chi2"] == pytest.approx(11.1, rel=0.1)


def test_what_does_not_converge_is_printed_and_marked(noisy, tmp_path, capsys, monkeypatch):
    """One iteration is not enough to know that a second would change nothing."""
    monkeypatch.setattr("pdenet.likelihood.fit.gauss_newton.CONVERGED", 0.0)
    page = tmp_path / "page.html"
    arguments = ["refine", str(noisy), "--pde", "u_t = -u*u_x + 0.1*u_xx", "--keep-terms"]
    assert main([*arguments, "--report", str(page)]) == 0
    streams = capsys.readouterr()
    assert "note: not converged: after" in streams.err
    assert "in the residuals, not converged" in streams.out
    assert "Not converged: after" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.json", "b.json", "DATA"], "3 files were given"),
        (["none.json", "DATA"], "none.json"),
        (["DATA", "--pde", FAR, "--noise", "0"], "noise 0.0 is no noise level"),
        (["DATA", "--pde", FAR, "--noise", "nan"], "noise nan is no noise level"),
        (["DATA", "--pde", FAR, "--memory", "-1"], "memory is -1"),
        (["DATA", "--pde", FAR, "--memory", "1e-9", "-q"], "allow more with --memory 1"),
        (["DATA", "--pde", FAR, "--order", "7"], "--order"),
        (["DATA", "--pde", "u_t = sin(k*x)*u_xx"], "an unknown cannot stand inside sin()"),
        (["DATA", "--pde", "u_t = c*u_x + c*u_xx"], "c stands in two terms"),
        (["DATA", "--pde", "w_t = w_xx"], "the data hold u in (x)"),
        (["DATA", "--pde", "u_t = u_yy"], "u_yy"),
        (["DATA", "--keep-terms"], "--keep-terms keeps the terms of an equation"),
        (["DATA", "--param", "c=1"], "--param gives a value"),
        (["none.json", "DATA", "--pde", FAR], "give one of the two"),
        (["DATA", "--resume"], "add -o FILE"),
        (["DATA", "-o", "DATA", "--overwrite"], "holds the data"),
        (["DATA", "-o", "none/refined.json"], "no folder 'none'"),
        (["DATA", "-o", "."], "is a folder"),
        (["DATA", "-o", "refined.json", "--report", "page"], "end its name in .htm, .html"),
        (["DATA", "-o", "refined.json", "--report", "none/page.html"], "no folder 'none'"),
        (["DATA", "--device", "abacus"], "abacus"),
        (["none.h5"], "none.h5"),
        (["equation.json"], "is an equation: give the data"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_refused(arguments, said, noisy, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = noisy.read_bytes()
    assert said in refused(["refine", *(noisy if word == "DATA" else word for word in arguments)])
    assert noisy.read_bytes() == before and list(tmp_path.iterdir()) == []


def test_fewer_data_than_unknowns_say_what_is_missing(tmp_path, refused):
    states = np.random.default_rng(0).normal(size=(5, 4, 1, 16))
    states[:, 1:] = np.nan
    write_arrays(tmp_path / "few.h5", states, Grid((16,), (1.0,)), 0.1, missing=True)
    said = refused(["refine", tmp_path / "few.h5", "--pde", "u_t = u_xx"])
    assert "unknowns" in said and "frames" in said


def test_walls_are_no_obstacle(tmp_path, capsys):
    path = tmp_path / "walls.h5"
    arguments = ["--pde", "u_t = 0.1*u_xx", "--boundary", "dirichlet=0", "--grid", "33"]
    arguments += ["--noise", "0.05", "--frames", "21", "--trajectories", "4"]
    assert main(["simulate", *arguments, "-o", str(path)]) == 0
    begun = ["refine", str(path), "--pde", "u_t = 0.12*u_xx", "--keep-terms", "--json"]
    capsys.readouterr()
    assert main(begun) == 0
    found = json.loads(capsys.readouterr().out)
    (term,) = found["terms"]
    assert abs(term["coefficient"] - 0.1) < 4 * term["stderr"] < 0.02


def test_what_exists_is_kept_unless_it_may_go(noisy, tmp_path, refused, capsys):
    output, page = tmp_path / "refined.json", tmp_path / "page.html"
    output.write_text("mine")
    page.write_text("mine")
    begun = ["refine", noisy, "--pde", "u_t = -u*u_x + 0.1*u_xx", "--keep-terms"]
    assert "--overwrite" in refused([*begun, "-o", output])
    assert "--overwrite" in refused([*begun, "--report", page])
    assert output.read_text() == page.read_text() == "mine"
    words = [str(word) for word in (*begun, "-o", output, "--report", page, "--overwrite", "-q")]
    assert main(words) == 0
    assert load_equation(output).refinement and "</html>" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_refinement_goes_on(
    noisy, tmp_path, number, code, refused, capsys, until, waits
):
    output, state = tmp_path / "refined.json", tmp_path / "refined.json.state"
    arguments = ["refine", str(noisy), "--pde", FAR, "--keep-terms", "-o", str(output)]
    waits("Refining", 3)
    process = subprocess.Popen(
        [sys.executable, "-m", "pdenet.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(state.exists)
    os.kill(process.pid, number)
    out, told = process.communicate(timeout=600)
    assert (process.returncode, out) == (code, ""), told
    said = "pdenet: interrupted; go on with the same command and --resume"
    assert told.splitlines()[-1] == said
    assert sorted(path.name for path in tmp_path.iterdir()) == [state.name]
    # It is not lost by accident, and goes on with nothing else.
    assert "--resume" in refused(arguments)
    said = refused([*arguments, "--resume", "--noise", "0.5"])
    assert "begun with noise None, not 0.5" in said
    other = [*arguments[:3], "u_t = -u*u_x", *arguments[4:]]
    assert "was begun with 'u_t = " in refused([*other, "--resume"])
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refused([*arguments, "--resume"])
    state.write_bytes(whole)
    assert main([*arguments, "--resume"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [output.name]
    assert "--overwrite" in refused([*arguments, "--resume"])
    # As if nobody had interrupted it.
    again = load_equation(output)
    assert main([*arguments, "--overwrite"]) == 0
    through = load_equation(output)
    for monomial, value in through.pde.numeric_terms()["u"].items():
        error = 0.1 * through.stderr["u"][monomial]
        assert again.pde.numeric_terms()["u"][monomial] == pytest.approx(value, abs=error)


def test_an_interrupt_before_anything_was_fitted(noisy, tmp_path, capsys, monkeypatch):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("pdenet.cli.refine.refine", interrupted)
    assert main(["refine", str(noisy), "-o", str(tmp_path / "r.json")]) == 130
    assert capsys.readouterr().err == (
        "pdenet: interrupted; nothing was fitted yet and nothing was written\n"
    )
    assert main(["refine", str(noisy)]) == 130
    assert "nothing is kept without -o FILE" in capsys.readouterr().err


@pytest.fixture(scope="module")
def carried(tmp_path_factory):
    """Waves that a measured speed carries: u_t = -(1 + v) u_x, v the same everywhere."""
    rng, times = np.random.default_rng(0), 0.1 * np.arange(13)
    x = np.arange(24) / 24 * 2 * np.pi
    found = []
    for _ in range(3):
        a, p = rng.uniform(0.5, 1), rng.uniform(0, 6, 3)
        speed = a * np.sin(times + p[0])
        path = times - a * (np.cos(times + p[0]) - np.cos(p[0]))
        at = x - path[:, None]
        wave = np.sin(at + p[1]) + 0.5 * np.cos(2 * at + p[2])
        found.append(np.stack([wave, np.repeat(speed[:, None], 24, 1)], 1))
    states = np.array(found) + 0.01 * rng.standard_normal((3, 13, 2, 24))
    path = tmp_path_factory.mktemp("data") / "carried.h5"
    return write_arrays(path, states, Grid((24,), (2 * np.pi,)), 0.1, fields=["u", "v"])


def test_a_given_field_acts_and_gets_no_equation(carried, tmp_path, capsys):
    output, page = tmp_path / "found.json", tmp_path / "page.html"
    text = ["--pde", "u_t = -0.9*u_x - 1.1*v*u_x", "--keep-terms", "--given", "v"]
    files = ["-o", str(output), "--report", str(page)]
    assert main(["refine", str(carried), *text, *files, "-q"]) == 0
    out = capsys.readouterr().out
    assert "v given: acts and has no equation here" in out and "v_t" not in out
    assert "v given: acts and has no equation here" in page.read_text(encoding="utf-8")
    found = load_equation(output)
    assert found.pde.given == ("v",) and found.pde.fields == ("u",)
    for value, error in zip(
        found.pde.numeric_terms()["u"].values(), found.stderr["u"].values(), strict=True
    ):
        assert abs(value + 1) < 4 * error
    # A refinement of it knows what was given.
    assert main(["refine", str(output), str(carried), "--keep-terms", "--json", "-q"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["given"] == ["v"] and len(document["equations"]) == 1


def test_unknown_numbers_and_functions(tmp_path, capsys):
    """A coefficient that varies and a forcing, neither of which any formula describes: their names
    are printed, their values stored and drawn."""
    data, output, page = (tmp_path / name for name in ("data.h5", "found.json", "page.html"))
    text = "u_t = exp(sin(x))*u_x + 0.1*u_xx + exp(cos(x))"
    size = ["--grid", "32", "--trajectories", "4", "--frames", "15", "--dt", "0.05"]
    assert main(["simulate", "--pde", text, *size, "--noise", "0.01", "-o", str(data), "-q"]) == 0
    open_text = ["--pde", "u_t = a(x)*u_x + b*u_xx + g(x)", "--keep-terms"]
    files = ["-o", str(output), "--report", str(page)]
    assert main(["refine", str(data), *open_text, *files, "-q"]) == 0
    out = capsys.readouterr().out
    assert "a(x) u_x" in out and "coefficient a(x) of u_x: varies" in out
    assert "forcing g(x): varies" in out and "identified" in out
    found = load_equation(output)
    assert found.lines() == (f"{found.pde.text()} + g(x) + a(x)*u_x",)
    for each, truth in zip(found.maps, (np.cos, np.sin), strict=True):
        (x,) = each.points
        error = each.values - np.exp(truth(x))
        assert np.sqrt(np.mean(error**2) / np.mean(each.errors**2)) < 3
    drawn = page.read_text(encoding="utf-8")
    assert "Forcing in u_t along x" in drawn and "Coefficient of u_x in u_t along x" in drawn
    assert main(["refine", str(output), str(data)]) == 2
    assert "give the equation as text" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--given", "w"], "no field 'w' to be given: the data hold u, v"),
        (["--given", "u", "--given", "v"], "all fields (u, v) are given"),
        (["--given", "v", "--pde", "u_t = v*u_x; v_t = v"], "leave out 'v_t = ...'"),
    ],
)
def test_what_cannot_be_given_is_refused(carried, arguments, reason, capsys):
    assert main(["refine", str(carried), *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_a_network_has_no_given_fields(carried, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["discover", str(carried), "--given", "v", "-o", str(run)]) == 2
    assert f"'pdenet refine {carried} --given v'" in capsys.readouterr().err
    assert not run.exists()
