"""Time integrators: the update rule inside a delta-t-block."""

from pdenet.integrators.base import RHS, Integrator, IntegratorState
from pdenet.integrators.runge_kutta import NAMES, RungeKutta, get
from pdenet.integrators.tableau import TABLEAUS, ButcherTableau

__all__ = [
    "NAMES",
    "RHS",
    "TABLEAUS",
    "ButcherTableau",
    "Integrator",
    "IntegratorState",
    "RungeKutta",
    "get",
]
