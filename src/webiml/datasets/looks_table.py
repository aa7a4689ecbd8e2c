"""The hashes of many pictures, and the file that keeps them so that a picture is hashed once."""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from webiml.datasets.hashes import REDUCED, WINDOWS, Looks
from webiml.errors import OutputError

CACHE = ".webiml/hashes.parquet"
SAVED_EVERY = 2000  # pictures that are hashed between two writes of the file, at least

_WINDOW_BYTES = 8 * len(WINDOWS)


class Windows:
    """The hashes of the windows of n pictures, (n, len(WINDOWS)) uint64; a slice is read from a file when asked for.

    Those of a picture that is not known are 0.
    """

    def __init__(self, table: LooksTable, places: Sequence[int | None]) -> None:
        self._table, self._places = table, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, which: slice) -> np.ndarray:
        places = self._places[which]
        found = np.zeros((len(places), len(WINDOWS)), np.uint64)
        for row, place in zip(found, places, strict=True):
            if place is not None:
                row[:] = self._table.windows(place)
        return found


class LooksTable:
    """The hashes of many pictures by the SHA-256 of their bytes, kept in a file where one is given.

    In memory a picture takes some 250 bytes; its windows, five times as much, lie in a temporary file.

    A file that is damaged, or of other windows, counts as none: it can always be made again.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._places: dict[str, int] = {}
        self._whole, self._mirrored = array("Q"), array("Q")
        self._windows = _temporary(path)
        weakref.finalize(self, self._windows.close)
        self._new = 0
        if path is not None:
            self._take(path)

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._places

    def __getitem__(self, sha256: str) -> Looks:
        place = self._places[sha256]
        return Looks(self._whole[place], self._mirrored[place], self.windows(place))

    def __len__(self) -> int:
        return len(self._places)

    def take(self, other: Path) -> None:
        """Add what another file knows; it is not changed."""
        self._take(other)

    def known(self) -> frozenset[str]:
        """The SHA-256 of every picture that is in the table."""
        return frozenset(self._places)

    def add(self, sha256: str, looks: Looks) -> None:
        """Add one picture; now and then everything is written to the file."""
        self._put(sha256, looks)
        self._new += 1
        if self._new >= max(SAVED_EVERY, len(self._places) // 10):
            self.save()

    def save(self) -> None:
        """Write the file, if there is one and anything is new. Where it cannot be written there is just no cache."""
        if self.path is None or not self._new or not self.path.parent.is_dir():
            return
        self._new = 0
        try:
            _write(self.path, ((sha256, self[sha256]) for sha256 in self._places))
        except OutputError:
            self.path = None

    def columns(self, sha256: Sequence[str]) -> tuple[np.ndarray, np.ndarray, Windows]:
        """(n,) uint64, (n,) uint64 and windows: the hashes of these pictures, in their order; 0 for unknown ones."""
        places = [self._places.get(one) for one in sha256]
        whole, mirrored = (
            np.array([0 if place is None else column[place] for place in places], np.uint64)
            for column in (self._whole, self._mirrored)
        )
        return whole, mirrored, Windows(self, places)

    def windows(self, place: int) -> np.ndarray:
        """(len(WINDOWS),) uint64 of the picture that was added as number `place`."""
        self._windows.seek(place * _WINDOW_BYTES)
        return np.frombuffer(self._windows.read(_WINDOW_BYTES), "<u8").astype(np.uint64)

    def _put(self, sha256: str, looks: Looks) -> None:
        self._places[sha256] = len(self._whole)
        self._windows.seek(0, os.SEEK_END)
        self._windows.write(looks.windows.astype("<u8").tobytes())
        self._whole.append(looks.whole)
        self._mirrored.append(looks.mirrored)

    def _take(self, path: Path) -> None:
        """What a file knows and this table does not; nothing of a file that is damaged anywhere."""
        before = len(self._whole)
        try:
            for sha256, looks in _read(path):
                if sha256 not in self._places:
                    self._put(sha256, looks)
        except _Damaged:
            self._places = {sha256: place for sha256, place in self._places.items() if place < before}


class _Damaged(Exception):
    """A file of hashes cannot be read to its end."""


def _temporary(path: Path | None) -> IO[bytes]:
    """A nameless file beside the cache: the folder of temporary files may be memory. It goes with its table."""
    if path is not None and path.parent.is_dir():
        with suppress(OSError):
            return tempfile.TemporaryFile(dir=path.parent, buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _fingerprint() -> str:
    """Tells these windows from others that another version may have hashed."""
    return hashlib.sha256(repr((REDUCED, WINDOWS)).encode()).hexdigest()[:16]


def _write(path: Path, looks: Iterable[tuple[str, Looks]]) -> None:
    import pyarrow as pa

    from webiml.store.parquet import write_records

    columns = (("sha256", pa.string()), ("whole", pa.uint64()), ("mirrored", pa.uint64()), ("windows", pa.binary()))
    records = (
        {"sha256": sha256, "whole": one.whole, "mirrored": one.mirrored, "windows": one.windows.astype("<u8").tobytes()}
        for sha256, one in looks
    )
    write_records(path, records, pa.schema(columns), {"windows": _fingerprint()})


def _read(path: Path) -> Iterator[tuple[str, Looks]]:
    """Raises _Damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if not path.is_file():
            return
        with pq.ParquetFile(path) as file:
            if (file.schema_arrow.metadata or {}).get(b"webiml.windows") != _fingerprint().encode():
                return
            groups = range(file.num_row_groups)  # one by one: told to read all, it would hold all
            for batch in (one for group in groups for one in file.iter_batches(1000, row_groups=[group])):
                for one in batch.to_pylist():
                    windows = np.frombuffer(one["windows"], "<u8").astype(np.uint64)
                    if len(windows) != len(WINDOWS):
                        raise _Damaged
                    yield str(one["sha256"]), Looks(int(one["whole"]), int(one["mirrored"]), windows)
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
        raise _Damaged from error
