"""The file format, as one table.

A file follows the layout of The Well (R. Ohana et al., NeurIPS 2024, arXiv:2412.00568): HDF5, one
dataset a field with axes (trajectory, time, x[, y[, z]]), its description beside it. What that
layout has no place for (the equation, the boundary values, the noise, the split) is in the group
`/pdenet`. The writer, the reader, the checker and data/README.md all follow `SCHEMA`.

An address is `/group/dataset`, or `/group@attribute`. Braces stand for every name of a kind: the
row that gives those names says so in `names`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "FORMAT_VERSION",
    "LONGEST",
    "MISSING_VERSION",
    "OUTSIDE_VERSION",
    "SCHEMA",
    "SIGMA_VERSION",
    "SYMBOLS",
    "Item",
    "Kind",
    "Need",
    "Place",
    "places",
]

# A program that does not know of missing values would take them for damage, and one that does not
# know of points outside would use them, and one that does not know of standard deviations would
# trust all values alike, so only files that have such are of the newer versions; all others stay
# readable by it.
FORMAT_VERSION = 1
MISSING_VERSION = 2
OUTSIDE_VERSION = 3
SIGMA_VERSION = 4

LONGEST = 1 << 20
"""Most trajectories, frames and points along an axis, for what is read and what is written."""

Kind = Literal["group", "text", "json", "integer", "real", "flag", "codes", "mask", "field"]
Need = Literal["always", "native", "optional"]

SYMBOLS: Mapping[str, str] = {
    "B": "trajectories",
    "T": "frames",
    "D": "space dimensions",
    "N": "points along this axis",
    "S": "points along every axis (several numbers)",
    "*": "any number",
}


@dataclass(frozen=True)
class Item:
    """One thing in a file.

    address: where it is. kind: what it holds ("field" is a large real dataset, "mask" true or false
    for every point of the grid, "codes" small integers). shape: one symbol of `SYMBOLS` for each
    axis. need: "always" in every file that can be read, "native" in every file with a group
    /pdenet, else "optional". names: the name in braces that this item lists, if it lists one.
    """

    address: str
    kind: Kind
    shape: tuple[str, ...]
    need: Need
    meaning: str
    names: str = ""


@dataclass(frozen=True)
class Place:
    """An item with the braces of its address filled in; `name` is what filled them."""

    item: Item
    address: str
    name: str = ""

    @property
    def path(self) -> str:
        """The group or dataset: the address without the attribute."""
        return self.address.partition("@")[0]

    @property
    def attribute(self) -> str:
        """The attribute, or "" where the place is a group or dataset."""
        return self.address.partition("@")[2]


def _fields(rank: int, meaning: str) -> tuple[Item, ...]:
    group, member = f"/t{rank}_fields", f"/t{rank}_fields/{{t{rank}}}"
    need: Need = "always"
    return (
        Item(group, "group", (), need, meaning),
        Item(f"{group}@field_names", "text", ("*",), need, "their names", f"t{rank}"),
        Item(f"{member}@dim_varying", "flag", ("D",), need, "true: varies along every axis"),
        Item(f"{member}@sample_varying", "flag", (), need, "true: differs between trajectories"),
        Item(f"{member}@time_varying", "flag", (), need, "true: differs between frames"),
        Item(member, "field", ("B", "T", "S") + ("D",) * rank, need, "the values"),
    )


SCHEMA: tuple[Item, ...] = (
    Item("/@dataset_name", "text", (), "native", "a name for people"),
    Item("/@grid_type", "text", (), "always", "'cartesian'"),
    Item("/@n_spatial_dims", "integer", (), "always", "number of space dimensions, 1 to 3"),
    Item("/@n_trajectories", "integer", (), "always", "number of trajectories"),
    Item(
        "/@simulation_parameters",
        "text",
        ("*",),
        "native",
        "names of the parameters of the equation",
        "parameter",
    ),
    Item("/@{parameter}", "real", (), "native", "value of that parameter"),
    Item("/dimensions", "group", (), "always", "the coordinates"),
    Item("/dimensions@spatial_dims", "text", ("D",), "always", "x, y, z as far as used", "axis"),
    Item("/dimensions/time", "real", ("T",), "always", "times of the frames, equally spaced"),
    Item("/dimensions/time@sample_varying", "flag", (), "native", "false"),
    Item("/dimensions/time@time_varying", "flag", (), "native", "true"),
    Item("/dimensions/{axis}", "real", ("N",), "always", "coordinates, equally spaced"),
    Item("/dimensions/{axis}@sample_varying", "flag", (), "native", "false"),
    Item("/dimensions/{axis}@time_varying", "flag", (), "native", "false"),
    Item("/boundary_conditions", "group", (), "always", "the ends of the axes", "boundary"),
    Item("/boundary_conditions/{boundary}", "group", (), "always", "ends of one axis"),
    Item(
        "/boundary_conditions/{boundary}@bc_type",
        "text",
        (),
        "always",
        "PERIODIC, WALL or OPEN; the values at a wall are in /pdenet@boundaries",
    ),
    Item("/boundary_conditions/{boundary}@associated_dims", "text", ("*",), "always", "the axis"),
    Item("/boundary_conditions/{boundary}@associated_fields", "text", ("*",), "native", "empty"),
    Item("/boundary_conditions/{boundary}@sample_varying", "flag", (), "native", "false"),
    Item("/boundary_conditions/{boundary}@time_varying", "flag", (), "native", "false"),
    Item(
        "/boundary_conditions/{boundary}/mask",
        "flag",
        ("*",),
        "native",
        "true at the first and the last point of the axis, where the condition is of this type",
    ),
    Item("/scalars", "group", (), "native", "the parameters once more, as datasets"),
    Item("/scalars@field_names", "text", ("*",), "native", "their names", "scalar"),
    Item("/scalars/{scalar}", "real", (), "native", "value of that parameter"),
    Item("/scalars/{scalar}@sample_varying", "flag", (), "native", "false"),
    Item("/scalars/{scalar}@time_varying", "flag", (), "native", "false"),
    *_fields(0, "scalar fields; every field of a file that pdenet writes is here"),
    *_fields(1, "vector fields, components last; empty in a file that pdenet writes"),
    *_fields(2, "tensor fields, components last; empty in a file that pdenet writes"),
    Item("/pdenet", "group", (), "optional", "what The Well's layout has no place for"),
    Item(
        "/pdenet@format_version",
        "integer",
        (),
        "native",
        f"{FORMAT_VERSION}, or {MISSING_VERSION} where values may be missing, or "
        f"{OUTSIDE_VERSION} where there are points outside, or {SIGMA_VERSION} where there are "
        "standard deviations",
    ),
    Item(
        "/pdenet@missing",
        "flag",
        (),
        "optional",
        "true: values may be missing, which are NaN; in files of version 1 it is absent",
    ),
    Item("/pdenet@fields", "text", ("*",), "native", "the fields in the order of the equations"),
    Item(
        "/pdenet@equation",
        "text",
        ("*",),
        "native",
        "one exact line for each field, or none where the equation is unknown",
    ),
    Item("/pdenet@coordinates", "text", ("*",), "native", "coordinates of the equation"),
    Item("/pdenet@parameters", "json", (), "native", "values of the parameters, by name"),
    Item("/pdenet@lengths", "real", ("D",), "native", "length of the domain along each axis"),
    Item("/pdenet@origin", "real", ("D",), "native", "first point along each axis"),
    Item(
        "/pdenet@endpoint",
        "flag",
        ("D",),
        "native",
        "for each axis whether the last point lies at origin + length (walls, open) or one step "
        "before (periodic); one flag in older files, for all axes",
    ),
    Item(
        "/pdenet@boundaries",
        "json",
        (),
        "native",
        "the condition at both ends of each axis: an object with kind periodic, open, dirichlet "
        "(value), neumann (derivative), robin (coefficient, value) or per field (fields); a list "
        "in place of a number holds one for each frame",
    ),
    Item("/pdenet@units", "json", (), "native", "units by name; may be empty"),
    Item(
        "/pdenet@noise",
        "json",
        (),
        "native",
        "what was added to the fields: definition, level and seed; null where nothing was",
    ),
    Item(
        "/pdenet@solver", "json", (), "native", "how the fields were made: scheme, steps; or null"
    ),
    Item("/pdenet@seed", "json", (), "native", "seed of the initial fields and the split, or null"),
    Item("/pdenet@versions", "json", (), "native", "versions of the programs that wrote it"),
    Item("/pdenet@metadata", "json", (), "native", "anything else that the writer was given"),
    Item(
        "/pdenet/split",
        "codes",
        ("B",),
        "native",
        "set of each trajectory: 0 train, 1 validation, 2 test, -1 every set (fewer than three)",
    ),
    Item(
        "/pdenet/outside",
        "mask",
        ("S",),
        "optional",
        "true where the equation does not hold: a hole, an obstacle; absent where it holds "
        "everywhere",
    ),
    Item(
        "/pdenet/sigma",
        "group",
        (),
        "optional",
        "standard deviations of every value; absent where they are not known",
        "sigma",
    ),
    Item(
        "/pdenet/sigma/{sigma}",
        "field",
        ("B", "T", "S"),
        "optional",
        "those of that field, in its units; NaN only where it is",
    ),
)


def places(item: Item, names: Mapping[str, Sequence[str]]) -> Iterator[Place]:
    """Every place that an item stands for, given the names known so far."""
    before, brace, rest = item.address.partition("{")
    if not brace:
        yield Place(item, item.address)
        return
    key, _, after = rest.partition("}")
    for name in names.get(key, ()):
        yield Place(item, f"{before}{name}{after}", name)
