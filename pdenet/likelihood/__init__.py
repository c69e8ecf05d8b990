"""Maximum likelihood through rollouts: coefficients, initial states and terms together.

`refine` is the whole of it. The modules of this folder are its steps; what they are made of
is in four rooms, each of which may use those before it: `states`, `fit`, `selection`,
`verdict`.
"""

from pdenet.likelihood.config import RefineConfig

__all__ = ["RefineConfig"]
