"""`annotations.parquet`: one row for every input, written and read a thousand rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
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
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # of a second


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
    for record in _read(place, name, as_records):
        try:
            yield from_record(record)
        except ValueError as error:
            raise SettingError(f"{place}/{name} cannot be read as a table of annotations: {error}") from error


def read_records(place: Place, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file of `place` as records, in order, held a thousand at a time.

    Raises:
        SettingError: it is not there, or not a table that can be read.
    """
    return _read(place, name, lambda rows: rows.to_pylist())


def as_records(rows: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows of a table as records, times as text: UTC, ISO 8601, seconds.

    Asked for times, pyarrow imports pandas wherever that is installed, which takes a third of a second; asked for
    another type, its functions on columns, which takes a tenth. So the numbers of the times are looked at as they lie.
    """
    import pyarrow as pa

    times = {field.name: field.type for field in rows.schema if pa.types.is_timestamp(field.type)}
    records = rows.select([name for name in rows.schema.names if name not in times]).to_pylist()
    for name, kind in times.items():
        ticks = _TICKS[kind.unit]
        for record, value in zip(records, rows.column(name).view(pa.int64()).to_pylist(), strict=True):
            at = None if value is None else datetime.fromtimestamp(value // ticks, UTC)
            record[name] = None if at is None else at.strftime(_TIME)
    return records


def _read(
    place: Place, name: str, as_records: Callable[[pa.RecordBatch], list[dict[str, Any]]]
) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with place.reader(name) as opened, pq.ParquetFile(opened) as file:
            for group in range(file.num_row_groups):  # one by one: told to read all, it would hold all
                for batch in file.iter_batches(ROWS_A_GROUP, row_groups=[group]):
                    yield from as_records(batch)
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
