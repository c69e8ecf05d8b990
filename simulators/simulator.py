"""`simulate`: from the name of an equation, or any PDE value, to data in a file or in memory."""

import dataclasses
import difflib
import math
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pdenet import __version__
from pdenet.device import device_named
from pdenet.errors import ConfigError
from pdenet.pde.catalogue import Entry, get
from pdenet.pde.definition import PDE
from pdenet.problem import Problem
from pdenet.storage import create
from simulators.config import SimulationConfig
from simulators.generate import Block, generate
from simulators.initial import FourierInitial

__all__ = ["Trajectories", "configure", "simulate", "trajectories"]

_ENTRY_SETTINGS = (
    *("shape", "lengths", "boundaries", "dt", "frames", "trajectories", "refine", "noise"),
    "late_start",
)
_POINTS = {1: 256, 2: 64, 3: 32}


class Trajectories(NamedTuple):
    """Data in memory: states (n, frames, field, *space), times (frames) and where they live."""

    states: Tensor
    times: Tensor
    problem: Problem


def configure(
    equation: str | PDE, config: SimulationConfig | None = None, **overrides: Any
) -> tuple[PDE, SimulationConfig]:
    """The PDE and the settings of a simulation.

    equation: a name of the catalogue, whose good values are the defaults, or a PDE, whose defaults
        are a periodic square of side 2π with 256, 64 or 32 points along each of 1, 2 or 3 axes.
    config: replaces those defaults. overrides: settings of `SimulationConfig`; `initial` may be a
        mapping of the settings of `FourierInitial`.
    Raises EquationError for an unknown name, ConfigError for an unknown or wrong setting.
    """
    names = SimulationConfig.names()
    for name in overrides:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f", did you mean {near[0]!r}?" if near else ":"
            raise ConfigError(f"{name!r} is no setting{hint} settings are {', '.join(names)}")
    entry = get(equation) if isinstance(equation, str) else None
    pde = equation if isinstance(equation, PDE) else get(equation).pde
    if isinstance(overrides.get("initial"), Mapping):
        overrides["initial"] = _initial(overrides["initial"])
    if config is None:
        defaults = _defaults(pde, entry)
        if "shape" in overrides and "lengths" not in overrides:
            shape = tuple(overrides["shape"])
            if len(shape) != pde.ndim:
                defaults["lengths"] = (2 * math.pi,) * len(shape)
                defaults["boundaries"] = None
        return pde, SimulationConfig(**{**defaults, **overrides})
    return pde, dataclasses.replace(config, **overrides)


def simulate(
    equation: str | PDE,
    output: Path | str,
    *,
    config: SimulationConfig | None = None,
    progress: Callable[[int, int], None] | None = None,
    overwrite: bool = False,
    **overrides: Any,
) -> Path:
    """Solve an equation and write its trajectories to an HDF5 file; returns the path.

    equation, config, overrides: see `configure`; the settings are those of `SimulationConfig`.
        With missing=0.5, half of the points of every frame are NaN, and the file says so.
    progress: called with (done, total) in frames as the work goes on.
    The file appears under its name when it is complete; an error or an interrupt leaves nothing.
    Raises OutputError if the file exists and not `overwrite`, StabilityError for unstable steps.

    >>> simulate("burgers", "burgers.h5", seed=0)  # doctest: +SKIP
    """
    pde, chosen = configure(equation, config, **overrides)
    problem = Problem(pde, chosen.grid, chosen.ends, pde.fields)
    path = Path(output)
    writer = create(
        path,
        problem,
        trajectories=chosen.trajectories,
        times=np.array(chosen.times),
        dtype=chosen.dtype,
        metadata=_metadata(equation, chosen),
        overwrite=overwrite,
        missing=chosen.missing > 0,
    )
    with writer:
        for block in generate(pde, chosen):
            if block.states.numel():
                writer.write(block.first_trajectory, block.first_frame, block.states.numpy())
            if progress is not None:
                progress(block.work, block.total)
    return path


def trajectories(
    equation: str | PDE,
    *,
    config: SimulationConfig | None = None,
    progress: Callable[[int, int], None] | None = None,
    **overrides: Any,
) -> Trajectories:
    """The same numbers as `simulate` would write, in memory, on the CPU."""
    pde, chosen = configure(equation, config, **overrides)
    problem = Problem(pde, chosen.grid, chosen.ends, pde.fields)
    shape = (chosen.trajectories, chosen.frames, len(pde.fields), *chosen.shape)
    states = torch.empty(shape, dtype=chosen.torch_dtype)
    for block in generate(pde, chosen):
        _place(states, block)
        if progress is not None:
            progress(block.work, block.total)
    return Trajectories(states, torch.tensor(chosen.times, dtype=torch.float64), problem)


def _place(states: Tensor, block: Block) -> None:
    if block.states.numel():
        n, frames = block.states.shape[:2]
        rows = slice(block.first_trajectory, block.first_trajectory + n)
        states[rows, block.first_frame : block.first_frame + frames] = block.states


def _defaults(pde: PDE, entry: Entry | None) -> dict[str, Any]:
    if entry is None:
        ndim = pde.ndim
        return {"shape": (_POINTS[ndim],) * ndim, "lengths": (2 * math.pi,) * ndim}
    values = {name: getattr(entry, name) for name in _ENTRY_SETTINGS}
    return {**values, "initial": _initial(entry.initial)}


def _initial(values: Mapping[str, Any]) -> FourierInitial:
    names = [item.name for item in dataclasses.fields(FourierInitial)]
    unknown = [name for name in values if name not in names]
    if unknown:
        raise ConfigError(
            f"{unknown[0]!r} is no setting of the initial fields: {', '.join(names)} are"
        )
    return FourierInitial(**values)


def _metadata(equation: str | PDE, config: SimulationConfig) -> dict[str, Any]:
    """All that made the data, as JSON values."""
    settings = dataclasses.asdict(config)
    solver = {name: settings[name] for name in ("order", "scheme", "substeps", "cfl", "refine")}
    metadata: dict[str, Any] = {
        "title": get(equation).title if isinstance(equation, str) else "",
        "name": equation if isinstance(equation, str) else "",
        "seed": config.seed,
        "solver": {**solver, "dt": config.dt, "late_start": config.late_start},
        "noise": {
            "definition": "sigma * std(first frame) * N(0, 1), per trajectory and field",
            "level": config.noise,
            "seed": config.seed,
        },
        "initial": settings["initial"],
        "device": str(device_named(config.device)),
        "versions": {
            "pdenet": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    if config.missing:
        metadata["missing"] = {"fraction": config.missing, "seed": config.seed}
    return metadata
