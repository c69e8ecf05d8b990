"""The PDE-Net: δt-blocks that share one learned right-hand side.

A block advances a state by δt with a Runge-Kutta step (or several) of u_t = F(jets of u); n blocks
with the same parameters predict n frames:

    û_0 = u(t),   û_(k+1) = step(û_k),   loss = mean over k of ⟨|û_k − u(t + k δt)|²⟩.

References: Long, Lu, Ma, Dong, "PDE-Net", ICML 2018, section 2; Long, Lu, Dong, "PDE-Net 2.0",
J. Comput. Phys. 399 (2019) 108925, sections 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdenet import schemes
from pdenet.boundary import Boundaries
from pdenet.errors import ConfigError
from pdenet.grid import Grid
from pdenet.model.rhs import LearnedRHS
from pdenet.nn import CoefficientMaps, FilterBank, PiecewiseSource, SymNet
from pdenet.nn.moments import Constraint
from pdenet.nn.padding import hold
from pdenet.pde.jet import Jet
from pdenet.problem import boundaries_on
from pdenet.schemes import RHS
from pdenet.types import State, Trajectory
from pdenet.words import counted

__all__ = ["NetworkShape", "PDENet", "SplineShape", "rollout", "stack_rollout"]


@dataclass(frozen=True)
class SplineShape:
    """Piecewise polynomials: equal pieces, of each axis or of a field's range, and their degree."""

    pieces: int
    degree: int


@dataclass(frozen=True)
class NetworkShape:
    """What a PDE-Net is made of, before it has seen data.

    fields, grid: of the states. max_order: highest order of the jets. size, constraint: of the
    filters. units: products of each SymNet. pseudo_upwind: one-sided first derivatives.
    integrator: the Runge-Kutta method of a block; substeps: steps of it in a block.
    boundaries: at the ends of each axis, periodic by default. coefficients: where given, every jet
    has a coefficient that varies in space. source: where given, every field has a source.
    functions: units of each SymNet beside the products, see `pdenet.nn.symnet`.
    """

    fields: tuple[str, ...]
    grid: Grid
    max_order: int = 2
    size: int = 5
    constraint: Constraint = 2
    units: int = 5
    pseudo_upwind: bool = False
    integrator: str = "midpoint"
    substeps: int = 1
    boundaries: Boundaries | None = None
    coefficients: SplineShape | None = None
    source: SplineShape | None = None
    functions: tuple[str, ...] = ()


class PDENet(nn.Module):
    """A stack of δt-blocks with shared parameters.

    shape: what it is made of. dt: time δt of a block. generator: source of the initial weights.
    Raises ConfigError or GridError for shapes that cannot be built.
    """

    def __init__(self, shape: NetworkShape, dt: float, generator: torch.Generator) -> None:
        super().__init__()
        jets = Jet.all(shape.fields, shape.grid.ndim, shape.max_order)
        if min(shape.grid.shape) < shape.size:
            largest = min(shape.grid.shape) - 1 + min(shape.grid.shape) % 2
            raise ConfigError(
                f"the grid has {counted(min(shape.grid.shape), 'point')} along an axis, fewer "
                "than the "
                f"filters' {shape.size}: use a finer grid or filters of at most "
                f"{counted(largest, 'point')}"
            )
        boundaries = boundaries_on(shape.grid, shape.boundaries)
        filters = FilterBank(
            jets,
            shape.fields,
            shape.grid.spacing,
            size=shape.size,
            constraint=shape.constraint,
            parity="none" if shape.pseudo_upwind else "mirror",
            boundaries=boundaries,
        )
        fields = len(shape.fields)
        plain = [jets.index(Jet(field, (0,) * shape.grid.ndim)) for field in shape.fields]
        symnet = SymNet(len(jets), fields, shape.units, generator, shape.functions, plain)
        maps = source = None
        if shape.coefficients is not None:
            pieces, degree = shape.coefficients.pieces, shape.coefficients.degree
            count = fields * len(jets)
            maps = CoefficientMaps(count, shape.grid, pieces, degree, boundaries)
        if shape.source is not None:
            source = PiecewiseSource(fields, shape.source.pieces, shape.source.degree)
        self.shape, self.dt = shape, dt
        self.substeps = shape.substeps
        self.integrator = schemes.get(shape.integrator)
        self.rhs = LearnedRHS(
            filters, symnet, maps=maps, source=source, pseudo_upwind=shape.pseudo_upwind
        )

    @property
    def filters(self) -> FilterBank:
        """The bank that makes the jets."""
        return self.rhs.filters

    @property
    def symnet(self) -> SymNet:
        """The network that makes u_t of them."""
        return self.rhs.symnet

    @property
    def maps(self) -> CoefficientMaps | None:
        """The coefficients that vary in space, in the scale of the SymNet's weights."""
        return self.rhs.maps

    @property
    def source(self) -> PiecewiseSource | None:
        """The source of each field, in units of the SymNet's output scale."""
        return self.rhs.source

    def splines(self) -> list[Tensor]:
        """The trained tensors of maps and source, (function, *mesh)."""
        return [module.weights for module in (self.maps, self.source) if module is not None]

    def weights(self) -> list[Tensor]:
        """All trained tensors but the filters."""
        return [*self.symnet.weights(), *self.splines()]

    def forward(self, u: State, blocks: int) -> Trajectory:
        """The states after 1 .. `blocks` blocks, (batch, blocks, field, *space)."""
        return torch.stack(list(self.states(u, blocks)), 1)

    def states(self, u: State, blocks: int) -> Iterator[State]:
        """The states after each of `blocks` blocks, one by one."""
        rhs = self.rhs.bind(u.shape[2:])
        u = hold(u, self.filters.boundaries)
        return rollout(rhs, self.integrator, u, self.dt, blocks, self.substeps)


def rollout(
    rhs: RHS,
    integrator: schemes.Integrator,
    u: State,
    dt: float,
    steps: int,
    substeps: int = 1,
) -> Iterator[State]:
    """The states after dt, 2 dt, .., steps·dt of u_t = rhs(t, u), each in `substeps` steps."""
    h, t = dt / substeps, 0.0
    state = integrator.init(rhs, t, u)
    for step in range(steps):
        for sub in range(substeps):
            t = step * dt + sub * h
            u, state = integrator.step(rhs, t, h, u, state)
        yield u


def stack_rollout(
    rhs: RHS,
    integrator: schemes.Integrator,
    u: State,
    dt: float,
    steps: int,
    substeps: int = 1,
) -> Trajectory:
    """`rollout` as one tensor (batch, steps, field, *space)."""
    return torch.stack(list(rollout(rhs, integrator, u, dt, steps, substeps)), 1)
