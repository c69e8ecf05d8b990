"""Differentiable building blocks: moment-constrained filters, symbolic networks, splines."""

from pdenet.nn.coefficients import CoefficientMaps
from pdenet.nn.filters import FilterBank
from pdenet.nn.source import PiecewiseSource
from pdenet.nn.symnet import SymNet
from pdenet.nn.upwind import upwind

__all__ = ["CoefficientMaps", "FilterBank", "PiecewiseSource", "SymNet", "upwind"]
