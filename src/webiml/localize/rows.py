"""The rows of a folder of results, and how they are spelled in results.jsonl and results.parquet."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webiml.errors import SettingError
from webiml.localize.regions import Region
from webiml.store.parquet import write_records
from webiml.store.rows import is_safe_key

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1  # raise it when a column changes its meaning or goes; a new column needs no new version


class Outcome(StrEnum):
    """What became of a picture."""

    LOCALIZED = "localized"
    FAILED = "failed"  # could not be read or run


@dataclass(frozen=True, slots=True)
class PictureRow:
    """One row of results.jsonl and results.parquet: every picture has exactly one."""

    key: str
    """File-name safe, unique in the folder; names the picture's files."""
    name: str
    """The path as it was given."""
    status: str
    """localized, or failed (could not be read or run)."""
    reason: str | None = None
    """Why it failed, one of a closed list; null when localized."""
    detail: str | None = None
    """What was wrong, in words for a person; null when localized."""
    height: int | None = None
    """Height in pixels, after the EXIF rotation; the maps have this size."""
    width: int | None = None
    """Width in pixels."""
    score: float | None = None
    """How likely the picture holds a manipulated area, [0, 1]."""
    area: float | None = None
    """Share of the picture that is marked, [0, 1]."""
    threshold: float | None = None
    """Pixels with at least this probability are marked."""
    components: int | None = None
    """8-connected parts of the mask."""
    regions: list[Region] | None = None
    """The largest of them, 100 at most, the largest first: box, polygons, area and score each."""
    weights: str | None = None
    """Name and SHA-256 of the localizer."""
    views: int | None = None
    """Mirrored views that were averaged."""
    seconds: float | None = None
    """Time that reading, decoding and localizing took. The one column that differs between two equal runs."""
    bytes: int | None = None
    """Size of the file."""
    sha256: str | None = None
    """SHA-256 of the file's bytes."""
    notes: str | None = None
    """What was noticed while decoding, such as further frames that were left out."""
    package_version: str | None = None
    """Version of webiml."""


def to_record(row: PictureRow) -> dict[str, Any]:
    """The row as one record of plain values, in the order of the columns."""
    return dataclasses.asdict(row)


def from_record(record: Mapping[str, Any]) -> PictureRow:
    """The row that `to_record` made this of. Unknown columns are left out, missing ones are null.

    Raises:
        ValueError: the key, name or status is missing, the key is not safe as a file name, or a region is none.
    """
    known = {field.name: record[field.name] for field in dataclasses.fields(PictureRow) if field.name in record}
    if not is_safe_key(known.get("key")):
        raise ValueError(f"not a key: {known.get('key')!r:.200}")
    try:
        parts = known.get("regions")
        known["regions"] = None if parts is None else [Region(**part) for part in parts]
        return PictureRow(**known)
    except TypeError as error:
        raise ValueError(f"row {known['key']}: {error}") from error


def table_schema() -> pa.Schema:
    """The columns of results.parquet."""
    import pyarrow as pa

    points = pa.list_(pa.list_(pa.list_(pa.int64())))
    parts = [("box", pa.list_(pa.int64())), ("polygons", points), ("area", pa.int64()), ("score", pa.float64())]
    types = {"str": pa.string(), "float": pa.float64(), "int": pa.int64(), "list[Region]": pa.list_(pa.struct(parts))}
    fields = []
    for field in dataclasses.fields(PictureRow):
        base = str(field.type).removesuffix(" | None")
        fields.append(pa.field(field.name, types[base], nullable=base != field.type))
    return pa.schema(fields)


def write_table(path: Path, rows: Iterable[PictureRow], metadata: dict[str, str]) -> None:
    """Write `rows` to `path` in their order; equal rows give equal bytes.

    Args:
        metadata: goes into the file's own metadata, each name with the prefix `webiml.`.
    Raises:
        OutputError: the file cannot be written; the former one stays.
    """
    write_records(path, map(to_record, rows), table_schema(), metadata)


def refuse_record(path: Path, error: ValueError) -> SettingError:
    """The sentence for a line of results.jsonl that is no row of ours."""
    return SettingError(f"{path} was changed by somebody else ({error}): give another --out.")
