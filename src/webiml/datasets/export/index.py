"""What every export says of itself, rows.parquet and export.json, and how its tables and lists are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from webiml.errors import OutputError, SettingError
from webiml.store.parquet import ROWS_A_GROUP
from webiml.store.place import Place
from webiml.store.rows import INPUT, table_schema, to_record
from webiml.types import Row

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, ABOUT = "rows.parquet", "export.json"
OWN, SHARED = "files", "shared_files"
"""Columns of rows.parquet beside those of the dataset: files of the pair alone, and those that pairs may share."""


def schema_of(place: Place, name: str) -> pa.Schema:
    """The columns of a table of annotations as this version writes them, with the input's own columns that it has.

    Raises:
        SettingError: there is no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with place.reader(name) as opened:
            names = pq.read_schema(opened).names
    except FileNotFoundError:
        raise SettingError(f"{place}/{name} is not there: {place} is not a dataset, or not finished yet.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SettingError(f"{place}/{name} cannot be read as a table: {error}") from error
    return table_schema({one.removeprefix(INPUT) for one in names if one.startswith(INPUT)})


def table_record(row: Row) -> dict[str, Any]:
    """The row as a record of a table, whose column annotated_at is a time."""
    record = to_record(row)
    record["annotated_at"] = datetime.fromisoformat(row.annotated_at) if row.annotated_at else None
    return record


def json_record(row: Row) -> dict[str, Any]:
    """What the row says of the pair itself, without nulls; where its files lay in the dataset is left out."""
    record = to_record(row)
    for name in ("authentic_path", "manipulated_path", "shard"):
        del record[name]
    return {name: value for name, value in record.items() if value is not None}


@contextmanager
def open_table(
    place: Place, name: str, schema: pa.Schema, metadata: Mapping[str, str] | None = None
) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A Parquet file to write, a record at a time; equal records give equal bytes.

    Args:
        metadata: goes into the file's own metadata, each name with the prefix `webiml.`.
    Raises:
        OutputError: it cannot be written; the former one stays.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema.with_metadata({f"webiml.{key}": text for key, text in (metadata or {}).items()})
    group: list[dict[str, Any]] = []
    with place.writer(name) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(group, schema=schema), row_group_size=ROWS_A_GROUP)
            group.clear()

        def add(record: dict[str, Any]) -> None:
            group.append(record)
            if len(group) == ROWS_A_GROUP:
                flush()

        yield add
        if group:
            flush()


def rows_schema(schema: pa.Schema) -> pa.Schema:
    """The columns of rows.parquet."""
    import pyarrow as pa

    names = pa.list_(pa.string())
    return schema.append(pa.field(OWN, names, False)).append(pa.field(SHARED, names, False))


class JsonLines:
    """Writes JSON with one record a line, indented by a blank, so that a reader of lines can cut records out.

    What stands around the records is given as text, whole lines that do not begin with a blank.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begun = False

    def text(self, lines: str) -> None:
        """Write what stands around the records."""
        self._file.write((b"\n" if self._begun else b"") + lines.encode())
        self._begun = False

    def add(self, record: Any) -> None:
        """Write one more record of a list."""
        line = json.dumps(record, ensure_ascii=False, separators=(", ", ": ")).encode("utf-8", "backslashreplace")
        self._file.write((b",\n " if self._begun else b" ") + line)
        self._begun = True


def read_about(place: Place, name: str = ABOUT) -> dict[str, Any] | None:
    """What an export says of itself; None when there is none.

    Raises:
        SettingError: it cannot be read.
    """
    try:
        record = json.loads(place.read(name))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise SettingError(f"{place}/{name} cannot be read ({error}): give another --out.") from None
    if not isinstance(record, dict):
        raise SettingError(f"{place}/{name} was not written by webiml: give another --out.")
    return record


def write_about(place: Place, record: dict[str, Any], name: str = ABOUT) -> None:
    """Put down what an export says of itself."""
    place.write(name, json.dumps(record, indent=1).encode() + b"\n")


def put(place: Place, name: str, data: bytes) -> None:
    """Write a file of an export, unless a run that was stopped has done so: what is there is whole.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        there = place.size(name)
    except OSError as error:
        raise OutputError(f"{place}/{name} cannot be looked at: {error}") from error
    if there != len(data):
        place.write(name, data)
