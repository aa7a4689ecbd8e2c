"""A store on disk: pictures by the SHA-256 of their bytes, and what became of every link, a table for each run.

    store.json                      makes a folder a store
    links/000000.parquet ...        one row (types.LinkRow) for every link that a run tried, in the order of the source
    pictures/ab/<sha256>.<ext>      the bytes as they came
    removed.jsonl                   tombstones, see store/removed.py
    .webiml/                        lock, and the journal of the run that goes on, see store/link_writer.py

A table is written once, at the end of its run, and never changed (but by `webiml dataset remove`, and by `verify
--repair`). The newest table that has a link says how it stands.
"""

from __future__ import annotations

import array
import dataclasses
import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from webiml.errors import BadImage, SettingError
from webiml.store.parquet import ROWS_A_GROUP, read_records, write_records_to
from webiml.store.place import Place, open_place
from webiml.store.rows import INPUT
from webiml.types import Link, LinkRow, Reason

if TYPE_CHECKING:
    import pyarrow as pa

MARKER = "store.json"
STATE = ".webiml"
SCHEMA_VERSION = 1

_LINK = re.compile(r"[0-9a-f]{16}")
_COLUMNS = {field.name: str(field.type) for field in dataclasses.fields(LinkRow) if field.name != "extra"}
_TABLE = re.compile(r"links/(\d{6})\.parquet")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def is_store(where: str | Path | Place) -> bool:
    """Whether a store lies there."""
    return open_place(where).exists(MARKER)


def generations(place: Place) -> list[int]:
    """Numbers of the tables of a store, the oldest first."""
    return [int(match[1]) for name in place.names("links") if (match := _TABLE.fullmatch(name))]


def table_name(generation: int) -> str:
    """Where the table of a run lies in a store."""
    return f"links/{generation:06d}.parquet"


def picture_name(sha256: str, extension: str) -> str:
    """Where bytes lie in a store. `extension` with its dot."""
    return f"pictures/{sha256[:2]}/{sha256}{extension}"


def link_id(link: Link | LinkRow) -> str:
    """What tells one link from another: 16 hex digits of group, role and name."""
    text = "\0".join((link.group, link.role, link.name))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read_generation(place: Place, generation: int) -> Iterator[LinkRow]:
    """The rows of one run, in the order of its source; a thousand are held at a time.

    Raises:
        SettingError: the table is not there or cannot be read.
    """
    for record in read_records(place, table_name(generation)):
        yield from_link_record(record)


def read_links(place: Place) -> Iterator[LinkRow]:
    """The newest row of every link, in the order in which the links came first. Of memory 8 bytes a row are held.

    Raises:
        SettingError: it is no store, or a table cannot be read.
    """
    if not is_store(place):
        raise SettingError(f"{place} is not a store: make one with webiml collect SOURCE --out {place}.")
    every = generations(place)
    if len(every) == 1:
        yield from read_generation(place, every[0])
        return
    known = Known(place)
    seen = np.zeros(len(known), bool)
    for generation in every:
        for row in read_generation(place, generation):
            at = known.index(row.link)
            if not seen[at]:
                seen[at] = True
                yield known.row_at(at)


def read_picture(where: str | Path | Place, name: str, sha256: str) -> bytes:
    """The bytes of a picture of a store, checked.

    Raises:
        BadImage: it is not there, cannot be read, or is not what its SHA-256 names.
    """
    try:
        data = open_place(where).read(name)
    except (FileNotFoundError, NotADirectoryError):
        raise BadImage(Reason.NOT_FOUND, f"{name}: no such file") from None
    except (OSError, ValueError) as error:
        raise BadImage(Reason.UNREADABLE, f"{name}: {error}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadImage(Reason.OTHER_BYTES, f"{name} holds other bytes than its SHA-256 says")
    return data


class Known:
    """How every link stands in the finished tables of a store; about 30 bytes a link are held, the rest is read again.

    Looks a link up in a time that hardly grows with their number.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        ids: array.array[int] = array.array("Q")
        places: array.array[int] = array.array("Q")
        self._words: list[tuple[str, str | None]] = []
        words: dict[tuple[str, str | None], int] = {}
        states: array.array[int] = array.array("B")
        for generation in generations(place):
            for number, row in enumerate(read_generation(place, generation)):
                word = (row.status, row.reason)
                if word not in words:
                    words[word] = len(self._words)
                    self._words.append(word)
                ids.append(int(row.link, 16))
                places.append(generation << 40 | number)
                states.append(words[word])
        keys = np.frombuffer(ids, np.uint64) if ids else np.zeros(0, np.uint64)
        order = np.argsort(keys, kind="stable")
        last = np.append(np.diff(keys[order]) != 0, True) if len(keys) else np.zeros(0, bool)
        order = order[last]  # of equal links the newest
        self._ids = keys[order]
        self._places = np.frombuffer(places, np.uint64)[order] if places else np.zeros(0, np.uint64)
        self._states = np.frombuffer(states, np.uint8)[order] if states else np.zeros(0, np.uint8)
        self._group: tuple[int, int, list[dict[str, Any]]] = (-1, -1, [])

    def __len__(self) -> int:
        return len(self._ids)

    def state(self, link: str) -> tuple[str, str | None] | None:
        """Status and reason of a link; None when no table has it."""
        at = self._find(link)
        return None if at is None else self._words[self._states[at]]

    def row(self, link: str) -> LinkRow | None:
        """The newest row of a link; None when no table has it."""
        at = self._find(link)
        return None if at is None else self.row_at(at)

    def index(self, link: str) -> int:
        """The number of a link that some table has, from 0.

        Raises:
            KeyError: none has it.
        """
        at = self._find(link)
        if at is None:
            raise KeyError(link)
        return at

    def row_at(self, index: int) -> LinkRow:
        """The newest row of link number `index`; neighbours are held, so reading in a table's order is quick."""
        found = int(self._places[index])
        generation, number = found >> 40, found & ((1 << 40) - 1)
        group = number // ROWS_A_GROUP
        if self._group[:2] != (generation, group):
            self._group = (generation, group, _row_group(self._place, generation, group))
        return from_link_record(self._group[2][number % ROWS_A_GROUP])

    def _find(self, link: str) -> int | None:
        wanted = np.uint64(int(link, 16))
        at = int(np.searchsorted(self._ids, wanted))
        return at if at < len(self._ids) and self._ids[at] == wanted else None


def _row_group(place: Place, generation: int, group: int) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    with place.reader(table_name(generation)) as opened, pq.ParquetFile(opened) as file:
        return file.read_row_group(group).to_pylist()


def write_generation(place: Place, generation: int, rows: Iterable[LinkRow], extra_names: set[str]) -> None:
    """Write the table of one run, whole or not at all; equal rows give equal bytes.

    Raises:
        OutputError: it cannot be written.
    """
    records = (to_link_table(to_link_record(row)) for row in rows)
    with place.writer(table_name(generation)) as file:
        write_records_to(file, records, link_schema(extra_names), {"schema": str(SCHEMA_VERSION)})


def to_link_record(row: LinkRow) -> dict[str, Any]:
    """The row as a flat record without its nulls; further columns as `input.<name>`."""
    record = {name: value for name in _COLUMNS if (value := getattr(row, name)) is not None}
    record.update((INPUT + name, text) for name, text in row.extra.items())
    return record


def from_link_record(record: dict[str, Any]) -> LinkRow:
    """The row that `to_link_record`, or a table, made this of.

    Raises:
        ValueError, TypeError: it is no such record.
    """
    known = {name: record[name] for name in _COLUMNS if record.get(name) is not None}
    at = known.get("fetched_at")
    if isinstance(at, datetime):
        known["fetched_at"] = at.strftime(_TIME)
    extra = {
        name.removeprefix(INPUT): text
        for name, text in record.items()
        if name.startswith(INPUT) and isinstance(text, str)
    }
    row = LinkRow(**known, extra=extra)
    if not _LINK.fullmatch(row.link):
        raise ValueError(f"not a link: {row.link!r:.100}")
    return row


def to_link_table(record: dict[str, Any]) -> dict[str, Any]:
    """The record as a table holds it."""
    at = record.get("fetched_at")
    return record | {"fetched_at": datetime.fromisoformat(at)} if at else record


def link_schema(extra_names: set[str]) -> pa.Schema:
    """The columns of a table of links whose sources had the further columns `extra_names`."""
    import pyarrow as pa

    types = {"str": pa.string(), "int": pa.int64()}
    fields = []
    for name, annotation in _COLUMNS.items():
        base = annotation.removesuffix(" | None")
        kind = pa.timestamp("ms", tz="UTC") if name == "fetched_at" else types[base]
        fields.append(pa.field(name, kind, nullable=base != annotation))
    fields += [pa.field(INPUT + name, pa.string()) for name in sorted(extra_names)]
    return pa.schema(fields)
