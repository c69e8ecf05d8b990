"""The one table that the writer, the reader, the checker and the page follow."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from pdenet.storage import format_page
from pdenet.storage.schema import SCHEMA, SYMBOLS, places

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_made_from_the_schema():
    assert (ROOT / "data" / "README.md").read_text(encoding="utf-8") == format_page(), (
        "write pdenet.storage.format_page() to data/README.md"
    )


def test_every_name_in_braces_is_listed_by_an_earlier_row():
    listed: set[str] = set()
    for item in SCHEMA:
        if "{" in item.address:
            assert item.address.partition("{")[2].partition("}")[0] in listed, item.address
        listed |= {item.names} - {""}
        assert set(item.shape) <= set(SYMBOLS)
    assert len({item.address for item in SCHEMA}) == len(SCHEMA)


@pytest.mark.parametrize("kind", ["path", "gappy", "holed", "weighed"])
def test_a_file_holds_what_the_schema_says_and_nothing_else(kind: str, request):
    with h5py.File(request.getfixturevalue(kind)) as file:
        names = {
            "parameter": ["nu"],
            "scalar": ["nu"],
            "axis": ["x", "y"],
            "t0": ["u", "v"],
            "boundary": list(file["boundary_conditions"]),
            "sigma": ["u", "v"] if kind == "weighed" else [],
        }
        expected = {place.address for item in SCHEMA for place in places(item, names)}
        expected -= {"/pdenet@missing"} if kind == "path" else set()
        expected -= {"/pdenet/outside"} if kind != "holed" else set()
        expected -= {"/pdenet/sigma"} if kind != "weighed" else set()
        found = {f"/@{name}" for name in file.attrs}

        def visit(name: str, node: h5py.Group | h5py.Dataset) -> None:
            found.add(f"/{name}")
            found.update(f"/{name}@{attribute}" for attribute in node.attrs)

        file.visititems(visit)
    assert found == expected


def test_the_well_can_read_it(path: Path):
    """What The Well's own scripts/check_thewell_formatting.py asks for."""
    with h5py.File(path) as file:
        assert isinstance(file.attrs["dataset_name"], str)
        assert file.attrs["grid_type"] == "cartesian"
        assert all(name in file.attrs for name in file.attrs["simulation_parameters"])
        assert list(file["dimensions"].attrs["spatial_dims"]) == ["x", "y"]
        assert file["dimensions/time"].attrs["time_varying"]
        assert file["scalars/nu"].shape == ()
        for rank in range(3):
            names = file[f"t{rank}_fields"].attrs["field_names"]
            assert list(names) == (["u", "v"] if rank == 0 else [])
        field = file["t0_fields/u"]
        assert field.shape == (5, 6, 8, 4)
        assert field.attrs["dim_varying"].dtype == bool
        assert field.attrs["sample_varying"] and field.attrs["time_varying"]
        for axis in "xy":
            boundary = file[f"boundary_conditions/{axis}_periodic"]
            assert boundary.attrs["bc_type"].upper() == "PERIODIC"
            assert list(boundary.attrs["associated_dims"]) == [axis]
            assert boundary["mask"].shape == file[f"dimensions/{axis}"].shape


def test_chunks_are_whole_in_space_within_one_trajectory(path: Path):
    with h5py.File(path) as file:
        field = file["t0_fields/v"]
        assert field.chunks[0] == 1 and field.chunks[2:] == (8, 4)
        assert field.shuffle and field.compression == "gzip" and field.fletcher32
