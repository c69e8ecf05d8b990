"""Data from equations: finite differences and Runge-Kutta steps for any PDE on a uniform grid.

Every axis is periodic or lies between two walls with Dirichlet or Neumann conditions.

This is another discretisation than the one that learns (finer grid, other stencils, smaller
steps), so that recovering an equation from its data is no inverse crime.
"""

from simulators.config import Numerics, SimulationConfig
from simulators.initial import FourierInitial
from simulators.simulator import Trajectories, configure, simulate, trajectories
from simulators.solver import Solver

__all__ = [
    "FourierInitial",
    "Numerics",
    "SimulationConfig",
    "Solver",
    "Trajectories",
    "configure",
    "simulate",
    "trajectories",
]
