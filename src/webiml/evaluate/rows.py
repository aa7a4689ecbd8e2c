"""One row for every picture of a benchmark: what per_image.parquet holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from webiml.errors import SettingError
from webiml.store.parquet import ROWS_A_GROUP, write_records

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1  # raise it when a column changes its meaning or goes; a new column needs no new version


class Result(StrEnum):
    """What became of a picture."""

    SCORED = "scored"
    FAILED = "failed"  # there is no map of it; it counts as one in which nothing is marked
    SKIPPED = "skipped"  # it cannot be scored: its truth cannot be used, or it is authentic and has no map


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One row of per_image.parquet: every picture of a benchmark has exactly one."""

    benchmark: str
    """Name of the benchmark."""
    key: str
    """File-name safe, unique in the benchmark."""
    name: str
    """The picture's path in the benchmark, or its key in a table."""
    manipulated: bool
    """Whether there is something to find."""
    kind: str = ""
    """How it was made, as the benchmark says; empty where it does not."""
    group: str = ""
    """What it shares sources with; pictures of one group are drawn together for an interval."""
    result: str = Result.SKIPPED.value
    """scored, failed (no map: counts as one in which nothing is marked) or skipped (cannot be scored)."""
    reason: str | None = None
    """Why it is not scored, one of a closed list; null when scored."""
    detail: str | None = None
    """What was wrong, in words for a person, or what was noticed while reading."""
    height: int | None = None
    """Height of the picture in pixels, after its EXIF rotation."""
    width: int | None = None
    """Width of the picture in pixels."""
    sha256: str | None = None
    """SHA-256 of the picture's bytes."""
    mask_sha256: str | None = None
    """SHA-256 of the bytes of its published mask; null for an authentic picture."""
    score: float | None = None
    """How likely the picture holds a manipulated area, [0, 1], as what made the map says; null without such a score."""
    largest: float | None = None
    """The largest probability of the map, [0, 1]."""
    marked: float | None = None
    """Share of the picture in the mask at 0.5, [0, 1]."""
    true: float | None = None
    """Share of the picture in the truth, [0, 1]."""
    precision: float | None = None
    """Precision at 0.5; this and all below by the protocol, null where it is not defined or the picture is left out."""
    recall: float | None = None
    """Recall at 0.5."""
    f1: float | None = None
    """F1 at 0.5."""
    iou: float | None = None
    """IoU at 0.5."""
    mcc: float | None = None
    """Matthews correlation at 0.5."""
    auc: float | None = None
    """Area under the ROC curve of the pixels."""
    ap: float | None = None
    """Average precision of the pixels."""
    f1_best: float | None = None
    """F1 at the best threshold of this picture."""
    threshold_best: float | None = None
    """That threshold."""
    f1_permuted: float | None = None
    """The better F1 of the map and its inversion at 0.5."""
    f1_best_permuted: float | None = None
    """The same at the best threshold of this picture."""
    f1_inner: float | None = None
    """F1 at 0.5 without the edges of the truth: 15 pixels eroded, 11 dilated."""
    seconds: float | None = None
    """Time that the map took; null where it was there before. The one column that differs between two equal runs."""


def image_schema() -> pa.Schema:
    """The columns of per_image.parquet."""
    import pyarrow as pa

    types = {"str": pa.string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}
    return pa.schema(
        pa.field(field.name, types[base], nullable=base != field.type)
        for field in dataclasses.fields(ImageRow)
        for base in [str(field.type).removesuffix(" | None")]
    )


def write_rows(path: Path, rows: Iterable[ImageRow], metadata: dict[str, str]) -> None:
    """Write `rows` to `path` in their order; equal rows give equal bytes.

    Args:
        metadata: goes into the file's own metadata, each name with the prefix `webiml.`.
    Raises:
        OutputError: the file cannot be written; the former one stays.
    """
    write_records(path, (dataclasses.asdict(row) for row in rows), image_schema(), metadata)


def read_rows(path: Path) -> Iterator[ImageRow]:
    """The rows of per_image.parquet, in order.

    Raises:
        SettingError: it is not there, or no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [field.name for field in dataclasses.fields(ImageRow)]
    try:
        with pq.ParquetFile(path) as file:
            missing = [name for name in ("benchmark", "key", "result") if name not in file.schema_arrow.names]
            if missing:
                raise SettingError(f"{path} is no table of webiml evaluate: it has no column {missing[0]}.")
            for batch in file.iter_batches(batch_size=ROWS_A_GROUP):
                for record in batch.to_pylist():
                    yield ImageRow(**{name: record[name] for name in names if name in record})
    except FileNotFoundError:
        raise SettingError(f"{path} is not there: {path.parent} is no result of webiml evaluate.") from None
    except (OSError, TypeError, ValueError, pa.ArrowException) as error:
        raise SettingError(f"{path} cannot be read as a table of webiml evaluate: {error}") from None
