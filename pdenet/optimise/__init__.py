"""Minimisation of smooth functions, and linear systems that are known by products alone."""

from pdenet.optimise.krylov import conjugate_gradients
from pdenet.optimise.lbfgs import LBFGS, Closure, LBFGSState, StepInfo

__all__ = ["LBFGS", "Closure", "LBFGSState", "StepInfo", "conjugate_gradients"]
