"""Write a file along the schema, block by block, so that it exists complete or not at all."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from pdenet.boundary import check_frames
from pdenet.errors import Advice, DataError, OutputError
from pdenet.problem import Problem
from pdenet.storage import split
from pdenet.storage.atomic import PartialFile, check_target, writing
from pdenet.storage.finite import DIVERGED, require_finite, without_mask
from pdenet.storage.header import describe, json_text
from pdenet.storage.outside import checked_mask
from pdenet.storage.schema import LONGEST, OUTSIDE_VERSION, SCHEMA, SIGMA_VERSION, Place, places
from pdenet.storage.sigma import checked_sigma
from pdenet.words import counted

__all__ = ["Writer", "create"]

_CHUNK = 1 << 18  # bytes of a chunk: some frames of one trajectory, whole in space
_CACHE = 1 << 26  # bytes of chunks kept open, so that frame after frame may be written
_HEADER = 1 << 20  # room for all but the fields
_DTYPES = ("float64", "float32")
_ADVICE = Advice(
    f"{DIVERGED}; if NaN stands for a value that is missing, write with missing=True",
    shell=DIVERGED,
)


def create(
    path: Path | str,
    problem: Problem,
    *,
    trajectories: int,
    times: Sequence[float] | np.ndarray,
    dtype: str = "float64",
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    missing: bool = False,
) -> "Writer":
    """A writer for a new file at `path`, to be used as a context manager.

    trajectories, times: how many there will be, and the times of their frames, equally spaced.
    dtype: of the stored fields, "float64" or "float32".
    metadata: JSON values; "noise", "solver", "seed" and "versions" have a place of their own.
    missing: whether states may hold NaN where a value is missing; infinities are always refused.

    The file appears when the block ends without an error and everything was written; until then,
    and after any error, whatever was at `path` stays as it was.
    Raises OutputError where the file cannot be made or `path` exists and not `overwrite`;
    DataError where the numbers do not describe a file, GridError where a boundary condition has
    values in time and not one for each frame.

    >>> with create("data.h5", problem, trajectories=2, times=times) as writer:
    ...     writer.append(states)  # (n, frames, field, *space)
    """
    times = np.asarray(times, dtype=np.float64)
    check_frames(problem.boundaries, len(times.ravel()))
    if trajectories < 1:
        raise DataError(f"{counted(trajectories, 'trajectory')} cannot be stored: give at least 1")
    if times.ndim != 1 or len(times) < 2 or not np.isfinite(times).all():
        raise DataError(
            f"times of shape {times.shape} cannot be stored: give at least 2 finite numbers, "
            "a time derivative needs two frames"
        )
    if max(trajectories, len(times), *problem.grid.shape) > LONGEST:
        raise DataError(
            f"{counted(trajectories, 'trajectory')} of {len(times)} frames on a grid of "
            f"{problem.grid.shape} cannot be stored: at most {LONGEST} of each; use several files"
        )
    if dtype not in _DTYPES:
        raise DataError(f"dtype {dtype!r} cannot be stored: use one of {', '.join(_DTYPES)}")
    target = Path(path)
    check_target(target, overwrite=overwrite)
    kind = np.dtype(dtype)
    return Writer(target, problem, trajectories, times, kind, metadata or {}, overwrite, missing)


class Writer:
    """Streams states into a new file; made by `create`."""

    def __init__(
        self,
        path: Path,
        problem: Problem,
        trajectories: int,
        times: np.ndarray,
        dtype: np.dtype[Any],
        metadata: Mapping[str, Any],
        overwrite: bool,
        missing: bool,
    ) -> None:
        self.path = path
        self._problem = problem
        self._overwrite = overwrite
        self._missing = missing
        self._dtype = dtype
        self._shape = (trajectories, len(times), *problem.grid.shape)
        self._done = np.zeros((trajectories, len(times)), dtype=bool)
        self._given = 0
        self._partial: PartialFile | None = None
        self._file: Any = None
        self._datasets: list[Any] = []
        seed = metadata.get("seed")
        codes = split.assign(trajectories, seed if isinstance(seed, int) else 0)
        # A name for people; what no terminal shows, the reader refuses.
        name = "".join(c if c.isprintable() else "?" for c in path.stem)
        self._values = describe(problem, codes, times, metadata, name, missing=missing)

    def __enter__(self) -> "Writer":
        partial = self._partial = PartialFile(self.path, overwrite=self._overwrite)
        with writing(self.path), self._abandoned_on_error():
            partial.reserve(_HEADER)
            # This version of the layout guards its own structures with checksums.
            self._file = h5py.File(
                partial.path,
                "w",
                libver=("v110", "v110"),
                locking=False,
                rdcc_nbytes=_CACHE,
                rdcc_nslots=10007,
            )
            self._write_header()
            # Held open, because the chunks in its cache are packed when a dataset is closed.
            self._datasets = [self._file[f"t0_fields/{name}"] for name in self._problem.fields]
        return self

    def append(self, states: np.ndarray) -> None:
        """Store whole trajectories (n, frames, field, *space) after those that are complete."""
        unfinished = np.flatnonzero(~self._done.all(axis=1))
        first = int(unfinished[0]) if unfinished.size else self._shape[0]
        self.write(first, 0, states)

    def write(self, first_trajectory: int, first_frame: int, states: np.ndarray) -> None:
        """Store a block (n, frames, field, *space) from the given trajectory and frame on.

        Raises DataError when it does not fit, holds an infinity, or NaN where none may be missing,
        OutputError when it cannot be written.
        """
        if self._file is None:
            raise OutputError(f"{self.path} is not open: write inside `with create(...) as writer`")
        block = self._block(first_trajectory, first_frame, states)
        rows = slice(first_trajectory, first_trajectory + block.shape[0])
        columns = slice(first_frame, first_frame + block.shape[1])
        with writing(self.path):
            self._make_room(block.nbytes)
            for index, dataset in enumerate(self._datasets):
                dataset[rows, columns] = np.ascontiguousarray(block[:, :, index])
        self._done[rows, columns] = True

    def exclude(self, outside: np.ndarray) -> None:
        """Say at which points the equation does not hold: true in a hole, an obstacle, beyond an
        irregular edge; of the grid's shape. What fields hold there is stored as it is given.

        Raises DataError for another shape, for anything but true and false, and where no point is
        left; OutputError where it cannot be written.
        """
        if self._file is None:
            raise OutputError(f"{self.path} is not open: exclude inside `with create(...)`")
        mask = checked_mask(outside, self._problem.grid.shape)
        if "outside" in self._file["pdenet"]:
            raise DataError("the points outside are said already: say them once")
        if mask is None:
            return
        with writing(self.path):
            self._make_room(mask.nbytes)
            self._file["pdenet"].create_dataset("outside", data=mask, fletcher32=True)
            self._is_of(OUTSIDE_VERSION)

    def weigh(self, sigma: object) -> None:
        """Say how well every value is known: standard deviations in the units of the fields, one
        number, one for each field, or what broadcasts to (trajectory, frame, field, *space).

        Raises DataError for what does not fit, and where they were said already; OutputError where
        they cannot be written.
        """
        if self._file is None:
            raise OutputError(f"{self.path} is not open: weigh inside `with create(...)`")
        if "sigma" in self._file["pdenet"]:
            raise DataError("the standard deviations are said already: say them once")
        fields = self._problem.fields
        whole = checked_sigma(sigma, (*self._shape[:2], len(fields), *self._shape[2:]))
        with writing(self.path):
            self._file["pdenet"].create_group("sigma")
            for index, name in enumerate(fields):
                dataset = self._stored(f"pdenet/sigma/{name}", np.dtype(np.float64))
                for row in range(self._shape[0]):
                    part = whole[row, :, index]
                    self._make_room(part.nbytes)
                    dataset[row] = np.where(np.isnan(part), np.nan, part)
            self._is_of(SIGMA_VERSION)

    def _is_of(self, version: int) -> None:
        """Note that the file is of this version, or a newer one that it is of already."""
        attributes = self._file["pdenet"].attrs
        newest = max(version, int(attributes["format_version"]))
        attributes.update({"format_version": newest, "missing": self._missing})

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        with writing(self.path), self._abandoned_on_error():
            if not self._done.all():
                raise DataError(
                    f"{self.path} is not complete: {int(self._done.sum())} of {self._done.size} "
                    "frames were written"
                )
            assert self._partial is not None
            self._datasets.clear()
            self._file.flush()
            size = self._file.id.get_filesize()
            self._file.close()
            self._partial.commit(size)
        self._file = self._partial = None

    def _block(self, trajectory: int, frame: int, states: np.ndarray) -> np.ndarray:
        given = without_mask(np.asanyarray(states))
        fields = self._problem.fields
        total = (*self._shape[:2], len(fields), *self._shape[2:])
        if given.ndim != len(total) or given.shape[2:] != total[2:]:
            raise DataError(
                f"states have shape {given.shape}, expected (n, frames, {len(fields)}, "
                f"{', '.join(map(str, self._shape[2:]))}): (trajectory, frame, field, *space)"
            )
        last = (trajectory + given.shape[0], frame + given.shape[1])
        if min(trajectory, frame) < 0 or last[0] > total[0] or last[1] > total[1]:
            raise DataError(
                f"states from trajectory {trajectory} and frame {frame} to {last} do not fit into "
                f"{counted(total[0], 'trajectory')} of {counted(total[1], 'frame')}"
            )
        if given.dtype.kind not in "fiu":
            raise DataError(f"states of dtype {given.dtype} cannot be stored: give real numbers")
        with np.errstate(over="ignore"):
            block = given.astype(self._dtype, copy=False)
        require_finite(block, fields, _ADVICE, first=(trajectory, frame), missing=self._missing)
        # NaN has many bit patterns: with one of them equal data have equal bytes and digests.
        return (
            np.where(np.isnan(block), block.dtype.type(np.nan), block) if self._missing else block
        )

    def _make_room(self, size: int) -> None:
        """Claim the bytes that the file may need when `size` more are given to HDF5."""
        assert self._partial is not None
        self._given += size
        stored = self._file.id.get_filesize()
        waiting = min(self._given, size + _CACHE * len(self._problem.fields))
        self._partial.reserve(stored + int(1.1 * waiting) + _HEADER)

    def _write_header(self) -> None:
        listed = {
            item.names: self._values[item.address]
            for item in SCHEMA
            if item.names and item.kind != "group"
        }
        listed["boundary"] = tuple(
            address.split("/")[2].removesuffix("@bc_type")
            for address in self._values
            if address.endswith("@bc_type")
        )
        everywhere = [
            place for item in SCHEMA for place in places(item, listed) if self._is_said(place)
        ]
        for place in everywhere:
            if not place.attribute:
                self._make(place)
        for place in everywhere:
            if place.attribute:
                self._set(place)

    def _is_said(self, place: Place) -> bool:
        """Whether the file gets this place: what is optional only where it has a value."""
        optional = place.item.need == "optional" and place.address != "/pdenet"
        return not optional or place.address in self._values

    def _make(self, place: Place) -> None:
        if place.item.kind == "group":
            self._file.create_group(place.path)
        elif place.item.kind == "field":
            self._stored(place.path, self._dtype)
        else:
            self._file.create_dataset(place.path, data=self._values[place.address])

    def _stored(self, path: str, dtype: np.dtype[Any]) -> Any:
        """A new dataset of the shape of a field."""
        frame = math.prod(self._shape[2:]) * dtype.itemsize
        frames = min(self._shape[1], max(1, _CHUNK // frame))
        return self._file.create_dataset(
            path,
            shape=self._shape,
            dtype=dtype,
            chunks=(1, frames, *self._shape[2:]),
            shuffle=True,
            compression="gzip",
            compression_opts=1,
            fletcher32=True,
        )

    def _set(self, place: Place) -> None:
        value, kind = self._values[place.address], place.item.kind
        attributes = self._file[place.path].attrs
        if kind == "json":
            attributes[place.attribute] = json_text(value, place.address)
        elif kind == "text" and place.item.shape:
            texts = np.array(value, dtype=object)
            attributes.create(place.attribute, texts, (len(value),), h5py.string_dtype())
        else:
            attributes[place.attribute] = value

    @contextmanager
    def _abandoned_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Leave nothing behind; a second error here must not hide the first."""
        file, self._file = self._file, None
        partial, self._partial = self._partial, None
        self._datasets.clear()
        try:
            if file is not None:
                file.close()
        except (OSError, RuntimeError):
            pass
        finally:
            if partial is not None:
                partial.discard()
