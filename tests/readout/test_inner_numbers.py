"""Numbers inside functions: whole ones where the data allow it, fitted ones where they do not."""

import math

import pytest
import torch

from pdenet.boundary import Dirichlet
from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet
from pdenet.pde import PDE
from pdenet.pde.compare import compare
from pdenet.readout.inner_numbers import has_arguments, read_functions
from pdenet.readout.steps import Reading, ReadoutConfig
from simulators import FourierInitial, trajectories

CONFIG = ReadoutConfig(steps=8, select_values=1200, fit_values=2400, size=9)
WALLS = ((Dirichlet(), Dirichlet()),)


def reading(truth: PDE) -> Reading:
    states = trajectories(
        truth,
        shape=(48,),
        lengths=(2 * math.pi,),
        dt=0.02,
        frames=20,
        trajectories=16,
        noise=0.003,
        late_start=0.0,
        boundaries=WALLS,
        initial=FourierInitial(waves=3, amplitude=3.0, constant=0.5),
        seed=4,
    ).states
    grid = Grid((48,), (2 * math.pi,), endpoint=True)
    model = PDENet(NetworkShape(("u",), grid, boundaries=WALLS), 0.02, torch.Generator())
    generator = torch.Generator().manual_seed(0)
    return Reading(model, states[:11], states[11:], generator, CONFIG, lambda event: None)


@pytest.mark.parametrize(
    "start",
    [
        "u_t = 0.18*u_xx + 2.9*sin(1.02*u) + 0.05*u + 0.01*u_x",
        "u_t = 0.21*u_xx + 3.1*sin(0.97*u + 0.1)",
        "u_t = 0.21*u_xx + 2.7*cos(u - 1.5)",
    ],
)
def test_a_whole_number_is_found(start):
    truth = PDE("u_t = 0.2*u_xx + 3*sin(u)")
    found = read_functions(reading(truth), PDE(start))
    comparison = compare(found.pde, truth)
    assert comparison.exact and comparison.einf < 0.02


def test_a_number_that_is_not_whole_is_fitted():
    truth = PDE("u_t = 0.2*u_xx + 3*sin(1.4*u)")
    found = read_functions(reading(truth), PDE("u_t = 0.19*u_xx + 2.8*sin(1.33*u) + 0.1*u"))
    (wave,) = (m for m in found.pde.terms()["u"] if m.func.__name__ == "sin")
    assert float(wave.args[0].as_coeff_Mul()[0]) == pytest.approx(1.4, rel=0.005)
    assert len(found.pde.terms()["u"]) == 2
    assert float(found.pde.numeric_terms()["u"][wave]) == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize(
    ("text", "known"),
    [("u_t = sin(2*u) + u_xx", True), ("u_t = u*u_x + u_xx", False), ("u_t = exp(u*u_x)", False)],
)
def test_which_equations_have_them(text, known):
    assert has_arguments(PDE(text)) == known
