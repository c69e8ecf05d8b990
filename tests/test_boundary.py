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
    from_json,
    periodic,
    to_json,
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
