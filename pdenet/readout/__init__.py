"""Reading a network: expansion of its weights, selection of terms, refit through rollouts."""

from pdenet.readout.candidates import candidates, leading, shares
from pdenet.readout.expand import Expansion, assign, expand, expansion
from pdenet.readout.readout import ReadoutConfig, read_out

__all__ = [
    "Expansion",
    "ReadoutConfig",
    "assign",
    "candidates",
    "expand",
    "expansion",
    "leading",
    "read_out",
    "shares",
]
