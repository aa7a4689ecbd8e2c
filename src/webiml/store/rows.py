"""A Row as JSON and as a record of a table: the one place that knows how the columns are spelled on disk."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from webiml.types import Row

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1  # raise it when a column changes its meaning or goes; a new column needs no new version
INPUT = "input."  # prefix of the columns that were carried over from the input's own table

_COLUMNS = {field.name: str(field.type) for field in dataclasses.fields(Row) if field.name != "extra"}
_KEY = re.compile(r"[A-Za-z0-9._-]{1,120}")


def is_safe_key(key: object) -> bool:
    """Whether `key` can be a file name anywhere: 1 to 120 of A-Z a-z 0-9 . _ -, not starting with a dot."""
    return isinstance(key, str) and _KEY.fullmatch(key) is not None and not key.startswith(".")


def to_record(row: Row) -> dict[str, Any]:
    """The row as one flat record, in the order of the columns; further columns follow as `input.<name>`, sorted."""
    record = {name: getattr(row, name) for name in _COLUMNS}
    record.update((INPUT + name, row.extra[name]) for name in sorted(row.extra))
    return record


def from_record(record: Mapping[str, Any]) -> Row:
    """The row that `to_record` made this of. Unknown columns are left out, missing ones are null.

    Raises:
        ValueError: the key, name or status is missing, or the key is not safe as a file name.
    """
    known = {name: record[name] for name in _COLUMNS if record.get(name) is not None}
    extra = {
        name.removeprefix(INPUT): value
        for name, value in record.items()
        if name.startswith(INPUT) and isinstance(value, str)
    }
    if not is_safe_key(known.get("key")):
        raise ValueError(f"not a key: {known.get('key')!r:.200}")
    try:
        return Row(**known, extra=extra)
    except TypeError as error:
        raise ValueError(f"row {known['key']}: {error}") from error


def clean_text(row: Row) -> Row:
    """The row with every string valid UTF-8: a lone surrogate, which no table can hold, is spelled out."""
    changed = {
        name: _valid(value)
        for name in _COLUMNS
        if isinstance(value := getattr(row, name), str) and value != _valid(value)
    }
    extra = {_valid(name): _valid(value) for name, value in row.extra.items()}
    return dataclasses.replace(row, **changed, extra=extra) if changed or extra != row.extra else row


def table_schema(extra_names: set[str]) -> pa.Schema:
    """The columns of `annotations.parquet` for rows whose tables had the further columns `extra_names`."""
    import pyarrow as pa

    types = {"str": pa.string(), "float": pa.float64(), "int": pa.int64(), "list[float]": pa.list_(pa.float64())}
    fields = []
    for name, annotation in _COLUMNS.items():
        base = annotation.removesuffix(" | None")
        kind = pa.timestamp("ms", tz="UTC") if name == "annotated_at" else types[base]  # Parquet knows no seconds
        fields.append(pa.field(name, kind, nullable=base != annotation))
    fields += [pa.field(INPUT + name, pa.string()) for name in sorted(extra_names)]
    return pa.schema(fields)


def _valid(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
