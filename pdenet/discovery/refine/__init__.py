"""Maximum likelihood through rollouts: coefficients, initial states and terms together.

`refine` is the whole of it; the modules beside it are its parts.
"""

from pdenet.discovery.refine.config import RefineConfig
from pdenet.discovery.refine.result import Alternative, Decision, Refinement

__all__ = ["Alternative", "Decision", "RefineConfig", "Refinement"]
