"""A network, the polynomial that it is, and the way back."""

import math

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.errors import DiscoveryError
from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet
from pdenet.pde import PDE
from pdenet.pde.catalogue import catalogue
from pdenet.pde.compile import compile_rhs
from pdenet.pde.jet import Jet
from pdenet.readout import assign, candidates, expand, expansion, leading, shares
from pdenet.readout.function_units import function_candidates
from pdenet.readout.functions import FunctionTerm


def make_model(fields=("u",), ndim=1, units=3, max_order=2, seed=0, functions=()) -> PDENet:
    """A network with random weights and random scales."""
    grid = Grid((16,) * ndim, (2 * math.pi,) * ndim)
    generator = torch.Generator().manual_seed(seed)
    shape = NetworkShape(fields, grid, max_order=max_order, units=units, functions=functions)
    model = PDENet(shape, 0.01, generator)
    net = model.symnet
    with torch.no_grad():
        for weight in net.weights():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    scales = 10 ** (2 * torch.rand(net.inputs + net.fields, generator=generator).double() - 1)
    net.set_scales(scales[: net.inputs], scales[net.inputs :])
    return model


@pytest.mark.parametrize(
    ("fields", "ndim", "units", "degree"),
    [(("u",), 1, 1, 2), (("u",), 1, 3, 8), (("u", "v"), 1, 2, 4), (("u",), 2, 2, 4)],
)
def test_a_network_is_its_expansion(fields, ndim, units, degree):
    """k units make a polynomial of degree 2ᵏ: at that degree nothing is left out."""
    model = make_model(fields, ndim, units)
    found = expansion(model, degree)
    assert found.degree == degree
    scale = model.symnet.input_scale[:, None]
    jets = torch.randn((len(model.filters.jets), 50), generator=torch.Generator().manual_seed(1))
    jets = jets.double() * scale
    with torch.no_grad():
        network = model.symnet(jets[None])[0].numpy()
    monomials = np.prod(jets.numpy().T[:, None, :] ** found.powers[None], axis=2)
    polynomial = (monomials @ found.coefficients.T).T
    size = np.abs(network).max(axis=1, keepdims=True)
    np.testing.assert_allclose(polynomial / size, network / size, atol=1e-11)


def test_low_degrees_are_exact():
    model = make_model(units=3)
    low, high = expansion(model, 2), expansion(model, 8)
    np.testing.assert_array_equal(low.powers, high.powers[: len(low.powers)])
    np.testing.assert_allclose(
        low.coefficients, high.coefficients[:, : len(low.powers)], rtol=1e-12
    )


def test_the_degree_is_chosen_by_the_number_of_monomials():
    assert expansion(make_model(("u", "v"), 2, 5)).degree == 4
    assert expansion(make_model(units=1)).degree == 2
    assert expansion(make_model(units=0)).degree == 1


def test_the_names_of_the_terms():
    model = make_model(("u", "v"), 2, 2)
    found = expansion(model, 2)
    u_x, v = Jet("u", (1, 0)).symbol, Jet("v", (0, 0)).symbol
    names = {found.monomial(term): term for term in range(len(found.powers))}
    assert len(names) == len(found.powers)
    assert {sympy.Integer(1), u_x, u_x * v, v**2} <= set(names)
    pde = found.pde()
    assert pde.terms()["v"][u_x * v] == found.coefficients[1, names[u_x * v]]


CONSTANT = [n for n in catalogue if n != "variable-coefficients"]


def assert_close(found: PDE, expected: PDE) -> None:
    assert found.fields == expected.fields
    for field, terms in expected.numeric_terms().items():
        actual = found.numeric_terms()[field]
        assert actual.keys() == terms.keys()
        for monomial, value in terms.items():
            assert actual[monomial] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", CONSTANT)
def test_assign_then_expand_gives_the_catalogue_back(name):
    pde = catalogue[name].pde
    model = make_model(pde.fields, pde.ndim, units=10, functions=("sin",))
    assign(model.symnet, model.filters.jets, pde)
    assert_close(expand(model), pde)


FACTORS = st.lists(st.sampled_from(["u", "u_x", "u_xx", "v", "v_x"]), min_size=0, max_size=4)
NUMBERS = st.floats(0.01, 100).map(lambda x: round(x, 6)) | st.floats(-100, -0.01)
EQUATION = st.dictionaries(FACTORS.map(lambda names: tuple(sorted(names))), NUMBERS, max_size=5)


@settings(max_examples=40)
@given(EQUATION, EQUATION)
def test_assign_then_expand_gives_any_polynomial_back(first, second):
    symbols = {jet.name: jet.symbol for jet in Jet.all(("u", "v"), 1, 2)}

    def terms(table):
        return {sympy.Mul(*(symbols[n] for n in names)): value for names, value in table.items()}

    pde = PDE.from_terms({"u": terms(first), "v": terms(second)}, ("x",))
    model = make_model(("u", "v"), 1, units=15)
    assign(model.symnet, model.filters.jets, pde)
    assert_close(expand(model, degree=4), pde)


@pytest.mark.parametrize(
    ("functions", "units"),
    [
        (("sin",), 0),
        (("cos",), 1),
        (("exp",), 0),
        (("exp", "sin"), 1),
        (("divide",), 0),
        (("divide",), 1),
        (("sin", "divide", "cos", "sin"), 1),
    ],
)
def test_a_network_with_functions_is_its_pde(functions, units):
    """Compiled, the PDE that is read out has the network's values at every point."""
    fields = ("u",) if units else ("u", "v")
    model = make_model(fields, 1, units, max_order=1, functions=functions)
    with torch.no_grad():
        for weight in (model.symnet.arguments, model.symnet.argument_products):
            weight.mul_(0.5)
    pde = expand(model)
    jets = torch.randn(
        (1, model.symnet.inputs, 40), generator=torch.Generator().manual_seed(1)
    ).double()
    jets = jets * model.symnet.input_scale[:, None]
    with torch.no_grad():
        network = model.symnet(jets)
    found = compile_rhs(pde, model.filters.jets, torch)(0.0, jets)
    torch.testing.assert_close(found, network, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "pde",
    [
        PDE("u_t = 0.3*u_xx + 15*sin(u)"),
        PDE("u_t = u*u_x - 2*sin(0.5*u - 3*u_x + 1) + 0.1*cos(u_xx) + sin(2*u)"),
        PDE("u_t = u_x + 4*exp(u - 0.5*u_x)"),
        PDE("u_t = 3"),
    ],
    ids=str,
)
def test_assign_then_expand_gives_functions_back(pde):
    model = make_model(units=1, functions=("cos", "sin", "divide", "exp", "sin"))
    assign(model.symnet, model.filters.jets, pde)
    found = expand(model)
    points = torch.randn((1, 3, 40), generator=torch.Generator().manual_seed(1)).double()
    values = [compile_rhs(p, model.filters.jets, torch)(0.0, points) for p in (found, pde)]
    torch.testing.assert_close(*values)
    assert len(found.terms()["u"]) == len(pde.terms()["u"])


@pytest.mark.parametrize(
    ("functions", "text", "message"),
    [
        ((), "u_t = sin(u)", "no unit left for sin of jets; its functions are none"),
        (("cos", "exp"), "u_t = sin(u)", "no unit left for sin .* functions are cos, exp"),
        (("sin",), "u_t = sin(u) + sin(2*u)", "no unit left for sin"),
        (("sin",), "u_t = sin(u_xxx)", "no unit left for sin of u_xxx"),
        (("sin",), "u_t = sin(u^2)", "is no product of the jets"),
        (("sin",), "u_t = u_x*sin(u)", "is no product of the jets"),
        (("divide",), "u_t = 1/(1 + u^2)", "is no product of the jets"),
    ],
)
def test_functions_that_no_unit_can_be_are_refused(functions, text, message):
    model = make_model(units=2, functions=functions)
    with pytest.raises(DiscoveryError, match=message):
        assign(model.symnet, model.filters.jets, PDE(text))


def test_keeping_terms_leaves_functions_out_unless_they_are_given():
    model = make_model(units=0, functions=("sin", "exp"))
    found = expansion(model)
    keep = np.zeros_like(found.coefficients, dtype=bool)
    keep[0, 1] = True
    assert len(found.functions) == 2
    assert len(found.pde(keep).terms()["u"]) == 1
    assert len(found.pde(keep, found.functions[:1]).terms()["u"]) == 2


def test_small_terms_of_arguments_leave_by_what_they_change():
    row = np.array([[1e-5, 2.0, 3e-4, -1.0]])
    sizes = np.array([1.0, 1.0, 10.0, 1e-9])
    term = FunctionTerm("u", "sin", 3.0, row).without_small(sizes)
    assert term.arguments.tolist() == [[0.0, 2.0, 3e-4, 0.0]]
    term = FunctionTerm("u", "sin", 3.0, row).without_small(sizes, 0.0, most=2)
    assert term.arguments.tolist() == [[0.0, 2.0, 3e-4, 0.0]]
    quotient = FunctionTerm("u", "divide", 3.0, np.concatenate([row, 1e-6 * row]))
    kept = quotient.without_small(sizes, share=1e-2).arguments
    assert kept.tolist() == [[0.0, 2.0, 0.0, 0.0], [0.0, 2e-6, 0.0, 0.0]]


def test_function_candidates_are_those_that_matter_without_what_does_not():
    model = make_model(units=1, functions=("sin", "exp", "sin", "divide"))
    pde = PDE("u_t = 0.3*u_xx + 5*sin(2*u + 0.001*u_x) + 2*exp(0.5*u_x) + 0.0001*sin(u)")
    model.symnet.set_scales(model.symnet.input_scale, torch.tensor([4.0]).double())
    assign(model.symnet, model.filters.jets, pde)
    generator = torch.Generator().manual_seed(1)
    x = torch.linspace(0, 2 * math.pi, 17, dtype=torch.float64)[:-1]
    phase = 6 * torch.rand((50, 1, 1), generator=generator, dtype=torch.float64)
    states = torch.sin(x + phase)
    found = expansion(model)
    functions = function_candidates(found, model, states, 1e-2)
    assert [term.name for term in functions] == ["sin", "exp"]
    u, u_x = (Jet("u", (k,)).symbol for k in (0, 1))
    assert found.pde(np.zeros_like(found.coefficients, dtype=bool), functions).rhs == {
        "u": 5 * sympy.sin(2 * u) + 2 * sympy.exp(0.5 * u_x)
    }
    share = shares(found, model, states)
    kept = candidates(found, share, functions=functions)
    assert kept == PDE("u_t = 0.3*u_xx + 5*sin(2*u) + 2*exp(0.5*u_x)")
    text = leading(found, share, lambda pde: pde.text(), functions=functions)
    assert text == kept.text()
    assert function_candidates(expansion(make_model()), make_model(), states, 1e-2) == ()


def test_candidates_of_a_wild_network_make_an_equation():
    """Quotients of polynomials with hundreds of terms are cut to what an equation can hold."""
    model = make_model(("u", "v"), 2, 3, functions=("divide", "exp", "divide", "sin"))
    states = torch.randn((4, 2, 16, 16), generator=torch.Generator().manual_seed(0)).double()
    found = expansion(model)
    functions = function_candidates(found, model, states, floor=0.0, small=0.0)
    assert [term.name for term in functions].count("divide") == 4
    assert not any(term.name == "exp" and term.field == "u" for term in functions)  # overflows
    pde = found.pde(np.zeros_like(found.coefficients, dtype=bool), functions)
    assert len(pde.terms()["u"]) > 64


@pytest.mark.parametrize("name", ["sin", "cos", "exp", "divide"])
def test_values_of_a_function_are_those_of_its_terms(name):
    arguments = np.array([[0.3, 2.0, -1.0], [1.0, 0.5, 0.2]])[: 1 + (name == "divide")]
    term = FunctionTerm("u", name, 1.5, arguments)
    points = np.random.default_rng(0).normal(size=(2, 20))
    symbols = sympy.symbols("a b", real=True)
    expected = sum(
        value
        * np.array(
            [float(m.subs(dict(zip(symbols, p, strict=True)))) for p in points.T], dtype=float
        )
        for m, value in term.terms(lambda k: (sympy.Integer(1), *symbols)[k]).items()
    )
    monomials = np.concatenate([np.ones((1, 20)), points])
    np.testing.assert_allclose(1.5 * term.values(monomials), expected, rtol=1e-12)


def test_products_that_begin_alike_share_units():
    pde = PDE("u_t = u*u_x + 3*u*u_x*u_xx")
    model = make_model(units=2)
    assign(model.symnet, model.filters.jets, pde)
    assert_close(expand(model), pde)


@pytest.mark.parametrize("units", [0, 1])
def test_too_few_units_are_refused(units):
    model = make_model(units=units)
    with pytest.raises(DiscoveryError, match=r"product units, too few.*use more units"):
        assign(model.symnet, model.filters.jets, PDE("u_t = u*u_x + u_x*u_xx"))


@pytest.mark.parametrize(
    "pde",
    [PDE("u_t = sin(u)*u_x"), PDE("u_t = sin(x)*u_x"), PDE("u_t = u_xxx")],
    ids=["function", "variable coefficient", "unknown jet"],
)
def test_what_no_network_can_be_is_refused(pde):
    model = make_model(units=5)
    with pytest.raises(DiscoveryError, match="is no product of the jets u, u_x, u_xx"):
        assign(model.symnet, model.filters.jets, pde)
