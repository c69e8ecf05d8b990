"""PDE values: canonical, immutable, equal when they mean the same."""

import copy
import itertools
import math
import pickle

import pytest
import sympy

from pdenet.errors import EquationError
from pdenet.pde import PDE, Jet

BURGERS = PDE(
    "u_t = -u*u_x - v*u_y + nu*(u_xx + u_yy)", "v_t = -u*v_x - v*v_y + nu*laplace(v)", nu=0.05
)
u, u_x, u_xx = (Jet("u", (k,)).symbol for k in range(3))


def test_attributes():
    assert BURGERS.fields == ("u", "v")
    assert BURGERS.coordinates == ("x", "y")
    assert BURGERS.ndim == BURGERS.order == 2
    assert dict(BURGERS.parameters) == {"nu": 0.05}
    names = [jet.name for jet in BURGERS.jets]
    assert names == ["u", "u_x", "u_y", "u_xx", "u_yy", "v", "v_x", "v_y", "v_xx", "v_yy"]
    first = BURGERS.rhs["u"]
    assert first.coeff(sympy.Symbol("nu", real=True)).free_symbols == {
        Jet("u", (2, 0)).symbol,
        Jet("u", (0, 2)).symbol,
    }


def test_terms_read_from_low_to_high_order():
    pde = PDE("u_t = 0.1*u_xx + 2 - u*u_x + u**2 + u_x + u")
    assert pde.equations() == ("u_t = 2 + u + u**2 + u_x - u*u_x + 0.1*u_xx",)


def test_equality_is_of_meaning():
    assert BURGERS.numeric() == BURGERS
    assert BURGERS.numeric().parameters == {}
    assert hash(BURGERS) == hash(BURGERS.numeric())
    assert PDE("u_t = d_dx(u**2/2)") == PDE("u_t = u*u_x")
    assert PDE("u_t = (x + 1)*u") == PDE("u_t = u + x*u")
    assert PDE("u_t = sin(2*x)*u") == PDE("u_t = sin(k*x)*u", k=2)
    assert PDE("u_t = u_x") != PDE("u_t = u_x", coordinates=("x", "y"))
    assert PDE("u_t = u_x") != PDE("u_t = 1.0000000000000002*u_x")
    assert BURGERS != "u_t = u"


def test_substitute_gives_a_new_value():
    other = BURGERS.substitute(nu=0.1)
    assert other != BURGERS
    assert BURGERS.parameters["nu"] == 0.05
    assert other.numeric_terms()["u"][Jet("u", (2, 0)).symbol] == 0.1
    assert BURGERS.substitute(nu=0).numeric_terms()["u"].keys() == {
        Jet("u", (0, 0)).symbol * Jet("u", (1, 0)).symbol,
        Jet("v", (0, 0)).symbol * Jet("u", (0, 1)).symbol,
    }
    with pytest.raises(EquationError, match="did you mean 'nu'"):
        BURGERS.substitute(nuu=1.0)


def test_it_does_not_change():
    with pytest.raises(AttributeError):
        BURGERS.fields = ("w",)
    with pytest.raises(AttributeError):
        BURGERS.colour = 1
    with pytest.raises(TypeError):
        BURGERS.parameters["nu"] = 1.0
    for view in (BURGERS.terms(), BURGERS.numeric_terms(), BURGERS.expansions()):
        for inner in view.values():
            inner.clear()
    assert len(BURGERS.terms()["u"]) == 4


def test_copies_and_pickles_are_equal():
    for same in (copy.copy(BURGERS), copy.deepcopy(BURGERS), pickle.loads(pickle.dumps(BURGERS))):
        assert same == BURGERS
        assert same.parameters == BURGERS.parameters


def test_repr_is_the_call_that_makes_it():
    assert repr(PDE("u_t = nu*u_xx", nu=0.1)) == "PDE('u_t = nu*u_xx', coordinates=('x',), nu=0.1)"


def test_from_text():
    lines = "u_t = v\n\n v_t = c*u_xx ;"
    assert PDE.from_text(lines, parameters={"c": 2}) == PDE("u_t = v", "v_t = 2*u_xx")


def test_from_terms_takes_any_symbols_of_the_right_name():
    a, b = sympy.symbols("u u_x")
    c, x = sympy.symbols("c x", real=True)
    pde = PDE.from_terms({"u": {a * b: -1, b: c * x, a: 0.0}}, ["x"], {"c": 0.5})
    assert pde == PDE("u_t = -u*u_x + 0.5*x*u_x")
    assert PDE.from_terms({"u": {(u + 1) * u_x: 2.0}}, ("x",)) == PDE("u_t = 2*u_x + 2*u*u_x")
    assert PDE.from_terms({"u": {1: 2.0}}, ("x",)) == PDE("u_t = 2")
    mixed = PDE.from_terms({"u": {sympy.Symbol("u_yx"): 1.0}}, ("x", "y"))
    assert mixed == PDE("u_t = u_xy")


def test_from_expressions():
    assert PDE.from_expressions({"u": u * u_x + sympy.sin(u) / 3}, ("x",)) == PDE(
        "u_t = u*u_x + sin(u)/3"
    )


def test_unused_parameters_are_left_out():
    assert PDE.from_terms({"u": {u: 1.0}}, ("x",), {"nu": 1.0}).parameters == {}
    assert PDE("u_t = u + nu*u_x - nu*u_x", nu=1.0).parameters == {}


@pytest.mark.parametrize(
    "terms, says",
    [
        ({}, "no equation"),
        ({"u": {sympy.Symbol("w"): 1.0}}, "'w' is no jet"),
        ({"u": {u: math.nan}}, "must be finite"),
        ({"u": {u: math.inf}}, "must be finite"),
        ({"u": {u: sympy.zoo}}, "cannot stand|not finite"),
        ({"u": {sympy.sqrt(u): 1.0}}, "cannot stand"),
        ({"u": {sympy.log(u): 1.0}}, "cannot stand"),
        ({"u": {u * sympy.I: 1.0}}, "cannot stand"),
        ({"u": {u**100: sympy.Integer(1)}}, "too high"),
        ({"x": {u: 1.0}}, "cannot name a field"),
    ],
)
def test_from_terms_refuses(terms, says):
    with pytest.raises(EquationError, match=says):
        PDE.from_terms(terms, ("x",))


def test_several_hundred_terms_take_work_in_proportion(calls):
    jets = Jet.all(("u", "v"), 2, 3)
    pairs = itertools.combinations_with_replacement([jet.symbol for jet in jets], 2)
    monomials, made = [a * b for a, b in pairs], {}
    for count in (50, 200):
        few = monomials[:count]
        given = {f: {m: 0.1 * k + 1e-3 for k, m in enumerate(few)} for f in ("u", "v")}
        pde = PDE.from_terms(given, ("x", "y"))
        assert sum(map(len, pde.numeric_terms().values())) == 2 * count
        made[count] = calls(lambda given=given: PDE.from_terms(given, ("x", "y")))
    assert made[200] < 8 * made[50] < 200_000


def test_a_given_field_acts_and_has_no_equation():
    pde = PDE("rho_t = -c*rho*v_x - v*rho_x", given=("v",), c=0.5)
    assert pde.fields == ("rho",) and pde.given == ("v",) and pde.names == ("rho", "v")
    assert [jet.name for jet in pde.jets] == ["rho", "rho_x", "v", "v_x"]
    assert pde.equations() == ("rho_t = -c*rho*v_x - v*rho_x",)
    for same in (
        pickle.loads(pickle.dumps(pde)),
        PDE.from_text(pde.text(), ("x",), {"c": 0.5}, given=("v",)),
        PDE.from_terms(pde.numeric_terms(), ("x",), given=("v",)),
        pde.numeric(),
    ):
        assert same == pde and same.given == ("v",)
    assert "given=('v',)" in repr(pde)
    assert pde != PDE("rho_t = -c*rho*v_x - v*rho_x", "v_t = 0", c=0.5)
    assert pde.substitute(c=1.0).given == ("v",)
    with pytest.raises(EquationError, match="v acts in the equation and has none of its own"):
        pde.require_closed()
    with pytest.raises(EquationError, match="'v' is given, so it has no equation"):
        PDE("rho_t = -v*rho_x", "v_t = v_xx", given=("v",))
