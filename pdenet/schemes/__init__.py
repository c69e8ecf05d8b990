"""How time passes: Runge–Kutta steps, their stable sizes, exact steps of what is linear."""

from pdenet.schemes.base import RHS, Integrator, IntegratorState
from pdenet.schemes.runge_kutta import NAMES, RungeKutta, get
from pdenet.schemes.stability import spectral_radius, stable_substeps
from pdenet.schemes.tableau import TABLEAUS, ButcherTableau

__all__ = [
    "NAMES",
    "RHS",
    "TABLEAUS",
    "ButcherTableau",
    "Integrator",
    "IntegratorState",
    "RungeKutta",
    "get",
    "spectral_radius",
    "stable_substeps",
]
