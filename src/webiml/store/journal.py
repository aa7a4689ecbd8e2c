"""The journal of a dataset: one line a finished row, on the disk before the row counts as finished."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from webiml.errors import OutputError
from webiml.store.atomic import output_error, sync_folder
from webiml.store.rows import INPUT, from_record, is_safe_key, to_record
from webiml.types import Row


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished row, and the size in bytes of each file that belongs to it."""

    row: Row
    sizes: dict[str, int]


class Journal:
    """What has been finished, read from and added to one file of JSON lines.

    Two kinds of line: a row with its files, and `{"shard": n, "pairs": m}`, by which the next m rows that have files
    went into tar number n; where m is 0 there is no such tar. A line cut short by a kill or a power cut, and whatever
    follows it, does not count and is cut off before the next line is added: that work is done again, to the same
    result.

    A row without files may be finished once more, as of a pair whose picture came later; the later line counts.

    In memory there are keys and offsets, never rows.

    Attributes:
        offsets: where the line of each key starts.
        shards: number of the tar that holds a key's files.
        unpacked: keys that have files and are in no tar, in the order they were finished.
        shard_count: number of the next tar. since: rows that were finished since the line of the last one.
        size: bytes of the lines that count.
        extra_names: every name that occurs in a row's `extra`.
        bare: keys whose rows have no files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offsets: dict[str, int] = {}
        self.shards: dict[str, int] = {}
        self.unpacked: list[str] = []
        self.shard_count = 0
        self.since = 0
        self.extra_names: set[str] = set()
        self.bare: set[str] = set()
        self.size = 0
        self._writer: BinaryIO | None = None
        self._reader: BinaryIO | None = None
        if path.exists():
            with open(path, "rb") as file:
                for line in file:
                    if not self._take(line):
                        break

    def entry(self, key: str) -> Entry:
        """The finished row of `key`, with `shard` filled in once a tar holds it.

        Raises:
            KeyError: nothing of that key is finished.
            OutputError: the journal was changed by someone else meanwhile.
        """
        offset = self.offsets[key]
        if self._reader is None:
            self._reader = open(self.path, "rb")  # noqa: SIM115 (held until close)
        self._reader.seek(offset)
        try:
            record = json.loads(self._reader.readline())
            if key in self.shards:
                record["row"]["shard"] = shard_name(self.shards[key])
            return Entry(from_record(record["row"]), record["sizes"])
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{self.path} was changed while it was in use; run the same command again.") from error

    def add_rows(self, entries: Iterable[Entry]) -> None:
        """Count rows as finished; their files must be safe on the disk.

        Raises:
            OutputError: the lines cannot be written; then the rows do not count.
        """
        self._append([row_line(entry.row, entry.sizes) for entry in entries])

    def add_shard(self, number: int) -> None:
        """Count all of `unpacked` as packed into tar `number`, which must be safe on the disk.

        Raises:
            OutputError: the line cannot be written; then the tar does not count.
        """
        self._append([shard_line(number, len(self.unpacked))])

    def extend(self, lines: Iterable[bytes]) -> None:
        """Count what another journal has as finished; a row that is finished here already is passed over.

        Raises:
            OutputError: the lines cannot be written, or one of them is none of a journal.
        """
        self._append([line for line in lines if self._is_new(line)])

    def tail(self, start: int) -> bytes:
        """The lines from byte `start` on."""
        with open(self.path, "rb") as file:
            file.seek(start)
            return file.read(self.size - start)

    def close(self) -> None:
        """Let go of the file."""
        for file in (self._reader, self._writer):
            if file is not None:
                file.close()
        self._reader = self._writer = None

    def _is_new(self, line: bytes) -> bool:
        try:
            record = json.loads(line)
            if "shard" in record:
                return bool(record["shard"] >= self.shard_count)
            key = record["row"]["key"]
            return key not in self.offsets or (key in self.bare and bool(record["sizes"]))
        except (ValueError, KeyError, TypeError):
            raise OutputError(f"A worker wrote {line[:100]!r}, which is no line of {self.path}.") from None

    def _append(self, lines: list[bytes]) -> None:
        if not lines:
            return
        try:
            if self._writer is None:
                new = not self.path.exists()
                self._writer = open(self.path, "ab", buffering=0)  # noqa: SIM115 (held until close)
                if new:
                    sync_folder(self.path.parent)
            self._writer.truncate(self.size)  # drops what a kill cut short
            rest = memoryview(b"".join(lines))
            while rest:
                rest = rest[self._writer.write(rest) or 0 :]
            os.fsync(self._writer.fileno())
        except OSError as error:
            raise output_error(error, self.path) from error
        for line in lines:
            if not self._take(line):
                raise AssertionError(f"the journal cannot read its own line: {line[:200]!r}")

    def _take(self, line: bytes) -> bool:
        """Understand one line; False, and no change, when it is not whole."""
        try:
            record = json.loads(line) if line.endswith(b"\n") else None
            if not isinstance(record, dict):
                return False
            if "shard" in record:
                number, pairs = int(record["shard"]), record["pairs"]
                if number < self.shard_count or not 0 <= pairs <= len(self.unpacked):
                    return False
                self.shards.update(dict.fromkeys(self.unpacked[:pairs], number))
                del self.unpacked[:pairs]
                self.shard_count, self.since = number + 1, 0
            else:
                key = record["row"]["key"]
                again = key in self.offsets and key not in self.bare
                if not is_safe_key(key) or again or not isinstance(record["sizes"], dict):
                    return False
                self.offsets[key] = self.size
                self.since += 1
                self.extra_names.update(name[len(INPUT) :] for name in record["row"] if name.startswith(INPUT))
                if record["sizes"]:
                    self.unpacked.append(key)
                    self.bare.discard(key)
                else:
                    self.bare.add(key)
        except (ValueError, KeyError, TypeError):
            return False
        self.size += len(line)
        return True


def row_line(row: Row, sizes: dict[str, int]) -> bytes:
    """The line of a row whose files have these sizes in bytes, by name."""
    return _line({"row": to_record(row), "sizes": sizes})


def shard_line(number: int, pairs: int) -> bytes:
    """The line by which the next `pairs` rows that have files went into tar `number`."""
    return _line({"shard": number, "pairs": pairs})


def _line(record: dict[str, object]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def shard_name(number: int) -> str:
    """File name of tar number `number`, from 0."""
    return f"shard-{number:06d}.tar"
