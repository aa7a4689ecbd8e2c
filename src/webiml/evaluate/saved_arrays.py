"""Arrays that somebody else saved with numpy: read without trust, nothing is unpickled, sizes are checked first.

`numpy.load` believes what a file says of itself: a few bytes can ask for gigabytes. Here the header is read from the
first bytes of an array, and its shape is held against a limit before any of its values is touched.
"""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from webiml.errors import BadImage
from webiml.types import Reason

NPY, NPZ = b"\x93NUMPY", b"PK"
"""What the bytes of each begin with."""

_HEAD = 16384  # bytes in which a header must end; numpy's own limit is 10,000
_END = 22  # bytes of the record that ends an archive
_MAX_DIRECTORY = 65536  # bytes of an archive's list of files, enough for several hundred arrays
_MAX_ITEM = 8  # bytes of a value


@dataclass(frozen=True, slots=True)
class _Header:
    """What an array says of itself, checked; `start` is where its values begin."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    start: int

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def squeezed(self) -> tuple[int, ...]:
        return tuple(side for side in self.shape if side != 1)


def read_npy(data: bytes, max_values: int) -> np.ndarray:
    """The array of an .npy file: bool, integers or floats, in the shape in which it was saved.

    Args:
        data: the whole file.
        max_values: refuse a larger array, before its values are read.
    Raises:
        BadImage: UNDECODABLE, TRUNCATED or TOO_MANY_PIXELS.
    """
    header = _header(data[:_HEAD], "the array", max_values)
    return _values(memoryview(data)[header.start :], header, "the array")


class Archive:
    """An .npz file whose arrays are read one by one, by name without the ending .npy.

    Raises:
        BadImage: it is no archive as numpy writes them.
    """

    def __init__(self, data: bytes) -> None:
        end = data[-_END:]
        # An archive may claim millions of files, which the zipfile module would list at once. numpy writes a short list
        # and nothing behind it
        if end[:4] != b"PK\5\6" or end[-2:] != b"\0\0":
            raise BadImage(Reason.TRUNCATED, "the npz file ends early, or is no archive as numpy writes them")
        if int.from_bytes(end[12:16], "little") > _MAX_DIRECTORY or data[-_END - 20 : -_END - 16] == b"PK\6\7":
            raise BadImage(Reason.UNDECODABLE, "the npz file holds too many arrays: save one map in each")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except Exception as error:  # as in `read`
            raise BadImage(Reason.UNDECODABLE, f"the npz file cannot be read ({type(error).__name__})") from None
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in self._zip.infolist():
            name = entry.filename.removesuffix(".npy")
            if name == entry.filename:  # no array
                continue
            if name in self._entries:
                raise BadImage(Reason.UNDECODABLE, f"the npz file holds two arrays named {name!r:.60}")
            self._entries[name] = entry

    @property
    def names(self) -> list[str]:
        """Names of the arrays, in the order in which they were saved."""
        return list(self._entries)

    def sides(self, name: str) -> tuple[int, ...]:
        """Shape of an array without sides of 1, from its header; (-1,) when it is no plain array."""
        try:
            with self._open(name) as stream:
                return _header(stream.read(_HEAD), name, None).squeezed
        except Exception:  # as in `read`
            return (-1,)

    def read(self, name: str, max_values: int) -> np.ndarray:
        """One array.

        Raises:
            BadImage: as `read_npy`.
        """
        label = f"the array {name!r}"
        try:
            with self._open(name) as stream:
                head = stream.read(_HEAD)
                header = _header(head, label, max_values)
                rest = stream.read(max(0, header.start + header.bytes - len(head)))  # never more than was checked
            return _values(head[header.start :] + rest, header, label)
        except BadImage:
            raise
        except Exception as error:  # zipfile raises BadZipFile, zlib.error, struct.error, RuntimeError and more
            raise BadImage(Reason.UNDECODABLE, f"{label} cannot be unpacked ({type(error).__name__})") from None

    def _open(self, name: str) -> BinaryIO:
        entry = self._entries[name]
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadImage(Reason.UNDECODABLE, f"the array {name!r:.60} is compressed in a way that numpy never uses")
        return self._zip.open(entry)  # type: ignore[return-value]


def first_of(archive: Archive, names: tuple[str, ...]) -> str | None:
    """The first of `names` that the archive holds."""
    there = {name.lower(): name for name in reversed(archive.names)}
    return next((there[name] for name in names if name in there), None)


def _header(head: bytes, label: str, max_values: int | None) -> _Header:
    stream = io.BytesIO(head)
    try:
        with warnings.catch_warnings():  # of old files, and of what a hostile header holds
            warnings.simplefilter("ignore")
            version = npy.read_magic(stream)
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
            shape, fortran, dtype = read(stream)
    except Exception:  # ValueError, KeyError, MemoryError, RecursionError: whatever the header was made to provoke
        raise BadImage(Reason.UNDECODABLE, f"{label} has no header that numpy wrote") from None
    if dtype.kind not in "biuf" or dtype.itemsize > _MAX_ITEM:  # objects, records and text have other kinds
        raise BadImage(Reason.UNDECODABLE, f"{label} holds {dtype.name:.40}, not plain numbers")
    if any(side < 1 for side in shape):
        raise BadImage(Reason.UNDECODABLE, f"{label} of shape {shape!s:.60} is empty")
    if max_values is not None and math.prod(shape) > max_values:
        words = f"{label} of shape {shape!s:.60} has {math.prod(shape):,} values, the limit is {max_values:,}"
        raise BadImage(Reason.TOO_MANY_PIXELS, words[:300])
    return _Header(shape, dtype, bool(fortran), stream.tell())


def _values(data: bytes | memoryview, header: _Header, label: str) -> np.ndarray:
    if len(data) < header.bytes:
        raise BadImage(Reason.TRUNCATED, f"{label} ends early")
    if header.dtype.kind == "b":  # a byte other than 0 and 1 is no bool, and numpy would go on with it
        flat = np.frombuffer(data, np.uint8, math.prod(header.shape)) != 0
    else:
        flat = np.frombuffer(data, header.dtype, math.prod(header.shape))
    return flat.reshape(header.shape, order="F" if header.fortran else "C")
