"""Pairs out of an export again: its lists and tables without them, and the files that go."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from webiml.datasets.export.index import OWN, ROWS, SHARED, JsonLines, open_table, read_about, write_about
from webiml.errors import SettingError
from webiml.store.parquet import read_metadata, read_records
from webiml.store.place import Place


@dataclass(frozen=True, slots=True)
class Going:
    """What goes with pairs that are taken out of an export.

    Attributes:
        own: files of these pairs alone, or archives that hold them. shared: files that no other pair shares.
        archives: archives in which other pairs stay.
    """

    own: frozenset[str]
    shared: frozenset[str]
    archives: frozenset[str]

    @property
    def files(self) -> list[str]:
        """Files of which nothing stays, sorted."""
        return sorted((self.own | self.shared) - self.archives)


def going(place: Place, keys: set[str]) -> Going:
    """What goes with the pairs `keys`, as far as they still stand in rows.parquet."""
    own: set[str] = set()
    shared: set[str] = set()
    for record in read_records(place, ROWS):
        if record["key"] in keys:
            own.update(record[OWN])
            shared.update(record[SHARED])
    archives: set[str] = set()
    if own:
        for record in read_records(place, ROWS):
            if record["key"] not in keys:
                archives.update(own.intersection(record[OWN]))
                shared.difference_update(record[SHARED])
    return Going(frozenset(own), frozenset(shared), frozenset(archives))


def drop_rows(place: Place, keys: set[str]) -> None:
    """Take the rows `keys` out of rows.parquet and count anew in export.json; the last step of a removal.

    Raises:
        OutputError: it cannot be written; the same call finishes it.
    """
    staying = cut_table(place, ROWS, keys)
    about = read_about(place)
    if about is not None and about.get("rows") != staying:
        write_about(place, about | {"rows": staying})


def cut_lines(place: Place, name: str, keep: Callable[[Any], bool]) -> None:
    """Replace a file of JsonLines by one without the records that `keep` does not want. No file is no fault.

    Raises:
        SettingError: the file was changed by somebody else.
        OutputError: it cannot be written; the former one stays.
    """
    if not place.exists(name):
        return
    with place.reader(name) as old, place.writer(name) as new:
        lines = JsonLines(new)
        for line in old:
            if not line.startswith(b" "):
                lines.text(line.decode())
                continue
            try:
                record = json.loads(line.strip().removesuffix(b","))
            except ValueError:
                raise SettingError(f"{place}/{name} was changed by somebody else: export the dataset again.") from None
            if keep(record):
                lines.add(record)


def cut_table(place: Place, name: str, keys: set[str]) -> int:
    """Replace a table by one without the rows `keys`; how many rows stay. No table is no fault.

    Raises:
        SettingError: it cannot be read.
        OutputError: it cannot be written; the former one stays.
    """
    import pyarrow.parquet as pq

    if not place.exists(name):
        return 0
    rows = leaving = 0
    for record in read_records(place, name):
        rows += 1
        leaving += record["key"] in keys
    if leaving:
        with place.reader(name) as opened:
            schema = pq.read_schema(opened)
        with open_table(place, name, schema, read_metadata(place, name)) as add:
            for record in read_records(place, name):
                if record["key"] not in keys:
                    add(record)
    return rows - leaving
