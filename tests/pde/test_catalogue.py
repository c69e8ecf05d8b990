"""Every named equation compiles and says what it should."""

import numpy as np
import pytest

from pdenet.errors import EquationError
from pdenet.grid import Grid
from pdenet.pde import PDE, Jet
from pdenet.pde.catalogue import catalogue, get
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


def test_unknown_name_lists_the_names():
    with pytest.raises(EquationError, match=r"did you mean 'burgers'.*diffusion"):
        get("burger")
