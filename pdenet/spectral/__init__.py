"""Periodic boxes: fields as waves, and the window of a larger field in such a box."""

from pdenet.spectral.waves import Waves
from pdenet.spectral.window import Window

__all__ = ["Waves", "Window"]
