"""The linear form of an equation against the compiled one."""

import math

import pytest
import sympy
import torch

from pdenet.errors import DiscoveryError
from pdenet.grid import Grid
from pdenet.library.product import Product
from pdenet.library.terms import Library, Term
from pdenet.nn import FilterBank
from pdenet.pde import PDE
from pdenet.pde.catalogue import catalogue
from pdenet.pde.compile import compile_rhs
from pdenet.pde.jet import Jet

SYSTEMS = {
    **{name: entry.pde for name, entry in catalogue.items()},
    "functions": PDE("u_t = 0.3*u_xx + 15*sin(u) - u/(1 + u**2)*v_x", "v_t = cos(x)*exp(-2*v)"),
    "powers": PDE("u_t = 3 - u**3*u_xx + 2*u*v*v_x", "v_t = -0.5*v_x**2"),
    "one field is at rest": PDE("u_t = u*v", "v_t = 0*v"),
}


def jets_of(pde: PDE, order: tuple[Jet, ...]) -> torch.Tensor:
    shape = (2, len(order), *[5] * pde.ndim)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("pde", SYSTEMS.values(), ids=SYSTEMS)
def test_a_library_with_its_coefficients_is_the_pde(pde):
    grid = Grid.square(5, pde.ndim)
    library, coefficients = Library.of(pde)
    library = library.on(grid, coefficients)
    order = Jet.all(pde.fields, pde.ndim, 2)
    jets = jets_of(pde, order)
    mesh = [torch.from_numpy(axis) for axis in grid.mesh()]
    expected = compile_rhs(pde, order, torch, mesh)(0.0, jets)
    torch.testing.assert_close(library.combine(jets, order, coefficients), expected)
    assert library.pde(coefficients) == pde
    assert set(library.jets) == set(pde.jets)


@pytest.mark.parametrize("name", ["burgers-1d", "burgers"])
def test_the_right_hand_side_on_a_grid(name):
    pde = catalogue[name].pde
    library, coefficients = Library.of(pde)
    bank = FilterBank(library.jets, pde.fields, [2 * math.pi / 12] * pde.ndim)
    u = jets_of(pde, library.jets)[:, :1].repeat(1, len(pde.fields), *[3] * pde.ndim)
    with torch.no_grad():
        rhs = library.rhs(bank, coefficients, bank.scaled_kernels(), u.shape[2:])
        expected = compile_rhs(pde, bank.jets, torch)(0.0, bank(u))
        torch.testing.assert_close(rhs(0.0, u), expected)


def test_a_smaller_library():
    library, coefficients = Library.of(PDE("u_t = u + 2*u_x - 3*u*u_x"))
    kept = [term.monomial != Jet("u", (0,)).symbol for term in library.terms]
    smaller = library.only(kept)
    found = smaller.pde(coefficients[torch.tensor(kept)])
    assert found == PDE("u_t = 2*u_x - 3*u*u_x")
    with pytest.raises(ValueError, match="zip"):
        library.only([True])


def test_numbers_by_field():
    library, _ = Library.of(PDE("u_t = u + 2*u_x", "v_t = v"))
    u, u_x, v = (jet.symbol for jet in (Jet("u", (0,)), Jet("u", (1,)), Jet("v", (0,))))
    table = library.by_field([5.0, 6.0, 7.0])
    names = [(term.field, term.monomial) for term in library.terms]
    assert table == {
        "u": {u: [5.0, 6.0][names.index(("u", u))], u_x: [5.0, 6.0][names.index(("u", u_x))]},
        "v": {v: 7.0},
    }


def test_errors_go_with_the_parts_of_a_sum():
    x, u_x = sympy.Symbol("x", real=True), Jet("u", (1,)).symbol
    product = Product.of(u_x, ("u",), 1, x * (6 - x))
    library = Library(("u",), 1, (Term("u", u_x, product),))
    assert library.errors_by_field([0.5]) == {"u": {x * u_x: 3.0, x**2 * u_x: 0.5}}
    assert library.pde([2.0]) == PDE("u_t = 12*x*u_x - 2*x**2*u_x")


def test_what_depends_on_time_is_refused():
    with pytest.raises(DiscoveryError, match="depends on time"):
        Library.of(PDE("u_t = t*u"))
