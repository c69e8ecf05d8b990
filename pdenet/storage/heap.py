"""Look over the global heaps of an HDF5 file before the HDF5 library does.

Text of variable length lies in "global heap collections", the one structure that no version of the
format guards with a checksum, and the library (2.0 at least) walks a damaged one for ever. Here is
the same walk, with an end. Layout: HDF5 File Format Specification 3.0, section III.E.

    "GCOL" | version: u8 | 000 | size: u64 | objects
    object = index: u16 | 6 bytes | size: u64 | data
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

from pdenet.errors import DataError

__all__ = ["check_heaps"]

_MAGIC = b"GCOL\x01\x00\x00\x00"
_HEADER = struct.Struct("<8xQ")
_OBJECT = struct.Struct("<H6xQ")
_REGION = 1 << 27  # bytes looked at from either end of a large file, where descriptions lie


def check_heaps(path: Path) -> None:
    """Raise DataError where a global heap of the file would be walked without end."""
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as image,
    ):
        for start in _heaps(image):
            (size,) = _HEADER.unpack_from(image, start)
            if size <= len(image) - start and not _ends(image, start, size):
                raise DataError(
                    f"is damaged (its text, at byte {start}): get it anew or simulate it again"
                )


def _heaps(image: mmap.mmap) -> Iterator[int]:
    end = len(image) - _HEADER.size
    tail = max(0, len(image) - _REGION)
    for low, high in ((0, min(_REGION, tail)), (tail, len(image))):
        start = image.find(_MAGIC, low, high)
        while 0 <= start <= end:
            yield start
            start = image.find(_MAGIC, start + 1, high)


def _ends(image: mmap.mmap, start: int, size: int) -> bool:
    at = _HEADER.size
    while at + _OBJECT.size <= size:
        index, length = _OBJECT.unpack_from(image, start + at)
        # Object 0 is the free rest and counts its own header; the others are padded to 8 bytes.
        step = length if index == 0 else _OBJECT.size + (length + 7) // 8 * 8
        if step < _OBJECT.size or at + step > size:
            return False
        at += step
    return True
