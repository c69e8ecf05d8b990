"""Minimisation of a smooth function of one flat vector."""

from pdenet.optimise.lbfgs import LBFGS, Closure, LBFGSState, StepInfo

__all__ = ["LBFGS", "Closure", "LBFGSState", "StepInfo"]
