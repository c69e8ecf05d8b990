"""How to learn next to walls: ghost cells and the loss everywhere, or only where stencils fit.

Four problems in one dimension, simulated with polynomial ghost values (another closure than the
reflection that the network has), 0.1 % noise. In two the equation is odd or even about its walls,
so that reflection is exact, in two it is not. The same network is trained in three ways:

    ghost    ghost cells by reflection, every point counts
    margin   ghost cells, points nearer to a wall than half a filter do not count
    valid    no ghost cells: a point counts where no stencil of any stage of any block has left the
             grid on the way to it

Reported: the largest relative error of the true linear coefficients, and the error of a prediction
of held-out trajectories far beyond training, over the r.m.s. change of the fields, at every point;
medians over three data sets.

    python benchmarks/walls.py
"""

import math
import time
from statistics import median

import torch
from _record import record

from pdenet.boundary import Boundaries, Dirichlet, Neumann, endpoints
from pdenet.grid import Grid
from pdenet.model import NetworkShape, PDENet, SplineShape
from pdenet.optimise import LBFGS
from pdenet.pde import PDE
from pdenet.readout import expansion
from simulators import trajectories

POINTS, SIZE, DT = 65, 5, 0.005
STAGES = ((1, 40, False), (1, 40, True), (3, 40, True))
SEEDS = 3
LONG = 20
ODD = ((Dirichlet(0.0), Dirichlet(0.0)),)
PROBLEMS: dict[str, tuple[PDE, Boundaries, dict[str, object]]] = {
    "nonlinear source, u = 0 (odd)": (
        PDE("u_t = 0.3*u_xx + 15*sin(u)"),
        ODD,
        {"units": 0, "source": SplineShape(12, 3)},
    ),
    "diffusion and decay, u_x = 0 (even)": (
        PDE("u_t = 0.2*u_xx - 0.5*u"),
        ((Neumann(0.0), Neumann(0.0)),),
        {"units": 0},
    ),
    "convection and diffusion, u = 1 and 0": (
        PDE("u_t = -0.8*u_x + 0.15*u_xx"),
        ((Dirichlet(1.0), Dirichlet(0.0)),),
        {"units": 0},
    ),
    "Burgers, du/dn = 0.5": (
        PDE("u_t = -u*u_x + 0.1*u_xx"),
        ((Neumann(0.5), Neumann(0.5)),),
        {"units": 1},
    ),
}


def network(pde: PDE, boundaries: Boundaries | None, grid: Grid, options) -> PDENet:
    """Without boundaries the same points are an axis that is periodic, and ends do not count."""
    if boundaries is None:
        grid = Grid(grid.shape, (grid.shape[0] * grid.spacing[0],))
    shape = NetworkShape(pde.fields, grid, size=SIZE, boundaries=boundaries, **options)
    return PDENet(shape, DT, torch.Generator().manual_seed(0))


def loss(model: PDENet, windows: torch.Tensor, margin: int) -> torch.Tensor:
    """The prediction loss without the points within a margin of the ends."""
    blocks = windows.shape[1] - 1
    weight = (1 / (model.symnet.output_scale * DT)) ** 2
    inner = slice(margin, windows.shape[-1] - margin)
    error = model(windows[:, 0], blocks) - windows[:, 1:]
    return (weight * error[..., inner].square().mean((0, 1, 3))).mean()


def margin_of(treatment: str, blocks: int) -> int:
    """Points at each end that do not count; the midpoint rule applies two stencils in a block."""
    return {"ghost": 0, "margin": SIZE // 2, "valid": 2 * blocks * (SIZE // 2)}[treatment]


def train(model: PDENet, states: torch.Tensor, treatment: str) -> None:
    optimiser = LBFGS()
    for blocks, iterations, filters in STAGES:
        windows = states.unfold(1, blocks + 1, blocks).flatten(0, 1).movedim(-1, 1)
        windows = windows[:: max(1, len(windows) // 60)]
        learning = [p for p in model.weights() if p.numel()] + [model.filters.free] * filters
        margin = margin_of(treatment, blocks)

        def put(position, learning=learning):
            with torch.no_grad():
                for p, part in zip(
                    learning, position.split([p.numel() for p in learning]), strict=True
                ):
                    p.copy_(part.reshape(p.shape))

        def closure(position, windows=windows, margin=margin, learning=learning, put=put):
            put(position)
            value = loss(model, windows, margin)
            found = torch.autograd.grad(value, learning)
            return value.detach(), torch.cat([g.flatten() for g in found])

        start = torch.cat([p.detach().flatten() for p in learning])
        state = optimiser.init(start, *closure(start))
        while state.iteration < iterations and not state.converged:
            state, _ = optimiser.step(state, closure)
        put(state.position)


def scale(model: PDENet, states: torch.Tensor) -> None:
    """Scales from the data, as training sets them; jets with ghost cells for all."""
    with torch.no_grad():
        jets = model.filters(states.flatten(0, 1))
        change = (states[:, 1:] - states[:, :-1]) / DT
        model.symnet.set_scales(
            jets.square().mean((0, 2)).sqrt(), change.square().mean((0, 1, 3)).sqrt()
        )
        if model.source is not None:
            model.source.set_range(states.amin().reshape(1), states.amax().reshape(1))


def coefficient_error(model: PDENet, pde: PDE) -> float:
    """Largest relative error of the polynomial terms of the truth."""
    found = expansion(model, 2 if model.symnet.units else 1)
    named = {found.monomial(t): float(found.coefficients[0, t]) for t in range(len(found.powers))}
    truth = {m: c for m, c in pde.numeric_terms()["u"].items() if m in named}
    return max(abs(named[m] - c) / abs(c) for m, c in truth.items())


def prediction_error(model: PDENet, states: torch.Tensor) -> float:
    with torch.no_grad():
        found = model(states[:, 0], LONG)[:, -1]
    target = states[:, LONG]
    change = (target - states[:, 0]).square().mean().sqrt()
    return float((found - target).square().mean().sqrt() / change)


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for name, (pde, boundaries, options) in PROBLEMS.items():
        settings = {
            "shape": (POINTS,),
            "lengths": (2 * math.pi,),
            "boundaries": boundaries,
            "dt": DT,
            "frames": 25,
            "late_start": 0.0,
            "noise": 0.001,
            "initial": {"waves": 3, "amplitude": 2.0, "constant": 1.0},
        }
        sets = [
            [trajectories(pde, trajectories=n, seed=seed, **settings) for n, seed in pairs]
            for pairs in (((12, 2 * k), (6, 2 * k + 1)) for k in range(SEEDS))
        ]
        for treatment in ("ghost", "margin", "valid"):
            began = time.perf_counter()
            errors = []
            for data, held_out in sets:
                grid, states = data.problem.grid, data.states
                walled = network(pde, boundaries, grid, options)
                scale(walled, states)
                model = walled if treatment != "valid" else network(pde, None, grid, options)
                model.load_state_dict(walled.state_dict())
                train(model, states, treatment)
                walled.load_state_dict(model.state_dict())
                errors.append(
                    (coefficient_error(walled, pde), prediction_error(walled, held_out.states))
                )
            coefficient, prediction = (median(column) for column in zip(*errors, strict=True))
            rows.append(
                {
                    "problem": name,
                    "exact reflection": "(" in name,
                    "treatment": treatment,
                    "largest coefficient error": coefficient,
                    f"error of {LONG} blocks": prediction,
                    "every": errors,
                    "seconds": round(time.perf_counter() - began, 1),
                }
            )
            print(*rows[-1].values(), sep="  ")
    assert all(any(endpoints(b)) for _, b, _ in PROBLEMS.values())
    print(record("walls", {"rows": rows}))


if __name__ == "__main__":
    main()
