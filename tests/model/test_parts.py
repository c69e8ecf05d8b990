"""Maps, sources, functions and walls in a right-hand side: against the sum of their definitions."""

import math

import pytest
import torch
from torch import Tensor

from pdenet.boundary import Boundaries, Dirichlet, Neumann, endpoints, periodic
from pdenet.errors import ConfigError, GridError
from pdenet.grid import Grid
from pdenet.model import LearnedRHS, NetworkShape, PDENet, SplineShape
from pdenet.nn import CoefficientMaps
from pdenet.pde import PDE
from pdenet.pde.compile import compile_rhs
from pdenet.readout import assign
from simulators import trajectories

WALLS: Boundaries = ((Dirichlet(0.5), Neumann(-1.0)), *periodic(1))
PARTS = {
    "coefficients": SplineShape(4, 2),
    "source": SplineShape(5, 3),
    "functions": ("sin", "exp"),
}


def grid_of(boundaries: Boundaries | None) -> Grid:
    walled = endpoints(boundaries or periodic(2))
    return Grid((12, 10), (2.0, 3.0), endpoint=walled)


def random_model(boundaries: Boundaries | None = None, **parts: object) -> PDENet:
    """Two fields in two dimensions, all weights random, scales that are not one."""
    generator = torch.Generator().manual_seed(0)
    shape = NetworkShape(
        ("u", "v"), grid_of(boundaries), units=1, boundaries=boundaries, **{**PARTS, **parts}
    )
    model = PDENet(shape, 0.01, generator)
    with torch.no_grad():
        sizes = model.filters(random_state()).square().mean((0, 2, 3)).sqrt()
        model.symnet.set_scales(sizes, torch.tensor([2.0, 0.7], dtype=torch.float64))
        for weight in model.weights():
            draw = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            weight.copy_(0.3 * draw)
    if model.source is not None:
        model.source.set_range(torch.tensor([-1.0, -2.0]), torch.tensor([1.0, 1.5]))
    return model


def random_state(n: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn((n, 2, 12, 10), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("boundaries", [None, WALLS], ids=["periodic", "walls"])
def test_the_parts_add_up_in_the_scales_of_the_symnet(boundaries):
    model, u = random_model(boundaries), random_state()
    with torch.no_grad():
        jets = model.filters(u)
        expected = model.symnet(jets)
        z = jets / model.symnet.input_scale.reshape(1, -1, 1, 1)
        maps = model.maps().reshape(2, len(model.filters.jets), 12, 10)
        for f in range(2):
            scale = model.symnet.output_scale[f]
            for v in range(len(model.filters.jets)):
                expected[:, f] += scale * maps[f, v] * z[:, v]
            expected[:, f] += scale * model.source(u)[:, f]
        if boundaries:
            expected[:, :, 0] = 0
        torch.testing.assert_close(model.rhs(u), expected)


def test_coefficients_are_maps_in_physical_units():
    model, u = random_model(source=None, functions=()), random_state()
    found = model.rhs.coefficients()
    assert found is not None and found.shape == (2, len(model.filters.jets), 12, 10)
    with torch.no_grad():
        jets = model.filters(u)
        change = (found * jets[:, None]).sum(2)
        torch.testing.assert_close(model.rhs(u) - model.symnet(jets), change)


def test_without_parts_a_network_is_as_before():
    """Names of weights and their values: runs that were trained before can be read."""
    parts = {"coefficients": None, "source": None, "functions": ()}
    model = random_model(**parts)
    assert set(model.state_dict()) == {
        "rhs.filters.free",
        *(f"rhs.symnet.{name}" for name in ("linear", "bias", "output")),
        *(f"rhs.symnet.{name}_scale" for name in ("input", "output")),
    }
    assert model.maps is None and model.source is None and model.rhs.coefficients() is None
    assert model.splines() == []
    assert [p.shape for p in model.weights()] == [p.shape for p in model.symnet.weights()]


@pytest.mark.parametrize("boundaries", [None, WALLS], ids=["periodic", "walls"])
def test_gradients_reach_every_part_through_the_blocks(boundaries):
    model = random_model(boundaries)
    model(random_state(), 2).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.any()), name


def test_derivatives_along_states_and_weights_are_differences():
    model, u = random_model(WALLS), random_state(1)
    names = [name for name, _ in model.named_parameters()]
    weights = tuple(p.detach() for p in model.parameters())
    generator = torch.Generator().manual_seed(5)
    along = [torch.randn(w.shape, generator=generator, dtype=torch.float64) for w in (u, *weights)]

    def run(u: Tensor, *values: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(
            model, dict(zip(names, values, strict=True)), (u, 2)
        )
        return found

    with torch.no_grad():
        tangent = torch.func.jvp(run, (u, *weights), tuple(along))[1]
        h = 1e-6
        plus, minus = (
            run(*(w + s * h * d for w, d in zip((u, *weights), along, strict=True)))
            for s in (1, -1)
        )
    torch.testing.assert_close(tangent, (plus - minus) / (2 * h), rtol=1e-4, atol=1e-5)


def test_dirichlet_walls_hold_their_value_from_the_first_block():
    model, u = random_model(WALLS), random_state()
    with torch.no_grad():
        found = model(u, 3)
    assert bool((found[:, :, :, 0] == 0.5).all())
    assert not torch.equal(found[:, 0, :, -1], u[:, :, -1])


@pytest.mark.parametrize(
    ("pde", "boundaries"),
    [
        (PDE("u_t = 0.3*u_xx + 2*sin(u)"), ((Dirichlet(0.0), Dirichlet(0.0)),)),
        (PDE("u_t = 0.2*u_xx - 0.5*u"), ((Neumann(0.0), Dirichlet(0.0)),)),
        (PDE("u_t = 0.2*u_xx"), ((Dirichlet(1.0), Neumann(0.5)),)),
    ],
    ids=str,
)
def test_between_walls_a_network_that_is_a_pde_predicts_what_the_simulator_computes(
    pde, boundaries
):
    """Reflection against the simulator's polynomials: two ways to the same condition."""
    data = trajectories(
        pde,
        shape=(65,),
        lengths=(math.pi,),
        boundaries=boundaries,
        dt=0.002,
        frames=51,
        trajectories=3,
        late_start=0.0,
        initial={"waves": 2, "amplitude": 1.0, "constant": 0.5},
    )
    shape = NetworkShape(
        ("u",),
        data.problem.grid,
        size=5,
        constraint="frozen",
        integrator="rk4",
        boundaries=boundaries,
        functions=("sin",),
    )
    model = PDENet(shape, 0.002, torch.Generator().manual_seed(0))
    assign(model.symnet, model.filters.jets, pde)
    with torch.no_grad():
        found = model(data.states[:, 0], 50)
    change = (data.states[:, 50] - data.states[:, 0]).abs().amax()
    assert float((found[:, -1] - data.states[:, 50]).abs().max()) < 2e-3 * float(change)


def test_a_network_with_maps_is_the_compiled_pde_with_coefficients_in_space():
    """u_t = (1 + sin x) u_x + u_xx cos x by maps that are as near to them as a mesh allows."""
    pde = PDE("u_t = (1 + sin(x))*u_x + cos(x)*u_xx")
    grid = Grid((40,), (2 * math.pi,))
    shape = NetworkShape(("u",), grid, units=0, coefficients=SplineShape(20, 5))
    model = PDENet(shape, 0.01, torch.Generator().manual_seed(0))
    assign(model.symnet, model.filters.jets, PDE("u_t = u_x"))
    x = torch.from_numpy(grid.coordinates()[0])
    assert model.maps is not None
    model.maps.fit(1, torch.sin(x))
    model.maps.fit(2, torch.cos(x))
    u = torch.cos(x)[None, None] + 0.3 * torch.sin(2 * x)[None, None]
    with torch.no_grad():
        jets = model.filters(u)
        expected = compile_rhs(pde, model.filters.jets, torch, [x])(0.0, jets)
        torch.testing.assert_close(model.rhs(u), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "parts",
    [{"boundaries": WALLS}, {"coefficients": SplineShape(4, 2)}, {"source": SplineShape(4, 2)}],
    ids=["walls", "coefficients", "source"],
)
def test_pseudo_upwind_with_parts_it_has_no_form_for_is_refused(parts):
    grid = grid_of(parts.get("boundaries"))
    with pytest.raises(ConfigError, match="pseudo-upwind is for periodic axes"):
        PDENet(NetworkShape(("u",), grid, pseudo_upwind=True, **parts), 0.1, torch.Generator())


def test_a_grid_that_does_not_fit_the_walls_is_refused():
    with pytest.raises(GridError, match="make the grid with endpoint="):
        PDENet(NetworkShape(("u",), grid_of(None), boundaries=WALLS), 0.1, torch.Generator())
    with pytest.raises(GridError, match="make the grid with endpoint=False"):
        PDENet(NetworkShape(("u",), grid_of(WALLS)), 0.1, torch.Generator())


def test_maps_that_do_not_fit_are_refused():
    model = random_model()
    maps = CoefficientMaps(3, grid_of(None), 4, 2)
    with pytest.raises(ConfigError, match="3 coefficient maps were given for 12 jets"):
        LearnedRHS(model.filters, model.symnet, maps=maps)
    with pytest.raises(ConfigError, match="11 unknowns along y, where the data have 10 points"):
        random_model(coefficients=SplineShape(11, 2))
