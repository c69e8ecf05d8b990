"""Reading a network: expansion of its weights, selection of terms, refit through rollouts."""

from pdenet.discovery.candidates import candidates, leading, shares
from pdenet.discovery.equation import (
    DiscoveredEquation,
    FittedFilter,
    load_equation,
    save_equation,
)
from pdenet.discovery.expand import Expansion, assign, expand, expansion
from pdenet.discovery.fitted import (
    FittedCurve,
    FittedMap,
    Unknown,
    complete_lines,
    unknown_functions,
)
from pdenet.discovery.readout import ReadoutConfig, read_out

__all__ = [
    "DiscoveredEquation",
    "Expansion",
    "FittedCurve",
    "FittedFilter",
    "FittedMap",
    "ReadoutConfig",
    "Unknown",
    "assign",
    "candidates",
    "complete_lines",
    "expand",
    "expansion",
    "leading",
    "load_equation",
    "read_out",
    "save_equation",
    "shares",
    "unknown_functions",
]
