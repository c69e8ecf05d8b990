"""Equations with unknown numbers and functions."""

from __future__ import annotations

import pytest
import sympy

from pdenet.errors import EquationError
from pdenet.pde import PDE
from pdenet.pde.unknown import OpenPDE, UnknownTerm

X = sympy.Symbol("x", real=True)


def jet(name: str) -> sympy.Symbol:
    return sympy.Symbol(name, real=True)


def test_names_without_a_value_are_unknown() -> None:
    found = OpenPDE.from_text("u_t = -a(x)*u_x + nu*u_xx + 0.5*sin(x)*b(t)*u + u**2", ("x",))
    assert found.pde == PDE("u_t = u**2")
    assert found.unknown == (
        UnknownTerm("b", ("t",), "u", jet("u"), 0.5 * sympy.sin(X)),
        UnknownTerm("a", ("x",), "u", jet("u_x"), sympy.Integer(-1)),
        UnknownTerm("nu", (), "u", jet("u_xx"), sympy.Integer(1)),
    )
    assert [each.text for each in found.unknown] == ["b(t)", "a(x)", "nu"]


def test_functions_of_several_coordinates_and_of_fields() -> None:
    text = "u_t = g(t, y, x) + D*laplace(u); v_t = f(u)*v + h(w)"
    with pytest.raises(EquationError, match="D stands in two terms, of u_xx in u_t and of u_yy"):
        OpenPDE.from_text(text, ("x", "y"), given=("w",))
    found = OpenPDE.from_text(text, ("x", "y"), {"D": 0.1}, given=("w",))
    texts = {each.name: (each.text, each.field, str(each.monomial)) for each in found.unknown}
    assert texts == {
        "g": ("g(x, y, t)", "u", "1"), "f": ("f(u)", "v", "v"), "h": ("h(w)", "v", "1"),
    }  # fmt: skip
    assert found.pde == PDE("u_t = 0.1*u_xx + 0.1*u_yy", "v_t = 0", given=("w",))
    assert found.equations() == ("u_t = 0.1*u_xx + 0.1*u_yy + g(x, y, t)", "v_t = h(w) + f(u)*v")


def test_what_has_a_value_is_known() -> None:
    found = OpenPDE.from_text("u_t = nu*u_xx + 0.3*cos(x)*u_x", ("x",), {"nu": 0.1})
    assert found == OpenPDE(PDE("u_t = 0.1*u_xx + 0.3*cos(x)*u_x"), ())
    assert found.equations() == ("u_t = 0.3*cos(x)*u_x + 0.1*u_xx",)
    whole = OpenPDE.from_text("u_t = c*sin(x)*u_x", ("x",))
    assert whole.equations() == ("u_t = (sin(x))*c*u_x",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("u_t = a(u_x)*u_xx", r"depends on coordinates \(x, t\) or of one field \(u\)"),
        ("u_t = a(x, u)*u_x", "an unknown function depends on"),
        ("u_t = a()*u_x", "an unknown function depends on"),
        ("u_t = a(x)*u_x + a(t)*u_xx", r"'a' is a\(t\) and a\(x\): use two names"),
        ("u_t = a(x)*u_x + a(x)*u_xx", r"a\(x\) stands in two terms"),
        ("u_t = a(x)*b*u_x", "a and b stand in one term"),
        ("u_t = a(x)**2*u_x", "'a' must be a factor"),
        ("u_t = u_x/(1 + a*u)", "'a' must be a factor"),
        ("u_t = sin(k*x)*u", r"an unknown cannot stand inside sin\(\)"),
        ("u_t = d_dx(D(x)*u_x)", r"a\(x\)\*u_xx \+ b\(x\)\*u_x"),
        ("u_t = u(x)*u_x", "is a '*' missing"),
        ("u_t = a(x)*u_y", "'u_y' is no derivative here"),
        ("u_t = a(x)*v_x", "no equation 'v_t = ...' was given"),
        ("u_t = laplace*u", "'laplace' is a function"),
    ],
)  # fmt: skip
def test_what_is_no_unknown_is_refused(text: str, told: str) -> None:
    with pytest.raises(EquationError, match=told.replace("'*'", r"'\*'")):
        OpenPDE.from_text(text, ("x",))


def test_a_pde_holds_no_unknowns() -> None:
    with pytest.raises(EquationError, match="'b' is not declared"):
        PDE("u_t = b*u_xx")
    with pytest.raises(EquationError, match="'a' is no function here"):
        PDE("u_t = a(x)*u_xx")
