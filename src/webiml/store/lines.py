"""Records in one file of JSON lines, each safe on the disk before it counts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

from webiml.errors import SettingError
from webiml.store.atomic import output_error, sync_folder


class Lines:
    """A file that only grows. What a kill or a power cut left of its last line does not count and is cut off.

    Reading needs no writer and changes nothing. A context manager; leaving it lets go of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: BinaryIO | None = None
        self._reader: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._reader, self._writer):
            if file is not None:
                file.close()
        self._reader = self._writer = None

    def read(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Where each whole line starts, bytes, and its record; nothing when there is no file.

        Raises:
            SettingError: a whole line is no record: somebody else wrote it.
        """
        try:
            file = open(self.path, "rb")  # noqa: SIM115 (closed below)
        except FileNotFoundError:
            return
        with file:
            at = 0
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                yield at, self._record(line, f"line {number}")
                at += len(line)

    def at(self, offset: int) -> dict[str, Any]:
        """The record of the line that starts at `offset`.

        Raises:
            SettingError: it is none, since somebody changed the file meanwhile.
        """
        if self._reader is None:
            self._reader = open(self.path, "rb")  # noqa: SIM115 (held until the end)
        self._reader.seek(offset)
        return self._record(self._reader.readline(), f"byte {offset}")

    def add(self, record: Mapping[str, Any]) -> int:
        """Write one record behind all others; where its line starts, bytes.

        Raises:
            OutputError: it cannot be written; then it does not count.
        """
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            if self._writer is None:
                new = not self.path.exists()
                self._writer = open(self.path, "ab", buffering=0)  # noqa: SIM115 (held until the end)
                if new:
                    sync_folder(self.path.parent)
                self._end = _whole(self.path)
            self._writer.truncate(self._end)  # drops what a kill, or a full disk, cut short
            start, rest = self._end, memoryview(line)
            while rest:
                rest = rest[self._writer.write(rest) or 0 :]
            os.fsync(self._writer.fileno())
        except OSError as error:
            raise output_error(error, self.path) from error
        self._end += len(line)
        return start

    def _record(self, line: bytes, where: str) -> dict[str, Any]:
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise SettingError(f"{self.path} was changed by somebody else ({where} is no record): give another --out.")
        return record


def _whole(path: Path) -> int:
    """Bytes up to the end of the last whole line."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - (1 << 16))
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
