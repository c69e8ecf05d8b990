"""Reading a network: expansion of its weights, selection of terms, refit through rollouts."""

from pdenet.discovery.candidates import candidates, leading, shares
from pdenet.discovery.equation import (
    DiscoveredEquation,
    FittedCurve,
    FittedFilter,
    FittedMap,
    load_equation,
    save_equation,
)
from pdenet.discovery.expand import Expansion, assign, expand, expansion
from pdenet.discovery.readout import ReadoutConfig, read_out

__all__ = [
    "DiscoveredEquation",
    "Expansion",
    "FittedCurve",
    "FittedFilter",
    "FittedMap",
    "ReadoutConfig",
    "assign",
    "candidates",
    "expand",
    "expansion",
    "leading",
    "load_equation",
    "read_out",
    "save_equation",
    "shares",
]
