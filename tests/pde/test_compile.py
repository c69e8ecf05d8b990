"""Compiled right-hand sides against NumPy written by hand, and under PyTorch's transforms."""

import numpy as np
import pytest
import torch

from pdenet.errors import EquationError
from pdenet.pde import PDE, Jet
from pdenet.pde.compile import compile_rhs

JETS = Jet.all(("u", "v"), 2, 2)
X, Y = np.arange(6.0)[:, None], np.arange(5.0)[None, :]
PDE_ALL = PDE(
    "u_t = -u*u_x - v*u_y + nu*(u_xx + u_yy) + 2 + u**5*v - 3*u**2*u_x**3 + sin(x)",
    "v_t = nu*laplace(v) + sin(x)*u_x*t + cos(y) + u/(1 + v**2) + tanh(u*v_x) + exp(-t)*v_y",
    nu=0.05,
)


def values(seed=0, batch=3):
    return np.random.default_rng(seed).standard_normal((batch, len(JETS), 6, 5))


def by_hand(t, jets):
    w = {jet.name: jets[:, k] for k, jet in enumerate(JETS)}
    u, v = w["u"], w["v"]
    first = -u * w["u_x"] - v * w["u_y"] + 0.05 * (w["u_xx"] + w["u_yy"]) + 2 + u**5 * v
    first = first - 3 * u**2 * w["u_x"] ** 3 + np.sin(X)
    second = 0.05 * (w["v_xx"] + w["v_yy"]) + np.sin(X) * w["u_x"] * t + np.cos(Y)
    second = second + u / (1 + v**2) + np.tanh(u * w["v_x"]) + np.exp(-t) * w["v_y"]
    return np.stack([first, second], 1)


def torch_rhs(pde=PDE_ALL, **options):
    return compile_rhs(pde, JETS, torch, (torch.tensor(X), torch.tensor(Y)), **options)


@pytest.mark.parametrize("in_place", [False, True])
def test_numpy(in_place):
    jets = values()
    rhs = compile_rhs(PDE_ALL, JETS, np, (X, Y), in_place=in_place)
    before = jets.copy()
    for t in (0.3, 1.0):  # twice: nothing may be left over from the first call
        np.testing.assert_allclose(rhs(t, jets), by_hand(t, jets), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(jets, before)


@pytest.mark.parametrize("in_place", [False, True])
def test_torch(in_place):
    jets = values()
    rhs, given = torch_rhs(in_place=in_place), torch.tensor(jets)
    for t in (0.3, 1.0):
        np.testing.assert_allclose(rhs(t, given), by_hand(t, jets), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(given, jets)


def test_single_precision_stays_single():
    pde = PDE("u_t = -u*u_x + 0.1*u_xx + 1", "v_t = v_yy")
    jets = torch.tensor(values(), dtype=torch.float32)
    assert compile_rhs(pde, JETS, torch)(0.0, jets).dtype == torch.float32
    assert compile_rhs(pde, JETS, np)(0.0, jets.numpy()).dtype == np.float32


def test_gradients():
    jets = torch.tensor(values(batch=1)[..., :2, :2], requires_grad=True)
    rhs = compile_rhs(PDE_ALL, JETS, torch, (torch.tensor(X[:2]), torch.tensor(Y[:, :2])))
    assert torch.autograd.gradcheck(lambda jets: rhs(0.3, jets), (jets,))


def test_jvp_and_vmap():
    rhs, jets = torch_rhs(), torch.tensor(values())
    direction = torch.tensor(values(1))
    _, tangent = torch.func.jvp(lambda jets: rhs(0.3, jets), (jets,), (direction,))
    step = 1e-6
    difference = (rhs(0.3, jets + step * direction) - rhs(0.3, jets - step * direction)) / step / 2
    torch.testing.assert_close(tangent, difference, rtol=1e-5, atol=1e-6)
    both = torch.func.vmap(lambda jets: rhs(0.3, jets))(torch.stack([jets, direction]))
    torch.testing.assert_close(both[1], rhs(0.3, direction))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("u_t = 0", 0.0),
        ("u_t = 3", 3.0),
        ("u_t = sin(x)", np.sin(X) + 0 * Y),
        ("u_t = t", 0.5),
        ("u_t = 2 + cos(t)*x", 2 + np.cos(0.5) * X + 0 * Y),
    ],
)
def test_right_hand_sides_without_jets_have_the_shape_of_the_grid(text, expected):
    rhs = compile_rhs(PDE(text, coordinates=("x", "y")), JETS[:1], np, (X, Y))
    result = rhs(0.5, np.full((2, 1, 6, 5), np.inf))
    np.testing.assert_allclose(result, np.broadcast_to(expected, (2, 1, 6, 5)))
    none = compile_rhs(PDE(text, coordinates=("x", "y")), (), np, (X, Y))
    np.testing.assert_allclose(none(0.5, np.empty((2, 0, 6, 5))), result)


@pytest.mark.parametrize("power", [1, 2, 3, 4, 5, 7, 8, 16, -1, -2, -3])
def test_powers(power):
    u = np.array([[[0.5, -1.5, 2.0]]])
    rhs = compile_rhs(PDE(f"u_t = 2*u**{power}"), (Jet("u", (0,)),), np)
    np.testing.assert_allclose(rhs(0.0, u)[:, 0], 2 * u[:, 0] ** float(power), rtol=1e-14)


def test_jets_may_come_in_any_order():
    jets = (Jet("u", (2,)), Jet("u", (0,)), Jet("u", (1,)))
    result = compile_rhs(PDE("u_t = u*u_x - u_xx"), jets, np)(
        0.0, np.array([[[1.0], [2.0], [3.0]]])
    )
    assert result.item() == 5.0


def test_what_is_missing_is_named():
    with pytest.raises(EquationError, match="needs u_xx"):
        compile_rhs(PDE("u_t = u_xx"), (Jet("u", (0,)),), np)
    with pytest.raises(EquationError, match="depends on x: pass coordinates"):
        compile_rhs(PDE("u_t = x*u"), (Jet("u", (0,)),), np)
    with pytest.raises(EquationError, match="1 coordinates for 2"):
        compile_rhs(PDE("u_t = u_y"), JETS, np, (X,))
