"""What can be refined: the problem, the equation to begin with and the data, before any work."""

from __future__ import annotations

from torch import Tensor

from pdenet.discovery.refine.config import RefineConfig
from pdenet.errors import DiscoveryError
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.words import counted

__all__ = ["FEWEST", "acting_in", "check_problem"]

FEWEST = 4
"""Points along an axis: fewer hold no wave beside the longest, so that no spectrum is seen."""


def acting_in(problem: Problem, config: RefineConfig) -> tuple[str, ...]:
    """The fields that are given, in the order of the data."""
    return tuple(name for name in problem.fields if name in config.given)


def check_problem(pde: PDE | None, data: Tensor, problem: Problem, config: RefineConfig) -> None:
    """Raise DiscoveryError for what cannot be refined."""
    _check_axes(problem)
    _check_given(problem, config)
    if pde is not None:
        _check_equation(pde, problem, config)
    own = [k for k, name in enumerate(problem.fields) if name not in config.given]
    _check_values(data, problem, own)


def _check_axes(problem: Problem) -> None:
    for axis, points in zip(problem.grid.axes, problem.grid.shape, strict=True):
        if points < FEWEST:
            raise DiscoveryError(
                f"{axis} has {counted(points, 'point')}, and a refinement needs at least {FEWEST} "
                "along each axis: give a finer grid"
            )


def _check_given(problem: Problem, config: RefineConfig) -> None:
    known = ", ".join(problem.fields)
    for name in config.given:
        if name not in problem.fields:
            raise DiscoveryError(
                f"there is no field {name!r:.40} to be given: the data hold {known}"
            )
    if set(config.given) == set(problem.fields):
        raise DiscoveryError(
            f"all fields ({known}) are given, so that no equation is left to be found: give fewer"
        )


def _check_equation(pde: PDE, problem: Problem, config: RefineConfig) -> None:
    acting = acting_in(problem, config)
    own = tuple(name for name in problem.fields if name not in acting)
    for name in pde.fields:
        if name in acting:
            raise DiscoveryError(
                f"{name} is given, so it has no equation of its own: leave that of {name}_t out, "
                "or do not give it"
            )
    if pde.fields != own or set(pde.given) != set(acting):
        asked = "each of the data's fields" + f" but {', '.join(acting)}" * bool(acting)
        with_given = f" with {', '.join(pde.given)} given" if pde.given else ""
        raise DiscoveryError(
            f"the equation is for {', '.join(pde.fields)}{with_given}, the data hold "
            f"{', '.join(problem.fields)}: give an equation for {asked}"
        )
    if pde.ndim != problem.grid.ndim:
        raise DiscoveryError(
            f"the equation has {counted(pde.ndim, 'space dimension')}, the data "
            f"{problem.grid.ndim}: give an "
            "equation on the data's axes"
        )


def _check_values(data: Tensor, problem: Problem, own: list[int]) -> None:
    """own: the places of the fields that have an equation."""
    for f, name in enumerate(problem.fields):
        values = data[:, :, f][data[:, :, f].isfinite()]
        if len(values) and bool((values == values[0]).all()):
            raise DiscoveryError(
                f"{name} is {float(values[0]):.4g} everywhere at all times, so that nothing can "
                "be learned of it: leave it out of the data"
            )
        if f not in own and not bool(data[:, :, f].isfinite().flatten(1).any(1).all()):
            row = int(data[:, :, f].isfinite().flatten(1).any(1).int().argmin())
            raise DiscoveryError(
                f"{name} is given, but was never measured in trajectory {row + 1} of "
                f"{counted(data.shape[0], 'trajectory')}: leave such trajectories out"
            )
    values = data[:, :, own]
    seen, unknown = int(values.isfinite().sum()), values[:, 0].numel()
    if seen <= unknown:
        raise DiscoveryError(
            f"the data hold {counted(seen, 'value')} and the initial states are "
            f"{counted(unknown, 'unknown')} "
            f"({counted(data.shape[0], 'trajectory')} of {values[0, 0].numel()} numbers): more "
            "frames "
            "of each trajectory are missing, not more trajectories"
        )
