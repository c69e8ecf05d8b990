"""Discover partial differential equations from data.

    PDE --simulators--> data --training--> network --discovery--> PDE

The public names are below. They are imported when first used, so that `import pdenet` and
`pdenet --help` stay fast: nothing here loads torch until something needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pdenet.boundary import Dirichlet, Neumann, Periodic
    from pdenet.errors import PDENetError
    from pdenet.estimator import Discovery, discover, extract, train
    from pdenet.grid import Grid
    from pdenet.pde import PDE
    from pdenet.pde.catalogue import catalogue
    from pdenet.pde.compare import compare
    from pdenet.problem import Problem
    from pdenet.storage import open_data
    from pdenet.training.config import TrainingConfig

__all__ = [
    "PDE",
    "Dirichlet",
    "Discovery",
    "Grid",
    "Neumann",
    "PDENetError",
    "Periodic",
    "Problem",
    "TrainingConfig",
    "catalogue",
    "compare",
    "discover",
    "extract",
    "open_data",
    "train",
]

__version__ = "0.1.0"

# The one place where a module is imported late: public name -> the module that holds it.
_LAZY = {
    "PDE": "pdenet.pde",
    "Dirichlet": "pdenet.boundary",
    "Discovery": "pdenet.estimator",
    "Grid": "pdenet.grid",
    "Neumann": "pdenet.boundary",
    "PDENetError": "pdenet.errors",
    "Periodic": "pdenet.boundary",
    "Problem": "pdenet.problem",
    "TrainingConfig": "pdenet.training.config",
    "catalogue": "pdenet.pde.catalogue",
    "compare": "pdenet.pde.compare",
    "discover": "pdenet.estimator",
    "extract": "pdenet.estimator",
    "open_data": "pdenet.storage",
    "train": "pdenet.estimator",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
