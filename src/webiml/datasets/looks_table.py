"""The hashes of many pictures, and the file that keeps them so that a picture is hashed once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from webiml.datasets.hashes import NOTHING, REDUCED, WINDOWS, Looks
from webiml.errors import OutputError

CACHE = ".webiml/hashes.parquet"
SAVED_EVERY = 2000  # pictures that are hashed between two writes of the file, at least


class LooksTable:
    """The hashes of many pictures by the SHA-256 of their bytes, kept in a file where one is given.

    A file that is damaged, or of other windows, counts as none: it can always be made again.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._looks: dict[str, Looks] = {}
        self._new = 0
        if path is not None:
            self._looks.update(_read(path))

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._looks

    def __getitem__(self, sha256: str) -> Looks:
        return self._looks[sha256]

    def __len__(self) -> int:
        return len(self._looks)

    def take(self, other: Path) -> None:
        """Add what another file knows; it is not changed."""
        self._looks = {**_read(other), **self._looks}

    def known(self) -> frozenset[str]:
        """The SHA-256 of every picture that is in the table."""
        return frozenset(self._looks)

    def add(self, sha256: str, looks: Looks) -> None:
        """Add one picture; now and then everything is written to the file."""
        self._looks[sha256] = looks
        self._new += 1
        if self._new >= max(SAVED_EVERY, len(self._looks) // 10):
            self.save()

    def save(self) -> None:
        """Write the file, if there is one and anything is new. Where it cannot be written there is just no cache."""
        if self.path is None or not self._new or not self.path.parent.is_dir():
            return
        self._new = 0
        try:
            _write(self.path, self._looks)
        except OutputError:
            self.path = None

    def columns(self, sha256: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n,), (n,) and (n, len(WINDOWS)) uint64: the hashes of these pictures, in their order; 0 for unknown ones."""
        looks = [self._looks.get(one, NOTHING) for one in sha256]
        windows = np.zeros((len(looks), len(WINDOWS)), np.uint64)
        for index, one in enumerate(looks):
            windows[index] = one.windows
        whole, mirrored = (np.array([getattr(one, name) for one in looks], np.uint64) for name in ("whole", "mirrored"))
        return whole, mirrored, windows


def _fingerprint() -> str:
    """Tells these windows from others that another version may have hashed."""
    return hashlib.sha256(repr((REDUCED, WINDOWS)).encode()).hexdigest()[:16]


def _write(path: Path, looks: dict[str, Looks]) -> None:
    import pyarrow as pa

    from webiml.store.parquet import write_records

    columns = (("sha256", pa.string()), ("whole", pa.uint64()), ("mirrored", pa.uint64()), ("windows", pa.binary()))
    records = (
        {"sha256": sha256, "whole": one.whole, "mirrored": one.mirrored, "windows": one.windows.astype("<u8").tobytes()}
        for sha256, one in looks.items()
    )
    write_records(path, records, pa.schema(columns), {"windows": _fingerprint()})


def _read(path: Path) -> dict[str, Looks]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, Looks] = {}
    try:
        if not path.is_file():
            return found
        with pq.ParquetFile(path) as file:
            if (file.schema_arrow.metadata or {}).get(b"webiml.windows") != _fingerprint().encode():
                return {}
            for batch in file.iter_batches(batch_size=1000):
                for one in batch.to_pylist():
                    windows = np.frombuffer(one["windows"], "<u8").astype(np.uint64)
                    if len(windows) != len(WINDOWS):
                        return {}
                    found[str(one["sha256"])] = Looks(int(one["whole"]), int(one["mirrored"]), windows)
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException):
        return {}
    return found
