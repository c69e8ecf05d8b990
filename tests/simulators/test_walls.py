"""Walls: exact on polynomials, of the stated order, stable, and held where they should be."""

import math

import numpy as np
import pytest
import torch

from pdenet.boundary import Dirichlet, Neumann, Open, PerField, Periodic, Robin, endpoints
from pdenet.errors import GridError
from pdenet.grid import Grid
from pdenet.pde.definition import PDE
from pdenet.pde.jet import Jet
from simulators.config import Numerics, SimulationConfig
from simulators.operators import jets
from simulators.rhs import RightHandSide
from simulators.solver import Solver
from simulators.stability import StabilityLimit
from simulators.stencils import central, upwind
from simulators.walls import Closure, check_kinds, closures, ghosts, wall_matrix

FIXED, FREE, ENDS = (Dirichlet(), Dirichlet()), (Neumann(), Neumann()), (Periodic(), Periodic())
HALF = (Dirichlet(), Neumann())
PAIRS = {"dirichlet": FIXED, "neumann": FREE, "half": HALF, "other half": HALF[::-1]}
PI = math.pi


def line(n, length=1.0):
    grid = Grid((n,), (length,), endpoint=True)
    return grid, torch.from_numpy(grid.coordinates()[0])


def order_of(steps, errors):
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize("degree", [2, 3, 4, 5])
@pytest.mark.parametrize("reach", [1, 2, 4])
def test_ghosts_continue_polynomials(degree, reach):
    dx, points = 0.1, np.arange(degree + 1)
    outside = dx * np.arange(-reach, 0)
    coefficients = np.random.default_rng(0).standard_normal(degree + 1)
    exact = np.polynomial.Polynomial(coefficients)
    weights, offsets = ghosts(Dirichlet(9.0), degree, reach)
    assert weights @ exact(dx * points) + dx * offsets == pytest.approx(exact(outside))
    weights, offsets = ghosts(Neumann(-float(coefficients[1])), degree, reach)
    assert weights.shape == (reach, degree)
    assert weights @ exact(dx * points[:-1]) + dx * offsets == pytest.approx(exact(outside))


def test_second_order_ghosts_reflect():
    weights, offsets = ghosts(Neumann(0.0), 2, 1)
    assert weights.tolist() == [[0.0, 1.0]] and not offsets.any()
    assert ghosts(Dirichlet(0.0), 2, 1)[0].tolist() == [[3.0, -3.0, 1.0]]


def profile(ends, s):
    """A field along one axis of length 1 that satisfies its conditions, with two derivatives.

    Polynomials of degree 4 between walls, so that ghosts of degree 5 are exact.
    """
    if isinstance(ends[0], Periodic):
        k = 2 * PI
        return torch.sin(k * s) + 2, k * torch.cos(k * s), -k * k * torch.sin(k * s)
    if isinstance(ends[0], Dirichlet) and isinstance(ends[1], Dirichlet):
        return 1 + s - 3 * s**3 + s**4, 1 - 9 * s**2 + 4 * s**3, -18 * s + 12 * s**2
    # Slopes at the ends are zero: s^2 (1 - s)^2 + 1.
    return s**2 * (1 - s) ** 2 + 1, 2 * s - 6 * s**2 + 4 * s**3, 2 - 12 * s + 12 * s**2


@pytest.mark.parametrize("shape", [(41, 37), (33, 64), (48, 50)])
@pytest.mark.parametrize("x_ends", [ENDS, FIXED, FREE])
@pytest.mark.parametrize("y_ends", [ENDS, FIXED, FREE])
def test_jets_are_right_at_every_point(shape, x_ends, y_ends):
    """Corners, mixed derivatives and grids with and without a block length included."""
    grid = Grid(shape, (1.0, 1.0), endpoint=endpoints((x_ends, y_ends)))
    x, y = (torch.from_numpy(points) for points in grid.mesh())
    factors = profile(x_ends, x), profile(y_ends, y)
    u = factors[0][0] * factors[1][0]
    # What is given at a Neumann wall need not be zero: add (g/2) s^2, with slope g at s = 1.
    lift, g = torch.zeros_like(u), 0.7
    ends, slopes = [x_ends, y_ends], {}
    for axis, s in enumerate((x, y)):
        if ends[axis] is FREE:
            ends[axis] = (Neumann(0.0), Neumann(g))
            lift = lift + g / 2 * s**2
            slopes |= {axis: {1: g * s, 2: g * torch.ones_like(s)}}
    variables = Jet.all(("u",), 2, 2)
    batch = torch.stack([torch.zeros_like(u), u + lift])[:, None]
    found = jets(batch, grid, tuple(ends), variables)
    for k, jet in enumerate(variables):
        exact = factors[0][jet.index[0]] * factors[1][jet.index[1]]
        if jet.order == 0:
            exact = exact + lift
        for axis in slopes:
            if jet.index[axis] == jet.order > 0:
                exact = exact + slopes[axis][jet.order]
        tolerance = 5e-5 if ENDS in (x_ends, y_ends) else 1e-9
        assert (found[1, k] - exact).abs().max() < tolerance * max(1, exact.abs().max()), jet.name


def heat_error(n, order, name, nu=0.1, end=0.05):
    """Largest error of one decaying mode, with inhomogeneous conditions where walls differ."""
    shift, wave = {
        "dirichlet": (0.5 * PI, 3 * PI),
        "neumann": (0.0, 3 * PI),
        "half": (0.5 * PI, 2.5 * PI),
        "other half": (0.0, 2.5 * PI),
    }[name]
    slope = {"half": (Dirichlet(1.0), Neumann(2.0)), "other half": (Neumann(-2.0), Dirichlet(3.0))}
    ends, lift = slope.get(name, PAIRS[name]), 2.0 if name in slope else 0.0
    grid, x = line(n)

    def exact(t):
        base = 1 + lift * x if lift else torch.zeros_like(x)
        return base + math.exp(-nu * wave**2 * t) * torch.cos(wave * x - shift)

    u = exact(0.0)[None, None].clone()
    Solver(PDE("u_t = nu*u_xx", nu=nu), grid, Numerics(order, substeps=60), (ends,)).advance(
        0.0, end, u
    )
    return float((u[0, 0] - exact(end)).abs().max())


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(("order", "least"), [(2, 2), (4, 4), (6, 4.6), (8, 4.6)])
def test_measured_order_of_diffusion(name, order, least):
    sizes = np.array([25, 33, 41, 49])
    errors = [heat_error(int(n), order, name) for n in sizes]
    assert -order_of(sizes - 1, errors) > least - 0.1


def layer_error(n, order):
    """u_t = -u_x + ν u_xx from its steady state, u(0) = 1 and u(1) = 3: a layer at x = 1."""
    grid, x = line(n)
    nu, ends = 0.2, ((Dirichlet(1.0), Dirichlet(3.0)),)
    exact = 1 + 2 * torch.expm1(x / nu) / math.expm1(1 / nu)
    u = exact[None, None].clone()
    solver = Solver(PDE("u_t = nu*u_xx - u_x", nu=nu), grid, Numerics(order), ends)
    for k in range(4):
        solver.advance(0.25 * k, 0.25, u)
    return float((u[0, 0] - exact).abs().max())


@pytest.mark.parametrize(("order", "least"), [(2, 2), (4, 4), (8, 4.6), ("upwind", 3)])
def test_measured_order_of_a_boundary_layer(order, least):
    sizes = np.array([65, 97, 129] if order == "upwind" else [33, 49, 65, 81])
    errors = [layer_error(int(n), order) for n in sizes]
    assert -order_of(sizes - 1, errors) > least - 0.1


@pytest.mark.slow
def test_burgers_between_walls_against_a_fine_grid():
    """The error falls by 2^4 and more where the step is halved."""
    pde = PDE("u_t = -u*u_x + 0.05*u_xx")

    def solve(n):
        grid, x = line(n)
        u = (torch.sin(2 * PI * x) + 0.5 * torch.sin(PI * x))[None, None].clone()
        Solver(pde, grid, Numerics(cfl=0.3), (FIXED,)).advance(0.0, 0.3, u)
        return u[0, 0]

    reference = solve(385)
    errors = [float((solve(n) - reference[:: 384 // (n - 1)]).abs().max()) for n in (49, 97)]
    assert errors[0] > 16 * errors[1]
    assert errors[1] < 1e-5


@pytest.mark.parametrize("ends", [(FIXED, FREE), (FREE, FIXED), (ENDS, FIXED), (FREE, ENDS)])
def test_measured_order_in_a_box_and_a_channel(ends):
    """Decaying modes, which a wind carries along the channel."""
    wind = tuple(0.5 * (pair is ENDS) for pair in ends)
    nu, sizes, errors = 0.1, np.array([24, 32, 48]), []
    pde = PDE("u_t = nu*(u_xx + u_yy) - a*u_x - b*u_y", nu=nu, a=wind[0], b=wind[1])
    for n in sizes:
        shape = tuple(int(n) + flag for flag in endpoints(ends))
        grid = Grid(shape, (1.0, 1.0), endpoint=endpoints(ends))
        places = [torch.from_numpy(points) for points in grid.mesh()]

        def exact(t, places=places):
            product = math.exp(-2 * nu * (2 * PI) ** 2 * t)
            for s, pair, speed in zip(places, ends, wind, strict=True):
                wave = torch.cos if pair is FREE else torch.sin
                product = product * wave(2 * PI * (s - speed * t))
            return product

        u = exact(0.0)[None, None].clone()
        Solver(pde, grid, Numerics(cfl=0.4), ends).advance(0.0, 0.1, u)
        errors.append(float((u[0, 0] - exact(0.1)).abs().max()))
    assert -order_of(sizes, errors) > 4.5


def test_a_wall_across_a_field_that_does_not_change_there_is_a_wall_in_one_dimension():
    channel = Grid((16, 41), (1.0, 1.0), endpoint=(False, True))
    grid, y = line(41)
    u = torch.sin(PI * y) + 0.2 * torch.sin(3 * PI * y)
    plane = u.expand(1, 1, 16, 41).clone()
    alone = u[None, None].clone()
    Solver(PDE("u_t = 0.2*laplace(u) - u*u_y"), channel, boundaries=(ENDS, FIXED)).advance(
        0.0, 0.05, plane
    )
    Solver(PDE("u_t = 0.2*u_xx - u*u_x"), grid, Numerics(substeps=200), (FIXED,)).advance(
        0.0, 0.05, alone
    )
    assert (plane[0, 0] - alone[0, 0]).abs().max() < 1e-8


def test_insulated_walls_keep_the_mass():
    """By the trapezoidal rule: to rounding at order 2, to the order of accuracy above."""

    def loss(n, order):
        grid, x = line(n)
        u = torch.exp(torch.cos(3 * PI * x) + torch.cos(PI * x))[None, None].clone()
        weights = torch.ones(n, dtype=torch.float64)
        weights[[0, -1]] = 0.5
        before = float(u[0, 0] @ weights) / (n - 1)
        Solver(PDE("u_t = 0.1*u_xx"), grid, Numerics(order), (FREE,)).advance(0.0, 0.2, u)
        return abs(float(u[0, 0] @ weights) / (n - 1) - before)

    assert loss(40, 2) < 1e-13
    coarse, fine = loss(41, 8), loss(81, 8)
    assert fine < 1e-5 and coarse > 16 * fine


def test_dirichlet_points_are_held_and_neumann_points_move():
    ends = ((Dirichlet(0.25), Dirichlet(0.25)), (Dirichlet(0.25), Neumann(0.0)))
    grid = Grid((20, 21), (1.0, 1.0), endpoint=True)
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(2, 1, 20, 21, dtype=torch.float64, generator=generator)
    before = u.clone()
    Solver(PDE("u_t = 0.1*(u_xx + u_yy) + sin(u) + 1"), grid, boundaries=ends).advance(0.0, 0.01, u)
    for wall in (u[..., 0, :], u[..., -1, :], u[..., :, 0]):
        assert (wall == 0.25).all()
    assert (u[..., 1:-1, -1] != before[..., 1:-1, -1]).all()


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_diffusion_is_stable_and_not_much_stiffer(name, order):
    (closure,) = closures((PAIRS[name],), order)
    stencil = central(2, order)
    largest = -stencil.symbol(np.array([PI])).real.item()
    for n in (24, 60):
        found = np.linalg.eigvals(wall_matrix(stencil, closure, n))
        assert found.real.max() < 1e-9
        assert np.abs(found).max() < 1.55 * largest


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("order", [2, 4, 6, 8, "upwind"])
@pytest.mark.parametrize("wind", [-1, 1])
def test_convection_and_diffusion_are_stable_and_within_the_bounds(name, order, wind):
    """At cell Péclet numbers up to 20, and the eigenvalues lie in the rectangle of the limit."""
    grid, _ = line(48)
    dx = grid.spacing[0]
    for peclet in (0.1, 1, 5, 20):
        pde = PDE("u_t = nu*u_xx - c*u_x", nu=dx / peclet, c=float(wind))
        u = torch.zeros(1, 1, 48, dtype=torch.float64)
        rhs = RightHandSide(pde.numeric(), grid, order, u, (PAIRS[name],))
        first = central(1, order) if order != "upwind" else upwind()
        first = first if wind > 0 or order != "upwind" else first.mirrored()
        second = central(2, 4 if order == "upwind" else order)
        closure = rhs.walls[0]
        matrix = wall_matrix(second, closure, 48) / peclet - wind * wall_matrix(first, closure, 48)
        found = np.linalg.eigvals(matrix) / dx
        decay, rotation = (float(bound[0]) for bound in StabilityLimit(rhs).bounds(0.0, u))
        assert found.real.max() < 1e-6 / dx
        assert found.real.min() > -decay - 1e-9
        assert np.abs(found.imag).max() < rotation + 1e-9


def test_the_matrix_is_what_the_solver_applies():
    grid, _ = line(30)
    for ends, free in ((FIXED, slice(1, -1)), (FREE, slice(None)), (HALF, slice(1, None))):
        basis = torch.eye(30, dtype=torch.float64)[:, None].contiguous()
        out = torch.empty_like(basis)
        RightHandSide(PDE("u_t = u_xx"), grid, 8, basis, (ends,))(0.0, basis, out)
        matrix = wall_matrix(central(2, 8), Closure(*ends, 5), 30) / grid.spacing[0] ** 2
        assert np.allclose(out[free, 0, free].T.numpy(), matrix, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_the_limit_is_sharp_between_walls(name):
    grid, _ = line(64)
    rough = torch.randn(1, 1, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    solver = Solver(PDE("u_t = 0.3*u_xx - u_x"), grid, boundaries=(PAIRS[name],))
    h = solver.largest_steps(0.0, rough)[0]
    for factor, stable in ((1.0, True), (1.5, False)):
        u = rough.clone()
        stepper = solver._workspace(u).stepper
        for k in range(300):
            stepper.step(k * factor * h, factor * h, u)
        assert (float(u.abs().max()) < 5) == stable


def test_trajectories_do_not_depend_on_their_neighbours():
    """Bit by bit, in a channel, whose walls are filled along the last axis and before it."""
    pde = PDE("u_t = -u*u_x + 0.1*(u_xx + u_yy)")
    for ends in ((ENDS, (Neumann(0.3), Dirichlet())), ((Neumann(0.3), Dirichlet()), ENDS)):
        grid = Grid((24, 24), (1.0, 1.0), endpoint=endpoints(ends))
        generator = torch.Generator().manual_seed(1)
        batch = torch.randn(5, 1, 24, 24, dtype=torch.float64, generator=generator)
        together = batch.clone()
        Solver(pde, grid, boundaries=ends).advance(0.0, 0.002, together)
        for k in range(5):
            alone = batch[k : k + 1].clone()
            Solver(pde, grid, boundaries=ends).advance(0.0, 0.002, alone)
            assert torch.equal(alone[0], together[k])


def test_float32_and_three_dimensions():
    ends = (FIXED, ENDS, (Neumann(), Dirichlet(0.0)))
    grid = Grid((17, 16, 17), (1.0, 1.0, 1.0), endpoint=endpoints(ends))
    x, y, z = (torch.from_numpy(points) for points in grid.mesh())
    u = torch.sin(PI * x) * torch.cos(2 * PI * y) * torch.cos(PI / 2 * z)
    after = u[None, None].float()
    pde = PDE("u_t = 0.1*laplace(u)", coordinates=("x", "y", "z"))
    Solver(pde, grid, boundaries=ends).advance(0.0, 0.1, after)
    decay = math.exp(-0.01 * PI**2 * (1 + 4 + 0.25))
    assert (after[0, 0] - decay * u).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("pde", "ends", "grid", "message"),
    [
        ("u_t = -u_xxx", FIXED, Grid((40,), (1.0,), endpoint=True), "u_xxx needs more conditions"),
        ("u_t = u_xx", FIXED, Grid((40,), (1.0,)), "x has walls"),
        ("u_t = u_xx", ENDS, Grid((40,), (1.0,), endpoint=True), "x is periodic"),
        ("u_t = u_xx", FIXED, Grid((8,), (1.0,), endpoint=True), "at least 9"),
        ("u_t = u_xx", (Open(), Dirichlet()), Grid(40, 1.0, endpoint=True), "x is open at its low"),
        ("u_t = u_xx", (Dirichlet(), Robin(1.0)), Grid(40, 1.0, endpoint=True), "Robin .* upper"),
    ],
)
def test_what_walls_cannot_do_is_refused(pde, ends, grid, message):
    with pytest.raises(GridError, match=message):
        Solver(PDE(pde), grid, boundaries=(ends,)).advance(
            0.0, 0.1, torch.zeros(1, 1, *grid.shape, dtype=torch.float64)
        )


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (Open(), "is open"),
        (Robin(1.0), "Robin"),
        (Neumann((0.0, 1.0)), "changes in time"),
        (PerField((("u", Neumann()),)), "for each field"),
    ],
)
def test_what_no_solver_knows_is_refused_before_any_work(end, message):
    walls = ((Periodic(), Periodic()), (Dirichlet(), end))
    told = f"y .*{message}.*use periodic, dirichlet or neumann"
    with pytest.raises(GridError, match=told):
        check_kinds(walls, "xy")
    with pytest.raises(GridError, match=told):
        SimulationConfig(shape=(16, 16), lengths=(1.0, 1.0), boundaries=walls)
