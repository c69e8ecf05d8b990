"""Boundary conditions: JSON round trip and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdenet.boundary import (
    Dirichlet,
    Neumann,
    Periodic,
    check_boundaries,
    endpoints,
    from_json,
    join,
    parse,
    periodic,
    to_json,
    to_text,
)
from pdenet.errors import GridError

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.one_of(st.just(Periodic()), st.builds(Dirichlet, numbers), st.builds(Neumann, numbers)))
def test_json_round_trip(boundary):
    assert from_json(json.loads(json.dumps(to_json(boundary)))) == boundary


def test_json_names_the_kind():
    assert to_json(Neumann(2.0)) == {"kind": "neumann", "derivative": 2.0}


def test_periodic_is_one_pair_for_each_axis():
    assert periodic(2) == ((Periodic(), Periodic()), (Periodic(), Periodic()))


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"kind": "open"},
        {"kind": "dirichlet"},
        {"kind": "dirichlet", "value": "1"},
        {"kind": "periodic", "value": 1.0},
        {"kind": "neumann", "derivative": None},
    ],
)
def test_a_broken_record_is_refused(record):
    with pytest.raises(GridError, match="no boundary condition"):
        from_json(record)


@pytest.mark.parametrize(
    "boundaries",
    [
        (),
        ((Periodic(), Dirichlet()),),
        ((Dirichlet(float("nan")), Dirichlet()),),
        ((Periodic(),),),
        (("periodic", "periodic"),),
    ],
)
def test_boundaries_that_do_not_fit_are_refused(boundaries):
    with pytest.raises(GridError):
        check_boundaries(boundaries, 1)


@pytest.mark.parametrize(
    ("text", "axis", "ends"),
    [
        ("periodic", "", (Periodic(), Periodic())),
        ("dirichlet", "", (Dirichlet(0.0), Dirichlet(0.0))),
        ("x:periodic", "x", (Periodic(), Periodic())),
        ("neumann=-1.5", "", (Neumann(-1.5), Neumann(-1.5))),
        (" y : Dirichlet = 0 , neumann = 2e-1 ", "y", (Dirichlet(0.0), Neumann(0.2))),
    ],
)
def test_text_is_read(text, axis, ends):
    assert parse(text) == (axis, ends)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x:",
            ":periodic",
            "wall",
            "dirichlet=",
            "dirichlet=a",
            "dirichlet=nan",
            "periodic=1",
        ),
        *("dirichlet=0,0", "dirichlet,dirichlet,dirichlet", "dirichlet=1e999", "x=dirichlet"),
    ],
)
def test_text_that_is_no_boundary_says_what_to_type(text):
    with pytest.raises(GridError, match=r"no boundary: type e\.g\. dirichlet=0"):
        parse(text)


def test_axes_are_joined_and_the_named_ones_go_first():
    walls, ends = (Dirichlet(0.0), Dirichlet(0.0)), (Periodic(), Periodic())
    assert join([parse("dirichlet=0")], "xy") == (walls, walls)
    assert join([parse("dirichlet=0"), parse("y:periodic")], "xy") == (walls, ends)
    assert join([parse("y:dirichlet"), parse("x:periodic")], "xy") == (ends, walls)
    assert endpoints((walls, ends)) == (True, False)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["z:periodic"], "no axis 'z'.*axes are x, y"),
        (["x:periodic"], "for y: add e.g. y:periodic"),
        (["periodic", "neumann"], "of all axes is given twice"),
        (["x:periodic", "x:neumann", "periodic"], "of x is given twice"),
        (["x:periodic,dirichlet", "periodic"], "periodic at both ends or at none"),
    ],
)
def test_axes_that_cannot_be_joined_are_refused(texts, message):
    with pytest.raises(GridError, match=message):
        join([parse(text) for text in texts], ("x", "y"))


@pytest.mark.parametrize("text", ["periodic", "dirichlet=0.5", "neumann=-1.5", "dirichlet=0"])
def test_conditions_are_written_as_they_are_read(text):
    _, (end, _) = parse(text)
    assert to_text(end) == text
