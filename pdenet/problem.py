"""A problem: an equation (or none yet), the grid it lives on, and the conditions at its ends.

This is what a data file stores and what a network learns from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pdenet.boundary import (
    Boundaries,
    Ends,
    PerField,
    check_boundaries,
    endpoints,
    periodic,
)
from pdenet.errors import EquationError, GridError
from pdenet.grid import Grid
from pdenet.pde.definition import PDE
from pdenet.pde.names import check_fields
from pdenet.words import counted

__all__ = ["Problem", "boundaries_on"]


def boundaries_on(grid: Grid, boundaries: Boundaries | None) -> Boundaries:
    """The boundaries of a grid, checked; None stands for periodic ones.

    The first and the last point of an axis lie on its walls, or where the data end, so it has an
    endpoint; a periodic axis has none. Raises GridError that names the axis where this is not so.
    """
    checked = periodic(grid.ndim) if boundaries is None else boundaries
    checked = check_boundaries(checked, grid.ndim)
    wanted = endpoints(checked)
    for axis, has, wants in zip(grid.axes, grid.endpoints, wanted, strict=True):
        if has != wants:
            asked = wants if len(set(wanted)) == 1 else wanted
            raise GridError(
                f"{axis} has walls or open ends, and its last point lies there: make the grid with "
                f"endpoint={asked}"
                if wants
                else f"{axis} is periodic, and a point at its far end is the first one again: "
                f"leave it out and make the grid with endpoint={asked}; or, where it does not "
                "close, say what holds at its ends with Problem(None, grid, boundaries, fields)"
            )
    return checked


@dataclass(frozen=True)
class Problem:
    """A PDE, or None where it is unknown, with grid, boundary conditions and units.

    boundaries: for each axis the conditions at its lower and upper end.
    fields: names of the fields, in the order in which arrays hold them.
    units: the unit of a field, a coordinate or t; what is not listed has none.

    Raises GridError or EquationError when the parts do not agree.
    """

    pde: PDE | None
    grid: Grid
    boundaries: Boundaries
    fields: tuple[str, ...]
    units: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        fields = check_fields(self.fields)
        if len(set(fields)) != len(fields):
            raise EquationError(f"fields {fields} must have different names")
        boundaries = boundaries_on(self.grid, self.boundaries)
        _check_names(boundaries, fields)
        if self.pde is not None and self.pde.ndim != self.grid.ndim:
            raise GridError(
                f"the equation has {counted(self.pde.ndim, 'space dimension')}, the grid "
                f"{self.grid.ndim}: "
                f"give a shape with {counted(self.pde.ndim, 'number')}"
            )
        if self.pde is not None:
            self.pde.require_closed()
        if self.pde is not None and self.pde.fields != fields:
            raise EquationError(
                f"the equation is for {', '.join(self.pde.fields)}, not {', '.join(fields)}"
            )
        known = (*fields, *self.grid.axes, "t")
        unknown = sorted(self.units.keys() - set(known))
        if unknown:
            raise GridError(f"{unknown[0]!r} cannot have a unit: units are for {', '.join(known)}")
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "boundaries", boundaries)
        object.__setattr__(self, "units", dict(self.units))

    def with_ends(self, ends: Mapping[str, Ends]) -> "Problem":
        """The same points with other conditions at some axes, by name.

        The grid gets or loses an endpoint where an axis stops or begins to be periodic. Raises
        GridError for what does not fit.
        """
        pairs = zip(self.grid.axes, self.boundaries, strict=True)
        boundaries = check_boundaries(
            tuple(ends.get(axis, pair) for axis, pair in pairs), self.grid.ndim
        )
        grid = self.grid.with_endpoint(endpoints(boundaries))
        return replace(self, grid=grid, boundaries=boundaries)

    @classmethod
    def periodic(cls, pde: PDE, grid: Grid, units: Mapping[str, str] | None = None) -> "Problem":
        """The problem of a known PDE on a periodic grid."""
        return cls(pde, grid, periodic(grid.ndim), pde.fields, units or {})


def _check_names(boundaries: Boundaries, fields: tuple[str, ...]) -> None:
    """Raise GridError for a condition of a field that is not there."""
    for end in (end for pair in boundaries for end in pair if isinstance(end, PerField)):
        for name, _ in end.conditions:
            if name not in fields:
                raise GridError(
                    f"there is no field {name!r:.40} to have a condition: fields are "
                    f"{', '.join(fields)}"
                )
