"""`annotations.parquet`: one row for every input, written and read a thousand rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webiml.errors import SettingError
from webiml.store.atomic import replacing
from webiml.store.rows import from_record, table_schema, to_record
from webiml.types import Row

if TYPE_CHECKING:
    import pyarrow as pa

FILE_NAME = "annotations.parquet"
ROWS_A_GROUP = 1000  # bounds the memory of the writer and of every reader

_TIME = "%Y-%m-%dT%H:%M:%SZ"


def write_annotations(path: Path, rows: Iterable[Row], extra_names: set[str], metadata: dict[str, str]) -> None:
    """Write `rows` to `path` in their order; equal rows give equal bytes.

    Args:
        extra_names: every name that occurs in `Row.extra`; column `input.<name>` each.
        metadata: goes into the file's own metadata, each name with the prefix `webiml.`.
    Raises:
        OutputError: the file cannot be written; the former one stays.
    """
    write_records(path, map(_to_table, rows), table_schema(extra_names), metadata)


def write_records(
    path: Path, records: Iterable[dict[str, Any]], schema: pa.Schema, metadata: Mapping[str, str]
) -> None:
    """Write `records` to `path` in their order, a group of rows at a time; equal records give equal bytes.

    Args:
        metadata: goes into the file's own metadata, each name with the prefix `webiml.`.
    Raises:
        OutputError: the file cannot be written; the former one stays.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema.with_metadata({f"webiml.{name}": text for name, text in metadata.items()})
    records = iter(records)
    with replacing(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(records, ROWS_A_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema), row_group_size=ROWS_A_GROUP)


def read_annotations(path: Path) -> Iterator[Row]:
    """The rows of the file, in order, held a thousand at a time.

    Raises:
        SettingError: it is not there, or not a table of annotations.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=ROWS_A_GROUP):
                for record in batch.to_pylist():
                    yield from_record(_from_table(record))
    except FileNotFoundError:
        raise SettingError(f"{path} is not there: {path.parent} is not a dataset, or not finished yet.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SettingError(f"{path} cannot be read as a table of annotations: {error}") from error


def read_metadata(path: Path) -> dict[str, str]:
    """What `write_annotations` was given as metadata.

    Raises:
        SettingError: the file is not there, or not a Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except FileNotFoundError:
        raise SettingError(f"{path} is not there: {path.parent} is not a dataset, or not finished yet.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SettingError(f"{path} cannot be read as a table of annotations: {error}") from error
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
