"""Careful access to an HDF5 file that anybody may have written.

Nothing is followed out of the file, nothing is allocated before its size is known to be honest, and
whatever h5py raises becomes one `DataError` at one place, `reading`.
"""

import math
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np

from pdenet.errors import DataError, PDENetError
from pdenet.storage.foreign import folder_kind, how_to_bring, kind_of
from pdenet.storage.heap import check_heaps
from pdenet.storage.schema import LONGEST

__all__ = ["Node", "attribute", "children", "find", "honest", "open_file", "reading", "small"]

Node: TypeAlias = Any  # h5py.Group or h5py.Dataset; h5py carries no types

# What h5py is known to raise on a damaged file, beside its own OSError and KeyError.
_RAISED = (OSError, LookupError, RuntimeError, ValueError, TypeError, OverflowError, MemoryError)

# Filters that ship with every HDF5 or h5py, none of which can shrink data more than deflate can.
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_FILTERS |= {h5py.h5z.FILTER_LZF}
_LARGEST_RATIO = 1100  # deflate reaches at most 1032:1
_SMALL = LONGEST  # elements of an attribute, a coordinate vector, a list of names


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn everything that goes wrong while `path` is read into a DataError that names it."""
    try:
        yield
    except DataError as error:
        shell = f"{path}: {one_line(error.shell)}"
        raise DataError(f"{path}: {one_line(error)}", shell=shell) from error
    except (PDENetError, *_RAISED) as error:
        raise DataError(
            f"{path}: the file is damaged ({one_line(error)}): get it anew or simulate it again"
        ) from error


def one_line(error: BaseException | str) -> str:
    """A message on one printable line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 600 else text[:597] + "..."


def open_file(path: Path) -> h5py.File:
    """Open an HDF5 file to read.

    Raises DataError when there is no such file, it is not a regular file, or it is not HDF5.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = folder_kind(path) if stat.S_ISDIR(mode) else None
            if kind is not None:
                raise DataError(how_to_bring(kind))
            what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise DataError(f"is {what}: give an HDF5 file")
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except FileNotFoundError:
        raise DataError(
            "no such file: check the path",
            shell="no such file: check the path, or make it with 'pdenet simulate'",
        ) from None
    except PermissionError:
        raise DataError("no permission to read it: change its mode or copy it") from None
    if empty:
        raise DataError("is empty: get it anew or simulate it again")
    if not h5py.is_hdf5(path):
        raise DataError(how_to_bring(kind_of(path)))
    check_heaps(path)
    try:
        return h5py.File(path, "r", locking="best-effort")
    except _RAISED as error:
        raise DataError(
            f"is truncated or damaged ({one_line(error)}): get it anew or simulate it again"
        ) from error


def find(file: h5py.File, path: str) -> Node | None:
    """The group or dataset at an absolute path, None where there is none.

    Raises DataError where the way leads through a link to elsewhere: a file that points into other
    files could read any of them.
    """
    node: Node = file
    for name in path.strip("/").split("/"):
        if not name:
            continue
        if not isinstance(node, h5py.Group):
            raise DataError(f"{node.name} is not a group: {path} must lie in it")
        link = node.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise DataError(f"{path} is a link to elsewhere: copy the data into the file")
        node = node[name]
    if isinstance(node, h5py.Dataset):
        _stay_inside(node, path)
    return node


def children(group: Node, path: str) -> tuple[str, ...]:
    """The names of what lies in a group."""
    if len(group) > 1000:
        raise DataError(f"{path} holds {len(group)} objects, at most 1000 are allowed")
    return tuple(str(name) for name in group)


def _stay_inside(dataset: h5py.Dataset, path: str) -> None:
    if dataset.is_virtual or dataset.external:
        raise DataError(f"{path} keeps its values in other files: copy the data into the file")
    layout = dataset.id.get_create_plist()
    filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
    if not set(filters) <= _FILTERS or len(set(filters)) != len(filters):
        raise DataError(f"{path} is compressed with filters {filters}: compress it with gzip")


def honest(dataset: h5py.Dataset, path: str) -> None:
    """Check that a dataset can hold what its shape says, before anything of that size is made.

    Values that were never written take no room in a file; such a dataset may claim any size, and
    reading it would give zeros that nobody computed.
    """
    claimed = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored = min(dataset.id.get_storage_size(), dataset.file.id.get_filesize())
    if claimed > _LARGEST_RATIO * stored:
        raise DataError(
            f"{path} claims {claimed} bytes but {stored} are stored: values were never written, "
            "simulate it again"
        )
    if dataset.chunks is not None and any(
        chunk > max(size, 1) for chunk, size in zip(dataset.chunks, dataset.shape, strict=True)
    ):
        raise DataError(f"{path} has chunks {dataset.chunks} beyond its shape {dataset.shape}")


def small(dataset: h5py.Dataset, path: str) -> np.ndarray:
    """The values of a dataset that ought to be small."""
    if dataset.shape is None or math.prod(dataset.shape) > _SMALL:
        raise DataError(f"{path} has shape {dataset.shape}: at most {_SMALL} values are allowed")
    if dataset.dtype.kind not in "biuf":
        raise DataError(f"{path} holds {dataset.dtype}, not numbers")
    if dataset.size:
        honest(dataset, path)
    return np.asarray(dataset[()])


def attribute(node: Node, name: str, address: str) -> np.ndarray | None:
    """The value of an attribute as an array (of str, bool, int or float), None if there is none.

    Raises DataError when it is neither text nor a number, is not UTF-8, or is very long.
    """
    if name not in node.attrs:
        return None
    described = node.attrs.get_id(name)
    shape, dtype = described.shape, described.dtype
    if shape is None or math.prod(shape) > _SMALL:
        raise DataError(f"{address} has shape {shape}: a short list is expected")
    text = h5py.check_string_dtype(dtype) is not None
    if not text and dtype.kind not in "biuf":
        raise DataError(f"{address} holds {dtype}, not text or numbers")
    value: np.ndarray = np.asarray(node.attrs[name])
    if text:
        texts = [_text(v, address) for v in value.ravel()]
        value = np.array(texts, dtype=object).reshape(shape)
    return value


def _text(value: Any, address: str) -> str:
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
        text.encode("utf-8")  # h5py hides bytes that are not UTF-8 in surrogates
    except UnicodeError:
        raise DataError(f"{address} is not UTF-8 text: write it again as UTF-8") from None
    if not text.isprintable():
        raise DataError(f"{address} holds characters that cannot be printed: {text[:40]!r}")
    return text
