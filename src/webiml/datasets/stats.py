"""What is in a dataset, counted from its table as people have reviewed it; no picture of a pair is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from webiml.datasets.agreement import Agreement, mask_agreement
from webiml.errors import SettingError
from webiml.store.dataset import dataset_info
from webiml.store.parquet import FILE_NAME
from webiml.store.place import Place
from webiml.store.removed import read_removed
from webiml.store.reviews import Reviews, reviewed
from webiml.types import Row, Status

if TYPE_CHECKING:
    import pyarrow as pa

PERCENTILES = (0, 5, 25, 50, 75, 95, 100)
MOST = 20  # sources and licences (and hosts) that are named

_BATCH = 10_000  # rows held at once
_COLUMNS = (
    *("status", "reason", "kind", "qes", "mask_area", "height", "width", "authentic_sha256", "manipulated_sha256"),
    *("source", "license", "author", "settings_hash"),
)
_DECIDED = ("status", "reason", "mask_area", "components")  # what people may change of a row


@dataclass(frozen=True, slots=True)
class DatasetStats:
    """A dataset in numbers. A table of percentiles maps each of PERCENTILES to a value; it is empty where none is."""

    place: str
    """The dataset."""
    format: str
    """folder or shards."""
    rows: int
    """Inputs, whatever became of them."""
    statuses: dict[str, int]
    """Rows of each status, as people have reviewed them; so are reasons and areas."""
    kinds: dict[str, dict[str, int]]
    """Kind to status to rows; rows without a kind are left out."""
    reasons: dict[str, int]
    """Reason to rows, the most frequent first."""
    megapixels: dict[str, float]
    """Percentiles of the manipulated pictures' size, of all that could be read."""
    long_side: dict[str, float]
    """Percentiles of their longer side, pixels."""
    mask_area: dict[str, float]
    """Percentiles of the share of the picture inside the mask, of kept rows."""
    qes: dict[str, float]
    """Percentiles of the Quality Evaluation Score of kept rows."""
    pictures: int
    """Different pictures, by SHA-256: authentic and manipulated ones together."""
    authentic_pictures: int
    """Different authentic pictures."""
    manipulated_pictures: int
    """Different manipulated pictures."""
    shared_authentic: int
    """Authentic pictures of more than one row."""
    rows_that_share: int
    """Rows whose authentic picture another row has, too."""
    sources: dict[str, int]
    """Source to rows, the 20 most frequent; empty text stands for none."""
    source_count: int
    """How many sources there are."""
    licenses: dict[str, int]
    """Licence to rows, the 20 most frequent; empty text stands for none."""
    license_count: int
    """How many licences there are."""
    author_count: int
    """How many authors there are."""
    settings: int
    """How many settings the rows were made with: more than one in a dataset that was merged."""
    bytes: dict[str, int]
    """Folder, or `shards`, to the bytes that lie there."""
    files: int
    """How many files these are."""
    tombstones: int
    """Things that were taken out at somebody's request."""
    reviews: Agreement | None
    """What people decided, and how far they agree; null where nobody did."""


def dataset_stats(place: Place) -> DatasetStats:
    """Count what is in a dataset. Of memory some 60 bytes a row are held, and every decision of a person.

    Only masks on which two people differ are opened.

    Raises:
        SettingError: it is no dataset, or it or its decisions cannot be read.
    """
    info, reviews = dataset_info(place), Reviews.read(place)
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("reason", "source", "license")}
    counts |= {name: Counter() for name in ("settings_hash", "author")}
    kinds: Counter[tuple[str, str]] = Counter()
    statuses: Counter[str] = Counter()
    numbers: dict[str, list[np.ndarray]] = {"megapixels": [], "long_side": [], "mask_area": [], "qes": []}
    hashes: dict[str, list[np.ndarray]] = {"authentic_sha256": [], "manipulated_sha256": []}
    rows = 0
    for batch in _batches(place, reviews):
        rows += batch.num_rows
        words = {name: batch[name].to_pylist() for name in ("status", "kind")}
        statuses.update(words["status"])
        kinds.update((kind, status) for kind, status in zip(words["kind"], words["status"], strict=True) if kind)
        for name, counted in counts.items():
            for pair in batch[name].value_counts().to_pylist():
                counted[pair["values"] or ""] += pair["counts"]
        for name, found in hashes.items():
            found.append(_short(batch[name].to_pylist()))
        height, width = (batch[name].to_numpy(zero_copy_only=False).astype(float) for name in ("height", "width"))
        numbers["megapixels"].append(_finite(height * width / 1e6))
        numbers["long_side"].append(_finite(np.maximum(height, width)))
        kept = np.array(words["status"]) == Status.KEPT.value
        for name in ("mask_area", "qes"):
            values = batch[name].to_numpy(zero_copy_only=False).astype(float)
            numbers[name].append(_finite(values[kept]))
    authentic, manipulated = (np.concatenate([*found, np.zeros(0, np.uint64)]) for found in hashes.values())
    _, times = np.unique(authentic, return_counts=True)
    sizes, files = _bytes(place)
    return DatasetStats(
        place=str(place),
        format=info.format,
        rows=rows,
        statuses={status.value: statuses[status.value] for status in Status},
        kinds=_nested(kinds),
        reasons=most({reason: rows for reason, rows in counts["reason"].items() if reason}, None),
        megapixels=percentiles(numbers["megapixels"]),
        long_side=percentiles(numbers["long_side"]),
        mask_area=percentiles(numbers["mask_area"]),
        qes=percentiles(numbers["qes"]),
        pictures=len(np.unique(np.concatenate([authentic, manipulated]))),
        authentic_pictures=len(times),
        manipulated_pictures=len(np.unique(manipulated)),
        shared_authentic=int((times > 1).sum()),
        rows_that_share=int(times[times > 1].sum()),
        sources=most(counts["source"]),
        source_count=len(counts["source"].keys() - {""}),
        licenses=most(counts["license"]),
        license_count=len(counts["license"].keys() - {""}),
        author_count=len(counts["author"].keys() - {""}),
        settings=len(counts["settings_hash"].keys() - {""}),
        bytes=sizes,
        files=files,
        tombstones=len(read_removed(place).tombstones),
        reviews=mask_agreement(place, reviews) if reviews.keys() else None,
    )


def _batches(place: Place, reviews: Reviews) -> Iterator[pa.RecordBatch]:
    """The columns that are counted, some rows at a time; one that the table lacks is null."""
    decided = frozenset(reviews.keys())
    import pyarrow as pa
    import pyarrow.parquet as pq

    from webiml.store.rows import table_schema

    wanted = {*_COLUMNS, *(("key", *_DECIDED) if decided else ())}
    schema = pa.schema([field for field in table_schema(set()) if field.name in wanted])
    try:
        with place.reader(FILE_NAME) as opened, pq.ParquetFile(opened) as file:
            there = [name for name in schema.names if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=_BATCH, columns=there):
                columns = [
                    batch[field.name].cast(field.type) if field.name in there else pa.nulls(batch.num_rows, field.type)
                    for field in schema
                ]
                batch = pa.RecordBatch.from_arrays(columns, names=schema.names)
                yield _as_reviewed(batch, reviews, decided) if decided else batch
    except FileNotFoundError:
        raise SettingError(f"{place}/{FILE_NAME} is not there: {place} is not finished yet.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SettingError(f"{place}/{FILE_NAME} cannot be read as a table: {error}") from error


def _as_reviewed(batch: pa.RecordBatch, reviews: Reviews, decided: frozenset[str]) -> pa.RecordBatch:
    """The rows with what people decided."""
    import pyarrow as pa

    at = [index for index, key in enumerate(batch["key"].to_pylist()) if key in decided]
    if not at:
        return batch
    values = {name: batch[name].to_pylist() for name in _DECIDED}
    for index in at:
        machine = {name: column[index] for name, column in values.items()}
        row = reviewed(Row(key=batch["key"][index].as_py(), name="", **machine), reviews)
        for name, column in values.items():
            column[index] = getattr(row, name)
    columns = [
        pa.array(values[field.name], field.type) if field.name in values else batch[field.name]
        for field in batch.schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _bytes(place: Place) -> tuple[dict[str, int], int]:
    """Bytes by folder, and the number of files; the working state is left out."""
    found: Counter[str] = Counter()
    files = 0
    try:
        for name, size in place.sizes():
            top, _, below = name.partition("/")
            if top != ".webiml":
                word = top if below else "shards" if top.startswith("shard-") and top.endswith(".tar") else "other"
                found[word] += size
                files += 1
    except OSError as error:
        raise SettingError(f"{place} cannot be listed: {error.strerror or error}.") from None
    return dict(sorted(found.items())), files


def _short(hashes: Iterable[str | None]) -> np.ndarray:
    """The first 64 bits of every SHA-256: enough to tell a billion pictures apart."""
    found = []
    for sha256 in hashes:
        with suppress(ValueError):
            found += [int(sha256[:16], 16)] if sha256 else []
    return np.array(found, np.uint64)


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def percentiles(parts: list[np.ndarray]) -> dict[str, float]:
    """Each of PERCENTILES of all values, by its number; empty where there is no value."""
    values = np.concatenate([*parts, np.zeros(0)])
    if not len(values):
        return {}
    found = np.percentile(values, PERCENTILES)
    return {str(percent): round(float(value), 6) for percent, value in zip(PERCENTILES, found, strict=True)}


def _nested(kinds: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (kind, status), rows in sorted(kinds.items()):
        found.setdefault(kind, {})[status] = rows
    return found


def most(counts: Mapping[str, int], limit: int | None = MOST) -> dict[str, Any]:
    """The largest counts first, equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit])
