"""Files that were damaged or made to do harm: read as they are, or refused in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pdenet.errors import DataError
from pdenet.storage import check, open_data
from pdenet.storage.schema import SCHEMA, places

Edit = Callable[[h5py.File], Any]


def attribute(path: str, name: str, value: Any) -> Edit:
    return lambda file: file[path].attrs.__setitem__(name, value)


def replace(path: str, **options: Any) -> Edit:
    def edit(file: h5py.File) -> None:
        kept = dict(file[path].attrs)
        del file[path]
        file.create_dataset(path, **options).attrs.update(kept)

    return edit


def link(path: str, target: Any) -> Edit:
    def edit(file: h5py.File) -> None:
        del file[path]
        file[path] = target

    return edit


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((5, 6, 8, 4), "f8")
    layout[...] = h5py.VirtualSource("other.h5", "t0_fields/v", (5, 6, 8, 4))
    del file["t0_fields/u"]
    file.create_virtual_dataset("t0_fields/u", layout)


SHAPE = (5, 6, 8, 4)
ZEROS = np.zeros(SHAPE)

# What was done to the file, and what the message must say.
EDITS: dict[str, tuple[Edit, str]] = {
    "version": (attribute("pdenet", "format_version", 99), "99, this pdenet reads 1 to 4"),
    "version text": (attribute("pdenet", "format_version", "one"), "format_version is 'one'"),
    "version list": (attribute("pdenet", "format_version", [1, 1]), "format_version is"),
    "grid type": (attribute("/", "grid_type", "spherical"), "only 'cartesian'"),
    "grid type number": (attribute("/", "grid_type", 3), "text is expected"),
    "not utf-8": (attribute("/", "dataset_name", b"\xff\xfe"), "not UTF-8"),
    "terminal codes": (attribute("/", "dataset_name", "a\x1b[2Jb\nc"), "cannot be printed"),
    "many trajectories": (attribute("/", "n_trajectories", 6), "trajector"),
    "no trajectories": (attribute("/", "n_trajectories", 0), "trajector"),
    "text trajectories": (attribute("/", "n_trajectories", "five"), "whole numbers"),
    "list of trajectories": (attribute("/", "n_trajectories", [5, 5]), "shape"),
    "dimensions": (attribute("/", "n_spatial_dims", 3), "spatial_dims"),
    "axes": (attribute("dimensions", "spatial_dims", ["y", "z"]), "missing|first 1 to 3"),
    "axis name": (attribute("dimensions", "spatial_dims", ["x", "../y"]), "without '/'"),
    "axis twice": (attribute("dimensions", "spatial_dims", ["x", "x"]), "different names"),
    "one frame": (replace("dimensions/time", data=[0.0]), "shape|at least 2"),
    "times fall": (replace("dimensions/time", data=np.arange(6.0)[::-1]), "goes backwards"),
    "times uneven": (replace("dimensions/time", data=np.arange(6.0) ** 2), "equally spaced"),
    "times nan": (replace("dimensions/time", data=np.full(6, np.nan)), "not finite"),
    "times text": (replace("dimensions/time", data=[b"a"] * 6), "not numbers"),
    "times missing": (replace("dimensions/time", data=np.arange(5.0)), "shape"),
    "x uneven": (replace("dimensions/x", data=np.arange(8.0) ** 2), "uniform grid"),
    "x long": (replace("dimensions/x", data=np.arange(9.0)), "shape"),
    "x huge": (replace("dimensions/x", shape=(1 << 40,), dtype="f8", chunks=(1024,)), "at most"),
    "lengths": (attribute("pdenet", "lengths", [-1.0, 1.0]), "positive"),
    "lengths infinite": (attribute("pdenet", "lengths", [np.inf, 1.0]), "not finite"),
    "parameter": (attribute("pdenet", "parameters", json.dumps({"nu": "much"})), "equation"),
    "parameter nan": (attribute("pdenet", "parameters", '{"nu": NaN}'), "finite"),
    "parameter inf": (attribute("pdenet", "parameters", '{"nu": 1e999}'), "finite"),
    "parameter list": (attribute("pdenet", "parameters", "[1]"), "JSON object"),
    "json depth": (attribute("pdenet", "metadata", "[" * 50000), "not JSON"),
    "json digits": (attribute("pdenet", "seed", "9" * 10000), "not JSON"),
    "json broken": (attribute("pdenet", "solver", "{'a'"), "not JSON"),
    "json number": (attribute("pdenet", "solver", 3), "text is expected"),
    "units": (attribute("pdenet", "units", '{"zzz": "m"}'), "zzz"),
    "units list": (attribute("pdenet", "units", "[1, 2]"), "units"),
    "boundaries": (attribute("pdenet", "boundaries", '[[{"kind": "magic"}]]'), "boundaries"),
    "boundaries text": (attribute("pdenet", "boundaries", '"periodic"'), "boundaries"),
    "boundaries few": (attribute("pdenet", "boundaries", "[]"), "bound"),
    "fields": (attribute("pdenet", "fields", ["u", "w"]), "fields"),
    "equations": (attribute("pdenet", "equation", ["u_t = u"]), "equation"),
    "coordinates": (attribute("pdenet", "coordinates", ["x", "q"]), "equation"),
    "split codes": (replace("pdenet/split", data=np.full(5, 9, np.int8)), "codes"),
    "split short": (replace("pdenet/split", data=np.zeros(4, np.int8)), "shape"),
    "split real": (replace("pdenet/split", data=np.zeros(5)), "whole numbers"),
    "field shape": (replace("t0_fields/u", data=np.zeros((5, 6, 4, 8))), "shape"),
    "field rank": (replace("t0_fields/u", data=np.zeros(7)), "shape"),
    "field trajectories": (replace("t0_fields/u", data=ZEROS[:3]), "shape"),
    "field integers": (replace("t0_fields/u", data=ZEROS.astype(int)), "floating-point"),
    "field complex": (replace("t0_fields/u", data=ZEROS.astype(complex)), "floating-point"),
    "field objects": (
        replace("t0_fields/u", shape=SHAPE, dtype=h5py.vlen_dtype(np.float64)),
        "floating-point",
    ),
    "field references": (replace("t0_fields/u", shape=SHAPE, dtype=h5py.ref_dtype), "floating"),
    "field records": (replace("t0_fields/u", shape=SHAPE, dtype="f8,i4"), "floating-point"),
    "field empty": (replace("t0_fields/u", data=h5py.Empty("f8")), "floating-point"),
    "field never written": (
        replace("t0_fields/u", shape=SHAPE, dtype="f8", chunks=(1, 6, 8, 4)),
        "never written",
    ),
    "field huge": (
        replace("t0_fields/u", shape=(1 << 20, 1 << 20, 8, 4), dtype="f8", chunks=(1, 1, 8, 4)),
        "never written|shape",
    ),
    "field group": (
        lambda f: (f.__delitem__("t0_fields/u"), f.create_group("t0_fields/u")),
        "data",
    ),
    "field filter": (
        replace("t0_fields/u", data=ZEROS, scaleoffset=3, chunks=SHAPE),
        "compress it with gzip",
    ),
    "field constant": (attribute("t0_fields/u", "time_varying", False), "vary along every axis"),
    "field flag": (attribute("t0_fields/u", "time_varying", 7), "true or false"),
    "group dataset": (link("t0_fields", np.zeros(3)), "must be a group|not a group"),
    "external link": (link("t0_fields/u", h5py.ExternalLink("other.h5", "/u")), "elsewhere"),
    "soft link": (link("t0_fields/u", h5py.SoftLink("/t0_fields/v")), "elsewhere"),
    "external file": (
        replace("t0_fields/u", shape=SHAPE, dtype="f8", external=[("other.raw", 0, 99999)]),
        "other files",
    ),
    "virtual": (virtual, "other files"),
    "wide list": (attribute("t0_fields", "field_names", ["a"] * 3000), "different names"),
    "no fields": (attribute("t0_fields", "field_names", ["q"]), "missing"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_file_is_refused_in_one_line_that_names_the_fault(path: Path, name: str):
    edit, message = EDITS[name]
    with h5py.File(path, "r+") as file:
        edit(file)
    with pytest.raises(DataError, match=message) as caught:
        open_data(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ") and "\n" not in told and len(told) < 700
    assert told in check(path)


def test_whatever_is_missing_is_named(holed: Path, weighed: Path, tmp_path: Path):
    names = {"parameter": ["nu"], "axis": ["x"], "t0": ["u"], "scalar": ["nu"]}
    removed = 0
    for item in SCHEMA:
        for place in places(item, names):
            copy = tmp_path / "copy.h5"
            copy.write_bytes((weighed if "sigma" in place.path else holed).read_bytes())
            if place.path == "/pdenet" and not place.attribute:
                continue  # a foreign file
            with h5py.File(copy, "r+") as file:
                if place.attribute:
                    del file[place.path].attrs[place.attribute]
                else:
                    del file[place.path]
            with pytest.raises(DataError, match=place.path):
                open_data(copy)
            removed += 1
    assert removed > 40


# Flips and cuts, in a process of its own: a crash of the HDF5 library, an endless walk or an
# allocation out of proportion would end that process, not the tests.
_FLIPS = """
import logging, random, resource, sys
from pathlib import Path
from pdenet.errors import DataError
from pdenet.storage import check, open_data
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
logging.disable()
source, damaged = Path(sys.argv[1]), Path(sys.argv[1] + ".damaged")
content, choose = source.read_bytes(), random.Random(0)
heap = content.index(b"GCOL")
refused = 0
for trial in range(150):
    image = bytearray(content)
    if trial % 5 == 0:
        del image[choose.randrange(len(image)) :]
    low, high = [(0, len(image)), (heap, heap + 512)][trial % 2]
    for _ in range(choose.choice([1, 2, 8])):
        if low < min(high, len(image)):
            image[choose.randrange(low, min(high, len(image)))] = choose.randrange(256)
    damaged.write_bytes(image)
    try:
        with open_data(damaged) as data:
            data.read(missing=True)
            data.digest()
            data.gaps()
    except DataError as error:
        refused += 1
        assert "\\n" not in str(error)
    assert isinstance(check(damaged), list)
print(refused)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["native", "foreign", "gaps", "hole"])
def test_flipped_bytes_and_cuts_never_do_more_than_a_refusal(
    path: Path, gappy: Path, holed: Path, kind: str
):
    if kind in ("gaps", "hole"):
        path = gappy if kind == "gaps" else holed
    elif kind == "foreign":
        # The oldest layout, which most files in the world have, has no checksums.
        with h5py.File(path) as new, h5py.File(path.with_suffix(".old"), "w") as old:
            for name in new:
                if name != "pdenet":
                    new.copy(name, old)
            old.attrs.update(dict(new.attrs))
        path = path.with_suffix(".old")
    run = subprocess.run(
        [sys.executable, "-c", _FLIPS, str(path)], capture_output=True, text=True, timeout=600
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert int(run.stdout) > (20 if kind == "foreign" else 100)
