"""Equations as values: read them, write them, evaluate them, compare them.

`PDE` is the one kind of value that simulators, networks, read-out and report share.
"""

from pdenet.pde.definition import PDE
from pdenet.pde.jet import Jet

__all__ = ["PDE", "Jet"]
