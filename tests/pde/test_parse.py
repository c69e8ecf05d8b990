"""The parser: what it reads, and that everything else is one clear error."""

import numpy as np
import pytest
import sympy

from pdenet.errors import EquationError
from pdenet.pde import PDE


def named(*names):
    return [sympy.Symbol(name, real=True) for name in names]


u, v, u_x, u_y, u_xx, u_xy, u_yy, v_x = named("u", "v", "u_x", "u_y", "u_xx", "u_xy", "u_yy", "v_x")
x, y, t, nu = named("x", "y", "t", "nu")


def terms(*equations, **options):
    return PDE(*equations, **options).terms()["u"]


def test_burgers_in_both_forms():
    explicit = PDE("u_t = -u*u_x + nu*u_xx", nu=0.1)
    assert explicit.terms() == {"u": {u * u_x: -1, u_xx: nu}}
    assert explicit.numeric_terms() == {"u": {u * u_x: -1.0, u_xx: 0.1}}
    assert PDE("u_t + u*u_x = nu*u_xx", nu=0.1) == explicit
    assert PDE("nu*u_xx = u_t + u*u_x", nu=0.1) == explicit
    assert PDE("0 = u_t + u*u_x - nu*u_xx", nu=0.1) == explicit
    assert PDE("-2*u_t = 2*u*u_x - 2*nu*u_xx", nu=0.1) == explicit


@pytest.mark.parametrize(
    "text, expected",
    [
        ("u_t = 2*(u + 3)*(u - 1)", {u**2: 2, u: 4, sympy.Integer(1): -6}),
        ("u_t = u^2 + u**-1", {u**2: 1, 1 / u: 1}),
        ("u_t = -u**2", {u**2: -1}),
        ("u_t = u/4/2", {u: 0.125}),
        ("u_t = +1.5e-3*u", {u: 0.0015}),
        ("u_t = d_dx(u**2/2)", {u * u_x: 1}),
        ("u_t = d_dx(d_dy(u))", {u_xy: 1}),
        ("u_t = d_dx(x*u_y)", {u_y: 1, u_xy: x}),
        ("u_t = laplace(u) + x*0", {u_xx: 1}),
        ("u_t = u_yx + u_xy", {u_xy: 2}),
        ("u_t = sin(x)*u_x + cos(t)", {u_x: sympy.sin(x), sympy.Integer(1): sympy.cos(t)}),
        ("u_t = exp(u + x)", {sympy.exp(u): sympy.exp(x)}),
        ("u_t = sin(u)*u", {u * sympy.sin(u): 1}),
        ("u_t = exp(0)*u + cos(pi)*u", {}),
        ("u_t = u/(1 + u)/(1 + x)", {u / (1 + u): 1 / (1 + x)}),
        ("u_t = u - u", {}),
        ("\tu_t\n=\n u_x ", {u_x: 1}),
    ],
)
def test_what_text_means(text, expected):
    found = terms(text, coordinates=("x",) if "laplace" in text else None)
    assert found == expected


def test_laplace_covers_all_coordinates():
    assert terms("u_t = laplace(u)", coordinates=("x", "y")) == {u_xx: 1, u_yy: 1}
    assert terms("u_t = laplace(u*v)", "v_t = v_x")[u_x * v_x] == 2


def test_coordinates_are_those_that_are_mentioned():
    assert PDE("u_t = u_x").coordinates == ("x",)
    assert PDE("u_t = u").coordinates == ("x",)
    assert PDE("u_t = u_y").coordinates == ("x", "y")
    assert PDE("u_t = sin(z)*u").coordinates == ("x", "y", "z")
    assert PDE("u_t = u_x", coordinates=["x", "y"]).ndim == 2


def test_a_long_sum_is_no_deep_nest():
    text = "u_t = " + " + ".join(f"{k}.5*u**{k % 16}*u_x" for k in range(1, 800))
    assert len(terms(text)) == 16


def test_parameters_may_be_numpy_scalars():
    assert PDE("u_t = nu*u_xx", nu=np.float32(0.5)).parameters == {"nu": 0.5}


@pytest.mark.parametrize(
    "equations, options, says",
    [
        (["u_t = -u*u_q"], {}, "<<u_q>>"),
        (["u_t = nu*u_xx"], {}, "pass nu=.*<<nu>>"),
        (["u_t = nu*u_xx"], {"mu": 1.0}, "'mu' is not used"),
        (["u_t = Nu*u_xx"], {"nu": 1.0}, "'nu' is not used"),
        (["u_t = u_xx + nuu*u", "v_t = nu*v"], {"nu": 1.0}, "did you mean 'nu'"),
        (["u_t = v_x"], {}, "no equation 'v_t"),
        (["u_t = u_x", "u_t = u_y"], {}, "two equations"),
        (["u_t = u_z"], {"coordinates": ("x", "y")}, "coordinates are x, y"),
        (["u_t = z"], {"coordinates": ("x",)}, "coordinates are x"),
        (["u_t = d_dy(u)"], {"coordinates": ("x",)}, "coordinates are x"),
        (["u_t = laplace(u)"], {}, "coordinates="),
        (["u_t = sine(u)"], {}, "did you mean 'sin'"),
        (["u_t = sin"], {}, r"write sin\("),
        (["u_t = 2(u)"], {}, "is a '\\*' missing"),
        (["u_t = u_x = u"], {}, "one '=', not 2"),
        (["u_x = u"], {}, "no time derivative"),
        (["u_t + v_t = u"], {}, "more than one time derivative"),
        (["u_t = u_t"], {}, "must stand alone"),
        (["u*u_t = u_x"], {}, "must stand alone"),
        (["u_t**2 = u_x"], {}, "must stand alone"),
        (["d_dx(u_t) = u_x"], {}, "cannot stand inside"),
        (["u_t = u**0.5"], {}, "<<0.5>>"),
        (["u_t = u**65"], {}, "whole numbers from -64 to 64"),
        (["u_t = u**40*u**25"], {}, "power 65 is too high: at most 64"),
        (["u_t = 9**9**9"], {}, "whole numbers"),
        (["u_t = u/0"], {}, "divides by zero"),
        (["u_t = 1/(u*(u + 1) - u**2 - u)"], {}, "divides by zero"),
        (["u_t = 1e999*u"], {}, "no finite"),
        (["u_t = nu*u"], {"nu": float("nan")}, "finite"),
        (["u_t = nu*u"], {"nu": "1; import os"}, "must be a number"),
        (["u_t = u/nu"], {"nu": 0.0}, "finite"),
        (["u_t = u_x*u"], {"u_x": 1.0}, "cannot name a parameter"),
        (["u_t = x*u"], {"x": 1.0}, "cannot name a parameter"),
        (["u_t = sin(u)"], {"sin": 1.0}, "cannot name a parameter"),
        (["x_t = x"], {}, "cannot name a field"),
        ([], {}, "no equation"),
        ([3], {}, "is text"),
        (["u_t = " + "u" * 50_000], {}, "at most"),
        (["u_t = u_" + "x" * 13], {}, "order 12"),
        (["u_t = u"], {"coordinates": ("y",)}, "not known"),
        (["u_t = u"], {"coordinates": ()}, "not known"),
    ],
)
def test_errors_say_what_and_where_on_one_line(equations, options, says):
    with pytest.raises(EquationError, match=says) as error:
        PDE(*equations, **options)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
