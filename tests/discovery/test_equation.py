"""The record of an equation: exact, whole, and refused in one line where it is damaged."""

import copy
import json
import math

import numpy as np
import pytest

from pdenet.discovery import (
    DiscoveredEquation,
    FittedCurve,
    FittedFilter,
    FittedMap,
    load_equation,
    save_equation,
)
from pdenet.errors import CheckpointError, OutputError
from pdenet.events import TermDropped
from pdenet.pde import PDE


def equation(misfit: float = 0.1 + 0.2) -> DiscoveredEquation:
    pde = PDE("u_t = -1.0000000000000002*u*u_x + 0.1*v_xx", "v_t = 3e-7*v + 1")
    stderr = {
        field: {m: (k + 1) / 3 for k, m in enumerate(terms)} for field, terms in pde.terms().items()
    }
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
        ),
        (FittedCurve("v", *generator.normal(size=(3, 5))),),
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
    assert [vars(m)["formula"] for m in back.maps] == ["0.1*cos(x)", None]
    np.testing.assert_array_equal(back.maps[0].values, found.maps[0].values)


@pytest.mark.parametrize(
    "pde", [PDE("u_t = u_x", "v_t = 0*v"), PDE("w_t = w_zz + w*w_x*w_y - 2.5e-11*w**3")]
)
def test_other_systems(tmp_path, pde):
    stderr = {field: dict.fromkeys(terms, 0.5) for field, terms in pde.terms().items()}
    save_equation(DiscoveredEquation(pde, stderr), tmp_path / "e.json")
    back = load_equation(tmp_path / "e.json")
    assert back.pde == pde and back.stderr == stderr
    assert math.isnan(back.misfit)


def refused(path) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_equation(path)
    message = str(caught.value)
    assert "\n" not in message and path.name in message and "pdenet extract" in message


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
        if last == "formula" and (wrong is None or isinstance(wrong, str)):
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


def test_records_without_maps_are_read(tmp_path):
    path = tmp_path / "equation.json"
    old = {name: value for name, value in RECORD.items() if name not in ("maps", "curves")}
    path.write_text(json.dumps({**old, "format_version": 1}))
    assert load_equation(path).maps == () == load_equation(path).curves


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
