"""Rendering: exact text that reads back, Unicode, LaTeX, numbers and errors."""

import math

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.errors import EquationError
from pdenet.pde import PDE, Jet
from pdenet.pde.render import (
    format_monomial,
    format_number,
    format_value,
    to_latex,
    to_text,
    to_unicode,
)

BURGERS = PDE("u_t = -u*u_x + nu*u_xx + 1.25e-7*u_x**2", nu=0.05)

numbers = st.one_of(
    st.integers(-9, 9).filter(bool).map(float),
    st.floats(-1e12, 1e12).filter(lambda value: abs(value) > 1e-12),
)
jets = [jet.symbol for jet in Jet.all(("u", "v"), 2, 3)]
x, y, t, nu, c_2 = (sympy.Symbol(name, real=True) for name in ("x", "y", "t", "nu", "c_2"))
numeric = numbers.map(sympy.Float)


def trees(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda a, b: a + b, inner, inner),
            st.builds(lambda a, b: a * b, inner, inner),
            st.builds(lambda a, n: a**n, inner, st.integers(1, 3)),
            st.builds(lambda a, n: a / n, inner, st.integers(1, 7)),
            st.builds(
                lambda f, a: f(a),
                st.sampled_from([sympy.sin, sympy.cos, sympy.tanh]),
                inner,
            ),
            st.builds(lambda a: 1 / (2 + sympy.cos(a)), inner),
            st.builds(lambda a: sympy.exp(-(sympy.sin(a) ** 2)), inner),
        ),
        max_leaves=4,
    )


coefficients = trees(st.sampled_from([x, y, t, nu, c_2, sympy.pi, sympy.Integer(2)]))
monomials = st.lists(st.sampled_from(jets), max_size=4).map(lambda parts: sympy.Mul(*parts))


def read_back(pde):
    return PDE(*to_text(pde), coordinates=pde.coordinates, **pde.parameters)


@given(
    st.dictionaries(monomials, numbers, max_size=12),
    st.dictionaries(monomials, numbers, max_size=12),
)
@settings(max_examples=40)
def test_polynomials_read_back_exactly(first, second):
    pde = PDE.from_terms({"u": first, "v": second}, ("x", "y"))
    again = read_back(pde)
    assert again == pde
    assert again.numeric_terms() == pde.numeric_terms()
    assert to_text(again) == to_text(pde)


@given(
    st.dictionaries(st.one_of(monomials, trees(st.sampled_from(jets))), coefficients, max_size=3)
)
@settings(max_examples=40)
def test_everything_else_reads_back_exactly(terms):
    try:
        pde = PDE.from_terms({"u": terms, "v": {}}, ("x", "y"), {"nu": 0.3, "c_2": -1.7})
    except EquationError:
        return  # too many terms, or not finite
    again = read_back(pde)
    assert again == pde
    assert to_text(again) == to_text(pde)
    to_unicode(pde)
    to_latex(pde)


def test_the_order_of_a_text_does_not_change_what_it_rounds_to():
    text = "u_t = {}*u"
    squares = ["0.3333333333333333*c^2", "2.0943951023931953*c", "3.2898681336964524"]
    first, second = (
        PDE(text.format(f"({' + '.join(parts)})"), c=-1.7) for parts in (squares, squares[::-1])
    )
    assert first == second
    assert first.numeric_terms() == second.numeric_terms()


def test_text_is_exact():
    pde = PDE.from_terms({"u": {jets[0]: 0.1 + 0.2, jets[1]: 1e-300, jets[2]: -1.0}}, ("x", "y"))
    assert to_text(pde) == ("u_t = 0.30000000000000004*u + 1e-300*u_x - u_y",)


def test_styles():
    assert to_text(BURGERS) == ("u_t = -u*u_x + 1.25e-07*u_x**2 + nu*u_xx",)
    assert to_unicode(BURGERS) == ("u_t = −u·u_x + 1.25·10⁻⁷·u_x² + ν·u_xx",)
    assert to_latex(BURGERS) == (r"u_t = -u\,u_x + 1.25 \cdot 10^{-7}\,{u_x}^{2} + \nu\,u_{xx}",)


def test_fractions_and_functions():
    pde = PDE("u_t = sin(u/3)/(1 + u**2) - 2*u_x/(u*u_y) + D_u*tanh(pi*u)", D_u=1)
    assert to_text(pde) == ("u_t = sin(u/3)/(1 + u**2) + D_u*tanh(pi*u) - 2*u_x/u/u_y",)
    latex = to_latex(pde)[0]
    assert r"\frac{\sin\left(\frac{u}{3}\right)}{1 + {u}^{2}}" in latex
    assert r"D_u" in latex
    assert latex.count("{") == latex.count("}")


@pytest.mark.parametrize(
    ("equation", "shown"),
    [
        (
            "u_t = (3.14159265*x*sin(x) - 0.5*x^2*sin(x) + 0.5*cos(y) + 0.6)*u_x + 0.2*u_xx",
            "u_t = (0.6 + 0.5·cos(y) + 3.1416·x·sin(x) − 0.5·x²·sin(x))·u_x + 0.2·u_xx",
        ),
        ("u_t = 2*cos(2*x)*u_y + 2*sin(y)*u_y", "u_t = (2·cos(2·x) + 2·sin(y))·u_y"),
        ("u_t = -cos(y)*sin(x)*u_x*u/2", "u_t = −0.5·sin(x)·cos(y)·u·u_x"),
        ("u_t = -(x + 1)*u_x + (x - 1)*u_y", "u_t = −(1 + x)·u_x + (−1 + x)·u_y"),
        ("u_t = 15*sin(u)*x + u_yy", "u_t = 15·x·sin(u) + u_yy"),
        ("u_t = a*sin(k*x)*u_y", "u_t = a·sin(k·x)·u_y"),
        ("u_t = u_y/(u*u + x*x)", "u_t = u_y/(u² + x²)"),
    ],
)
def test_coefficients_stand_before_the_jets_and_begin_with_what_is_simplest(equation, shown):
    values = {"a": 2.0, "k": 3.0} if "k*" in equation else {}
    pde = PDE(equation, coordinates=("x", "y"), **values)
    assert to_unicode(pde) == (shown,)
    assert read_back(pde) == pde


def test_latex_of_a_coefficient_in_space():
    pde = PDE("u_t = -(0.25*cos(3*y) + 0.5)*u_x + sin(u)*x + exp(u/3)")
    assert to_latex(pde) == (
        r"u_t = \exp\left(\frac{u}{3}\right) + x\,\sin(u) - (0.5 + 0.25\,\cos(3\,y))\,u_x",
    )


def test_nothing_is_zero():
    assert str(PDE("u_t = 0")) == "u_t = 0"


def test_rounding_never_shows_a_small_coefficient_as_zero():
    pde = PDE("u_t = 0.00041234567*u_xx - 1.00000049*u*u_x")
    assert to_text(pde, digits=3) == ("u_t = -1*u*u_x + 0.000412*u_xx",)


def test_format_monomial():
    u, u_x = Jet("u", (0,)).symbol, Jet("u", (1,)).symbol
    assert format_monomial(u * u_x**2) == "u*u_x**2"
    assert format_monomial(u * u_x**2, "unicode") == "u·u_x²"
    assert format_monomial(u * u_x**2, "latex") == r"u\,{u_x}^{2}"
    assert format_monomial(sympy.Integer(1)) == "1"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_in_full_reads_back(value):
    assert float(format_number(value)) == value


@pytest.mark.parametrize(
    "value, stderr, expected",
    [
        (-1.0003, 0.0004, "-1.0003(4)"),
        (0.05, 0.0012, "0.0500(12)"),
        (0.0499, 0.00096, "0.050(1)"),
        (1234.0, 56.0, "1230(60)"),
        (1.2345e-7, 3e-9, "1.23(3)e-7"),
        (1e8, 2e5, "1.000(2)e8"),
        (0.0, 0.1, "0.00(10)"),
        (2.5, None, "2.5"),
        (2.5, 0.0, "2.5"),
        (2.5, math.nan, "2.5"),
    ],
)
def test_format_value(value, stderr, expected):
    assert format_value(value, stderr) == expected


def test_format_value_styles():
    assert format_value(-1.2e-7, 3e-9, "unicode") == "−1.20(3)·10⁻⁷"
    assert format_value(-1.2e-7, 3e-9, "latex") == r"-1.20(3) \cdot 10^{-7}"


@given(
    st.floats(1e-12, 1e12),
    st.floats(1e-10, 1e4),
    st.sampled_from([-1.0, 1.0]),
)
def test_format_value_is_within_half_a_digit(size, relative, sign):
    stderr = relative * size
    text = format_value(sign * size, stderr)
    mantissa, _, exponent = text.partition("e")
    shown, error = mantissa.rstrip(")").split("(")
    scale = 10.0 ** int(exponent or 0)
    unit = 10.0 ** -len(shown.partition(".")[2])
    assert abs(float(shown) * scale - sign * size) <= 0.51 * stderr + 1e-14 * size
    assert float(error) * unit * scale == pytest.approx(stderr, rel=0.34)
