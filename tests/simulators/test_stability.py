"""Stability limits against theory, and what an unstable step says."""

import math

import pytest
import torch

from pdenet.errors import GridError, StabilityError
from pdenet.grid import Grid
from pdenet.pde.definition import PDE
from simulators.config import Numerics
from simulators.solver import Solver, substep_count
from simulators.stability import require_substeps

GRID = Grid((64,), (2 * math.pi,))
DX = GRID.spacing[0]
X = torch.from_numpy(GRID.coordinates()[0])


def limit(pde, u=None, grid=GRID, **numerics):
    state = torch.zeros(1, len(pde.fields), *grid.shape, dtype=torch.float64) if u is None else u
    return Solver(pde, grid, Numerics(**numerics)).largest_steps(0.0, state)[0]


@pytest.mark.parametrize(
    ("order", "wave", "square"),
    [(2, 1.0, 4.0), (4, 1.372, 16 / 3), (6, 1.586, 6.044), (8, 1.732, 6.502)],
)
def test_constant_coefficients_have_the_textbook_limits(order, wave, square):
    advection, diffusion = PDE("u_t = -2*u_x"), PDE("u_t = 0.3*u_xx")
    assert limit(advection, order=order) == pytest.approx(8**0.5 * DX / (2 * wave), rel=2e-3)
    assert limit(diffusion, order=order) == pytest.approx(2.7853 * DX**2 / (0.3 * square), rel=2e-3)


def test_the_limit_is_sharp():
    """Ten per cent below the limit noise decays, ten per cent above it explodes."""
    pde = PDE("u_t = 0.3*u_xx - u_x")
    h = limit(pde)
    rough = torch.randn(1, 1, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    solver = Solver(pde, GRID)
    for factor, stable in ((0.9, True), (1.3, False)):
        u = rough.clone()
        stepper = solver._workspace(u).stepper
        for k in range(300):
            stepper.step(k * factor * h, factor * h, u)
        assert (float(u.abs().max()) < 5) == stable


def test_speeds_are_those_of_the_state():
    pde = PDE("u_t = -u*u_x")
    slow = torch.full((1, 1, 64), 0.5, dtype=torch.float64)
    assert limit(pde, slow) == pytest.approx(4 * limit(pde, 4 * slow))
    pair = torch.cat([slow, 4 * slow])
    steps = Solver(pde, GRID).largest_steps(0.0, pair)
    assert steps[0] == pytest.approx(4 * steps[1])
    assert limit(pde, torch.zeros_like(slow)) == math.inf


def test_a_wave_equation_is_limited_by_its_speed():
    pde = PDE("u_t = v", "v_t = 9*u_xx")
    square = 6.502  # largest symbol of the second derivative of order 8
    rotation = 3 * square**0.5 / DX
    assert 1.9 / rotation < limit(pde) <= 8**0.5 / rotation


def test_dispersion_and_mixed_derivatives_are_seen():
    assert limit(PDE("u_t = -u_xxx"), order=2) == pytest.approx(8**0.5 * DX**3 / 2.598, rel=2e-3)
    plane = Grid.square(32, 2)
    with_cross = limit(PDE("u_t = u_xx + u_yy + 0.5*u_xy"), grid=plane)
    assert with_cross < limit(PDE("u_t = u_xx + u_yy"), grid=plane)


def test_growth_of_the_equation_is_no_reason_for_small_steps():
    assert limit(PDE("u_t = 50*u")) == math.inf
    assert limit(PDE("u_t = -50*u")) == pytest.approx(2.7853 / 50, rel=1e-3)


def test_coefficients_in_time_are_taken_at_the_time():
    pde = PDE("u_t = t*u_xx")
    solver = Solver(pde, GRID)
    u = torch.zeros(1, 1, 64, dtype=torch.float64)
    assert solver.largest_steps(2.0, u)[0] == pytest.approx(solver.largest_steps(1.0, u)[0] / 2)


def test_too_few_substeps_say_how_many_are_needed():
    pde = PDE("u_t = u_xx")
    allowed = limit(pde)
    needed = math.ceil(0.01 / allowed)
    u = torch.sin(X)[None, None].clone()
    with pytest.raises(StabilityError, match=f"at most {allowed:.4g}.*substeps={needed} or more"):
        Solver(pde, GRID, Numerics(substeps=needed - 1)).advance(0.0, 0.01, u)
    assert torch.equal(u[0, 0], torch.sin(X))
    Solver(pde, GRID, Numerics(substeps=needed)).advance(0.0, 0.01, u)


def test_the_check_is_repeated_as_the_state_grows():
    pde = PDE("u_t = -u*u_x + 3*u")
    u = torch.ones(1, 1, 64, dtype=torch.float64)
    solver = Solver(pde, GRID, Numerics(substeps=1))
    with pytest.raises(StabilityError, match=r"unstable at time 0\.[1-9]"):
        for k in range(200):
            solver.advance(k * 0.02, 0.02, u)


@pytest.mark.parametrize("substeps", [None, 20])
def test_a_blow_up_is_an_error(substeps):
    u = torch.full((1, 1, 64), 50.0, dtype=torch.float64)
    solver = Solver(PDE("u_t = u**3"), GRID, Numerics(substeps=substeps))
    with pytest.raises(StabilityError, match="not finite at time"):
        for k in range(100):
            solver.advance(k * 0.01, 0.01, u)


def test_absurd_numbers_of_steps_are_refused():
    with pytest.raises(StabilityError, match="more than 100000 steps"):
        Solver(PDE("u_t = 1e9*u_xx"), GRID).advance(0.0, 1.0, torch.zeros(1, 1, 64).double())
    with pytest.raises(GridError, match="at least 9"):
        limit(PDE("u_t = u_xx"), grid=Grid((7,), (1.0,)))


def test_trajectories_choose_their_own_steps():
    """Each member of a batch is what it is alone, bit by bit."""
    pde = PDE("u_t = -u*u_x + 0.1*u_xx")
    batch = torch.stack([a * torch.sin(X)[None] for a in (0.1, 5.0, 40.0, 0.2)])
    together = batch.clone()
    Solver(pde, GRID).advance(0.0, 0.05, together)
    for k in range(4):
        alone = batch[k : k + 1].clone()
        Solver(pde, GRID).advance(0.0, 0.05, alone)
        assert torch.equal(alone[0], together[k])


def test_the_ladder_of_substeps():
    counts = [substep_count(x) for x in (0.0, 0.3, 1, 1.2, 2.5, 4.5, 6.1, 8.1, 9, 13, 15, 17, 33)]
    assert counts == [1, 1, 1, 2, 3, 5, 7, 10, 10, 14, 16, 20, 40]


def test_a_blow_up_before_the_first_frame_has_no_negative_time():
    u = torch.full((1, 1, 64), 50.0, dtype=torch.float64)
    solver = Solver(PDE("u_t = u**3"), GRID, Numerics(substeps=20))
    with pytest.raises(StabilityError, match=r"solution u is not finite 0\.\d+ before the first"):
        for k in range(100):
            solver.advance(k * 0.01 - 1, 0.01, u)


@pytest.mark.parametrize("asked", ["substeps=2 or more", "--substeps 2 or more"])
def test_too_few_substeps_are_told_in_both_languages(asked):
    with pytest.raises(StabilityError) as caught:
        require_substeps(0.02, 1, 0.015, 0.0)
    assert asked in (caught.value.shell if asked.startswith("--") else str(caught.value))
