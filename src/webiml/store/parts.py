"""A shard of a dataset that somebody else than its one writer finishes: a worker, wherever it is.

The files go where they belong. The rows go into `.webiml/parts/<number>.jsonl`, lines as in the journal, and that is
written last: it is the mark by which the shard is done. The writer takes the parts into its journal in the order of
their numbers, see store/dataset_writer.py. A shard that is done twice is the same twice.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webiml.errors import OutputError, SettingError
from webiml.store.dataset import STATE, DatasetInfo, read_info
from webiml.store.dataset_files import shard_members, stored_row, where_of
from webiml.store.journal import Entry, row_line, shard_line, shard_name
from webiml.store.open_tar import OpenTar
from webiml.store.place import Place
from webiml.store.rows import is_safe_key
from webiml.store.shards import write_tar
from webiml.types import Finished, Row

PARTS = f"{STATE}/parts"
RUN = f"{STATE}/run"  # the token of the run whose workers may write


class Part:
    """One shard. Made by `Part.open`."""

    def __init__(self, place: Place, number: int, info: DatasetInfo, run: str, files: OpenTar) -> None:
        self.place, self.number, self.info, self.run = place, number, info, run
        self._open = files
        self._entries: list[Entry] = []

    @classmethod
    @contextmanager
    def open(cls, place: Place, number: int, info: DatasetInfo, run: str) -> Iterator[Part]:
        """Begin shard `number`; for a `with` block. What an unfinished one left is written over.

        Args: run: what `DatasetWriter.begin_parts` gave.
        Raises:
            SettingError: there is no dataset at `place` as seen from here, or it is not written by this run.
        """
        if read_info(place) is None or _run(place) != run:
            raise SettingError(
                f"A worker does not see {place} as this machine does: give --out a folder that all machines share "
                "under one path, or an address such as s3://bucket/dataset."
            )
        with tempfile.TemporaryDirectory(prefix="webiml-") as staging:
            part = cls(place, number, info, run, OpenTar(Path(staging) / "open.tar"))
            try:
                yield part
            finally:
                part._open.close()

    def add(self, finished: Finished) -> Row:
        """Take the row and the files of one input; nothing counts as finished before `finish`.

        Raises:
            OutputError: they cannot be written.
        """
        key = finished.row.key
        if not is_safe_key(key):
            raise ValueError(f"the key {key!r:.200} is not safe as a file name")
        files = [(where_of(self.info.format, key, name), data) for name, data in finished.files.items()]
        if self.info.format == "shards":
            self._open.add(files)
        else:
            for where, data in files:
                self.place.write(where, data)
        row = stored_row(finished, self.info)
        self._entries.append(Entry(row, {name: len(data) for name, data in finished.files.items()}))
        return row

    def finish(self) -> None:
        """Write the tar, if there is one, and then the rows: after that the shard is done.

        Raises:
            OutputError: they cannot be written, or another run has taken over.
        """
        if _run(self.place) != self.run:
            raise OutputError(f"Another run writes {self.place} now, so what this worker did is left.")
        lines = [row_line(entry.row, entry.sizes) for entry in self._entries]
        filled = sorted((entry for entry in self._entries if entry.sizes), key=lambda entry: entry.row.key)
        if self.info.format == "shards" and (filled or len(lines) == self.info.shard_pairs):
            if filled:
                shard = shard_name(self.number)
                with self.place.writer(shard) as file:
                    write_tar(file, shard_members(filled, shard, self._open.read))
            lines.append(shard_line(self.number, len(filled)))
        self.place.write(part_name(self.number), b"".join(lines))


def part_name(number: int) -> str:
    """Where the rows of shard `number` wait for the writer."""
    return f"{PARTS}/{number:06d}.jsonl"


def part_numbers(place: Place) -> list[int]:
    """The shards that are done and wait for the writer, ascending."""
    names = (name.rpartition("/")[2] for name in place.names(PARTS))
    return sorted(int(name[:-6]) for name in names if name.endswith(".jsonl") and name[:-6].isdecimal())


def _run(place: Place) -> str:
    try:
        return place.read(RUN).decode()
    except FileNotFoundError:
        return ""
