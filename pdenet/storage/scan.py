"""Walk a file along the schema: the values that are there, and everything that is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from pdenet.errors import DataError
from pdenet.storage.hdf5 import Node, attribute, children, find, honest, one_line, small
from pdenet.storage.records import as_json
from pdenet.storage.schema import (
    FORMAT_VERSION,
    MISSING_VERSION,
    OUTSIDE_VERSION,
    SCHEMA,
    SIGMA_VERSION,
    SYMBOLS,
    Place,
    places,
)

__all__ = ["Scan", "scan"]

_LIKE = {"integer": "iu", "real": "iuf", "flag": "biu", "codes": "iu", "mask": "biu", "field": "f"}
_CALLED = {
    "integer": "whole numbers",
    "real": "numbers",
    "flag": "true or false",
    "mask": "true or false",
}
_FLAGS = {
    "along an axis": "dim_varying",
    "in every trajectory": "sample_varying",
    "at every time": "time_varying",
}
_VERSIONS = (FORMAT_VERSION, MISSING_VERSION, OUTSIDE_VERSION, SIGMA_VERSION)
_NAME = 100  # longest name that is followed


@dataclass
class Scan:
    """What a walk found: values by address (a field is its dataset), and problems in words."""

    native: bool
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def scan(file: h5py.File) -> Scan:
    """Compare every row of the schema with an open file."""
    group = find(file, "/pdenet")
    found = Scan(native=group is not None)
    if group is not None:
        version = attribute(group, "format_version", "/pdenet@format_version")
        if version is None or version.shape or version.item() not in _VERSIONS:
            given = "missing" if version is None else repr(version.tolist())
            found.problems.append(
                f"/pdenet@format_version is {given}, this pdenet reads "
                f"{FORMAT_VERSION} to {SIGMA_VERSION}: update pdenet or simulate it again"
            )
            return found
    for item in SCHEMA:
        if item.need == "native" and not found.native:
            continue
        for place in places(item, found.names):
            try:
                _visit(file, place, found)
            except DataError as error:
                found.problems.append(one_line(error))
            except (OSError, LookupError, RuntimeError, ValueError, TypeError, OverflowError) as e:
                found.problems.append(f"{place.address} cannot be read ({one_line(e)})")
    return found


def _visit(file: h5py.File, place: Place, found: Scan) -> None:
    item = place.item
    node = find(file, place.path)
    value: Any = None
    if node is not None and place.attribute:
        value = attribute(node, place.attribute, place.address)
    elif node is not None:
        value = _object(node, place)
    if value is None:
        # A missing attribute of a missing object is one problem, not two.
        if item.need != "optional" and (node is not None or not place.attribute):
            again = ": simulate it again" if found.native else ""
            found.problems.append(f"{place.address} is missing ({item.meaning}){again}")
        return
    if item.kind == "field" and not _varies(place, found):
        return
    if item.kind != "group":
        _fits(value.shape, place, found)
        value = np.asarray(value[()]) if item.kind == "mask" else value
        value = value if item.kind == "field" else _plain(value, place)
    found.values[place.address] = value
    if item.names:
        listed = children(value, place.path) if item.kind == "group" else value
        found.names[item.names] = _names(listed, place)
        if item.names == "axis":
            found.sizes["D"] = len(listed)


def _object(node: Node, place: Place) -> Any:
    """A group, the dataset of a field or mask, or the values of a small dataset."""
    kind = place.item.kind
    if isinstance(node, h5py.Group) != (kind == "group"):
        raise DataError(f"{place.path} must be a {'group' if kind == 'group' else 'dataset'}")
    if kind == "group":
        return node
    if kind not in ("field", "mask"):
        return small(node, place.path)
    if node.shape is None or node.dtype.kind not in _LIKE[kind]:
        wanted = _CALLED.get(kind, "real floating-point numbers")
        raise DataError(f"{place.path} holds {node.dtype}: {wanted} are needed")
    honest(node, place.path)
    return node


def _varies(place: Place, found: Scan) -> bool:
    """Whether a field has all axes; a foreign file may hold constants, which are no state."""
    flags = {what: found.values.get(f"{place.path}@{name}", True) for what, name in _FLAGS.items()}
    constant = [what for what, flag in flags.items() if not np.all(flag)]
    if not constant:
        return True
    if found.native:
        raise DataError(f"{place.path} must vary along every axis, its attributes say otherwise")
    found.left_out[place.path] = f"the same {' and '.join(constant)}, no state"
    return False


def _fits(shape: tuple[int, ...], place: Place, found: Scan) -> None:
    """Compare a shape with the schema; a size that is met first is what the others must equal."""
    wanted: list[str] = []
    for symbol in place.item.shape:
        axes = found.names.get("axis", ())
        wanted += [f"N{a}" for a in axes] if symbol == "S" else [symbol]
    wanted = [f"N{place.name}" if symbol == "N" else symbol for symbol in wanted]
    # The Well's own example stores a list of one name as a plain string.
    if place.item.kind == "text" and wanted == ["*"] and shape == ():
        return
    # Files from before axes with and without walls could be mixed hold one flag for all.
    if place.address == "/pdenet@endpoint" and shape == ():
        return
    expected = [-1 if s == "*" else found.sizes.get(s, -1) for s in wanted]
    agree = len(shape) == len(wanted) and all(
        want in (-1, have) for have, want in zip(shape, expected, strict=True)
    )
    if not agree:
        meaning = (
            ", ".join(f"{s[1:]} axis" if s[0] == "N" else SYMBOLS[s] for s in wanted)
            or "a single value"
        )
        told = tuple("?" if n == -1 else n for n in expected)
        raise DataError(
            f"{place.address} has shape {shape}, expected {told} ({meaning})".replace("'", "")
        )
    for symbol, size in zip(wanted, shape, strict=True):
        if symbol != "*":
            found.sizes.setdefault(symbol, size)


def _plain(value: np.ndarray, place: Place) -> Any:
    """The value as what its kind says: str, tuple of str, JSON, int, bool, or an array."""
    kind = place.item.kind
    if kind in ("text", "json"):
        listed = kind == "text" and bool(place.item.shape)
        texts = value.ravel().tolist() if listed else [value.item()]
        if not all(isinstance(text, str) for text in texts):
            raise DataError(f"{place.address} holds {value.dtype}, text is expected")
        if kind == "json":
            return _json(texts[0], place)
        return tuple(texts) if listed else texts[0]
    if value.dtype.kind not in _LIKE[kind]:
        wanted = _CALLED.get(kind, "small whole numbers")
        raise DataError(f"{place.address} holds {value.dtype}: {wanted} expected")
    if kind == "integer":
        return int(value.item())
    if kind in ("flag", "mask"):
        if not np.isin(value, (0, 1)).all():
            raise DataError(f"{place.address} must be true or false")
        return value.astype(bool) if value.shape else bool(value.item())
    if kind == "codes":
        return value.astype(np.int64)
    real = value.astype(np.float64)
    if not np.isfinite(real).all():
        raise DataError(f"{place.address} holds values that are not finite")
    return real if real.shape else float(real.item())


def _json(text: str, place: Place) -> Any:
    try:
        return as_json(text)
    except ValueError as error:
        raise DataError(f"{place.address} is not JSON ({one_line(error)})") from None


def _names(listed: Sequence[str], place: Place) -> tuple[str, ...]:
    bad = [n for n in listed if not 0 < len(n) <= _NAME or "/" in n or not n.isprintable()]
    bad += [n for n in listed if n in (".", "..")]
    if bad or len(set(listed)) != len(listed) or len(listed) > 1000:
        raise DataError(
            f"{place.address} must hold different names without '/', not {list(listed)[:10]}"
        )
    return tuple(listed)
