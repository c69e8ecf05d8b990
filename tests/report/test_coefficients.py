"""Maps and sources beside the truth: values, errors, words, pictures and the page."""

from __future__ import annotations

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pdenet.discovery import FittedCurve, FittedMap
from pdenet.errors import DataError
from pdenet.grid import Grid
from pdenet.pde import PDE
from pdenet.pde.catalogue import catalogue
from pdenet.pde.compare import compare
from pdenet.report import build, maps, panel, sources, style
from pdenet.report.coefficients import coefficients
from pdenet.report.coefficients import sources as measured_sources
from pdenet.report.figures import draw
from pdenet.report.summaries import (
    coefficient_line,
    coefficient_rows,
    extrapolation,
    source_line,
    source_rows,
)

SYNTHETIC = runpy.run_path(str(Path(__file__).with_name("synthetic.py")))
VARIANTS = SYNTHETIC["VARIANTS"]
GRID = Grid((12, 10), (2 * np.pi, 2 * np.pi))
TRUTH = catalogue["variable-coefficients"].pde


def a_map(values, term="u_x", kind="varying", formula=None, field="u"):
    return FittedMap(field, term, kind, np.broadcast_to(values, GRID.shape).copy(), formula)


def one(fitted, truth=TRUTH, found=None):
    """The formula of the map, where it has one, is the whole equation that was found."""
    if found is None:
        found = PDE(f"u_t = ({fitted.formula or 0})*u_x", coordinates=("x", "y"))
    (measured,) = coefficients((fitted,), found, GRID, truth)
    return measured


def a_source(values=np.sin, formula=None, truth=None, low=-2.0, high=3.0):
    points = np.linspace(low, high, 50)
    curve = FittedCurve("u", points, values(points), np.full(50, 0.02), formula)
    (found,) = measured_sources((curve,), PDE(f"u_t = {formula or 0} + u_xx"), truth)
    return found


def test_the_true_map_is_the_coefficient_on_the_grid():
    x, y = GRID.mesh()
    true = 0.5 * (np.cos(y) + x * (2 * np.pi - x) * np.sin(x)) + 0.6
    found = one(a_map(true + 0.01))
    np.testing.assert_allclose(found.truth, true, atol=1e-12)
    assert found.error.rms == pytest.approx(0.01)
    assert found.error.l2 == pytest.approx(0.01 / np.sqrt(np.mean(true**2)))
    assert found.rms == pytest.approx(np.sqrt(np.mean((true + 0.01) ** 2)))


def test_constant_and_absent_coefficients_have_true_maps_too():
    np.testing.assert_array_equal(one(a_map(0.2, "u_xx")).truth, np.full(GRID.shape, 0.2))
    absent = one(a_map(0.1, "u_xy"))
    np.testing.assert_array_equal(absent.truth, np.zeros(GRID.shape))
    assert absent.error.l2 == np.inf and absent.error.rms == pytest.approx(0.1)
    assert one(a_map(0.0, "u_xy", "zero")).error.l2 == 0.0


def test_parameters_of_the_truth_are_put_in():
    truth = PDE("u_t = (a + sin(k*x))*u_x + u_y", a=2.0, k=3.0)
    expected = 2.0 + np.sin(3.0 * GRID.mesh()[0])
    np.testing.assert_allclose(one(a_map(1.0), truth).truth, expected, atol=1e-12)


def test_a_coefficient_that_depends_on_time_has_no_true_map():
    assert one(a_map(1.0), PDE("u_t = (2 + sin(t))*u_x + u_y")).truth is None
    assert one(a_map(1.0), None).error is None


def test_the_formula_is_evaluated_and_measured():
    x, y = GRID.mesh()
    formula = "0.6 + 0.5*cos(y) + 3.0*x*sin(x) - 0.5*x**2*sin(x)"
    found = one(a_map(0.0, formula=formula))
    expected = 0.6 + 0.5 * np.cos(y) + 3.0 * x * np.sin(x) - 0.5 * x**2 * np.sin(x)
    np.testing.assert_allclose(found.formula, expected, atol=1e-12)
    assert found.formula_error.rms == pytest.approx(
        np.sqrt(np.mean(((np.pi - 3) * x * np.sin(x)) ** 2))
    )
    assert found.formula_text() == "0.6 + 0.5·cos(y) + 3·x·sin(x) − 0.5·x²·sin(x)"
    assert one(a_map(0.0, formula="0")).formula_text() == "0"


def test_the_formula_is_that_of_the_equation_whatever_its_text_rounds_to():
    found = PDE("u_t = (0.123456789 + sin(x))*u_x + u_y")
    measured = one(a_map(0.0, formula="0.12346 + sin(x)"), found=found)
    np.testing.assert_allclose(measured.formula, 0.123456789 + np.sin(GRID.mesh()[0]), rtol=1e-14)
    assert measured.fitted.formula == "0.12346 + sin(x)"
    assert one(a_map(0.0), found=found).formula is None


def test_maps_of_another_grid_and_empty_curves_are_refused():
    with pytest.raises(DataError, match=r"shape \(12, 10\), but the grid has \(50, 50\)"):
        coefficients((a_map(1.0),), TRUTH, Grid.square(50, 2))
    with pytest.raises(DataError, match="at least two finite points"):
        measured_sources((FittedCurve("u", *(np.zeros(1),) * 3),), TRUTH)
    evidence = VARIANTS["variable_coefficients"]()
    with pytest.raises(DataError, match="read the equation from the data"):
        replace(evidence, maps=(a_map(1.0),))


@pytest.mark.parametrize(
    ("equation", "shown"),
    [
        ("u_t = 0.3*u_xx + 15*sin(u)", "15·sin(u)"),
        ("u_t = 2 + u - u^3 + u*u_x + x*u + cos(x) + u_xx", "2 + u − u³"),
        ("u_t = u_xx", "0"),
    ],
)
def test_the_true_source_is_what_depends_on_the_field_alone(equation, shown):
    assert a_source(truth=PDE(equation)).truth_text() == shown


def test_terms_of_two_fields_are_no_source():
    truth = PDE("u_t = u*v + v + 3*u + u_xx", "v_t = v_xx")
    assert a_source(truth=truth).truth_text() == "3·u"


def test_errors_of_a_source_are_over_the_visited_values():
    found = a_source(lambda u: 1.1 * np.sin(u), "1.2*sin(u)", PDE("u_t = u_xx + sin(u)"))
    assert found.error.l2 == pytest.approx(0.1)
    assert found.formula_error.l2 == pytest.approx(0.2)
    assert (found.low, found.high) == (-2.0, 3.0)
    far = found.formula_at(np.array([100.0]))
    assert far == pytest.approx(1.2 * np.sin(100.0))


def test_a_formula_with_a_pole_is_infinite_there_and_raises_no_warning():
    assert np.isinf(a_source(formula="1/u").formula_at(np.array([0.0]))[0])


def test_lines_of_the_terminal():
    evidence = VARIANTS["variable_coefficients"]()
    _, first, second, *_ = evidence.coefficients
    assert coefficient_line(first, system=False) == (
        "coefficient of u_x: varies, 0.602 + 0.499·cos(y) + 3.137·x·sin(x) − 0.4993·x²·sin(x), "
        "L2 error 0.93\u202f% (formula 0.17\u202f%)"
    )
    assert coefficient_line(second, system=True).startswith(
        "coefficient of u_y in u_t: varies, r.m.s. 2.15, from"
    )
    assert "standard error 0.05 (r.m.s.), no formula (its terms cancel)" in coefficient_line(
        second, system=True
    )
    (found,) = VARIANTS["source"]().sources
    assert source_line(found) == (
        "source f(u): 14.93·sin(u), L2 error 1.7\u202f% (formula 0.47\u202f%); "
        "beyond u in [−3.37, 2.96] the formula is an extrapolation"
    )
    assert "the curve is" in extrapolation(VARIANTS["source_without_formula"]().sources[0])


def test_rows_say_what_varies_and_why_there_is_no_formula():
    evidence = VARIANTS["variable_coefficients"]()
    rows = coefficient_rows(evidence.coefficients)
    assert [row.kind for row in rows] == [
        *("vanishes", "varies", "varies", "constant", "vanishes", "constant"),
    ]
    assert (rows[3].found, rows[3].truth, rows[3].error) == ("0.199", "0.2", "0.5\u202f%")
    assert rows[2].note == (
        "No formula can be trusted: its terms cancel. The map is the answer, standard error 0.05 "
        "(r.m.s.)."
    )
    assert rows[1].note == "The formula is off by 0.17\u202f%."
    assert [row.gone for row in rows] == [row.kind == "vanishes" for row in rows]
    wrong = coefficient_rows((one(a_map(0.0, "u_xx", "zero")),))[0]
    assert not wrong.gone and wrong.error == "100\u202f%"
    extra = coefficient_rows((one(a_map(0.1, "u_xy")),))[0]
    assert (extra.truth, extra.error) == ("0", "0.1 (r.m.s.)")


def test_rows_of_sources():
    (row,) = source_rows(VARIANTS["source"]().sources)
    assert (row.name, row.low, row.high, row.error) == ("f(u)", "−3.37", "2.96", "1.7\u202f%")
    assert row.note == (
        "The formula is off by 0.47\u202f%. Beyond u in [−3.37, 2.96] the formula is an "
        "extrapolation."
    )


def made(monkeypatch, draw_it):
    """The axes of every picture that is drawn, in order."""
    axes = []
    new_axes = style.new_axes

    def keep(*arguments):
        axes.append(new_axes(*arguments))
        return axes[-1]

    for module in (maps, panel, sources):
        monkeypatch.setattr(module, "new_axes", keep)
    with style.styled():
        rows = list(draw_it())
    return rows, axes


def test_found_and_true_share_a_colour_scale_and_the_error_is_symmetric(monkeypatch):
    evidence = VARIANTS["variable_coefficients"]()
    rows, axes = made(monkeypatch, lambda: maps.coefficient_rows(evidence))
    assert [row.heading for row in rows] == [
        "Coefficient of u_x in u_t",
        "Coefficient of u_y in u_t",
    ]
    found, true, error = (each.images[0] for each in axes[:3])
    assert found.get_clim() == true.get_clim()
    low, high = error.get_clim()
    assert low == -high
    fitted = evidence.coefficients[1]
    np.testing.assert_allclose(np.asarray(found.get_array()).T, fitted.fitted.values)
    np.testing.assert_allclose(
        np.asarray(error.get_array()).T, fitted.fitted.values - fitted.truth, atol=1e-12
    )
    assert axes[2].get_title(loc="left") == "found − true, L2 error 0.93\u202f%"
    assert (axes[0].get_xlabel(), axes[0].get_ylabel()) == ("x", "y")


def test_in_one_dimension_a_coefficient_is_a_curve(monkeypatch):
    evidence = VARIANTS["variable_line"]()
    _, (axes,) = made(monkeypatch, lambda: maps.coefficient_rows(evidence))
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    (x,) = evidence.grid.coordinates()
    np.testing.assert_allclose(lines["true"], 0.5 + 0.2 * np.sin(x))
    np.testing.assert_allclose(lines["formula"], 0.503 + 0.197 * np.sin(x))
    np.testing.assert_array_equal(lines["found"], evidence.maps[0].values)
    assert axes.get_xlabel() == "x (cm)"


def test_in_three_dimensions_the_middle_plane_is_drawn_beside_the_formula(monkeypatch):
    evidence = VARIANTS["variable_volume"]()
    rows, axes = made(monkeypatch, lambda: maps.coefficient_rows(evidence))
    middle = evidence.maps[0].values[:, :, evidence.grid.shape[2] // 2]
    np.testing.assert_array_equal(np.asarray(axes[0].images[0].get_array()).T, middle)
    assert axes[1].get_title(loc="left") == "u  formula"
    assert [len(row.drawings) for row in rows] == [3, 1]


def test_beyond_the_visited_values_the_source_is_shaded_and_dotted(monkeypatch):
    evidence = VARIANTS["source"]()
    ((row,), (axes, error)) = made(monkeypatch, lambda: sources.source_figures(evidence))
    curve = evidence.curves[0]
    low, high = curve.points[[0, -1]]
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    np.testing.assert_array_equal(lines["found"].get_ydata(), curve.values)
    np.testing.assert_allclose(lines["formula"].get_ydata(), 14.93 * np.sin(curve.points))
    for line in axes.lines:
        points = np.asarray(line.get_xdata())
        if line.get_label().startswith("_"):
            assert (points <= low).all() or (points >= high).all()
            assert line.get_linestyle() == "--"  # of any dashes
        else:
            assert points.min() == low and points.max() == high
    assert sum(line.get_label().startswith("_") for line in axes.lines) == 4
    left, right = axes.get_xlim()
    assert left < low and right > high
    assert [text.get_text() for text in axes.texts] == ["not visited"] * 2
    strip = axes.figure.axes[1]
    assert strip.get_xlabel() == "u (K)" and strip.get_xlim() == (left, right)
    residual = next(line for line in error.lines if line.get_label() == "found")
    np.testing.assert_allclose(residual.get_ydata(), curve.values - 15 * np.sin(curve.points))
    assert "beyond u in [−3.37, 2.96]" in row.drawings[0].alt


def test_an_extrapolation_that_explodes_does_not_flatten_the_picture(monkeypatch):
    evidence = VARIANTS["source"]()
    curve = evidence.curves[0]
    found = PDE("u_t = exp(9*u)/1000000000 + u_xx + u_yy")
    evidence = replace(evidence, found=found, truth=None, comparison=None)
    (_, (axes,)) = made(monkeypatch, lambda: sources.source_figures(evidence))
    seen = float(np.exp(9 * curve.points[-1]) / 1e9)
    assert axes.get_ylim()[1] < 2 * seen


def test_a_value_that_walls_hold_does_not_hide_how_often_others_are_visited(monkeypatch):
    evidence = VARIANTS["source"]()
    density = np.full(120, 0.005)
    density[60] = 0.4
    evidence = replace(evidence, curves=(replace(evidence.curves[0], density=density),))
    (_, (axes, _)) = made(monkeypatch, lambda: sources.source_figures(evidence))
    assert axes.figure.axes[1].get_ylim()[1] < 10 * 0.005


@pytest.mark.slow
def test_sections_stand_in_the_page_only_where_there_is_something():
    plain = build(VARIANTS["burgers"]())
    for text in (plain.html(), plain.markdown(), plain.latex()):
        assert not re.search(r"(<h2>|## |section\*\{)(Coefficients|Source)\b", text)
    both = replace(VARIANTS["variable_coefficients"](), curves=VARIANTS["source"]().curves)
    report = build(both)
    for text in (report.html(), report.markdown(), report.latex()):
        assert re.search(r"(<h2>|## |section\*\{)Coefficients", text)
        assert re.search(r"(<h2>|## |section\*\{)Source", text)
        assert "No formula can be trusted: its terms cancel. The map is the answer" in text
        assert "the formula is an extrapolation" in text
    record = report.json()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert [each["kind"] for each in record["maps"]][:2] == ["zero", "varying"]
    assert record["maps"][1]["rms_error"] == both.coefficients[1].error.rms
    assert record["maps"][1]["formula"] == both.maps[1].formula
    assert record["sources"][0]["low"] == both.curves[0].points[0]


def test_the_error_of_a_map_of_what_is_not_there_is_null():
    evidence = replace(VARIANTS["source"](), grid=GRID, maps=(a_map(0.1, "u_xy", "constant"),),
                       observed=np.zeros((2, 1, 12, 10)), predicted=np.zeros((2, 1, 12, 10)),
                       times=np.arange(2.0))  # fmt: skip
    (entry,) = build(evidence).json()["maps"]
    assert entry["l2_error"] is None
    assert entry["rms_error"] == pytest.approx(0.1)


def test_pictures_have_names_of_their_own():
    both = replace(VARIANTS["variable_coefficients"](), curves=VARIANTS["source"]().curves)
    names = [drawing.name for drawing in draw(both).drawings()]
    assert len(set(names)) == len(names)
    assert names[:3] == ["coefficient-1-found", "coefficient-1-true", "coefficient-1-error"]
    assert "source-1" in names and "source-1-error" in names


def test_a_long_sum_has_a_name_in_the_equation():
    series = "0.79 + 1.98*cos(y) + 2.01*sin(x) + " + " + ".join(
        f"0.0{i}{j}*sin({i}*x)*cos({j}*y)" for i in range(1, 5) for j in range(1, 5)
    )
    found = PDE(f"u_t = 0.6*u_x + ({series})*u_y + 0.199*u_xx + 0.302*u_yy")
    evidence = VARIANTS["variable_coefficients"]()
    comparison = compare(found, evidence.truth)
    evidence = replace(evidence, maps=(), found=found, stderr={}, comparison=comparison)
    report = build(evidence)
    assert "+ c_1(x, y) u_y +" in report.markdown()
    assert r"c_{1}(x, y)\,u_y" in report.latex()
    assert "is a sum of 19 terms" in re.sub("<[^>]*>", "", report.html())


def test_what_has_no_formula_has_a_name_in_the_equation():
    report = build(VARIANTS["variable_coefficients"]())
    assert report.markdown().count("+ c_1(x, y) u_y") == 1
    assert r"+ c_{1}(x, y)\,u_y" in report.latex()
    assert "is a sum of" not in report.html()
    entry = report.json()["maps"][2]
    assert entry["formula"] is None and entry["reason"] == "its terms cancel"
    assert np.shape(entry["values"]) == np.shape(entry["errors"]) == (50, 50)
    assert report.json()["equations"][0].endswith(" + c_1(x, y)*u_y")
    sources = build(VARIANTS["source_without_formula"]())
    assert [line.rsplit(" ", 1)[-1] for line in sources.json()["equations"]] == ["f(u)", "f(v)"]
    assert set(sources.json()["sources"][0]["errors"]) == {0.03}
    assert "standard error 0.03 (r.m.s.)" in sources.html()


def test_hostile_names_in_a_record_stay_text():
    hostile = "<script>u</script> & $x$ \\input{a} `b`|c"
    evidence = VARIANTS["variable_coefficients"]()
    evidence = replace(evidence, maps=(replace(evidence.maps[1], term=hostile),))
    report = build(evidence)
    assert "<script>" not in report.html()
    assert "\\input" not in report.latex()
    rows = [line for line in report.markdown().splitlines() if "script" in line]
    assert rows and all("<script" not in re.sub("`[^`]*`", "", row) for row in rows)


def test_maps_of_one_axis_and_of_time_are_set_beside_the_truth():
    """The truth of a map that depends on more than it is unknown."""
    truth = PDE("u_t = (1 + sin(y))*u_x + cos(2*t)*u_xx + sin(x)*cos(t) + u_yy*sin(x + y)")
    y, t, x = np.linspace(0, 3, 7), np.linspace(0, 1, 5), np.linspace(0, 6, 9)

    def named(name, term, axes, points, values, formula=None):
        return FittedMap("u", term, "varying", values, formula, None, None, name, axes, points)

    every = (
        named("a", "u_x", ("y",), (y,), 1 + np.sin(y), "1 + sin(y)"),
        named("b", "u_xx", ("t",), (t,), np.cos(2 * t)),
        named("g", "1", ("x", "t"), (x, t), np.sin(x)[:, None] * np.cos(t)),
        named("c", "u_yy", ("x",), (x,), np.sin(x)),
    )
    found = PDE("u_t = (1 + sin(y))*u_x", coordinates=("x", "y"))
    a, b, g, c = coefficients(every, found, GRID, truth)
    for each in (a, b, g):
        assert each.error.l2 < 1e-12
    assert a.formula_error.l2 < 1e-12 and c.truth is None
    assert coefficient_line(b, system=False).startswith("coefficient b(t) of u_xx: varies")
    assert coefficient_line(g, system=False).startswith("forcing g(x, t): varies")
    assert [row.name for row in coefficient_rows((a, g))] == ["a(y)", "g(x, t)"]
    plane = panel.Plane.along(g.places)
    assert plane.names == ("x", "t") and not plane.equal


def test_a_curve_of_another_field_times_a_derivative():
    u = np.linspace(-1, 1, 21)
    curve = FittedCurve("v", u, u**2, np.full(21, 1 / 21), name="h", argument="u", term="v_x")
    truth = PDE("u_t = u_xx", "v_t = u**2*v_x + v*v_x + u")
    (found,) = measured_sources((curve,), PDE("u_t = u_xx", "v_t = 0*v_x"), truth)
    assert found.name == "h(u)" and found.error.l2 < 1e-12
    assert source_line(found).startswith("source h(u): a curve")
