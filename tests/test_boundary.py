"""Boundary conditions: JSON round trip and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdenet.boundary import (
    Dirichlet,
    Neumann,
    Open,
    PerField,
    Periodic,
    Robin,
    check_boundaries,
    check_frames,
    chosen,
    constant,
    endpoints,
    for_field,
    from_json,
    gather,
    join,
    open_ends,
    parse,
    periodic,
    to_json,
    to_text,
    why_not_simple,
)
from pdenet.errors import GridError

numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.one_of(numbers, st.lists(numbers, min_size=1, max_size=4).map(tuple))


def sides(value):
    """What one field may have at a side that is not periodic."""
    return st.one_of(
        st.just(Open()),
        st.builds(Dirichlet, value),
        st.builds(Neumann, value),
        st.builds(Robin, value, value),
    )


def conditions(value):
    """Any condition."""
    names = st.text("uvw_1", min_size=1, max_size=3)
    per_field = st.dictionaries(names, sides(value), min_size=1).map(
        lambda each: PerField(tuple(each.items()))
    )
    return st.one_of(st.just(Periodic()), sides(value), per_field)


@given(conditions(values))
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
        {"kind": "closed"},
        {"kind": "open", "value": 0.0},
        {"kind": "robin", "value": 0.0},
        {"kind": "dirichlet", "value": []},
        {"kind": "dirichlet", "value": [1.0, "2"]},
        {"kind": "dirichlet", "value": True},
        {"kind": "per field", "fields": {"u": {"kind": "periodic"}}},
        {"kind": "per field", "fields": {"u": 1.0}},
        {"kind": "per field", "fields": []},
        {"kind": "per field"},
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
        ((Open(), Periodic()),),
        ((Robin(1.0, (0.0, float("inf"))), Open()),),
        ((PerField((("u", Neumann(float("nan"))),)), Open()),),
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
        ("open", "", (Open(), Open())),
        ("x:dirichlet=0,open", "x", (Dirichlet(0.0), Open())),
        ("robin=2/0.5", "", (Robin(2.0, 0.5), Robin(2.0, 0.5))),
        ("x: robin = 2 , open", "x", (Robin(2.0), Open())),
        ("x:u:dirichlet=1", "x", (PerField((("u", Dirichlet(1.0)),)),) * 2),
        (
            "x:u:open,neumann",
            "x",
            (PerField((("u", Open()),)), PerField((("u", Neumann()),))),
        ),
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
        *("open=1", "robin", "robin=", "robin=1/", "robin=1/2/3", "dirichlet=1/2", "x::open"),
        *("a:x:u:open", "::open", "robin=/1", "open:"),
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
        (["x:open,periodic", "periodic"], "periodic at both ends or at none"),
        (["x:u:open", "x:u:dirichlet", "periodic"], "of u is given twice"),
        (["x:u:open", "x:open", "periodic"], "of x is given twice"),
        (["x:u:periodic", "periodic"], "periodic for all fields or for none"),
    ],
)
def test_axes_that_cannot_be_joined_are_refused(texts, message):
    with pytest.raises(GridError, match=message):
        join([parse(text) for text in texts], ("x", "y"))


@pytest.mark.parametrize(
    "text",
    [
        *("periodic", "open", "dirichlet=0.5", "neumann=-1.5", "dirichlet=0", "robin=2/0.5"),
    ],
)
def test_conditions_are_written_as_they_are_read(text):
    _, (end, _) = parse(text)
    assert to_text(end) == text


@given(conditions(st.integers(-1000, 1000).map(float)))
def test_text_round_trip(boundary):
    """All but values in time, for which text has no form."""
    if isinstance(boundary, PerField):
        texts = [f"x:{each}" for each in to_text(boundary).split()]
        assert join([parse(text) for text in texts], "x") == ((boundary, boundary),)
    else:
        assert parse(to_text(boundary)) == ("", (boundary, boundary))


def test_values_in_time_are_counted_in_text():
    assert to_text(Dirichlet((0.0, 1.0))) == "dirichlet=(2 values, 0 to 1)"
    assert Neumann([1, 2]) == Neumann((1.0, 2.0)) and hash(Neumann((1.0, 2.0)))
    assert constant(Dirichlet(3).value) == 3.0
    with pytest.raises(GridError, match="2 numbers in time"):
        constant((1.0, 2.0))


@pytest.mark.parametrize("value", ["1", None, (), [None], "ab", object()])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(GridError, match="one number for each frame"):
        Dirichlet(value)


@pytest.mark.parametrize(
    "pairs",
    [
        (),
        None,
        ("u",),
        (("u", Periodic()),),
        ((1, Open()),),
        (("", Open()),),
        (("u", "open"),),
        (("u", PerField((("u", Open()),))),),
        {"u": Open()},
    ],
)
def test_conditions_by_field_that_are_none_are_refused(pairs):
    with pytest.raises(GridError, match="pairs of a name and Open"):
        PerField(pairs)


def test_a_field_has_its_condition_or_an_open_end():
    mixed = PerField((("v", Dirichlet(1.0)), ("u", Neumann())))
    assert [for_field(mixed, name) for name in "uvw"] == [Neumann(), Dirichlet(1.0), Open()]
    assert for_field(Robin(1.0), "u") == Robin(1.0) and for_field(Periodic(), "u") == Periodic()
    assert mixed == PerField((("u", Neumann()), ("v", Dirichlet(1.0))))
    with pytest.raises(GridError, match="of u is given twice"):
        PerField((("u", Open()), ("u", Open())))


def test_values_in_time_are_as_many_as_frames():
    check_frames(((Dirichlet((1.0, 2.0)), Open()),), 2)
    for end in (Dirichlet((1.0, 2.0)), PerField((("u", Robin(0.0, (1.0, 2.0))),))):
        with pytest.raises(GridError, match="2 numbers, the data have 3 frames"):
            check_frames(((Open(), end),), 3)


def test_what_networks_and_solvers_do_not_know_is_named():
    walls = ((Dirichlet(), Neumann(1.0)), (Periodic(), Periodic()))
    assert why_not_simple(walls, "xy") == ""
    for end, told in (
        (Open(), "y is open at its upper end"),
        (Robin(1.0), "y has a Robin condition at its upper end"),
        (Neumann((0.0, 1.0)), "y has a condition that changes in time at its upper end"),
        (PerField((("u", Open()),)), "y has another condition for each field at its upper end"),
    ):
        assert why_not_simple((walls[0], (Dirichlet(), end)), "xy") == told


def test_open_ends_have_an_endpoint():
    assert endpoints(open_ends([True, False])) == (True, False)
    assert open_ends([False]) == periodic(1)


both = (Open(), Open())


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, {}),
        ("open", {"x": both, "y": both}),
        ("x:open", {"x": both}),
        (["x:open", "y:periodic"], {"x": both, "y": (Periodic(), Periodic())}),
        (Open(), {"x": both, "y": both}),
        ({"y": Robin(1.0)}, {"y": (Robin(1.0), Robin(1.0))}),
        ({"x": "dirichlet=1,open"}, {"x": (Dirichlet(1.0), Open())}),
        ({"x": (Open(), "dirichlet=1")}, {"x": (Open(), Dirichlet(1.0))}),
        ([parse("x:open")], {"x": both}),
        ([], {}),
    ],
)
def test_what_python_gives_is_chosen(given, found):
    assert chosen(given, ("x", "y")) == found
    assert gather([], "xy") == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (1.0, "is no boundary"),
        ("window", "is no boundary"),
        ({"z": Open()}, "no axis 'z'"),
        ({"x": (Open(),)}, "is no boundary"),
        ({"x": (Open(), "open,dirichlet")}, "is no boundary"),
        ({"x": (Open(), Periodic())}, "periodic at both ends"),
        ({"x": "x:open"}, "leave x out"),
        ((Open(), Open()), "is no boundary"),
        (["open", "periodic"], "given twice"),
        ({"x": 3}, "is no boundary"),
    ],
)
def test_what_is_no_boundary_in_python_is_refused(given, message):
    with pytest.raises(GridError, match=message):
        chosen(given, ("x", "y"))
