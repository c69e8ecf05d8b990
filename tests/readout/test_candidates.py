"""Shares of terms by hand, their ranking, and scales far from one."""

import math

import numpy as np
import pytest
import torch

from pdenet.events import TermDropped
from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet
from pdenet.pde import PDE
from pdenet.pde.jet import Jet
from pdenet.pde.render import to_text
from pdenet.readout import assign, candidates, expansion, leading, shares
from pdenet.readout.candidates import FLOOR, MOST
from pdenet.readout.expand import Expansion


def model_of(pde: PDE, scale: float = 1.0, units: int = 3) -> PDENet:
    grid = Grid((32,) * pde.ndim, (2 * math.pi,) * pde.ndim)
    shape = NetworkShape(pde.fields, grid, units=units, constraint=4)
    model = PDENet(shape, 0.01, torch.Generator().manual_seed(0))
    m, n = model.symnet.inputs, model.symnet.fields
    model.symnet.set_scales(torch.full((m,), scale).double(), torch.full((n,), 2 * scale).double())
    assign(model.symnet, model.filters.jets, pde)
    return model


def sine(scale: float = 1.0) -> torch.Tensor:
    x = torch.arange(32, dtype=torch.float64) * 2 * math.pi / 32
    return scale * (3 * torch.sin(x))[None, None]


def test_shares_by_hand():
    """u = 3 sin x: rms u = 3/√2, rms u u_x = 9 rms(sin x cos x) = 9/√8, u_t of size 2."""
    model = model_of(PDE("u_t = -u*u_x + 0.5*u + 4"))
    found = expansion(model, 2)
    share = shares(found, model, sine())
    assert share.shape == found.coefficients.shape
    u, u_x = Jet("u", (0,)).symbol, Jet("u", (1,)).symbol
    by_name = {found.monomial(t): share[0, t] for t in range(share.shape[1])}
    assert by_name[u] == pytest.approx(0.5 * 3 / math.sqrt(2) / 2, rel=1e-9)
    # The 5-point filter has u_x off by 1e-4 at this wave number.
    assert by_name[u * u_x] == pytest.approx(9 / math.sqrt(8) / 2, rel=1e-3)
    assert by_name[1] == pytest.approx(4 / 2, rel=1e-9)
    assert by_name[u * u] == 0


@pytest.mark.parametrize("scale", [1e-30, 1e-8, 1e8, 1e30])
def test_shares_do_not_depend_on_the_unit_of_the_field(scale):
    """Powers up to the twentieth of such numbers are beyond floating point; shares are not."""
    plain = model_of(PDE("u_t = -u*u_x + 0.5*u_xx + 0.1*u**3"), units=5)
    other = model_of(PDE("u_t = -u*u_x + 0.5*u_xx + 0.1*u**3"), units=5)
    for a, b in zip(plain.symnet.weights(), other.symnet.weights(), strict=True):
        b.data.copy_(a.data)
    other.symnet.set_scales(plain.symnet.input_scale * scale, plain.symnet.output_scale * scale)
    assert expansion(plain).degree == 20
    expected = shares(expansion(plain), plain, sine())
    found = shares(expansion(other), other, sine(scale))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


def table(*rows: list[float]) -> Expansion:
    """Coefficients of 1, u, u_x, .. in the order of `monomials`."""
    jets = Jet.all(("u",), 1, len(rows[0]) - 2)
    powers = np.vstack([np.zeros(len(jets)), np.eye(len(jets))]).astype(np.int64)
    fields = ("u", "v")[: len(rows)]
    return Expansion(fields, jets, powers, np.array(rows), 1)


def test_the_ranking_by_hand():
    found = table([5.0, 1.0, 2.0, 3.0])
    share = np.array([[0.5 * FLOOR, 2 * FLOOR, 0.0, FLOOR]])
    events: list[TermDropped] = []
    pde = candidates(found, share, events.append)
    assert pde == PDE("u_t = u + 3*u_xx")
    (event,) = events
    assert (event.field, event.monomial_text, event.coefficient) == ("u", "1", 5.0)
    assert event.scaled == 0.5 * FLOOR and "below 0.001" in event.reason


def test_no_more_than_most_candidates():
    count = 2 * MOST
    found = table([float(k + 1) for k in range(count)])
    share = np.linspace(0.1, 1, count)[None]
    events: list[TermDropped] = []
    pde = candidates(found, share, events.append)
    assert sorted(pde.numeric_terms()["u"].values()) == [
        float(k) for k in range(MOST + 1, count + 1)
    ]
    assert len(events) == MOST
    assert all("have a larger share" in event.reason for event in events)
    assert [event.scaled for event in events] == sorted((e.scaled for e in events), reverse=True)


def test_leading_terms():
    found = table([5.0, 1.0, 2.0, 3.0])
    share = np.array([[0.1, 0.4, 0.0, 0.2]])
    assert leading(found, share, lambda pde: "; ".join(to_text(pde, digits=3)), most=2) == (
        "u_t = u + 3*u_xx"
    )
    assert leading(found, 0 * share, lambda pde: "; ".join(to_text(pde, digits=3))) == "u_t = 0"
