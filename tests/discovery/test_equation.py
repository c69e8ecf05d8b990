"""The record of an equation: exact, whole, and refused in one line where it is damaged."""

import copy
import json
import math
import re
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from pdenet.discovery import (
    DiscoveredEquation,
    FittedCurve,
    FittedFilter,
    FittedMap,
    Unknown,
    load_equation,
    save_equation,
)
from pdenet.discovery.fitted import product_of
from pdenet.discovery.refine.config import RefineConfig
from pdenet.discovery.refine.result import Alternative, Decision, Refinement
from pdenet.errors import CheckpointError, DiscoveryError, OutputError
from pdenet.events import TermDropped
from pdenet.pde import PDE
from pdenet.pde.render import format_value
from pdenet.training.refining import refined


def scaled(pde: PDE, size: float) -> dict:
    return {
        field: {m: size * (k + 1) / 3 for k, m in enumerate(terms)}
        for field, terms in pde.terms().items()
    }


def refinement(pde: PDE, **changes) -> Refinement:
    entries = {
        "converged": False,
        "iterations": 17,
        "chi2": 1 + 1 / 3,
        "chi2_error": math.inf,
        "sigma": {"u": 0.1 + 0.2, "v": 1e-300},
        "noise_given": True,
        "values": 10**12,
        "unknowns": 1 / 7,
        "shape": (64, 32),
        "substeps": 3,
        "bound": scaled(pde, 0.9),
        "bootstrap": scaled(pde, 1.1),
        "bias": {"u": {next(iter(pde.terms()["u"])): -1e-9}},
        "decisions": (
            Decision("u", "u*u_x", True, -1 / 3, math.inf, 2 / 3, None, "it blows up without"),
            Decision("v", "v**2", False, 1e-17, 0.25, 9.5, -math.inf, "100 % of | nothing"),
        ),
        "alternatives": (Alternative(("u_t = v_xx", "v_t = 1"), 1 / 11, -4.7, 2, "u_t: no u*u_x"),),
        "verdict": "not identifiable",
        "reason": "u_xx and v_xx\nlook alike",
        "laws": {"u": (1e-4, 1 / 3, 0.0), "v": (0.0, 0.0, 7e-300)},
    }
    return Refinement(**{**entries, **changes})


def equation(misfit: float = 0.1 + 0.2) -> DiscoveredEquation:
    pde = PDE("u_t = -1.0000000000000002*u*u_x + 0.1*v_xx", "v_t = 3e-7*v + 1")
    stderr = scaled(pde, 1.0)
    generator = np.random.default_rng(0)
    return DiscoveredEquation(
        pde,
        stderr,
        (TermDropped("u", "u*v", 1 / 3, 1e-300, "it does not help: 100 %"),),
        (FittedFilter("xx", generator.normal(size=13), generator.normal(size=13)),),
        7,
        misfit,
        {"total": 1 / 7},
        (
            FittedMap("u", "v_xx", "varying", generator.normal(size=9), "0.1*cos(x)"),
            FittedMap("u", "v", "zero", np.zeros(9)),
            FittedMap("v", "u_x", "varying", np.ones(9), None, np.full(9, 1 / 3), "it cancels"),
        ),
        (FittedCurve("v", *generator.normal(size=(3, 5)), None, generator.uniform(size=5)),),
        refinement(pde),
    )


def test_the_round_trip_is_exact(tmp_path):
    found = equation()
    save_equation(found, tmp_path / "equation.json")
    back = load_equation(tmp_path / "equation.json")
    assert back.pde == found.pde and back.pde.terms() == found.pde.terms()
    assert back.stderr == found.stderr
    assert (back.dropped, back.steps, back.misfit) == (found.dropped, 7, found.misfit)
    assert dict(back.seconds) == dict(found.seconds)
    for a, b in zip(back.filters, found.filters, strict=True):
        assert a.name == b.name
        np.testing.assert_array_equal(a.learned, b.learned)
        np.testing.assert_array_equal(a.frozen, b.frozen)
    assert back.record() == found.record()
    assert [vars(m)["formula"] for m in back.maps] == ["0.1*cos(x)", None, None]
    np.testing.assert_array_equal(back.maps[2].errors, found.maps[2].errors)
    assert back.maps[2].reason == "it cancels" and back.curves[0].reason is None
    assert back.unknown == found.unknown
    np.testing.assert_array_equal(back.maps[0].values, found.maps[0].values)
    assert vars(back.refinement) == vars(found.refinement)


def test_it_prints_as_equations_with_errors_and_a_verdict():
    pde = PDE("u_t = -1.0009*u*u_x + 0.10003*u_xx")
    errors = dict(zip(pde.terms()["u"], (5e-4, 6e-5), strict=True))
    told = replace(refinement(pde, chi2=0.99, chi2_error=0.008), verdict="identified", reason="")
    shown = str(DiscoveredEquation(pde, {"u": errors}, refinement=told)).splitlines()
    assert shown[0] == "u_t = −1.0009·u·u_x + 0.10003·u_xx"
    assert {line.split()[-1] for line in shown[2:4]} == {
        format_value(value, errors[term], "unicode") for term, value in pde.terms()["u"].items()
    }
    assert shown[4:] == ["χ² = 0.990(8) per degree of freedom", "identified"]
    assert str(equation()).endswith("not identifiable: u_xx and v_xx\nlook alike")


def test_what_has_no_formula_is_named_and_never_lost(tmp_path):
    """An equation of which a part is known by its values alone says so in every form."""
    found = equation()
    assert found.unknown == {"v": (Unknown("c_1(x)", "u_x"), Unknown("f(v)"))}
    assert found.lines()[1] == found.pde.equations()[1] + " + c_1(x)*u_x + f(v)"
    assert found.lines("latex")[1].endswith(r" + c_{1}(x)\,u_x + f(v)")
    assert found.lines()[0] == found.pde.equations()[0]
    alone = DiscoveredEquation(PDE("v_t = 0*v"), {}, curves=found.curves)
    assert alone.lines("unicode") == ("v_t = f(v)",)
    record = json.loads(json.dumps(found.record()))
    assert record["unknown"] == {"v": ["c_1(x)*u_x", "f(v)"]}
    for wrong in ({}, {"v": ["f(v)"]}, {"u": ["f(u)"]}):
        (tmp_path / "equation.json").write_text(json.dumps({**record, "unknown": wrong}))
        refused(tmp_path / "equation.json")


def test_an_equation_with_an_unknown_function_is_not_refined():
    with pytest.raises(DiscoveryError, match=r"holds c_1\(x\)\*u_x, f\(v\), of which only values"):
        refined(equation(), None, RefineConfig())


@pytest.mark.parametrize(
    ("place", "value"), [("field", "w"), ("term", "u_q"), ("term", "\x1b[2J"), ("errors", [1.0])]
)
def test_maps_that_cannot_be_of_the_equation_are_refused(tmp_path, place, value):
    record = json.loads(json.dumps(equation().record()))
    record["maps"][0][place] = value
    (tmp_path / "equation.json").write_text(json.dumps(record))
    refused(tmp_path / "equation.json")


@pytest.mark.parametrize(
    "pde", [PDE("u_t = u_x", "v_t = 0*v"), PDE("w_t = w_zz + w*w_x*w_y - 2.5e-11*w**3")]
)
def test_other_systems(tmp_path, pde):
    stderr = {field: dict.fromkeys(terms, 0.5) for field, terms in pde.terms().items()}
    save_equation(DiscoveredEquation(pde, stderr), tmp_path / "e.json")
    back = load_equation(tmp_path / "e.json")
    assert back.pde == pde and back.stderr == stderr
    assert math.isnan(back.misfit)


@given(
    value=st.floats(1e-12, 1e12) | st.sampled_from([0.99999999, 1.0, 9.9999999e5, 9.9999999e-5]),
    relative=st.floats(1e-9, 3.0),
    sign=st.sampled_from([1, -1]),
)
def test_what_is_printed_is_the_rounding_of_what_is_stored(tmp_path_factory, value, relative, sign):
    """-1.0003(4): the last digit shown of the number is that of the error, and both are rounded."""
    whole = PDE.from_terms({"u": {sympy.Symbol("u_x", real=True): sign * value}}, ("x",))
    (monomial,) = whole.terms()["u"]
    path = tmp_path_factory.mktemp("equation") / "equation.json"
    save_equation(DiscoveredEquation(whole, {"u": {monomial: relative * value}}), path)
    back = load_equation(path)
    stored, stderr = Decimal(back.pde.numeric_terms()["u"][monomial]), back.stderr["u"][monomial]
    assert (float(stored), stderr) == (sign * value, relative * value)
    printed = format_value(float(stored), stderr)
    match = re.fullmatch(r"(-?\d+)(?:\.(\d+))?\((\d+)\)(?:e(-?\d+))?", printed)
    assert match, printed
    power, decimals = int(match[4] or 0), len(match[2] or "")
    number = Decimal(f"{match[1]}.{match[2] or 0}e{power}")
    # The digits of the error end where those of the number do.
    unit = Decimal(f"1e{power - decimals}")
    error = int(match[3]) * unit
    while decimals == 0 and error % (10 * unit) == 0:  # 1200(300): zeros that were not measured
        unit *= 10
    half = unit / 2 * (1 + Decimal("1e-6"))
    assert abs(number - stored) <= half, printed
    assert abs(error - Decimal(stderr)) <= half, printed
    assert 1 <= error / unit < 10 or (10 <= error / unit < 20), printed


def refused(path) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_equation(path)
    message = str(caught.value)
    assert "\n" not in message and path.name in message and "from its run again" in message


def places(value: object, path: tuple = ()) -> list[tuple]:
    found = [path] if path else []
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            found += places(inner, (*path, key))
    return found


RECORD = json.loads(json.dumps(equation().record()))


@pytest.mark.parametrize("wrong", [None, "?", [], {}, [[1, "a"]], True], ids=repr)
def test_a_wrong_type_anywhere_is_refused(tmp_path, wrong):
    path = tmp_path / "equation.json"
    accepted = []
    for place in places(RECORD):
        record = copy.deepcopy(RECORD)
        *above, last = place
        target = record
        for key in above:
            target = target[key]
        if type(target[last]) is type(wrong) or (place == ("misfit",) and wrong is None):
            continue
        if place[-3:-1] != ("maps", 0) and last == "formula" and isinstance(wrong, str):
            continue
        if last in ("formula", "reason", "errors") and wrong is None:
            continue
        if last == "reason" and isinstance(wrong, str):
            continue
        if last in ("refinement", "held_out") and wrong is None:
            continue
        target[last] = wrong
        path.write_text(json.dumps(record))
        try:
            load_equation(path)
        except CheckpointError as error:
            assert "\n" not in str(error)
        else:
            accepted.append(place)
    assert accepted == []


@pytest.mark.parametrize("key", list(RECORD))
def test_a_missing_entry_is_refused(tmp_path, key):
    path = tmp_path / "equation.json"
    path.write_text(json.dumps({k: v for k, v in RECORD.items() if k != key}))
    refused(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\x00", b"[" * 100000, b'{"format": "other"}'],
    ids=["empty", "cut", "list", "null", "binary", "deep", "foreign"],
)
def test_what_is_no_record_is_refused(tmp_path, content):
    path = tmp_path / "equation.json"
    path.write_bytes(content)
    refused(path)


def test_a_cut_file_is_refused_at_every_length(tmp_path):
    path = tmp_path / "equation.json"
    save_equation(equation(), path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 2, 37):
        path.write_bytes(whole[:length])
        refused(path)


@pytest.mark.parametrize(
    ("version", "lacks"),
    [(1, ("maps", "curves", "refinement", "unknown")), (2, ("refinement", "unknown"))],
)
def test_older_records_are_read(tmp_path, version, lacks):
    path = tmp_path / "equation.json"
    old = {name: value for name, value in RECORD.items() if name not in lacks}
    path.write_text(json.dumps({**old, "format_version": version}))
    back, new = load_equation(path).record(), json.loads(json.dumps(equation().record()))
    if "maps" in lacks:
        assert back == {**new, "maps": [], "curves": [], "unknown": {}, "refinement": None}
    else:
        # The source of v has no formula: what stood in its place is no part of the equation.
        assert back == {**new, "equations": [new["equations"][0], "v_t = 0"], "refinement": None}


def test_a_series_of_an_older_record_is_no_equation(tmp_path):
    pde = PDE("u_t = (1 + 2*cos(x) - 3*sin(x))*u_x + 463*u - 451*sin(u) + 0.1*u_xx + cos(x)*u")
    x = np.linspace(0, 6, 9)
    found = DiscoveredEquation(
        pde,
        {},
        maps=(FittedMap("u", "u_x", "varying", 1 + np.cos(x)),),
        curves=(FittedCurve("u", x, 12 * x, np.ones(9)),),
    )
    old = {name: value for name, value in found.record().items() if name != "unknown"}
    (tmp_path / "equation.json").write_text(json.dumps({**old, "format_version": 3}))
    back = load_equation(tmp_path / "equation.json")
    assert back.pde == PDE("u_t = 0.1*u_xx + cos(x)*u")
    assert back.lines()[0].endswith("+ c_1(x)*u_x + f(u)")


REFINEMENT_PLACES = [place for place in places(RECORD["refinement"]) if isinstance(place[-1], str)]


@pytest.mark.parametrize("place", REFINEMENT_PLACES, ids=lambda place: ".".join(map(str, place)))
def test_a_refinement_must_be_whole(tmp_path, place):
    record = copy.deepcopy(RECORD)
    *above, last = place
    target = record["refinement"]
    for key in above:
        target = target[key]
    del target[last]
    path = tmp_path / "equation.json"
    path.write_text(json.dumps(record))
    if last == "laws" or {"sigma", "laws", "bound", "bootstrap", "bias"} & set(above):
        # A table may lack a term, and records of before there were laws of noise have none.
        assert load_equation(path).refinement is not None
    else:
        refused(path)


@pytest.mark.parametrize(
    "entries",
    [
        {"verdict": "perhaps"},
        {"bound": {"u": {"u**3": 0.1}}},
        {"bias": {"w": {"u": 0.1}}},
        {"chi2": "Infinity"},
    ],
    ids=lambda entries: str(*entries),
)
def test_a_refinement_of_something_else_is_refused(tmp_path, entries):
    path = tmp_path / "equation.json"
    path.write_text(json.dumps({**RECORD, "refinement": {**RECORD["refinement"], **entries}}))
    refused(path)


def test_standard_errors_may_be_infinite(tmp_path):
    pde = PDE("u_t = u_x + u_xx")
    stderr = {"u": dict(zip(pde.terms()["u"], (math.inf, 0.1), strict=True))}
    save_equation(DiscoveredEquation(pde, stderr), tmp_path / "e.json")
    assert load_equation(tmp_path / "e.json").stderr == stderr


def test_coefficients_that_vary_keep_their_errors(tmp_path):
    pde = PDE("u_t = (0.6 + 0.5*cos(y) - 0.5*x**2*sin(x))*u_x + 15*sin(u)", "v_t = 2*x*u")
    stderr = {
        field: {m * b: 0.25 for m, bases in table.items() for b in bases}
        for field, table in pde.expansions().items()
    }
    save_equation(DiscoveredEquation(pde, stderr), tmp_path / "e.json")
    back = load_equation(tmp_path / "e.json")
    assert back.pde == pde and back.stderr == stderr


def test_a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "none.json")


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "equation.json"
    path.write_text(json.dumps({**RECORD, "format_version": 99}))
    refused(path)


def test_hostile_text_is_not_evaluated(tmp_path):
    path = tmp_path / "equation.json"
    attack = f"u_t = __import__('os').system('touch {tmp_path}/here')"
    path.write_text(json.dumps({**RECORD, "equations": [attack]}))
    refused(path)
    assert not (tmp_path / "here").exists()


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "equation.json"
    path.mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        save_equation(equation(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["equation.json"]
    with pytest.raises(OutputError, match="cannot be written"):
        save_equation(equation(), tmp_path / "none" / "equation.json")


def test_a_given_field_is_kept_and_needed(tmp_path):
    path = tmp_path / "equation.json"
    save_equation(DiscoveredEquation(PDE("u_t = -v*u_x", given=("v",)), {}), path)
    assert load_equation(path).pde == PDE("u_t = -v*u_x", given=("v",))
    record = json.loads(path.read_text())
    for wrong in ([], ["u"], "v", [1], ["v*"]):
        path.write_text(json.dumps({**record, "given": wrong}))
        refused(path)


def test_named_functions_are_kept(tmp_path):
    """With what they depend on and what they multiply; and refused where these do not fit."""
    x, t = np.linspace(0, 1, 4), np.linspace(0, 2, 3)
    force = FittedMap(
        "u", "1", "varying", np.ones((4, 3)), None, np.ones((4, 3)), "why", "g", ("x", "t"), (x, t)
    )
    curve = FittedCurve("u", x, x**2, x, name="h", argument="v", term="u*u_x")
    found = DiscoveredEquation(PDE("u_t = u_xx", "v_t = 0"), {}, maps=(force,), curves=(curve,))
    path = tmp_path / "equation.json"
    save_equation(found, path)
    again = load_equation(path)
    assert again.lines() == found.lines() == ("u_t = u_xx + g(x, t) + h(v)*u*u_x", "v_t = 0")
    assert again.record() == found.record()
    assert product_of("u**2*u_x") == PDE("u_t = u**2*u_x").rhs["u"]
    record = json.loads(path.read_text())
    for entries in (
        {"points": [[0.0], [1.0]]},
        {"axes": ["x", "w"]},
        {"name": "2g"},
        {"term": "q"},
    ):
        wrong = {**record, "maps": [{**record["maps"][0], **entries}]}
        path.write_text(json.dumps(wrong))
        refused(path)
