"""What can be refined: the problem, the equation to begin with and the data, before any work."""

from __future__ import annotations

import torch
from torch import Tensor

from pdenet.boundary import endpoints
from pdenet.errors import DiscoveryError
from pdenet.likelihood.config import RefineConfig
from pdenet.pde import PDE
from pdenet.problem import Problem
from pdenet.words import counted

__all__ = ["FEWEST", "acting_in", "check_problem", "highest_order", "longest_run", "points_for"]

FEWEST = 4
"""Points along an axis: fewer hold no wave beside the longest, so that no spectrum is seen."""


def points_for(order: int) -> int:
    """Points in a row, between edges or holes, that a derivative of this order along them needs:
    n (n - 1), four at least.

    Of windows of waves with 1 % noise and known terms those of 4 points gave a second derivative to
    2 %, those of 6 a third to 6 % and fewer nothing; a fourth was 7 to 25 % off, and "identified",
    with 8 to 10, and within 1 % with 12 (one or two draws each; no script keeps them).
    """
    return max(FEWEST, order * (order - 1))


def acting_in(problem: Problem, config: RefineConfig) -> tuple[str, ...]:
    """The fields that are given, in the order of the data."""
    return tuple(name for name in problem.fields if name in config.given)


def check_problem(
    pde: PDE | None,
    data: Tensor,
    problem: Problem,
    config: RefineConfig,
    outside: Tensor | None = None,
) -> None:
    """Raise DiscoveryError for what cannot be refined. outside: where no equation holds."""
    _check_axes(problem)
    _check_given(problem, config)
    if pde is not None:
        _check_equation(pde, problem, config)
    _check_runs(pde, problem, outside)
    if outside is not None:
        data = torch.where(outside.to(data.device), torch.nan, data)
    own = [k for k, name in enumerate(problem.fields) if name not in config.given]
    _check_values(data, problem, own, outside)


def _check_axes(problem: Problem) -> None:
    for axis, points in zip(problem.grid.axes, problem.grid.shape, strict=True):
        if points < FEWEST:
            raise DiscoveryError(
                f"{axis} has {counted(points, 'point')}, and a refinement needs at least {FEWEST} "
                "along each axis: give a finer grid"
            )


def _check_runs(pde: PDE | None, problem: Problem, outside: Tensor | None) -> None:
    """Raise DiscoveryError where no row of points along an axis, between its edges and holes, is
    long enough for the derivatives along it."""
    for place, axis in enumerate(problem.grid.axes):
        order = 0 if pde is None else max([0, *(jet.index[place] for jet in pde.jets)])
        needed = points_for(order)
        run = longest_run(problem, place, outside, needed)
        if run < needed:
            where = "in a row" if outside is None else "in a row between edges and points outside"
            why = f"a derivative of order {order} along it" if needed > FEWEST else "a refinement"
            lower = ", or an equation of a lower order" if needed > FEWEST else ""
            raise DiscoveryError(
                f"{axis} has {counted(run, 'point')} {where}, and {why} needs at least {needed}: "
                f"{needed - run} more, by a larger window or a finer grid{lower}"
            )


def longest_run(problem: Problem, place: int, outside: Tensor | None, enough: int) -> int:
    """The largest number of points in a row along an axis that lie in the window, up to `enough`; a
    periodic axis without holes has no end."""
    points = problem.grid.shape[place]
    ends = endpoints(problem.boundaries)[place]
    if outside is None:
        return min(enough, points) if ends else enough
    inside = ~outside.movedim(place, 0)
    # A row goes on where a periodic axis begins again.
    inside = inside if ends else torch.cat([inside] * (1 + -(-enough // points)))
    run, row = 0, inside
    while run < enough and bool(row.any()):
        run, row = run + 1, row[:-1] & inside[run + 1 :]
    return run


def highest_order(problem: Problem, outside: Tensor | None, most: int) -> int:
    """The highest order of a derivative that a row of points is long enough for, up to `most`."""
    runs = (longest_run(problem, k, outside, points_for(most)) for k in range(problem.grid.ndim))
    longest = max(runs)
    return max(order for order in range(1, most + 1) if points_for(order) <= max(longest, FEWEST))


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


def _check_values(data: Tensor, problem: Problem, own: list[int], outside: Tensor | None) -> None:
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
    ever = values.isfinite().any(1)
    if not bool(ever.any()):
        raise DiscoveryError(
            "no value is left: whatever was measured is at points that are outside; outside is "
            "true where the equation does not hold"
        )
    seen = int(values.isfinite().sum())
    each = len(own) * (values[0, 0, 0].numel() if outside is None else int((~outside).sum()))
    unknown = len(values) * each
    if seen <= unknown:
        raise DiscoveryError(
            f"the data hold {counted(seen, 'value')} and the initial states are "
            f"{counted(unknown, 'unknown')} "
            f"({counted(data.shape[0], 'trajectory')} of {each} numbers): more frames "
            "of each trajectory are missing, not more trajectories"
        )
