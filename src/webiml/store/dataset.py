"""A dataset on disk, read behind one interface with two shapes: plain files in folders, or WebDataset tars.

annotations.parquet      one row for every input
authentic/ manipulated/ masks/ probability/ alternative/      folder: <key>.<ext>
shard-000000.tar ...     shards: <key>.authentic.<ext> <key>.manipulated.<ext> <key>.mask.png <key>.probability.png
                         <key>.alternative.png <key>.json
reviews.jsonl reviews/   what people decided, and masks that they drew, see store/reviews.py
.webiml/                 what a writer needs to go on, see store/dataset_writer.py
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from webiml.errors import BadImage, SettingError
from webiml.images.read import MAX_BYTES, read_bytes
from webiml.store.drawn_masks import read_drawn_mask
from webiml.store.parquet import FILE_NAME, read_annotations, read_metadata
from webiml.store.place import Place, open_place
from webiml.store.shards import read_tar_member
from webiml.types import Reason, Row

Role = Literal["authentic", "manipulated", "mask", "probability", "alternative"]
"""`alternative`: what the other segmenter drew, only where no kind was sure and both were asked."""

STATE = ".webiml"
INFO = f"{STATE}/dataset.json"
FOLDERS = {
    "authentic": "authentic",
    "manipulated": "manipulated",
    "mask": "masks",
    "probability": "probability",
    "alternative": "alternative",
}
"""Folder of each role, in the shape of plain files."""


@dataclass(frozen=True)
class DatasetInfo:
    """What a dataset says of itself; a writer with other values is refused."""

    schema: int
    format: str
    """folder or shards."""
    shard_pairs: int
    """Pairs a tar holds, with the format shards."""
    settings: dict[str, Any]
    """The settings that decide results, by name."""
    settings_hash: str
    package_version: str
    """Version of webiml that wrote the dataset last; each row names the version that made it."""


def is_dataset(path: Path | Place) -> bool:
    """Whether a finished dataset lies there."""
    return open_place(path).exists(FILE_NAME)


def read_rows(path: Path | Place) -> Iterator[Row]:
    """The rows of a finished dataset, sorted by key; memory does not grow with their number.

    Raises:
        SettingError: `path` is not a dataset, or it is not finished.
    """
    return read_annotations(open_place(path), FILE_NAME)


def read_member(path: Path | Place, row: Row, role: Role) -> bytes:
    """One file of a pair, from either shape of dataset. What the row says is not trusted: no path leads out of `path`.

    The mask of a row for which a person drew one (store/reviews.py) is that one.

    Raises:
        BadImage: the pair has no such file, or it cannot be read.
    """
    if role == "mask" and row.drawn_mask is not None:
        return read_drawn_mask(open_place(path), row.drawn_mask)
    given = {"authentic": row.authentic_path, "manipulated": row.manipulated_path}
    if role in given:
        where = given[role]
        if where is None:
            raise BadImage(Reason.NOT_FOUND, f"{row.key} was stored without its {role} picture")
    else:
        where = f"{row.key}.{role}.png" if row.shard else f"{FOLDERS[role]}/{row.key}.png"
    place = open_place(path)
    if row.shard is not None:
        return read_tar_member(place, row.shard, where)
    relative = PurePosixPath(where)
    if relative.is_absolute() or ".." in relative.parts or "\\" in where or ":" in where or "\0" in where:
        raise BadImage(Reason.OUTSIDE_FOLDER, f"{where!r:.200} leads out of the dataset")
    if place.local is not None:
        return read_bytes(place.local.joinpath(*relative.parts), None)
    try:
        if (place.size(where) or 0) > MAX_BYTES:
            raise BadImage(Reason.TOO_MANY_BYTES, f"{where}: more than {MAX_BYTES:,} bytes")
        return place.read(where)
    except FileNotFoundError:
        raise BadImage(Reason.NOT_FOUND, f"{where}: no such file") from None
    except OSError as error:
        raise BadImage(Reason.UNREADABLE, str(error)) from None


def dataset_info(path: Path | Place) -> DatasetInfo:
    """What the dataset says of itself, finished or not.

    Raises:
        SettingError: `path` is not a dataset.
    """
    place = open_place(path)
    if place.exists(FILE_NAME):
        return _from_metadata(place)
    info = read_info(place)
    if info is None:
        raise SettingError(f"{path} is not a dataset of webiml: it has neither {FILE_NAME} nor {STATE}.")
    return info


def settings_digest(settings: Mapping[str, Any]) -> str:
    """The first 16 hex digits of the SHA-256 of settings as sorted JSON, which every row repeats."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def read_info(place: Place) -> DatasetInfo | None:
    """What the working state says of a dataset, finished or not; None where there is none.

    Raises:
        SettingError: it cannot be read.
    """
    try:
        record = json.loads(place.read(INFO))
        if not isinstance(record["settings"], dict):
            raise TypeError("settings are not a table")
        return DatasetInfo(**record)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{place}/{INFO} cannot be read ({error}): give another --out.") from error


def _from_metadata(place: Place) -> DatasetInfo:
    record: dict[str, Any] = read_metadata(place, FILE_NAME)
    try:
        for name in ("schema", "shard_pairs", "settings"):
            record[name] = json.loads(record[name])
        if not isinstance(record["settings"], dict):
            raise TypeError("settings are not a table")
        return DatasetInfo(**record)
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{place}/{FILE_NAME} was not written by webiml: {error}") from error
