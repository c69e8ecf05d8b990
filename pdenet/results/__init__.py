"""What was found: the equation, its errors, what else may be true, and the record of it."""

from pdenet.results.equation import DiscoveredEquation, FittedFilter, load_equation, save_equation
from pdenet.results.fitted import FittedCurve, FittedMap, Unknown, complete_lines, unknown_functions
from pdenet.results.refinement import Alternative, Decision, Refinement

__all__ = [
    "Alternative",
    "Decision",
    "DiscoveredEquation",
    "FittedCurve",
    "FittedFilter",
    "FittedMap",
    "Refinement",
    "Unknown",
    "complete_lines",
    "load_equation",
    "save_equation",
    "unknown_functions",
]
