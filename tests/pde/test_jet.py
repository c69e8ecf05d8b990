"""Jets: names, order and total derivatives."""

import sympy
from hypothesis import given
from hypothesis import strategies as st

from pdenet.pde.jet import Jet, jet_from_name, jets_in, sorted_jets, total_derivative

U = ("u",)
u, u_x, u_y, u_xx, u_xy, u_xxx = (
    jet_from_name(name, U, 2).symbol for name in ("u", "u_x", "u_y", "u_xx", "u_xy", "u_xxx")
)
x = sympy.Symbol("x", real=True)


def test_all_is_ordered_by_field_then_order_then_x_before_y():
    names = [jet.name for jet in Jet.all(("u", "v"), 2, 2)]
    assert names == (
        ["u", "u_x", "u_y", "u_xx", "u_xy", "u_yy", "v", "v_x", "v_y", "v_xx", "v_xy", "v_yy"]
    )


def test_number_of_jets():
    assert len(Jet.all(("u",), 3, 4)) == 35  # (4 + 3 choose 3)


def test_jets_sort_by_order_first():
    jets = [Jet("u", (2, 0)), Jet("v", (0, 1)), Jet("v", (0, 0)), Jet("u", (1, 0))]
    assert [jet.name for jet in sorted(jets)] == ["v", "u_x", "v_y", "u_xx"]


def test_canonical_order_follows_the_fields_as_listed():
    jets = [Jet("a", (0,)), Jet("w", (1,)), Jet("w", (0,))]
    assert [jet.name for jet in sorted_jets(jets, ("w", "a"))] == ["w", "w_x", "a"]


def test_mixed_derivatives_are_one_symbol():
    assert jet_from_name("u_yx", U, 2) == jet_from_name("u_xy", U, 2) == Jet("u", (1, 1))
    assert Jet("u", (2, 1)).name == "u_xxy"
    assert Jet("u", (2, 1)).order == 3


def test_names_that_are_no_jets():
    for name in ("w", "u_", "u_z", "u_q", "u_t", "_x", "u__x", "U"):
        assert jet_from_name(name, U, 2) is None


def test_jets_in():
    assert jets_in(u_x**2 * sympy.sin(u) + x, U, 2) == {Jet("u", (0, 0)), Jet("u", (1, 0))}


def test_total_derivative_by_hand():
    assert total_derivative(x * u, 0, U, 2) == u + x * u_x
    assert total_derivative(x * u, 1, U, 2) == x * u_y
    assert total_derivative(sympy.sin(u_x), 0, U, 2) == u_xx * sympy.cos(u_x)
    assert total_derivative(sympy.exp(x * u), 1, U, 2) == x * u_y * sympy.exp(x * u)
    difference = total_derivative(1 / (1 + u**2), 0, U, 2) + 2 * u * u_x / (1 + u**2) ** 2
    assert sympy.simplify(difference) == 0
    tanh = total_derivative(sympy.tanh(u), 0, U, 2)
    assert sympy.expand(tanh - u_x * (1 - sympy.tanh(u) ** 2)) == 0
    assert total_derivative(sympy.pi * u_xx, 0, U, 2) == sympy.pi * u_xxx


expressions = st.recursive(
    st.sampled_from([u, u_x, u_y, u_xy, x, sympy.Integer(3)]),
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(sympy.sin, inner),
        st.builds(lambda a: a**3, inner),
    ),
    max_leaves=4,
)


@given(expressions, expressions)
def test_product_rule(f, g):
    for axis in (0, 1):
        df, dg, dfg = (total_derivative(e, axis, U, 2) for e in (f, g, f * g))
        assert sympy.expand(dfg - df * g - f * dg) == 0


@given(expressions)
def test_total_derivatives_commute(f):
    xy = total_derivative(total_derivative(f, 0, U, 2), 1, U, 2)
    yx = total_derivative(total_derivative(f, 1, U, 2), 0, U, 2)
    assert sympy.expand(xy - yx) == 0
