"""Files of other programs: named by what is in them, with the way to bring what they hold."""

from __future__ import annotations

import gzip
import json
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pdenet.boundary import periodic
from pdenet.cli import main
from pdenet.cli.info import describe_data
from pdenet.errors import DataError
from pdenet.grid import Grid
from pdenet.problem import Problem
from pdenet.storage import check, create, open_data, write_arrays
from pdenet.storage.foreign import MAGIC

STATES = np.random.default_rng(0).standard_normal((10, 16))


def npy(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, STATES)


def npz(path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, u=STATES, t=np.arange(11.0))


def netcdf_3(path: Path) -> None:
    with scipy.io.netcdf_file(path, "w") as file:
        file.createDimension("x", 16)
        file.createVariable("u", "f8", ("x",))[:] = STATES[0]


def hdf5(**content: np.ndarray) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with h5py.File(path, "w") as file:
            for name, values in content.items():
                file[name.replace("__", "/").replace("_coordinate", "-coordinate")] = values

    return make


def netcdf_4(path: Path) -> None:
    hdf5(u=STATES)(path)
    with h5py.File(path, "a") as file:
        file.attrs["_NCProperties"] = "version=2"


def matlab_7(path: Path) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        file["usol"] = STATES
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")


def zarr(path: Path) -> None:
    path.mkdir()
    (path / ".zgroup").write_text('{"zarr_format": 2}')


def zarr_3(path: Path) -> None:
    path.mkdir()
    (path / "zarr.json").write_text('{"zarr_format": 3}')


def zipped_zarr(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zarr.json", '{"zarr_format": 3}')


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "text")


def well_without_time(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs.update({"grid_type": "cartesian", "n_spatial_dims": 1, "n_trajectories": 1})
        file.create_group("t0_fields").attrs["field_names"] = ["u"]


X, T = np.arange(16.0), np.arange(11.0)
KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "npy": (npy, r"a NumPy array \(\.npy\).*numpy\.load"),
    "npz": (npz, r"\(\.npz\) of u, t"),
    "mat 4": (lambda path: scipy.io.savemat(path, {"u": STATES}, format="4"), "MATLAB.*version 4"),
    "mat 5": (lambda path: scipy.io.savemat(path, {"u": STATES}), "MATLAB.*5.*scipy.io.loadmat"),
    "mat 7.3": (matlab_7, r"MATLAB.*version 7\.3 with usol \(10, 16\).*h5py"),
    "csv": (lambda path: np.savetxt(path, STATES, delimiter=",", header="a"), "commas"),
    "csv with names": (lambda path: path.write_text("x;y\n1;2\n3;4,5\n"), "semicolons"),
    "csv with a header": (
        lambda path: path.write_text("t,x,u\n0,0,1.5\n0,1,2.5\n"),
        r"numpy\.loadtxt\(path, delimiter=',', skiprows=1\)",
    ),
    "csv without": (
        lambda path: path.write_text("0,0,1.5\n0,1,2.5\n"),
        r"numpy\.loadtxt\(path, delimiter=','\)",
    ),
    "columns": (lambda path: np.savetxt(path, STATES), "a text table with blanks"),
    "netcdf 3": (netcdf_3, "NetCDF file of version 3"),
    "netcdf 4": (netcdf_4, r"NetCDF file of version 4 with u \(10, 16\)"),
    "pdebench": (
        hdf5(tensor=np.zeros((5, 10, 16)), t_coordinate=T, x_coordinate=X),
        r"PDEBench \(a dataset of all samples\) with tensor \(5, 10, 16\)",
    ),
    "pdebench, gas": (
        hdf5(Vx=np.zeros((2, 10, 16)), t_coordinate=T, x_coordinate=X),
        "PDEBench",
    ),
    "pdebench, groups": (
        hdf5(**{f"{k:04d}__data": np.zeros((10, 16, 16, 1)) for k in range(12)}),
        r"PDEBench \(a group for each sample\).*\.\.",
    ),
    "well": (well_without_time, "layout of The Well that is not as it should be .*dimensions"),
    "hdf5": (hdf5(a__b=STATES), r"an HDF5 file of another layout with a/b \(10, 16\)"),
    "hdf5, empty": (hdf5(), "without datasets"),
    "zarr": (zarr, "a Zarr store"),
    "zarr 3": (zarr_3, "a Zarr store"),
    "zarr, zipped": (zipped_zarr, "a zipped Zarr store"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps(STATES)), "can run anything.*savez"),
    "torch": (lambda path: torch.save({"u": torch.zeros(3)}, path), "torch, which holds a pickle"),
    "json": (lambda path: path.write_text(json.dumps([1, 2])), "a JSON text"),
    "gzip": (lambda path: path.write_bytes(gzip.compress(b"1,2\n")), "gzip.*unpack"),
    "zip": (zipped, "a ZIP archive.*unpack"),
    "prose": (lambda path: path.write_text("to whom\nit may concern\n"), "is a text"),
    "bytes": (lambda path: path.write_bytes(bytes(range(256))), "of no format that is known"),
}


@pytest.mark.parametrize("ending", [".h5", ".dat"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_named_by_its_content(tmp_path: Path, kind: str, ending: str):
    make, message = KINDS[kind]
    path = tmp_path / f"data{ending}"
    make(path)
    with pytest.raises(DataError, match=message) as caught:
        open_data(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: is ") and "\n" not in told and "pdenet import" not in told
    assert "write_arrays(file, array, Grid(shape, lengths), dt)" in told
    assert "simulate" not in told and len(told) < 800
    if path.is_file():
        assert check(path) == [told]


@pytest.mark.parametrize("kind", ["npy", "zarr", "mat 5"])
def test_every_command_says_the_same(tmp_path: Path, capsys, kind: str):
    make, message = KINDS[kind]
    path, run = tmp_path / "data.zarr", tmp_path / "run"
    make(path)
    commands = [["refine", path], ["discover", path, "-o", run], ["train", path, "-o", run]]
    for command in commands:
        assert main([*map(str, command)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert re.search(message, line) and not run.exists()


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=300), magic=st.sampled_from([*(m for m, _, _ in MAGIC), b""]))
def test_any_bytes_are_refused_in_one_line(tmp_path_factory, content: bytes, magic: bytes):
    path = tmp_path_factory.mktemp("bytes") / "a.h5"
    path.write_bytes(magic + content)
    with pytest.raises(DataError) as caught:
        open_data(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("ending", [b"", b"PK\x03\x04", b"\x80\x04"])
def test_what_only_looks_like_an_archive_is_refused(tmp_path: Path, ending: bytes):
    path = tmp_path / "a.h5"
    path.write_bytes(b"PK\x03\x04" + ending)
    with pytest.raises(DataError, match="a damaged ZIP archive"):
        open_data(path)


def well(path: Path, *, hole: bool = False) -> None:
    """A file in the layout of The Well with a constant field and a name that is none here."""
    states = np.random.default_rng(0).standard_normal((4, 5, 12))
    write_arrays(path, states[:, :, None], Grid(12, 1.0), 0.1)
    with h5py.File(path, "a") as file:
        del file["pdenet"]
        group = file["t0_fields"]
        group.move("u", "pressure_re")
        values = group["pressure_re"]
        if hole:
            values[1, 2, 3] = np.nan
        for name, flag in (("sound_speed", "time_varying"), ("mask", "sample_varying")):
            group[name] = states
            group[name].attrs.update({k: values.attrs[k] for k in values.attrs})
            group[name].attrs[flag] = False
        group.attrs["field_names"] = ["pressure_re", "sound_speed", "mask"]


def test_info_says_what_is_left_out_renamed_and_nan(tmp_path: Path, capsys):
    path = tmp_path / "well.h5"
    well(path)
    facts = describe_data(path)
    assert facts["fields"] == ["pressurere"] and facts["renamed"] == {"pressurere": "pressure_re"}
    assert facts["left_out"] == {
        "/t0_fields/sound_speed": "the same at every time, no state",
        "/t0_fields/mask": "the same in every trajectory, no state",
    }
    assert facts["missing"] is None
    well(tmp_path / "hole.h5", hole=True)
    assert describe_data(tmp_path / "hole.h5")["missing"] == {"pressurere": 1 / (4 * 5 * 12)}
    assert main(["info", str(tmp_path / "hole.h5")]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in ("pressure_re", "sound_speed", "mask", "missing"))


def masked(states: np.ndarray) -> np.ma.MaskedArray:
    return np.ma.masked_array(np.where(states > 1, 9.96921e36, states), states > 1)


def test_what_a_mask_hides_is_never_stored(tmp_path: Path):
    states = np.random.default_rng(0).standard_normal((3, 4, 1, 12))
    with pytest.raises(DataError, match=r"values are masked.*missing=True"):
        write_arrays(tmp_path / "a.h5", masked(states), Grid(12, 1.0), 0.1)
    path = write_arrays(tmp_path / "a.h5", masked(states), Grid(12, 1.0), 0.1, missing=True)
    with open_data(path) as data:
        found = data.read(missing=True)
    assert np.array_equal(found, np.where(states > 1, np.nan, states), equal_nan=True)
    counts = np.ma.masked_array(np.arange(144).reshape(3, 4, 1, 12), states > 1)
    write_arrays(path, counts, Grid(12, 1.0), 0.1, missing=True, overwrite=True)
    with open_data(path) as data:
        assert np.array_equal(np.isnan(data.read(missing=True)), states > 1)
    problem = Problem(None, Grid(12, 1.0), periodic(1), ("u",))
    with create(
        tmp_path / "b.h5", problem, trajectories=3, times=[0, 1, 2, 3], missing=True
    ) as writer:
        writer.append(masked(states))
    with open_data(tmp_path / "b.h5") as data:
        assert np.array_equal(np.isnan(data.read(missing=True)), states > 1)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_fill_value_is_no_data(tmp_path: Path, dtype: str):
    states = np.zeros((3, 4, 1, 12), dtype)
    states[1, 2, 0, 3] = 9.969209968386869e36
    with pytest.raises(DataError, match=r"1 of 144 values .* NetCDF"):
        write_arrays(tmp_path / "a.h5", states, Grid(12, 1.0), 0.1, missing=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mark", [-999.0, 1e20, -9999, 255e3])
def test_a_number_in_the_place_of_missing_values_is_no_data(tmp_path: Path, mark: float):
    generator = np.random.default_rng(0)
    states = generator.standard_normal((3, 4, 1, 12))
    states[generator.random(states.shape) < 0.1] = mark
    with pytest.raises(DataError, match=r"of 144 values are .* all others lie between .* NaN"):
        write_arrays(tmp_path / "a.h5", states, Grid(12, 1.0), 0.1, missing=True)
    assert list(tmp_path.iterdir()) == []
    states[states == mark] = np.nan
    write_arrays(tmp_path / "a.h5", states, Grid(12, 1.0), 0.1, missing=True)


def test_peaks_steps_counts_and_large_offsets_are_data(tmp_path: Path):
    k = 2 * np.pi * np.fft.rfftfreq(64, 1 / 64)
    damped = np.exp(-1e-3 * k**2 * np.arange(4)[:, None])
    peak = np.fft.irfft(damped * np.fft.rfft(1e6 * (np.arange(64) == 5)), 64)
    top = 1.0 * (np.arange(64) > 30) * np.ones((4, 1))
    for k, u in enumerate((peak, top, 1e9 + top, np.round(peak), -peak)):
        states = np.stack([u, u])[:, :, None]
        write_arrays(tmp_path / f"{k}.h5", states, Grid(64, 1.0), 0.1)


def test_half_precision_is_stored_as_it_is(tmp_path: Path):
    states = np.random.default_rng(0).standard_normal((3, 4, 1, 12)).astype(np.float16)
    with open_data(write_arrays(tmp_path / "a.h5", states, Grid(12, 1.0), 0.1)) as data:
        assert np.array_equal(data.read(), states)


def test_one_name_is_no_list_of_letters(tmp_path: Path):
    states = np.random.default_rng(0).standard_normal((3, 4, 1, 12))
    path = write_arrays(tmp_path / "a.h5", states, Grid(12, 1.0), 0.1, fields="height")
    with open_data(path) as data:
        assert data.fields == ("height",)


def test_times_may_be_given_one_by_one(tmp_path: Path):
    states = np.random.default_rng(0).standard_normal((3, 4, 1, 12))
    t = 2 + 0.25 * np.arange(4)
    for times in (t, t[:, None], t[None], t.tolist()):
        path = write_arrays(tmp_path / "a.h5", states, Grid(12, 1.0), times, overwrite=True)
        with open_data(path) as data:
            assert data.dt == 0.25 and data.times.tolist() == t.tolist()
