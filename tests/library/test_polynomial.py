"""Polynomials as coefficient vectors, against polynomials as dictionaries."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.library.polynomial import degree_within, monomials

Dictionary = dict[tuple[int, ...], int]


def as_dictionary(table, vector) -> Dictionary:
    rows = (tuple(row) for row in table.powers.tolist())
    return {row: value for row, value in zip(rows, vector.tolist(), strict=True) if value}


def product(p: Dictionary, q: Dictionary, degree: int) -> Dictionary:
    total: Dictionary = {}
    for (a, x), (b, y) in itertools.product(p.items(), q.items()):
        c = tuple(i + j for i, j in zip(a, b, strict=True))
        if sum(c) <= degree:
            total[c] = total.get(c, 0) + x * y
    return {key: value for key, value in total.items() if value}


@pytest.mark.parametrize(("variables", "degree"), [(1, 5), (2, 4), (3, 3), (12, 2), (2, 40)])
def test_every_monomial_is_there_once(variables, degree):
    table = monomials(variables, degree)
    rows = [tuple(row) for row in table.powers.tolist()]
    assert len(table) == len(set(rows)) == math.comb(variables + degree, degree)
    totals = [sum(row) for row in rows]
    assert totals == sorted(totals) and totals[-1] == degree
    np.testing.assert_array_equal(table.powers[1 : 1 + variables], np.eye(variables))


sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))


@settings(max_examples=60)
@given(st.data(), sizes)
def test_products_are_those_of_dictionaries(data, size):
    variables, degree = size
    table = monomials(variables, degree)
    # Whole numbers: the arithmetic is exact, and so is the comparison.
    vectors = st.lists(st.integers(-9, 9), min_size=len(table), max_size=len(table))
    p, q = (np.array(data.draw(vectors), dtype=float) for _ in range(2))
    expected = product(as_dictionary(table, p), as_dictionary(table, q), degree)
    assert as_dictionary(table, table.multiply(p, q)) == expected


@settings(max_examples=40)
@given(st.data(), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_what_is_cut_off_never_flows_back(data, variables, degree, more):
    """A chain of products is the same below the degree, whatever the degree of the table."""
    small, large = monomials(variables, degree), monomials(variables, degree + more)
    vectors = st.lists(st.integers(-5, 5), min_size=variables + 1, max_size=variables + 1)
    factors = [data.draw(vectors) for _ in range(4)]

    def chain(table) -> Dictionary:
        total = table.linear(1.0, np.zeros(variables))
        for constant, *slopes in factors:
            total = table.multiply(total, table.linear(constant, np.array(slopes, dtype=float)))
        return as_dictionary(table, total)

    exact = {key: value for key, value in chain(large).items() if sum(key) <= degree}
    assert chain(small) == exact


def test_linear():
    table = monomials(2, 3)
    assert as_dictionary(table, table.linear(3.0, np.array([4.0, 5.0]))) == {
        (0, 0): 3,
        (1, 0): 4,
        (0, 1): 5,
    }


def test_many_variables_of_high_degree_do_not_overflow():
    """(degree + 1)^variables is beyond 64 bits here; products still find their place."""
    table = monomials(70, 1)
    p = table.linear(2.0, np.arange(70.0))
    one = table.linear(1.0, np.zeros(70))
    np.testing.assert_array_equal(table.multiply(p, one), p)


@pytest.mark.parametrize(
    ("variables", "most", "limit", "degree"),
    [(12, 2000, 32, 4), (3, 2000, 32, 20), (1, 2000, 32, 32), (200, 10, 8, 1), (6, 2000, 8, 7)],
)
def test_degree_within(variables, most, limit, degree):
    assert degree_within(variables, most, limit) == degree
    assert degree == 1 or math.comb(variables + degree, degree) <= most
    assert degree == limit or math.comb(variables + degree + 1, degree + 1) > most
