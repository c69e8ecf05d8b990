"""Boundary conditions as data: what is known of the two sides of an axis.

`conditions` holds the kinds and what they have to agree with, `text` how a command line and a
reader see them, `record` how a file keeps them, `given` what somebody may hand over in Python.
"""

from pdenet.boundary.conditions import (
    Boundaries,
    Boundary,
    Dirichlet,
    Ends,
    Neumann,
    Open,
    PerField,
    Periodic,
    Robin,
    Values,
    check_boundaries,
    check_frames,
    constant,
    endpoints,
    for_field,
    numbers_of,
    open_ends,
    periodic,
    why_not_simple,
)
from pdenet.boundary.given import Given, chosen
from pdenet.boundary.record import from_json, to_json
from pdenet.boundary.text import gather, join, parse, to_text

__all__ = [
    "Boundaries",
    "Boundary",
    "Dirichlet",
    "Ends",
    "Given",
    "Neumann",
    "Open",
    "PerField",
    "Periodic",
    "Robin",
    "Values",
    "check_boundaries",
    "check_frames",
    "chosen",
    "constant",
    "endpoints",
    "for_field",
    "from_json",
    "gather",
    "join",
    "numbers_of",
    "open_ends",
    "parse",
    "periodic",
    "to_json",
    "to_text",
    "why_not_simple",
]
