"""The format on one page, made from the schema."""

from pdenet.storage.schema import (
    FORMAT_VERSION,
    MISSING_VERSION,
    OUTSIDE_VERSION,
    SCHEMA,
    SIGMA_VERSION,
    SYMBOLS,
    Item,
)

__all__ = ["format_page"]

_HEAD = """\
# Data files

Version {version} of the format. This page is made from `pdenet/storage/schema.py`, which the
writer, the reader and the checker follow; `pdenet.storage.format_page()` returns it.

A file is HDF5 in the layout of [The Well](https://arxiv.org/abs/2412.00568), so whatever reads The
Well reads it. What that layout has no place for is in the group `/pdenet`. A foreign file without
that group can be read too: its equation is then unknown, and the components of a vector field
`velocity` become the fields `velocityx`, `velocityy`.

An address is `/group/dataset` or `/group@attribute`; `{{axis}}` and the like stand for every such
name. Text is UTF-8; JSON is text; real numbers are float64 but for the fields, which are float64 or
float32. "always" is in every file that can be read, "native" in every file that pdenet writes.

Letters of the shapes: {symbols}.

| address | holds | shape | needed | meaning |
|---|---|---|---|---|
"""

_TAIL = """
Where a value is missing, the field holds NaN, and `/pdenet@missing` says that this may be; a field
that was not observed at all is NaN everywhere. Only such a file is of version {missing}: an older
pdenet reads all others and refuses this one by its version. NaN in any other file is an error, an
infinity in every file. `pdenet refine` can use data with missing values, training cannot.

Where the equation does not hold, in a hole, an obstacle or beyond an irregular edge,
`/pdenet/outside` is true. Such a file is of version {outside}, and `/pdenet@missing` says whether
values may be missing.

Where the error of every value is known, `/pdenet/sigma` holds standard deviations, for each field a
dataset of the shape of the field, and `pdenet refine` weighs values by them. Such a file is of
version {sigma}; it may have points outside as well, and says whether values may be missing.

In a foreign file an end that is not PERIODIC is open: the layout does not say what holds at a WALL.

Fields are stored in chunks of one trajectory, some frames and the whole space, shuffled, lightly
compressed (gzip) and with checksums. A file appears under its name when it is complete; a writer
that is stopped leaves what was there before.

## The sample

`burgers-1d.h5` holds ten trajectories of Burgers' equation u_t = -u u_x + 0.1 u_xx, 41 frames of
128 points with 0.1 % noise. It was made by

    pdenet simulate burgers-1d -o data/burgers-1d.h5 --grid 128 \\
        --trajectories 10 --frames 41 --seed 0
"""


def format_page() -> str:
    """The text of data/README.md."""

    def shape(item: Item) -> str:
        return f"`({', '.join(item.shape)})`" if item.shape else ""

    symbols = ", ".join(f"`{symbol}` {meaning}" for symbol, meaning in SYMBOLS.items())
    rows = [
        f"| `{item.address}` | {item.kind} | {shape(item)} | {item.need} | {item.meaning} |"
        for item in SCHEMA
    ]
    head = _HEAD.format(version=FORMAT_VERSION, symbols=symbols)
    return (
        head
        + "\n".join(rows)
        + "\n"
        + _TAIL.format(missing=MISSING_VERSION, outside=OUTSIDE_VERSION, sigma=SIGMA_VERSION)
    )
