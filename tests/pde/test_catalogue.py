"""Every named equation compiles and says what it should."""

import numpy as np
import pytest

from pdenet.boundary import check_boundaries
from pdenet.errors import EquationError
from pdenet.grid import Grid
from pdenet.pde import PDE, Jet
from pdenet.pde.catalogue import catalogue, entry_of, get
from pdenet.pde.compile import compile_rhs

ENTRIES = list(catalogue.values())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_entry_is_whole(entry):
    assert get(entry.name) is entry
    assert entry.title and entry.reference
    assert len(entry.lengths) == len(entry.shape) == entry.pde.ndim
    again = PDE(*entry.pde.equations(), coordinates=entry.pde.coordinates, **entry.pde.parameters)
    assert again == entry.pde


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_entry_compiles(entry):
    grid = Grid((6,) * entry.pde.ndim, entry.lengths)
    jets = Jet.all(entry.pde.fields, entry.pde.ndim, entry.pde.order)
    values = np.random.default_rng(0).standard_normal((2, len(jets), *grid.shape))
    result = compile_rhs(entry.pde, jets, np, grid.mesh())(0.0, values)
    assert result.shape == (2, len(entry.pde.fields), *grid.shape)
    assert np.isfinite(result).all()


def test_variable_coefficients_at_a_point():
    pde = get("variable-coefficients").pde
    jets = (Jet("u", (1, 0)), Jet("u", (0, 1)), Jet("u", (2, 0)), Jet("u", (0, 2)))
    x, y = 1.0, 2.0
    rhs = compile_rhs(pde, jets, np, (np.array([x]), np.array([y])))
    a, b, c, d = (rhs(0.0, row.reshape(1, 4, 1)).item() for row in np.eye(4))
    assert a == pytest.approx(0.5 * (np.cos(y) + x * (2 * np.pi - x) * np.sin(x)) + 0.6)
    assert b == pytest.approx(2 * (np.cos(y) + np.sin(x)) + 0.8)
    assert (c, d) == (0.2, 0.3)


def test_the_reactive_source_has_all_of_its_terms():
    jets = (Jet("u", (0, 0)), Jet("v", (0, 0)))
    pde = get("reactive-source").pde
    assert [len(terms) for terms in pde.terms().values()] == [9, 9]
    u, v = 0.7, -1.1
    a = u**2 + v**2
    names = pde.jets
    values = np.array([{jets[0]: u, jets[1]: v}.get(jet, 0.0) for jet in names]).reshape(1, -1, 1)
    rhs = compile_rhs(pde, names, np, (np.zeros(1), np.zeros(1)))(0.0, values)
    assert rhs.ravel() == pytest.approx([(1 - a) * u + a * v, (1 - a) * v - a * u])


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_boundaries_fit_the_grid(entry):
    assert entry.boundaries is None or check_boundaries(entry.boundaries, entry.pde.ndim)
    # The data of the unstable source end before its fronts are all there is, and those of the
    # demonstration begin before there are any.
    assert (entry.late_start == 0) == (entry.name in ("nonlinear-source", "burgers"))


def test_unknown_name_lists_the_names():
    with pytest.raises(EquationError, match=r"did you mean 'burgers'.*diffusion"):
        get("burger")


def test_the_entry_of_an_equation_is_known_by_its_name_or_its_form():
    burgers = get("burgers-1d")
    assert entry_of(None, "burgers-1d") is burgers
    assert entry_of(PDE("u_t = -u*u_x + nu*u_xx", nu=0.3)) is burgers
    assert entry_of(PDE("u_t = -u*u_x + 0.1*u_xx")) is None  # no parameter tells what it was from
    assert entry_of(PDE("u_t = u_xxxxx"), ["what is this"]) is None
