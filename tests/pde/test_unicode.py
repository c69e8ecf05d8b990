"""What pdenet prints, it reads: Unicode, standard errors in brackets, every named equation."""

from __future__ import annotations

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.errors import EquationError
from pdenet.pde import PDE
from pdenet.pde.catalogue import catalogue
from pdenet.pde.names import GREEK
from pdenet.pde.render import format_value, to_unicode
from pdenet.pde.unicode import typed
from pdenet.report.typeset import equations

NAMES = sorted(GREEK.keys() - {"lambda"} | {"lam"})
FACTORS = ("u", "v", "u_x", "v_xy", "u_yy", "sin(u)", "exp(v)", "cos(2*y)", "x", "t", "(1 + u**2)")


@st.composite
def systems(draw) -> PDE:
    parameters = draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
    lines = []
    for field in ("u", "v"):
        terms = []
        for _ in range(draw(st.integers(1, 4))):
            value = draw(st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-12))
            chosen = draw(st.lists(st.sampled_from((*FACTORS, *parameters)), max_size=3))
            powers = [f"{name}**{draw(st.integers(1, 3))}" for name in chosen]
            terms.append("*".join([repr(value), *powers]))
        lines.append(f"{field}_t = " + " + ".join(terms) + "".join(f" + {p}" for p in parameters))
    values = {name: draw(st.floats(0.1, 10)) for name in parameters}
    return PDE.from_text("\n".join(lines), ("x", "y"), values)


@settings(max_examples=100, deadline=None)
@given(pde=systems())
def test_unicode_without_rounding_is_read_back(pde: PDE):
    text = "\n".join(to_unicode(pde, digits=None))
    assert PDE.from_text(text, pde.coordinates, pde.parameters) == pde


@settings(max_examples=60, deadline=None)
@given(pde=systems(), share=st.floats(1e-6, 0.3))
def test_lines_with_standard_errors_are_read_back(pde: PDE, share: float):
    pde = pde.numeric()
    errors = {
        field: {monomial * basis: share * abs(value) for basis, value in bases.items()}
        for field, expansion in pde.expansions().items()
        for monomial, bases in expansion.items()
    }
    text = "\n".join(equation.line() for equation in equations(pde, errors))
    assert PDE.from_text(text, pde.coordinates).jets == pde.jets


@pytest.mark.parametrize("name", sorted(catalogue))
def test_every_named_equation_is_read_as_it_is_printed(name: str):
    pde = catalogue[name].pde
    assert PDE.from_text(pde.unicode(), pde.coordinates, pde.parameters).fields == pde.fields
    exact = "\n".join(to_unicode(pde, digits=None))
    assert PDE.from_text(exact, pde.coordinates, pde.parameters) == pde


@settings(max_examples=200, deadline=None)
@given(
    value=st.floats(-1e8, 1e8).filter(lambda x: abs(x) > 1e-10),
    share=st.floats(1e-9, 3),
    style=st.sampled_from(["text", "unicode"]),
)
def test_a_value_with_its_error_is_the_value(value: float, share: float, style):
    error = share * abs(value)
    shown = format_value(value, error, style)
    found = PDE.from_text(f"u_t = u + {shown}*u_x" if value > 0 else f"u_t = u {shown}*u_x")
    coefficient = found.terms()["u"].get(sympy.Symbol("u_x", real=True), 0)
    assert abs(float(coefficient) - value) <= max(error, 1e-4 * abs(value))


@pytest.mark.parametrize(
    ("printed", "plain"),
    [
        ("u_t = −1.0003(4)·u·u_x + 0.0500(12)·u_xx", "u_t = -1.0003*u*u_x + 0.0500*u_xx"),
        ("ρ_t = −1.2·10⁻⁵·ρ²·v_x", "rho_t = -1.2e-5*rho**2*v_x"),
        ("u_t = 1.2(3)e-5*u", "u_t = 1.2e-5*u"),
        ("u_t = 120(30)·u", "u_t = 120*u"),
        ("u_t = µ×u − π", "u_t = mu*u - pi"),
        ("u_t = (1 + u²)³", "u_t = (1 + u**2)**3"),
        ("u_t = a2·10⁻⁵ + 3(1)·10⁵", "u_t = a2*10**-5 + 3e5"),
        ("u_t = a1(2)", "u_t = a1(2)"),
        ("u_t = 2(u)", "u_t = 2(u)"),
        ("u_t = −0.9999(6) u·u_x + 2 (u_xx + u_yy)", "u_t = -0.9999*u*u_x + 2*(u_xx + u_yy)"),
        ("u_t = 1.2(3)·10⁻⁵ u_x + 3e5 u + u² u_x", "u_t = 1.2e-5*u_x + 3e5*u + u**2*u_x"),
        ("u_t = u1 u2 + a2 u", "u_t = u1 u2 + a2 u"),
    ],
)
def test_signs_are_written_as_they_are_typed(printed: str, plain: str):
    assert typed(printed) == plain


@pytest.mark.parametrize(
    ("text", "says", "marked"),
    [
        ("u_t = u u_x", r"write u\*u_x", "u u_x"),
        ("u_t = 2u", r"write 2\*u", "2u"),
        ("u_t = (u + 1)v_x", r"write \(...\)\*v_x", ")v_x"),
        ("u_t = u(u_x)", r"write u\*\(...\)", "u"),
        ("u_t = lambda*u", "'lambda' is a word of Python", "lambda"),
        ("u_t = sin u", r"write sin\(u\)", "sin u"),
        ("u_tt = 4*u_xx", "'u_t = v' and 'v_t = ...'", "u_tt"),
        ("v_tt = 4*v_xx", "'v_t = w' and 'w_t = ...'", "v_tt"),
        ("u_tt + u_t = u_xx", "'u_t = v' and 'v_t = ...'", "u_tt"),
        ("u_t = v\nv_tt = u", "'v_t = w' and 'w_t = ...'", "v_tt"),
    ],
)
def test_what_to_type_instead_is_said(text: str, says: str, marked: str):
    with pytest.raises(EquationError, match=says) as caught:
        PDE.from_text(text)
    assert f"<<{marked}>>" in str(caught.value)


def test_a_parameter_may_end_like_a_second_derivative():
    assert PDE("u_t = a_tt*u_xx", a_tt=2.0).numeric() == PDE("u_t = 2*u_xx")


def test_the_dimension_of_laplace_and_parameters_are_asked_for_in_both_languages():
    with pytest.raises(EquationError, match="pass coordinates=") as caught:
        PDE("u_t = laplace(u)")
    assert "--grid 64x64" in caught.value.shell and "coordinates=" not in caught.value.shell
    with pytest.raises(EquationError, match="pass D=") as caught:
        PDE("u_t = D*u_xx")
    assert "--param D=VALUE" in caught.value.shell and "pass" not in caught.value.shell
