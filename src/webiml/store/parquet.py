"""`annotations.parquet`: one row for every input, written and read a thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from webiml.errors import SettingError
from webiml.store.atomic import replacing
from webiml.store.place import Place
from webiml.store.rows import from_record, table_schema, to_record
from webiml.types import Row

if TYPE_CHECKING:
    import pyarrow as pa

FILE_NAME = "annotations.parquet"
ROWS_A_GROUP = 1000  # bounds the memory of the writer and of every reader

_TIME = "%Y-%m-%dT%H:%M:%SZ"


def write_annotations(
    place: Place, name: str, rows: Iterable[Row], extra_names: set[str], metadata: dict[str, str]
) -> None:
    """Write `rows` to a file of `place` in their order; equal rows give equal bytes.

    Args:
        extra_names: every name that occurs in `Row.extra`; column `input.<name>` each.
        metadata: goes into the file's own metadata, each name with the prefix `webiml.`.
    Raises:
        OutputError: the file cannot be written; the former one stays.
    """
    with place.writer(name) as file:
        write_records_to(file, map(_to_table, rows), table_schema(extra_names), metadata)


def write_records(
    path: Path, records: Iterable[dict[str, Any]], schema: pa.Schema, metadata: Mapping[str, str]
) -> None:
    """Write `records` to `path` in their order, a group of rows at a time; equal records give equal bytes.

    Args:
        metadata: goes into the file's own metadata, each name with the prefix `webiml.`.
    Raises:
        OutputError: the file cannot be written; the former one stays.
    """
    with replacing(path) as file:
        write_records_to(file, records, schema, metadata)


def write_records_to(
    file: BinaryIO, records: Iterable[dict[str, Any]], schema: pa.Schema, metadata: Mapping[str, str]
) -> None:
    """As `write_records`, into a file that is open."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema.with_metadata({f"webiml.{name}": text for name, text in metadata.items()})
    records = iter(records)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(records, ROWS_A_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema), row_group_size=ROWS_A_GROUP)


def read_annotations(place: Place, name: str) -> Iterator[Row]:
    """The rows of a file of `place`, in order, held a thousand at a time.

    Raises:
        SettingError: it is not there, or not a table of annotations.
    """
    for record in read_records(place, name):
        try:
            yield from_record(_from_table(record))
        except ValueError as error:
            raise SettingError(f"{place}/{name} cannot be read as a table of annotations: {error}") from error


def read_records(place: Place, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file of `place` as records, in order, held a thousand at a time.

    Raises:
        SettingError: it is not there, or not a table that can be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with place.reader(name) as opened, pq.ParquetFile(opened) as file:
            for group in range(file.num_row_groups):  # one by one: told to read all, it would hold all
                for batch in file.iter_batches(ROWS_A_GROUP, row_groups=[group]):
                    yield from batch.to_pylist()
    except FileNotFoundError:
        raise SettingError(f"{place}/{name} is not there: {place} is not a dataset, or not finished yet.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SettingError(f"{place}/{name} cannot be read as a table: {error}") from error


def count_rows(place: Place, name: str) -> int:
    """How many rows a Parquet file of `place` has, without reading them.

    Raises:
        SettingError: it is not there, or not a table that can be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with place.reader(name) as opened, pq.ParquetFile(opened) as file:
            return file.metadata.num_rows
    except FileNotFoundError:
        raise SettingError(f"{place}/{name} is not there: {place} is not a dataset, or not finished yet.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SettingError(f"{place}/{name} cannot be read as a table: {error}") from error


def read_metadata(place: Place, name: str) -> dict[str, str]:
    """What `write_annotations` was given as metadata.

    Raises:
        SettingError: the file is not there, or not a Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with place.reader(name) as opened:
            metadata = pq.read_schema(opened).metadata or {}
    except FileNotFoundError:
        raise SettingError(f"{place}/{name} is not there: {place} is not a dataset, or not finished yet.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SettingError(f"{place}/{name} cannot be read as a table: {error}") from error
    prefix = b"webiml."
    return {n.removeprefix(prefix).decode(): v.decode() for n, v in metadata.items() if n.startswith(prefix)}


def _to_table(row: Row) -> dict[str, object]:
    record = to_record(row)
    record["annotated_at"] = datetime.fromisoformat(row.annotated_at) if row.annotated_at else None
    return record


def _from_table(record: dict[str, object]) -> dict[str, object]:
    at = record.get("annotated_at")
    if isinstance(at, datetime):
        record["annotated_at"] = at.strftime(_TIME)
    return record
