"""pdenet: discover partial differential equations from data with PDE-Nets.

Names are loaded on first use, so that `pdenet --help` does not wait for PyTorch.

References: Z. Long, Y. Lu, X. Ma, B. Dong, PDE-Net, ICML 2018, arXiv:1710.09668;
Z. Long, Y. Lu, B. Dong, PDE-Net 2.0, J. Comput. Phys. 399 (2019), arXiv:1812.04426.
"""

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pdenet.estimator import Discovery as Discovery
    from pdenet.estimator import discover as discover
    from pdenet.estimator import refine as refine
    from pdenet.grid import Grid as Grid
    from pdenet.pde import PDE as PDE

__all__ = ["PDE", "Discovery", "Grid", "__version__", "discover", "refine"]

__version__ = "0.1.0"

_HOMES = {
    "PDE": "pdenet.pde",
    "Grid": "pdenet.grid",
    "Discovery": "pdenet.estimator",
    "discover": "pdenet.estimator",
    "refine": "pdenet.estimator",
}


def __getattr__(name: str) -> "Any":
    if name not in _HOMES:
        raise AttributeError(f"module 'pdenet' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
