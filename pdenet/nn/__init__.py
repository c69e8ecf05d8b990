"""Differentiable building blocks: moment-constrained filters, pseudo-upwind, symbolic networks."""

from pdenet.nn.filters import FilterBank
from pdenet.nn.symnet import SymNet
from pdenet.nn.upwind import upwind

__all__ = ["FilterBank", "SymNet", "upwind"]
