"""Files that pdenet does not read: what they are, by their content, and how to bring their values.

Only the first bytes, the list of members of an archive and the names in an HDF5 file are looked at;
nothing is unpacked, unpickled or run.
"""

import re
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import h5py

__all__ = ["MAGIC", "WELL", "folder_kind", "hdf5_kind", "how_to_bring", "kind_of"]

WELL = "a file in the layout of The Well"

_HEAD = 4096
_SHOWN = 6  # datasets that a message names
_WALKED = 500  # objects of an HDF5 file that are looked at

_UNPACK = "unpack it"
# What a file begins with, what it then is, and what to do first in Python.
MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x93NUMPY", "a NumPy array (.npy)", "read it in Python with numpy.load(path)"),
    (
        b"MATLAB 5.0 MAT-file",
        "a MATLAB file of version 5",
        "read it in Python with scipy.io.loadmat(path)",
    ),
    (
        b"MATLAB 7.3 MAT-file",
        "a MATLAB file of version 7.3",
        "read it in Python with h5py.File(path), axes reversed",
    ),
    (b"CDF\x01", "a NetCDF file of version 3", "read it in Python with scipy.io.netcdf_file(path)"),
    (b"CDF\x02", "a NetCDF file of version 3", "read it in Python with scipy.io.netcdf_file(path)"),
    (
        b"CDF\x05",
        "a NetCDF file of version 3 with 64-bit data",
        "read it in Python with the package netCDF4",
    ),
    (b"SIMPLE  =", "a FITS file", "read it in Python with the package astropy"),
    (b"GRIB", "a GRIB file", "read it in Python with the package cfgrib"),
    (b"PAR1", "a Parquet table", "read it in Python with pandas.read_parquet(path)"),
    (b"# vtk DataFile", "a VTK file", "read it in Python with the package meshio"),
    (b"<VTKFile", "a VTK file", "read it in Python with the package meshio"),
    (b"II*\0", "a TIFF picture", "read it in Python with the package tifffile"),
    (b"MM\0*", "a TIFF picture", "read it in Python with the package tifffile"),
    (b"\x89PNG", "a PNG picture", "read it in Python with the package imageio"),
    (b"GIF8", "a GIF picture", "read it in Python with the package imageio"),
    (b"\xff\xd8\xff", "a JPEG picture", "read it in Python with the package imageio"),
    (b"\x1f\x8b", "compressed with gzip", _UNPACK),
    (b"BZh", "compressed with bzip2", _UNPACK),
    (b"\xfd7zXZ", "compressed with xz", _UNPACK),
)
_PICKLE = "a pickle of Python, which can run anything when it is loaded"
_BY_MAKER = "let whoever made it store plain arrays with numpy.savez"
_NUMBER = r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?\s*"

Kind = tuple[str, str]
"""What a file is, and the first thing to do with it."""


def how_to_bring(kind: Kind) -> str:
    """A sentence on a file of this kind: what it is, and what makes a data file of it."""
    what, first = kind
    return (
        f"is {what}, and no data file of pdenet: {first}, put the values into an array "
        "(trajectory, frame, field, x[, y[, z]]), and store it with "
        "pdenet.storage.write_arrays(file, array, Grid(shape, lengths), dt) or give it to "
        "pdenet.refine(None, array, grid=.., dt=..) or discover"
    )


def kind_of(path: Path) -> Kind:
    """What a regular file is that is no HDF5."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
        stream.seek(-min(path.stat().st_size, 1), 2)
        last = stream.read(1)
    for magic, what, reader in MAGIC:
        if head.startswith(magic):
            return what, reader
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    if re.match(rb"\x80[\x02-\x05]", head) and last == b".":
        return _PICKLE, _BY_MAKER
    if _is_matlab_4(head):
        return "a MATLAB file of version 4", "read it in Python with scipy.io.loadmat(path)"
    return _text(head)


def folder_kind(path: Path) -> Kind | None:
    """What a folder of data is; None where it is none that is known."""
    if any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray")):
        return "a Zarr store", "read it in Python with zarr.open(path) or xarray.open_zarr(path)"
    return None


def hdf5_kind(file: h5py.File, path: Path) -> Kind:
    """What an HDF5 file is that is not in the layout of The Well, with some of its datasets."""
    with path.open("rb") as stream:
        matlab = stream.read(19) == b"MATLAB 7.3 MAT-file"
    shapes = _datasets(file)
    for is_one, what, reader in _HDF5:
        if is_one(file, shapes) or (matlab and "MATLAB" in what):
            return f"{what}{_named(shapes)}", reader
    return (
        f"an HDF5 file of another layout{_named(shapes)}",
        "read it in Python with h5py.File(path)",
    )


def _is_matlab(file: h5py.File, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return any("MATLAB_class" in file[name].attrs for name in list(shapes)[:_SHOWN])


def _is_netcdf(file: h5py.File, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return "_NCProperties" in file.attrs or any(
        "_Netcdf4Dimid" in file[name].attrs for name in list(shapes)[:_SHOWN]
    )


def _is_pdebench(file: h5py.File, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return "t-coordinate" in shapes and "x-coordinate" in shapes


def _is_pdebench_groups(file: h5py.File, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return any(re.fullmatch(r"\d+/data", name) for name in shapes)


def _is_well(file: h5py.File, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return "t0_fields" in file or "boundary_conditions" in file


_PDEBENCH = "a file of PDEBench"
_HDF5: Sequence[tuple[Callable[[h5py.File, Mapping[str, tuple[int, ...]]], bool], str, str]] = (
    (
        _is_matlab,
        "a MATLAB file of version 7.3",
        "read it in Python with h5py.File(path), axes reversed",
    ),
    (
        _is_netcdf,
        "a NetCDF file of version 4",
        "read it in Python with xarray.open_dataset(path) or h5py.File(path)",
    ),
    (
        _is_pdebench,
        f"{_PDEBENCH} (a dataset of all samples)",
        "read it in Python with h5py.File(path)",
    ),
    (
        _is_pdebench_groups,
        f"{_PDEBENCH} (a group for each sample)",
        "read it in Python with h5py.File(path)",
    ),
    (_is_well, f"{WELL} that is not as it should be", "read it in Python with h5py.File(path)"),
)


def _datasets(file: h5py.File) -> dict[str, tuple[int, ...]]:
    """Names and shapes of datasets, of the first objects of a file; no link is followed."""
    found: dict[str, tuple[int, ...]] = {}
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    left = _WALKED
    while waiting:
        prefix, group = waiting.pop(0)
        names = list(islice(group, left))
        left -= len(names)
        for name in names:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            node = group[name]
            if isinstance(node, h5py.Group):
                waiting.append((f"{prefix}{name}/", node))
            elif isinstance(node, h5py.Dataset) and node.shape is not None:
                found[f"{prefix}{name}"] = node.shape
    return found


def _named(shapes: Mapping[str, tuple[int, ...]]) -> str:
    if not shapes:
        return " without datasets"
    largest = sorted(shapes.items(), key=lambda item: -len(item[1]))[:_SHOWN]
    listed = ", ".join(f"{name} {shape}" for name, shape in largest)
    return f" with {listed}" + (", .." if len(shapes) > len(largest) else "")


def _archive(path: Path) -> Kind:
    """What a ZIP archive is, by the names in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "a damaged ZIP archive", "get it anew"
    ends = {name.rpartition("/")[2] for name in names}
    if names and all(name.endswith(".npy") for name in names):
        listed = ", ".join(name.removesuffix(".npy") for name in names[:_SHOWN])
        return f"a NumPy archive (.npz) of {listed}", "read it in Python with numpy.load(path)"
    if "data.pkl" in ends:
        return "a checkpoint of torch, which holds a pickle", _BY_MAKER
    if ends & {"zarr.json", ".zgroup", ".zarray"}:
        return "a zipped Zarr store", "read it in Python with zarr.open(path)"
    if "[Content_Types].xml" in names:
        return "a workbook or document of Office", "read it in Python with pandas.read_excel(path)"
    return "a ZIP archive", _UNPACK


def _is_matlab_4(head: bytes) -> bool:
    """The header of a matrix: type, rows, columns, imaginary, length of the name, and the name."""
    for order in "<>":
        if len(head) < 21:
            return False
        kind, rows, columns, imaginary, length = struct.unpack(f"{order}5i", head[:20])
        plausible = 0 <= kind % 1000 <= 52 and kind // 1000 == (order == ">")
        plausible &= min(rows, columns) > 0 and imaginary in (0, 1) and 1 < length < 64
        if plausible and re.fullmatch(rb"[A-Za-z]\w*\0", head[20 : 20 + length]):
            return True
    return False


def _text(head: bytes) -> Kind:
    """What a text is, or that it is none."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be cut.
        text = head[: error.start].decode("utf-8") if error.start > _HEAD - 4 else ""
    if not text or any(c not in "\t\r\n\f" and not c.isprintable() for c in text.lstrip("\ufeff")):
        return "of no format that is known here", "read it with what made it"
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    lines = lines[:-1] if len(head) == _HEAD and len(lines) > 1 else lines
    if lines and lines[0].lstrip()[:1] in ("{", "["):
        return "a JSON text", "read it in Python with json.load(stream)"
    for separator, name in ((",", "commas"), (";", "semicolons"), ("\t", "tabs"), (None, "blanks")):
        if _is_table(lines, separator):
            named = not any(map(_is_number, lines[0].split(separator)))
            reader = _reader(separator, int(named and not lines[0].lstrip().startswith("#")))
            return f"a text table with {name} between its columns", reader
    return "a text", "read it with what made it"


def _is_table(lines: Sequence[str], separator: str | None) -> bool:
    """Whether lines have as many cells as the last one, with numbers among them; the first may hold
    names."""
    rows = [line.split(separator) for line in lines if not line.lstrip().startswith(("#", "%"))]
    if not rows or (len(rows[-1]) < 2 and separator is not None):
        return False
    numeric = [len(row) == len(rows[-1]) and any(map(_is_number, row)) for row in rows]
    return all(numeric[1:]) and any(numeric)


def _is_number(cell: str) -> bool:
    return re.fullmatch(_NUMBER, cell.strip('"')) is not None


def _reader(separator: str | None, names: int) -> str:
    """How to read a table whose first so many lines hold names."""
    how = "" if separator is None else f", delimiter={separator!r}"
    how += f", skiprows={names}" if names else ""
    return f"read it in Python with numpy.loadtxt(path{how}) or pandas.read_csv"
