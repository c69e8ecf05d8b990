"""The errors that pdenet raises on purpose.

Every one is a `PDENetError`, and also a `ValueError` (what was given is wrong) or a `RuntimeError`
(what was given is fine, but the work could not be done), so that callers who know nothing of this
package can still catch them. A message is one line: what was given, what is allowed, what to type
instead. Where that differs between Python and the command line, the error has words for both:
Python is never told a flag, the command line never a keyword.
"""

from dataclasses import dataclass

__all__ = [
    "Advice",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DeviceError",
    "DiscoveryError",
    "EquationError",
    "GridError",
    "OutputError",
    "PDENetError",
    "StabilityError",
    "StoppedError",
    "TrainingError",
]


class PDENetError(Exception):
    """Base of all errors that pdenet raises on purpose.

    shell: the message as the command line says it, where that differs from the one for Python.
    """

    def __init__(self, message: str = "", *, shell: str = "") -> None:
        super().__init__(message)
        self.shell = shell or message


@dataclass(frozen=True)
class Advice:
    """Words for an error that is not raised yet. shell: those for the command line."""

    python: str
    shell: str = ""


class EquationError(PDENetError, ValueError):
    """An equation cannot be read, or means nothing."""


class GridError(PDENetError, ValueError):
    """A grid, or the boundary conditions on it, do not fit."""


class DataError(PDENetError, ValueError):
    """A file, or the fields in it, are not what they should be."""


class ConfigError(PDENetError, ValueError):
    """A setting is unknown or out of range."""


class StabilityError(PDENetError, ValueError):
    """A time step is larger than the scheme allows."""


class StoppedError(PDENetError, RuntimeError):
    """Work was stopped, by whoever asked for it, before it was done."""


class DeviceError(PDENetError, ValueError):
    """A device was asked for that this machine does not have."""


class OutputError(PDENetError, RuntimeError):
    """A result exists already, or cannot be written."""


class CheckpointError(PDENetError, RuntimeError):
    """A checkpoint is missing, damaged or of another version."""


class TrainingError(PDENetError, RuntimeError):
    """Training could not go on."""


class DiscoveryError(PDENetError, RuntimeError):
    """No equation could be read from the network or the data."""
