"""Whether the SymNet is compiled: where a compiler exists and the run is long enough to pay for it.

Compilation costs many seconds of one core. On CPUs it gains nothing (0.25 µs a point and field
plain, 0.26 compiled; benchmarks/network.py): there the products are bound by memory, not by
Python. On GPUs it fuses dozens of small kernels into one.
"""

from __future__ import annotations

import os
import shutil

import torch

from pdenet.errors import ConfigError
from pdenet.model import PDENet
from pdenet.training.config import TrainingConfig

__all__ = ["compile_where_it_pays", "compiler"]

LONG = 4000
"""Right-hand sides in a run from which compilation pays on a GPU: ten milliseconds gained each."""


def compiler() -> str | None:
    """The C++ compiler that torch.compile would call, or None."""
    return shutil.which(os.environ.get("CXX", "c++")) or shutil.which("g++")


def compile_where_it_pays(model: PDENet, config: TrainingConfig, device: torch.device) -> bool:
    """Compile the SymNet of `model` if the configuration and the machine ask for it.

    Raises ConfigError for compile = "on" without a C++ compiler.
    """
    if config.compile == "off":
        return False
    if config.compile == "on":
        if compiler() is None:
            raise ConfigError(
                "compile = 'on' needs a C++ compiler and none was found: install one or set it to "
                "'auto'"
            )
    else:
        work = sum(stage.blocks * stage.iterations for stage in config.stages)
        sides = work * model.integrator.stages
        if device.type != "cuda" or compiler() is None or sides < LONG:
            return False
    model.symnet.compile()
    return True
