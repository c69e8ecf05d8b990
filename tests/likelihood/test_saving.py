"""What is kept of a refinement: only what can be of these data goes on, whoever wrote it."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pdenet.errors import CheckpointError, PDENetError
from pdenet.grid import Grid
from pdenet.likelihood.config import RefineConfig
from pdenet.likelihood.fit.setup import Setup
from pdenet.likelihood.refine import refine
from pdenet.likelihood.saving import Kept, checked
from pdenet.pde import PDE
from pdenet.problem import Problem

POINTS, FRAMES, DT = 12, 10, 0.05
TRUTH = PDE("u_t = 0.5*u_x + 0.1*u_xx")
PROBLEM = Problem.periodic(TRUTH, Grid((POINTS,), (2 * math.pi,)))
CONFIG = RefineConfig(order=2, workers=1, iterations=3, finest=1)


def waves() -> Tensor:
    """Four trajectories of three damped waves with 1 % of noise."""
    generator = torch.Generator().manual_seed(0)
    k = torch.arange(1.0, 4.0, dtype=torch.float64)
    size = torch.randn(4, 1, 3, dtype=torch.complex128, generator=generator)
    time = DT * torch.arange(FRAMES, dtype=torch.float64)[:, None]
    modes = size * torch.exp((0.5j * k - 0.1 * k.square()) * time)
    x = 2 * math.pi * torch.arange(POINTS, dtype=torch.float64) / POINTS
    states = (modes @ torch.exp(1j * k[:, None] * x)).real[:, :, None]
    noise = torch.randn(states.shape, dtype=torch.float64, generator=generator)
    return states + 0.01 * noise


@pytest.fixture(scope="module")
def saved() -> tuple[Tensor, dict[str, Tensor], int]:
    """The data, the last state that a refinement from them alone kept, and how many terms there
    were to choose from."""
    data, saves = waves(), list[dict[str, Tensor]]()
    refine(None, data, PROBLEM, DT, CONFIG, kept=Kept(None, lambda s: saves.append(dict(s))))
    assert {"judged", "rivals", "information", "last"} <= saves[-1].keys()
    return data, saves[-1], len(saves[-1]["start"])


def accepted(data: Tensor, state: dict[str, Tensor], terms: int) -> bool:
    """Whether a state may go on; it is refused in one line, and with the name of its file."""
    try:
        checked(Kept(state, path="FILE.state"), Setup.of(data, PROBLEM, DT, CONFIG), terms)
    except CheckpointError as error:
        text = str(error)
        assert "\n" not in text and "'FILE.state' is damaged" in text and "begin anew" in text
        return False
    return True


def test_what_was_kept_is_accepted(saved):
    assert accepted(*saved)
    data, state, terms = saved
    for name in ("information", "last"):  # not there before the first iteration
        assert accepted(data, {k: v for k, v in state.items() if k != name}, terms)


DAMAGES = {
    "a row less": lambda t: t[:-1] if t.dim() else t[None],
    "a row more": lambda t: torch.cat([t, t[:1]]) if t.dim() else t.repeat(2),
    "flat": lambda t: t.flatten()[None],
    "none": lambda t: t.new_zeros(0),
    "half precision": lambda t: t.to(torch.complex64 if t.is_complex() else torch.float32),
    "short": lambda t: t.real.to(torch.int32),
    "true": lambda t: t.real.bool(),
}


@settings(deadline=None, max_examples=150)
@given(chosen=st.data())
def test_other_shapes_and_kinds_are_refused(saved, chosen):
    data, state, terms = saved
    name = chosen.draw(st.sampled_from(sorted(state)))
    damage = DAMAGES[chosen.draw(st.sampled_from(sorted(DAMAGES)))]
    other = damage(state[name])
    if (
        name == "rivals"
        and other.dim() == 2
        and other.shape[1] == 4
        and other.dtype == torch.float64
    ):
        return  # of them there may be any number
    assert not accepted(data, {**state, name: other}, terms)


@settings(deadline=None, max_examples=100)
@given(chosen=st.data())
def test_numbers_that_cannot_be_are_refused(saved, chosen):
    data, state, terms = saved
    name = chosen.draw(st.sampled_from(sorted(state.keys() - {"judged", "rivals"})))
    tensor = state[name].clone()
    if tensor.dtype == torch.int64:
        bad = chosen.draw(st.sampled_from([-1, -(2**40), 2**40]))
    else:
        bad = chosen.draw(st.sampled_from([math.nan, -math.inf]))
    place = chosen.draw(st.integers(0, tensor.numel() - 1))
    tensor.view(-1)[place] = bad
    assert not accepted(data, {**state, name: tensor}, terms)


@pytest.mark.parametrize("name", ["start", "window", "outer_steps", "at", "sigma", "iterations"])
def test_nothing_may_be_missing_or_left_over(saved, name):
    data, state, terms = saved
    assert not accepted(data, {k: v for k, v in state.items() if k != name}, terms)
    assert not accepted(data, {**state, "kitchen": torch.zeros(1)}, terms)
    assert not accepted(data, state, terms + 1)
    assert not accepted(data[:3], state, terms)
    assert not accepted(data[:, :9], state, terms)


@settings(deadline=None, max_examples=10)
@given(chosen=st.data())
def test_what_is_accepted_ends_in_an_equation_or_a_reason(saved, chosen):
    """Finite numbers anywhere, of any size: no fault of pdenet, however forged."""
    data, state, terms = saved
    name = chosen.draw(
        st.sampled_from(["coefficients", "at", "sigma", "variance", "judged", "last"])
    )
    factor = chosen.draw(st.sampled_from([0.0, -1.0, 1e-6, 3.0, 1e8]))
    forged = {**state, name: state[name] * factor}
    if not accepted(data, forged, terms):
        return
    try:
        found = refine(None, data, PROBLEM, DT, CONFIG, kept=Kept(forged))
    except PDENetError as error:
        assert "\n" not in str(error)
    else:
        assert any(found.pde.terms().values())
