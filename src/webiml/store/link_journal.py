"""The rows of a run of `webiml collect` that goes on: lines in a file of this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from webiml.errors import OutputError
from webiml.store.atomic import output_error
from webiml.store.links import from_link_record
from webiml.types import LinkRow

_LINE = 1 << 12  # bytes that are read at once to find the end of a line


class LinkJournal:
    """The rows of the run that goes on, a line each, in a file of this machine.

    Attributes:
        end: where the next line begins, bytes; what a kill left behind it is written over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.end = 0
        self._file: BinaryIO | None = None

    def add(self, record: dict[str, Any]) -> None:
        """Write one line behind all others.

        Raises:
            OutputError: it cannot be written; then it does not count.
        """
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            file = self._opened()
            file.seek(self.end)
            rest = memoryview(line)
            while rest:
                rest = rest[file.write(rest) or 0 :]
        except OSError as error:
            raise output_error(error, self.path) from error
        self.end += len(line)

    def sync(self) -> None:
        """Make all lines survive a power cut.

        Raises:
            OutputError: the disk refuses it.
        """
        try:
            os.fsync(self._opened().fileno())
        except OSError as error:
            raise output_error(error, self.path) from error

    def row(self, offset: int) -> LinkRow:
        """The row of the line that starts at `offset`."""
        return from_link_record(self._line(offset)["row"])

    def between(self, start: int, end: int) -> bytes:
        """The lines from byte `start` up to byte `end`."""
        file = self._opened()
        file.seek(start)
        return file.read(end - start)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = open(self.path, "r+b" if self.path.exists() else "w+b", buffering=0)  # noqa: SIM115
            self._file.truncate(self.end)
        return self._file

    def _line(self, offset: int) -> dict[str, Any]:
        file = self._opened()
        file.seek(offset)
        line = b""
        while not line.endswith(b"\n"):
            part = file.read(_LINE)
            if not part:
                raise OutputError(f"{self.path} was changed while it was in use; run the same command again.")
            line += part[: part.find(b"\n") + 1] or part
        return json.loads(line)
