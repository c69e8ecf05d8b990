"""How noisy data are, what was observed, and the spectrum that tells signal from noise."""

from pdenet.noise.law import Law
from pdenet.noise.level import noise_of
from pdenet.noise.observations import Observations

__all__ = ["Law", "Observations", "noise_of"]
