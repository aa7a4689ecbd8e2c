"""Rows of links that somebody else than a store's one writer finishes: a worker, wherever it is.

A worker stores pictures where they belong, and puts its rows, a thousand or those of ten seconds at a time, into parts:

    .webiml/parts/<generation>-<shard>-<mark of the worker>-<number>.jsonl     lines as in the journal

A part is written when the pictures of its rows are safe, whole or not at all, and never written over. The writer takes
its rows into the journal and deletes it when they are safe there, see store/link_writer.py. Whatever is killed, each
part that is there counts, and a row that came twice counts once.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from webiml.errors import OutputError, SettingError
from webiml.store.atomic import TEMPORARY
from webiml.store.link_rows import Checkpoint, LinkRows
from webiml.store.links import STATE, from_link_record
from webiml.store.place import Place
from webiml.types import LinkRow

PARTS = f"{STATE}/parts"
RUN = f"{STATE}/run"  # the token of the run whose workers may write


class LinkPart(LinkRows):
    """The rows of one shard of links. Made by `LinkPart.open`."""

    def __init__(
        self, place: Place, number: int, generation: int, run: str, on_part: Callable[[str], None], folder: Path
    ) -> None:
        super().__init__(place, generation, folder)
        self._run, self._on_part = run, on_part
        self._mark = secrets.token_hex(4)
        self._name = f"{part_prefix(generation, number)}{self._mark}"
        self._parts = 0

    @classmethod
    @contextmanager
    def open(
        cls, place: Place, number: int, generation: int, run: str, on_part: Callable[[str], None]
    ) -> Iterator[LinkPart]:
        """Begin shard `number`; for a `with` block. Only what a checkpoint made safe counts.

        Args:
            run: what `LinkWriter.begin_parts` gave. on_part: called with the name of each part that is written.
        Raises:
            SettingError: there is no store at `place` as seen from here, or it is not written by this run.
        """
        if read_run(place) != run:
            raise unseen(place)
        with tempfile.TemporaryDirectory(prefix="webiml-") as folder:
            part = cls(place, number, generation, run, on_part, Path(folder))
            try:
                yield part
            finally:
                part._journal.close()

    def end_checkpoint(self, begun: Checkpoint) -> None:
        """Put the rows that `begun` held into a part.

        Raises:
            OutputError: it cannot be written, or another run has taken over.
        """
        if begun.rows == self._safe:
            return
        if read_run(self.place) != self._run:
            raise OutputError(f"Another run writes {self.place} now, so what this worker did is left.")
        head = b"" if self._put == 0 else _line({"generation": self.generation})
        name = f"{self._name}-{self._parts:06d}.jsonl"
        self.place.write(name, head + self._journal.between(self._put, begun.end))
        self._parts, self._put, self._safe = self._parts + 1, begun.end, begun.rows
        self._on_part(name)

    def _temporary(self, path: str) -> str:
        # Two workers may store the same picture at once, and what a kill leaves is swept with the parts.
        return os.path.join(self._root, *PARTS.split("/"), f".{os.path.basename(path)}.{self._mark}{TEMPORARY}")

    def _found(self, name: str) -> None:
        self._unsafe.append(name)  # of another worker, who may not have made it safe


def part_prefix(generation: int, number: int) -> str:
    """What the names of all parts of a shard begin with."""
    return f"{PARTS}/{generation:06d}-{number:06d}-"


def part_names(place: Place, prefix: str = PARTS) -> list[str]:
    """The parts that are there, and whose names begin so, sorted."""
    return [name for name in place.names(PARTS) if name.startswith(prefix) and name.endswith(".jsonl")]


def read_part(place: Place, name: str, generation: int) -> Iterator[tuple[int, LinkRow]]:
    """The rows of a part, each with its position in the source; none where it is of another generation.

    Raises:
        FileNotFoundError: it is not there. OSError: it cannot be read. OutputError: it is no part.
    """
    for number, line in enumerate(place.read(name).splitlines()):
        try:
            record = json.loads(line)
            if not number:
                if record["generation"] != generation:
                    return
                continue
            yield int(record["at"]), from_link_record(record["row"])
        except (ValueError, KeyError, TypeError):
            raise OutputError(
                f"{place}/{name} is damaged in line {number + 1}: delete it, and run the same command again."
            ) from None


def read_run(place: Place) -> str:
    """The token of the run whose workers may write; empty where there is none."""
    try:
        return place.read(RUN).decode()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def unseen(place: Place) -> SettingError:
    """A worker and the writer do not see the same place."""
    return SettingError(
        f"A worker does not see {place} as this machine does: give --out a folder that all machines share under one "
        "path, or an address such as s3://bucket/store."
    )


def _line(record: dict[str, object]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
